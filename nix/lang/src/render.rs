//! Errors as text, with the source line they are about. Colours are for whoever shows it.

use crate::{
    error::{Doing, EvalError, Frame},
    evaluator::Evaluator,
    position::{Location, Origin, Span},
};

/// How much of an error to show.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// All frames, also those in files shipped inside the program.
    pub full_trace: bool,
}

/// The name of texts shipped inside the program starts so.
const EMBEDDED: &str = "/«";

/// Frames shown when not asked for all.
const SHORT_TRACE: usize = 8;

impl Evaluator {
    /// The error as plain text: what went wrong, where, what was being done, what may help.
    pub fn render(&self, error: &EvalError, options: &RenderOptions) -> String {
        let mut text = format!("error: {}\n", plain(error.message()));
        if let Some(at) = self.locate(error.span()) {
            excerpt(&at, &mut text);
        }
        self.render_trace(error, options, &mut text);
        for hint in error.hints() {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        text
    }

    /// What a frame was doing, in words.
    pub fn describe_frame(&self, frame: &Frame) -> String {
        match &frame.doing {
            Doing::Call(Some(name)) => format!("while calling '{}'", self.symbols.text(*name)),
            Doing::Call(None) => "while calling a function".into(),
            Doing::Builtin(name) => format!("while calling the '{name}' builtin"),
            Doing::Attribute(name) => {
                format!(
                    "while evaluating the attribute '{}'",
                    self.symbols.text(*name)
                )
            }
            Doing::Import(path) => format!("while evaluating the file '{path}'"),
            Doing::Note(note) => note.to_string(),
        }
    }

    fn render_trace(&self, error: &EvalError, options: &RenderOptions, text: &mut String) {
        let mut shown = 0;
        let mut hidden = 0;
        let mut last = Span::NONE;
        // The innermost frames say most, so they come first.
        for frame in error.frames().into_iter().rev() {
            let Some(frame) = frame else {
                text.push_str("  … frames left out …\n");
                continue;
            };
            let note = matches!(frame.doing, Doing::Note(_));
            let at = self.locate(frame.span);
            let embedded = at.as_ref().is_some_and(is_embedded);
            let nowhere = at.is_none() && !note;
            let again = frame.span == last || frame.span == error.span();
            let wanted = note || !(embedded || nowhere || again || shown >= SHORT_TRACE);
            if !options.full_trace && !wanted {
                hidden += 1;
                continue;
            }
            shown += 1;
            last = frame.span;
            text.push_str(&format!("  … {}\n", plain(&self.describe_frame(frame))));
            if let Some(at) = at {
                excerpt(&at, text);
            }
        }
        if hidden > 0 {
            text.push_str(&format!("  ({hidden} more frames with --show-trace)\n"));
        }
    }
}

/// The text without the colours that thrown messages may bring along.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let colour = part
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
            .count();
        plain.push_str(part[colour..].strip_prefix('m').unwrap_or(&part[colour..]));
    }
    plain
}

fn is_embedded(at: &Location) -> bool {
    at.origin
        .path()
        .is_some_and(|path| path.to_string_lossy().starts_with(EMBEDDED))
}

fn excerpt(at: &Location, text: &mut String) {
    let origin = match &at.origin {
        Origin::File(path) => {
            let path = path.display().to_string();
            path.strip_prefix('/')
                .filter(|_| path.starts_with(EMBEDDED))
                .unwrap_or(&path)
                .to_owned()
        }
        other => other.to_string(),
    };
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let start = at.column as usize - 1;
    let shown = window(&at.text, start);
    // A tab before the span stays one, so that the underline starts below it on any terminal.
    let lead: String = at.text[shown.start..]
        .bytes()
        .take(start.saturating_sub(shown.start))
        .filter(|byte| byte & 0xC0 != 0x80)
        .map(|byte| if byte == b'\t' { '\t' } else { ' ' })
        .collect();
    let covered = at
        .text
        .get(start..(start + at.width as usize).min(shown.end));
    let width = covered.map_or(1, |covered| covered.chars().count()).max(1);
    text.push_str(&format!("    at {origin}:{number}:{}\n", at.column));
    text.push_str(&format!("    {number} | {}\n", &at.text[shown]));
    text.push_str(&format!("    {margin} | {lead}{}\n", "^".repeat(width)));
}

/// About how many bytes before and after a place are shown of a line.
const AROUND: usize = 120;

/// What to show of a line around a place in it: all, unless it is long.
fn window(line: &str, place: usize) -> std::ops::Range<usize> {
    if line.len() <= 2 * AROUND {
        return 0..line.len();
    }
    let mut start = place.saturating_sub(AROUND).min(line.len());
    let mut end = (place + AROUND).min(line.len());
    while !line.is_char_boundary(start) {
        start -= 1;
    }
    while !line.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
