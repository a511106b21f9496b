//! Expressions that extend as far as they can: `let`, `if`, functions and the like.

use super::{Parsed, Parser};
use crate::{
    hash::FastSet,
    position::Span,
    symbol::Symbol,
    syntax::{
        ast::{Formal, Id, Kind, Lambda, Param},
        lexer::{Lexeme, Token},
    },
};

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parsed<Id> {
        self.nested(Self::expr_here)
    }

    pub(super) fn expr_here(&mut self) -> Parsed<Id> {
        let start = self.span(self.lexeme());
        match (self.peek(), self.peek_ahead(1)) {
            (Token::Assert, _) => {
                self.bump();
                let condition = self.expr()?;
                self.char(b';')?;
                let body = self.expr()?;
                Ok(self.add(Kind::Assert(condition, body), self.since(start)))
            }
            (Token::With, _) => {
                self.bump();
                let scope = self.expr()?;
                self.char(b';')?;
                let body = self.expr()?;
                Ok(self.add(Kind::With(scope, body), self.since(start)))
            }
            (Token::Let, next) if next != Token::Char(b'{') => self.let_in(start),
            (Token::If, _) => self.if_else(start),
            (Token::Ident, Token::Char(b':' | b'@')) => self.lambda(start),
            (Token::Char(b'{'), _) if self.looks_like_formals() => self.lambda(start),
            _ => self.pipes(start),
        }
    }

    pub(super) fn let_in(&mut self, start: Span) -> Parsed<Id> {
        self.bump();
        let bindings = self.bindings(Token::In, start)?;
        if let Some(dynamic) = bindings.dynamic.first() {
            let span = self.span_of(dynamic.name);
            return self.error_at(span, "dynamic attributes not allowed in let".into());
        }
        self.expect_keyword(Token::In, "in")?;
        let body = self.expr()?;
        Ok(self.add(Kind::Let(Box::new(bindings), body), self.since(start)))
    }

    pub(super) fn if_else(&mut self, start: Span) -> Parsed<Id> {
        self.bump();
        let condition = self.expr()?;
        self.expect_keyword(Token::Then, "then")?;
        let yes = self.expr()?;
        self.expect_keyword(Token::Else, "else")?;
        let no = self.expr()?;
        Ok(self.add(Kind::If(condition, yes, no), self.since(start)))
    }

    pub(super) fn looks_like_formals(&self) -> bool {
        matches!(
            (self.peek_ahead(1), self.peek_ahead(2)),
            (Token::Ellipsis, _)
                | (Token::Ident, Token::Char(b',' | b'?' | b'}'))
                | (Token::Char(b'}'), Token::Char(b':' | b'@'))
        )
    }

    pub(super) fn lambda(&mut self, start: Span) -> Parsed<Id> {
        let param = if self.peek() == Token::Ident {
            let name = self.bump();
            let name = self.intern(name);
            if self.eat(Token::Char(b'@')) {
                self.pattern(Some(name))?
            } else {
                Param::Ident(name)
            }
        } else {
            self.pattern(None)?
        };
        self.char(b':')?;
        let body = self.expr()?;
        let lambda = Lambda { param, body };
        Ok(self.add(Kind::Lambda(Box::new(lambda)), self.since(start)))
    }

    pub(super) fn pattern(&mut self, bind: Option<Symbol>) -> Parsed<Param> {
        let open = self.char(b'{')?;
        let mut formals: Vec<Formal> = Vec::new();
        let mut names = FastSet::default();
        let mut ellipsis = false;
        while self.peek() != Token::Char(b'}') {
            if self.eat(Token::Ellipsis) {
                ellipsis = true;
                break;
            }
            let lexeme = self.expect(Token::Ident)?;
            let formal = self.formal(lexeme)?;
            if !names.insert(formal.name) {
                return self.duplicate_formal(lexeme);
            }
            formals.push(formal);
            if !self.eat(Token::Char(b',')) {
                break;
            }
        }
        self.char(b'}')?;
        let mut bind = bind;
        if bind.is_none() && self.eat(Token::Char(b'@')) {
            let lexeme = self.expect(Token::Ident)?;
            bind = Some(self.intern(lexeme));
        }
        if bind.is_some_and(|bind| names.contains(&bind)) {
            return self.duplicate_formal(open);
        }
        Ok(Param::Pattern {
            formals,
            ellipsis,
            bind,
        })
    }

    pub(super) fn formal(&mut self, lexeme: Lexeme) -> Parsed<Formal> {
        let name = self.intern(lexeme);
        let default = if self.eat(Token::Char(b'?')) {
            Some(self.expr()?)
        } else {
            None
        };
        Ok(Formal {
            name,
            pos: self.span(lexeme).start,
            default,
        })
    }

    pub(super) fn duplicate_formal<T>(&self, lexeme: Lexeme) -> Parsed<T> {
        let message = format!(
            "duplicate formal function argument '{}'",
            self.text_of(lexeme)
        );
        self.error_at(self.span(lexeme), message)
    }
}
