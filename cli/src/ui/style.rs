//! Colours, by meaning.

use anstyle::{AnsiColor, Style};

/// A thing that is made.
pub const CREATE: Style = AnsiColor::Green.on_default();
/// A thing that is changed in place.
pub const UPDATE: Style = AnsiColor::Yellow.on_default();
/// A thing that is deleted.
pub const DELETE: Style = AnsiColor::Red.on_default();
/// A thing that is deleted and made anew.
pub const REPLACE: Style = AnsiColor::Magenta.on_default();
/// A thing that is read, or left for later.
pub const READ: Style = AnsiColor::Cyan.on_default();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// What matters more.
pub const BOLD: Style = Style::new().bold();
/// The word before an error.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word before a warning.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The word before advice.
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
