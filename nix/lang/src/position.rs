//! Positions in source text: one number for file, line and column.
//!
//! Every file gets a range of numbers of its own, so a position is a file's base plus a byte
//! offset, four bytes in all; lines are counted only when someone asks.

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
    rc::Rc,
};

/// A place in some source file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Pos(pub(crate) u32);

impl Pos {
    /// No known place.
    pub const NONE: Pos = Pos(0);

    /// Whether the place is known.
    pub fn is_known(self) -> bool {
        self != Pos::NONE
    }
}

/// A stretch of source text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: Pos,
    /// How many bytes.
    pub len: u32,
}

impl Span {
    pub(crate) const NONE: Span = Span {
        start: Pos::NONE,
        len: 0,
    };

    pub(crate) fn at(start: Pos) -> Span {
        Span { start, len: 1 }
    }

    pub(crate) fn to(self, end: Span) -> Span {
        Span {
            start: self.start,
            len: (end.start.0 + end.len).saturating_sub(self.start.0),
        }
    }

    pub(crate) fn or(self, other: Span) -> Span {
        if self.start.is_known() { self } else { other }
    }
}

/// Where a source text came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Text given directly, under this name.
    Text(String),
}

/// One source text.
pub struct SourceFile {
    /// Where it came from.
    pub origin: Origin,
    /// The whole text.
    pub text: Rc<str>,
    base: u32,
    /// Where lines begin, once someone asked.
    lines: OnceCell<Vec<u32>>,
}

impl SourceFile {
    /// The line a byte is in, from 0, and where that line begins.
    fn line(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let newlines = self
                .text
                .bytes()
                .zip(1..)
                .filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0)
                .chain(newlines.map(|(_, next)| next))
                .collect()
        });
        let line = lines.partition_point(|start| *start as usize <= offset) - 1;
        (line, lines[line] as usize)
    }
}

/// A position in words people use. Lines and columns count from 1; columns count bytes, as in Nix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The file's path or the text's name.
    pub origin: Origin,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The line's text.
    pub text: String,
    /// How many bytes of the line the span covers, at least 1.
    pub width: u32,
}

/// All source texts that were read.
#[derive(Default)]
pub(crate) struct Files {
    files: Vec<SourceFile>,
    next: u32,
}

/// More source text than positions can tell apart.
pub(crate) struct TooMuchText;

impl Files {
    pub(crate) fn add(&mut self, origin: Origin, text: Rc<str>) -> Result<Pos, TooMuchText> {
        let base = self.next.max(1);
        let len = u32::try_from(text.len()).map_err(|_| TooMuchText)?;
        // One more than the text has bytes, so that its end is a position of its own.
        self.next = base
            .checked_add(len)
            .and_then(|n| n.checked_add(1))
            .ok_or(TooMuchText)?;
        self.files.push(SourceFile {
            origin,
            text,
            base,
            lines: OnceCell::new(),
        });
        Ok(Pos(base))
    }

    pub(crate) fn file(&self, pos: Pos) -> Option<&SourceFile> {
        let index = self.files.partition_point(|file| file.base <= pos.0);
        index.checked_sub(1).map(|index| &self.files[index])
    }

    /// The text of a file up to a span.
    pub(crate) fn text_before(&self, span: Span) -> Option<&str> {
        let file = self.file(span.start).filter(|_| span.start.is_known())?;
        file.text.get(..(span.start.0 - file.base) as usize)
    }

    pub(crate) fn locate(&self, span: Span) -> Option<Location> {
        let file = self.file(span.start).filter(|_| span.start.is_known())?;
        let offset = floor_boundary(&file.text, (span.start.0 - file.base) as usize);
        let (line, start) = file.line(offset);
        let end = file.text[offset..]
            .find('\n')
            .map_or(file.text.len(), |len| offset + len);
        Some(Location {
            origin: file.origin.clone(),
            line: line as u32 + 1,
            column: (offset - start) as u32 + 1,
            text: file.text[start..end].trim_end_matches('\r').to_owned(),
            width: span.len.clamp(1, ((end - offset) as u32).max(1)),
        })
    }

    /// The source text of a span.
    pub(crate) fn snippet(&self, span: Span) -> &str {
        let Some(file) = self.file(span.start) else {
            return "";
        };
        let start = (span.start.0 - file.base) as usize;
        file.text
            .get(start..start + span.len as usize)
            .unwrap_or("")
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl Origin {
    /// The path, for a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Origin::File(path) => Some(path),
            Origin::Text(_) => None,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Text(name) => write!(f, "«{name}»"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_find_their_line() {
        let mut files = Files::default();
        let first = files
            .add(Origin::Text("a".into()), "one\ntwo".into())
            .ok()
            .unwrap();
        let second = files
            .add(Origin::Text("b".into()), "x = 1;\n  yy = 2;\n".into())
            .ok()
            .unwrap();
        let at = files
            .locate(Span {
                start: Pos(second.0 + 9),
                len: 2,
            })
            .unwrap();
        assert_eq!(
            (at.line, at.column, at.text.as_str(), at.width),
            (2, 3, "  yy = 2;", 2)
        );
        let end = files
            .locate(Span {
                start: Pos(first.0 + 7),
                len: 1,
            })
            .unwrap();
        assert_eq!(
            (end.origin, end.line, end.column),
            (Origin::Text("a".into()), 2, 4)
        );
        assert_eq!(files.locate(Span::NONE), None);
    }
}
