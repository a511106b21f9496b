//! Operators, by how tightly they bind, and calls.

use super::{Parsed, Parser, simple::starts_argument};
use crate::{
    position::Span,
    syntax::{
        ast::{BinaryOp, Id, Kind},
        lexer::Token,
    },
};

/// How tightly an operator binds, and how it groups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grouping {
    Left,
    Right,
    None,
}

const NOT: u8 = 7;
const HAS_ATTR: u8 = 11;
const NEGATE: u8 = 12;

fn operator(token: Token) -> Option<(BinaryOp, u8, Grouping)> {
    use Grouping::{Left, None, Right};
    Some(match token {
        Token::Implies => (BinaryOp::Implies, 1, Right),
        Token::OrOr => (BinaryOp::Or, 2, Left),
        Token::And => (BinaryOp::And, 3, Left),
        Token::Equal => (BinaryOp::Equal, 4, None),
        Token::NotEqual => (BinaryOp::NotEqual, 4, None),
        Token::Char(b'<') => (BinaryOp::Less, 5, None),
        Token::Char(b'>') => (BinaryOp::Greater, 5, None),
        Token::LessEqual => (BinaryOp::LessEqual, 5, None),
        Token::GreaterEqual => (BinaryOp::GreaterEqual, 5, None),
        Token::Update => (BinaryOp::Update, 6, Right),
        Token::Char(b'+') => (BinaryOp::Add, 8, Left),
        Token::Char(b'-') => (BinaryOp::Sub, 8, Left),
        Token::Char(b'*') => (BinaryOp::Mul, 9, Left),
        Token::Char(b'/') => (BinaryOp::Div, 9, Left),
        Token::Concat => (BinaryOp::Concat, 10, Right),
        _ => return Option::None,
    })
}

impl Parser<'_> {
    /// `a |> f` groups to the left, `f <| a` to the right; they do not mix.
    pub(super) fn pipes(&mut self, start: Span) -> Parsed<Id> {
        let first = self.binary(0)?;
        match self.peek() {
            Token::PipeRight => {
                let mut value = first;
                while self.eat(Token::PipeRight) {
                    let function = self.binary(0)?;
                    let span = self.since(start);
                    value = self.add(
                        Kind::Call {
                            function,
                            args: vec![value],
                        },
                        span,
                    );
                }
                if self.peek() == Token::PipeLeft {
                    self.unexpected("'|>'")
                } else {
                    Ok(value)
                }
            }
            Token::PipeLeft => {
                self.bump();
                let here = self.span(self.lexeme());
                let argument = self.nested(|parser| parser.pipes(here))?;
                let kind = Kind::Call {
                    function: first,
                    args: vec![argument],
                };
                Ok(self.add(kind, self.since(start)))
            }
            _ => Ok(first),
        }
    }

    pub(super) fn binary(&mut self, least: u8) -> Parsed<Id> {
        self.nested(|parser| parser.binary_here(least))
    }

    pub(super) fn binary_here(&mut self, least: u8) -> Parsed<Id> {
        let start = self.span(self.lexeme());
        let mut left = match self.peek() {
            Token::Char(b'!') => {
                self.bump();
                let operand = self.binary(NOT)?;
                self.add(Kind::Not(operand), self.since(start))
            }
            Token::Char(b'-') => {
                self.bump();
                let operand = self.binary(NEGATE)?;
                self.add(Kind::Negate(operand), self.since(start))
            }
            _ => self.application(start)?,
        };
        let mut ungrouped = None;
        loop {
            if self.peek() == Token::Char(b'?') && HAS_ATTR >= least {
                self.bump();
                let path = self.attr_path()?;
                left = self.add(Kind::HasAttr { base: left, path }, self.since(start));
                continue;
            }
            let Some((op, level, grouping)) = operator(self.peek()) else {
                return Ok(left);
            };
            if level < least {
                return Ok(left);
            }
            if ungrouped == Some(level) {
                return self.unexpected("");
            }
            self.bump();
            let right = self.binary(if grouping == Grouping::Right {
                level
            } else {
                level + 1
            })?;
            left = self.add(Kind::Binary(op, left, right), self.since(start));
            ungrouped = (grouping == Grouping::None).then_some(level);
        }
    }

    pub(super) fn application(&mut self, start: Span) -> Parsed<Id> {
        let function = self.select()?;
        if !starts_argument(self.peek()) {
            return Ok(function);
        }
        let mut args = Vec::new();
        while starts_argument(self.peek()) {
            args.push(self.select()?);
        }
        Ok(self.add(Kind::Call { function, args }, self.since(start)))
    }
}
