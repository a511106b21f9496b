//! From tokens to the syntax tree: recursive descent, with precedence climbing for operators.
//!
//! Here is how tokens are taken and errors made; [`expr`], [`operators`], [`simple`], [`text`] and
//! [`bindings`] hold the grammar.

mod bindings;
mod expr;
mod operators;
mod simple;
#[cfg(test)]
mod tests;
mod text;

use super::{
    SyntaxError,
    ast::{Id, Kind, Node, Tree},
    lexer::{Lexeme, Token, lex},
};
use crate::{
    position::{Pos, Span},
    stack::grow_stack,
    symbol::{Symbol, Symbols},
};

/// Deeper nesting is refused: it is no program, and each level takes native stack.
const MAX_NESTING: u32 = 400_000;

type Parsed<T> = Result<T, SyntaxError>;

/// Parses a text whose first byte has the position `base`.
pub(crate) fn parse(text: &str, base: Pos, symbols: &mut Symbols) -> Parsed<(Tree, Id)> {
    let mut parser = Parser::new(text, base, symbols)?;
    let root = parser.expr()?;
    parser.expect(Token::End)?;
    Ok((parser.tree, root))
}

/// Parses what could stand between the braces of a set, as that set. The last `;` may be missing.
pub(crate) fn parse_bindings(text: &str, base: Pos, symbols: &mut Symbols) -> Parsed<(Tree, Id)> {
    let mut parser = Parser::new(text, base, symbols)?;
    let start = parser.span(parser.lexeme());
    let bindings = parser.bindings(Token::End, start)?;
    let root = parser.add(Kind::Attrs(Box::new(bindings)), parser.since(start));
    Ok((parser.tree, root))
}

/// Whether a text holds nothing but blanks and comments.
pub(crate) fn is_blank(text: &str) -> bool {
    let end = |lexemes: Vec<Lexeme>| {
        matches!(
            &*lexemes,
            [Lexeme {
                token: Token::End,
                ..
            }]
        )
    };
    lex(text).is_ok_and(end)
}

struct Parser<'a> {
    text: &'a str,
    base: Pos,
    lexemes: Vec<Lexeme>,
    next: usize,
    tree: Tree,
    symbols: &'a mut Symbols,
    nesting: u32,
}

fn describe(token: Token, text: &str) -> String {
    match token {
        Token::End => "end of file".into(),
        Token::Ident => "an identifier".into(),
        Token::Int => "an integer".into(),
        Token::Float => "a floating-point number".into(),
        Token::StringOpen | Token::StringClose => "'\"'".into(),
        Token::IndentedOpen | Token::IndentedClose => "\"''\"".into(),
        Token::PathText | Token::PathEnd => "a path".into(),
        Token::Uri => "a URI".into(),
        Token::Char(byte) => format!("'{}'", char::from(byte)),
        _ => format!("'{text}'"),
    }
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, base: Pos, symbols: &'a mut Symbols) -> Parsed<Self> {
        Ok(Parser {
            text,
            base,
            lexemes: lex(text)?,
            next: 0,
            tree: Tree::default(),
            symbols,
            nesting: 0,
        })
    }
}

impl Parser<'_> {
    fn peek(&self) -> Token {
        self.peek_ahead(0)
    }

    fn peek_ahead(&self, ahead: usize) -> Token {
        self.lexemes
            .get(self.next + ahead)
            .map_or(Token::End, |lexeme| lexeme.token)
    }

    fn lexeme(&self) -> Lexeme {
        self.lexemes[self.next.min(self.lexemes.len() - 1)]
    }

    fn bump(&mut self) -> Lexeme {
        let lexeme = self.lexeme();
        self.next += 1;
        lexeme
    }

    fn eat(&mut self, token: Token) -> bool {
        let found = self.peek() == token;
        self.next += usize::from(found);
        found
    }

    fn text_of(&self, lexeme: Lexeme) -> &str {
        &self.text[lexeme.start as usize..lexeme.end as usize]
    }

    fn span(&self, lexeme: Lexeme) -> Span {
        Span {
            start: Pos(self.base.0 + lexeme.start),
            len: lexeme.end - lexeme.start,
        }
    }

    /// The span from `start` to the last token taken.
    fn since(&self, start: Span) -> Span {
        start.to(self.span(self.lexemes[self.next.saturating_sub(1)]))
    }

    fn unexpected<T>(&self, expected: &str) -> Parsed<T> {
        let lexeme = self.lexeme();
        let found = describe(lexeme.token, self.text_of(lexeme));
        let expected = if expected.is_empty() {
            String::new()
        } else {
            format!(", expecting {expected}")
        };
        let message = format!("syntax error, unexpected {found}{expected}");
        let error = SyntaxError::new(message, lexeme.start as usize, lexeme.end as usize);
        Err(match lexeme.token {
            Token::End => error.ended_early(),
            _ => error,
        })
    }

    fn error_at<T>(&self, span: Span, message: String) -> Parsed<T> {
        let start = (span.start.0 - self.base.0) as usize;
        Err(SyntaxError::new(message, start, start + span.len as usize))
    }

    fn expect(&mut self, token: Token) -> Parsed<Lexeme> {
        if self.peek() == token {
            Ok(self.bump())
        } else {
            self.unexpected(&describe(token, ""))
        }
    }

    fn expect_keyword(&mut self, token: Token, word: &str) -> Parsed<()> {
        if self.eat(token) {
            Ok(())
        } else {
            self.unexpected(&format!("'{word}'"))
        }
    }

    fn char(&mut self, byte: u8) -> Parsed<Lexeme> {
        self.expect(Token::Char(byte))
    }

    fn intern(&mut self, lexeme: Lexeme) -> Symbol {
        let text = &self.text[lexeme.start as usize..lexeme.end as usize];
        self.symbols.intern(text.as_bytes())
    }

    fn add(&mut self, kind: Kind, span: Span) -> Id {
        self.tree.nodes.push(Node { kind, span });
        self.tree.nodes.len() as Id - 1
    }

    fn span_of(&self, id: Id) -> Span {
        self.tree.nodes[id as usize].span
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            let lexeme = self.lexeme();
            let (start, end) = (lexeme.start as usize, lexeme.end as usize);
            let message = format!("nested more than {MAX_NESTING} levels deep");
            return Err(SyntaxError::new(message, start, end));
        }
        let result = grow_stack(|| parse(self));
        self.nesting -= 1;
        result
    }
}
