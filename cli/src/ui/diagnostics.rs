//! Errors and warnings as text: what, where (with the line itself), why, what to do next.

use std::fmt::Write as _;

use nixops4_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use nixops4_proto::evaluator::Position;

use super::style::{BOLD, DIM, ERROR, HINT, WARNING, paint};

/// All of them, errors last, where the eye is.
pub fn render_all(diagnostics: &Diagnostics) -> String {
    let mut sorted: Vec<_> = diagnostics.0.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.severity);
    sorted.into_iter().map(render).collect()
}

/// One of them, with a final newline.
pub fn render(diagnostic: &Diagnostic) -> String {
    let word = match diagnostic.severity {
        Severity::Error => paint(ERROR, "error:"),
        Severity::Warning => paint(WARNING, "warning:"),
    };
    // What a program said may have many lines; only the first is the headline.
    let (headline, more) = match diagnostic.summary.split_once('\n') {
        Some((headline, more)) => (headline, more),
        None => (&*diagnostic.summary, ""),
    };
    let mut text = format!("{word} {}\n", paint(BOLD, headline));
    // They stay together, as who looks for a message in Nix's words expects.
    for rest in more.trim_end().lines() {
        line(&mut text, rest);
    }
    let leaf = diagnostic.path.as_ref().filter(|path| !path.0.is_empty());
    match (&diagnostic.member, leaf) {
        (Some(member), Some(path)) => line(&mut text, &format!("in {member}, at {path}")),
        (Some(member), None) => line(&mut text, &format!("in {member}")),
        (None, Some(path)) => line(&mut text, &format!("at {path}")),
        (None, None) => {}
    }
    if let Some(position) = &diagnostic.position {
        text.push_str(&snippet(position));
    }
    for detail in diagnostic.detail.trim_end().lines() {
        line(&mut text, detail);
    }
    for hint in &diagnostic.hints {
        line(&mut text, &format!("{} {hint}", paint(HINT, "hint:")));
    }
    text
}

fn line(text: &mut String, content: &str) {
    text.push_str(if content.is_empty() { "\n" } else { "  " });
    if !content.is_empty() {
        text.push_str(content);
        text.push('\n');
    }
}

/// A position and the line of source there, with a mark under the column.
pub fn snippet(position: &Position) -> String {
    let Position {
        file,
        line,
        column,
        source_line,
    } = position;
    let mut text = format!("  {} {file}:{line}:{column}\n", paint(DIM, "-->"));
    if let Some(source) = source_line {
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let (source, before) = around(source, (*column as usize).saturating_sub(1));
        // The mark is placed under the column whatever the width of a tab is.
        let lead: String = source
            .chars()
            .take(before)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let bar = paint(DIM, "|");
        let _ = writeln!(
            text,
            "  {} {bar} {}",
            paint(DIM, &number),
            source.trim_end()
        );
        let _ = writeln!(text, "  {margin} {bar} {lead}{}", paint(ERROR, "^"));
    }
    text
}

/// The most characters of a line that are shown.
const LONGEST_LINE: usize = 160;

/// A line, or what there is around a place in a long one; and how many characters are before the
/// place in that.
fn around(line: &str, before: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= LONGEST_LINE {
        return (line.to_owned(), before);
    }
    let start = before
        .saturating_sub(LONGEST_LINE / 2)
        .min(length - LONGEST_LINE);
    let part: String = line.chars().skip(start).take(LONGEST_LINE).collect();
    let left_out = |any: bool| if any { "…" } else { "" };
    let (head, tail) = (left_out(start > 0), left_out(start + LONGEST_LINE < length));
    let before = before - start + head.chars().count();
    (format!("{head}{part}{tail}"), before)
}

#[cfg(test)]
mod tests {
    use nixops4_core::AttrPath;

    use super::*;

    #[test]
    fn an_error_says_what_where_why_and_what_next() {
        let mut diagnostic = Diagnostic::error("`cidr_blok` is not an input of aws_vpc")
            .detail("It has 16 inputs.")
            .at(AttrPath::root().child("cidr_blok"))
            .hint("did you mean `cidr_block`?");
        diagnostic.member = Some("net.vpc".parse().expect("path"));
        diagnostic.position = Some(Position {
            file: "nixops4.nix".into(),
            line: 7,
            column: 3,
            source_line: Some("  cidr_blok = 1;".into()),
        });
        let text = anstream::adapter::strip_str(&render(&diagnostic)).to_string();
        assert_eq!(
            text,
            "error: `cidr_blok` is not an input of aws_vpc\n  in net.vpc, at cidr_blok\n  \
             --> nixops4.nix:7:3\n  7 |   cidr_blok = 1;\n    |   ^\n  It has 16 inputs.\n  \
             hint: did you mean `cidr_block`?\n"
        );
    }

    #[test]
    fn of_a_long_line_what_is_around_the_place_is_shown() {
        assert_eq!(around("short", 3), ("short".into(), 3));
        let long = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let (part, before) = around(&long, 500);
        assert_eq!(part.chars().nth(before), Some('X'));
        assert!(part.starts_with("…a") && part.ends_with("b…"), "{part}");
        let (part, before) = around(&long, 0);
        assert_eq!((part.chars().next(), before), (Some('a'), 0));
        let (part, before) = around(&long, 1001);
        assert_eq!(part.chars().count(), before, "{part}");
    }

    #[test]
    fn the_lines_of_a_message_stay_together() {
        let mut diagnostic = Diagnostic::error("one\ntwo");
        diagnostic.position = Some(Position {
            file: "f.nix".into(),
            line: 1,
            column: 1,
            source_line: None,
        });
        let text = anstream::adapter::strip_str(&render(&diagnostic)).to_string();
        assert_eq!(text, "error: one\n  two\n  --> f.nix:1:1\n");
    }
}
