//! Strings and paths.

use super::{Parsed, Parser};
use crate::{
    position::Span,
    syntax::{
        ast::{Id, Kind, Part},
        lexer::Token,
        strings::{Piece, strip_indentation, unescape},
    },
};

impl Parser<'_> {
    /// An expression in `${ }`, its opening still to come.
    pub(super) fn interpolation(&mut self) -> Parsed<Id> {
        self.bump();
        let expr = self.expr()?;
        self.char(b'}')?;
        Ok(expr)
    }

    pub(super) fn string(&mut self) -> Parsed<Id> {
        let open = self.bump();
        let start = self.span(open);
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                Token::StringText => {
                    let lexeme = self.bump();
                    parts.push(Part::Text(unescape(self.text_of(lexeme).as_bytes())));
                }
                Token::Interpolation => parts.push(Part::Expr(self.interpolation()?)),
                _ => break,
            }
        }
        self.expect(Token::StringClose)?;
        Ok(self.template(parts, self.since(start)))
    }

    pub(super) fn template(&mut self, mut parts: Vec<Part>, span: Span) -> Id {
        let kind = match parts.as_mut_slice() {
            [] => Kind::Text(Vec::new()),
            [Part::Text(text)] => Kind::Text(std::mem::take(text)),
            _ => Kind::Template(parts),
        };
        self.add(kind, span)
    }

    pub(super) fn indented_string(&mut self) -> Parsed<Id> {
        let open = self.bump();
        let start = self.span(open);
        let mut pieces = Vec::new();
        loop {
            match self.peek() {
                Token::IndentedText => {
                    let lexeme = self.bump();
                    pieces.push(Piece::Text(self.text_of(lexeme).as_bytes().to_vec()));
                }
                Token::IndentedEscape => {
                    let lexeme = self.bump();
                    let text = match self.text_of(lexeme).as_bytes() {
                        b"'''" => b"''".to_vec(),
                        [b'\'', b'\'', b'$'] | [b'$'] => b"$".to_vec(),
                        [b'\'', b'\'', escape @ ..] => unescape(escape),
                        other => other.to_vec(),
                    };
                    pieces.push(Piece::Escape(text));
                }
                Token::Interpolation => pieces.push(Piece::Expr(self.interpolation()?)),
                _ => break,
            }
        }
        self.expect(Token::IndentedClose)?;
        let part = |piece| match piece {
            Piece::Text(text) | Piece::Escape(text) => Part::Text(text),
            Piece::Expr(id) => Part::Expr(id),
        };
        let parts = strip_indentation(pieces).into_iter().map(part).collect();
        Ok(self.template(parts, self.since(start)))
    }

    pub(super) fn path(&mut self) -> Parsed<Id> {
        let start = self.span(self.lexeme());
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                Token::PathText => {
                    let lexeme = self.bump();
                    parts.push(Part::Text(self.text_of(lexeme).as_bytes().to_vec()));
                }
                Token::Interpolation => parts.push(Part::Expr(self.interpolation()?)),
                _ => break,
            }
        }
        self.expect(Token::PathEnd)?;
        Ok(self.add(Kind::Path(parts), self.since(start)))
    }
}
