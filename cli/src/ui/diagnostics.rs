//! Errors and warnings as text: what, where (with the line itself), why, what to do next.

use std::borrow::Cow;
use std::fmt::Write as _;

use nixops4_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use nixops4_proto::evaluator::Position;

use super::style::{BOLD, DIM, ERROR, HINT, WARNING, paint};

/// How many characters of a line of source are shown; longer ones would break in a terminal, and
/// the mark would stand under the wrong piece.
const LONGEST_LINE: usize = 100;

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
        let before = (*column as usize).saturating_sub(1);
        let (shown, before) = excerpt(source.trim_end(), before);
        // The mark is placed under the column whatever the width of a tab is.
        let lead: String = shown
            .chars()
            .take(before)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let bar = paint(DIM, "|");
        let _ = writeln!(text, "  {} {bar} {shown}", paint(DIM, &number));
        let _ = writeln!(text, "  {margin} {bar} {lead}{}", paint(ERROR, "^"));
    }
    text
}

/// As much of a long line as is around a character of it, and how many characters now come before
/// that one.
fn excerpt(line: &str, before: usize) -> (Cow<'_, str>, usize) {
    let length = line.chars().count();
    if length <= LONGEST_LINE {
        return (line.into(), before);
    }
    let last_start = length - LONGEST_LINE;
    let start = before.saturating_sub(LONGEST_LINE / 2).min(last_start);
    let kept: String = line.chars().skip(start).take(LONGEST_LINE).collect();
    let cut = |is_cut: bool| if is_cut { "…" } else { "" };
    let (left, right) = (cut(start > 0), cut(start < last_start));
    let before = before.saturating_sub(start) + usize::from(start > 0);
    (format!("{left}{kept}{right}").into(), before)
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
    fn of_a_long_line_the_part_around_the_mark_is_shown() {
        let source = format!("{}X{}", "é".repeat(300), "b".repeat(300));
        let position = |column| Position {
            file: "a.nix".into(),
            line: 1,
            column,
            source_line: Some(source.clone()),
        };
        let under = |column| {
            let text = anstream::adapter::strip_str(&snippet(&position(column))).to_string();
            let lines: Vec<Vec<char>> = text.lines().map(|l| l.chars().collect()).collect();
            let mark = lines[2].iter().position(|c| *c == '^').expect("a mark");
            assert!(lines[1].len() <= "  1 | ".len() + 102, "{text}");
            (lines[1].get(mark).copied(), text)
        };
        assert_eq!(under(301).0, Some('X'));
        let (first, text) = under(1);
        assert_eq!(first, Some('é'));
        assert!(text.contains("| é") && text.contains("é…\n"), "{text}");
        let (last, text) = under(601);
        assert_eq!(last, Some('b'));
        assert!(text.contains("| …b") && text.contains("b\n"), "{text}");
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
