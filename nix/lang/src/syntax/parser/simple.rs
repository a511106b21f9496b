//! What may be an argument: names, literals, brackets, and selections from them.

use super::{Parsed, Parser};
use crate::{
    position::Span,
    symbol::known,
    syntax::{
        ast::{Id, Kind, Name},
        lexer::{Lexeme, Token},
    },
};

pub(super) fn starts_argument(token: Token) -> bool {
    matches!(
        token,
        Token::Ident
            | Token::Int
            | Token::Float
            | Token::Uri
            | Token::SearchPath
            | Token::PathText
            | Token::StringOpen
            | Token::IndentedOpen
            | Token::Rec
            | Token::Let
            | Token::Char(b'(' | b'{' | b'[')
    )
}

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Parsed<Id> {
        let lexeme = self.lexeme();
        let start = self.span(lexeme);
        let base = self.simple()?;
        if self.eat(Token::Char(b'.')) {
            let path = self.attr_path()?;
            let default = if self.eat(Token::Or) {
                Some(self.nested(Self::select)?)
            } else {
                None
            };
            return Ok(self.add(
                Kind::Select {
                    base,
                    path,
                    default,
                },
                self.since(start),
            ));
        }
        if self.peek() == Token::Or {
            // `f or` without a dot calls `f` with a variable named "or": kept from Nix's past.
            let or = self.bump();
            let variable = self.add(Kind::Variable(known::OR), self.span(or));
            let call = Kind::Call {
                function: base,
                args: vec![variable],
            };
            return Ok(self.add(call, self.since(start)));
        }
        Ok(base)
    }

    pub(super) fn simple(&mut self) -> Parsed<Id> {
        let lexeme = self.lexeme();
        let span = self.span(lexeme);
        match lexeme.token {
            Token::Ident => {
                self.bump();
                if self.text_of(lexeme) == "__curPos" {
                    return Ok(self.add(Kind::CurrentPosition, span));
                }
                let name = self.intern(lexeme);
                Ok(self.add(Kind::Variable(name), span))
            }
            Token::Int | Token::Float => self.number(lexeme),
            Token::StringOpen => self.string(),
            Token::IndentedOpen => self.indented_string(),
            Token::PathText => self.path(),
            Token::SearchPath => {
                self.bump();
                let text = self.text_of(lexeme);
                let inside = text[1..text.len() - 1].to_owned();
                Ok(self.add(Kind::SearchPath(inside), span))
            }
            Token::Uri => {
                self.bump();
                let text = self.text_of(lexeme).as_bytes().to_vec();
                Ok(self.add(Kind::Text(text), span))
            }
            Token::Char(b'(') => {
                self.bump();
                let inner = self.expr()?;
                self.char(b')')?;
                Ok(inner)
            }
            Token::Char(b'[') => self.list(span),
            Token::Char(b'{') => self.attr_set(span, false),
            Token::Rec => {
                self.bump();
                self.attr_set(span, true)
            }
            Token::Let if self.peek_ahead(1) == Token::Char(b'{') => {
                self.bump();
                let set = self.attr_set(span, true)?;
                let path = vec![Name::Static(known::BODY, span)];
                Ok(self.add(
                    Kind::Select {
                        base: set,
                        path,
                        default: None,
                    },
                    self.since(span),
                ))
            }
            _ => self.unexpected(""),
        }
    }

    pub(super) fn number(&mut self, lexeme: Lexeme) -> Parsed<Id> {
        self.bump();
        let (text, span) = (self.text_of(lexeme), self.span(lexeme));
        let kind = if lexeme.token == Token::Int {
            text.parse()
                .map(Kind::Int)
                .map_err(|_| format!("invalid integer '{text}'"))
        } else {
            text.parse()
                .ok()
                .filter(|float| in_range(*float, text))
                .map(Kind::Float)
                .ok_or_else(|| format!("invalid float '{text}'"))
        };
        match kind {
            Ok(kind) => Ok(self.add(kind, span)),
            Err(message) => self.error_at(span, message),
        }
    }

    pub(super) fn list(&mut self, start: Span) -> Parsed<Id> {
        self.bump();
        let mut items = Vec::new();
        while self.peek() != Token::Char(b']') {
            if !starts_argument(self.peek()) {
                return self.unexpected("']'");
            }
            items.push(self.nested(Self::select)?);
        }
        self.bump();
        Ok(self.add(Kind::List(items), self.since(start)))
    }

    pub(super) fn attr_set(&mut self, start: Span, recursive: bool) -> Parsed<Id> {
        self.char(b'{')?;
        let mut bindings = self.nested(|parser| parser.bindings(Token::Char(b'}'), start))?;
        bindings.recursive = recursive;
        self.char(b'}')?;
        Ok(self.add(Kind::Attrs(Box::new(bindings)), self.since(start)))
    }
}

/// Whether a float literal is neither too large nor too small to be told exactly.
fn in_range(float: f64, text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    float.is_normal() || zero
}
