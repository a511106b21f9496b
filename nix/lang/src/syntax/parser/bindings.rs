//! Attribute paths, and what stands between the braces of a set.

use super::{Parsed, Parser};
use crate::{
    position::Span,
    symbol::Symbol,
    syntax::{
        ast::{Bindings, Dynamic, Field, FieldValue, Id, Kind, Name},
        lexer::Token,
    },
};

impl Parser<'_> {
    pub(super) fn attr_path(&mut self) -> Parsed<Vec<Name>> {
        let mut path = vec![self.attr_name()?];
        while self.eat(Token::Char(b'.')) {
            path.push(self.attr_name()?);
        }
        Ok(path)
    }

    pub(super) fn attr_name(&mut self) -> Parsed<Name> {
        let start = self.span(self.lexeme());
        let expr = match self.peek() {
            Token::Ident | Token::Or => {
                let lexeme = self.bump();
                return Ok(Name::Static(self.intern(lexeme), start));
            }
            Token::StringOpen => self.string()?,
            Token::Interpolation => self.interpolation()?,
            _ => return self.unexpected("an attribute name"),
        };
        let span = self.since(start);
        Ok(match &self.tree.nodes[expr as usize].kind {
            Kind::Text(text) => Name::Static(self.symbols.intern(text), span),
            _ => Name::Dynamic(expr, span),
        })
    }

    /// The bindings up to, not including, the token `until`.
    pub(super) fn bindings(&mut self, until: Token, start: Span) -> Parsed<Bindings> {
        let set = self.add(Kind::Attrs(Box::default()), start);
        while self.peek() != until {
            if self.eat(Token::Inherit) {
                self.inherit(set, until)?;
            } else {
                let start = self.span(self.lexeme());
                let path = self.attr_path()?;
                self.char(b'=')?;
                let value = self.expr()?;
                if !self.binding_ends(until) {
                    self.char(b';')?;
                }
                self.define(set, &path, value, start)?;
            }
        }
        Ok(std::mem::take(self.set(set)))
    }

    pub(super) fn set(&mut self, id: Id) -> &mut Bindings {
        match &mut self.tree.nodes[id as usize].kind {
            Kind::Attrs(bindings) => bindings,
            _ => unreachable!("only called with nodes that are sets"),
        }
    }

    pub(super) fn is_set(&self, id: Id) -> bool {
        matches!(self.tree.nodes[id as usize].kind, Kind::Attrs(_))
    }

    /// Whether a binding ends here: with a semicolon, or with the text where nothing closes the set.
    fn binding_ends(&mut self, until: Token) -> bool {
        self.eat(Token::Char(b';')) || (until == Token::End && self.peek() == Token::End)
    }

    pub(super) fn inherit(&mut self, set: Id, until: Token) -> Parsed<()> {
        let mut value = FieldValue::Inherit;
        if self.eat(Token::Char(b'(')) {
            let source = self.expr()?;
            self.char(b')')?;
            let sources = &mut self.set(set).sources;
            sources.push(source);
            value = FieldValue::InheritFrom(sources.len() as u32 - 1);
        }
        while !self.binding_ends(until) {
            match self.attr_name()? {
                Name::Static(name, span) => self.add_field(set, Field { name, span, value })?,
                Name::Dynamic(_, span) => {
                    let message = "dynamic attributes not allowed in inherit";
                    return self.error_at(span, message.into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn add_field(&mut self, set: Id, field: Field) -> Parsed<()> {
        match self.set(set).find(field.name) {
            None => {
                self.set(set).push(field);
                Ok(())
            }
            Some(index) => {
                let earlier = self.set(set).fields[index].span;
                self.duplicate(&[field.name], earlier, field.span)
            }
        }
    }

    pub(super) fn duplicate<T>(&self, path: &[Symbol], earlier: Span, span: Span) -> Parsed<T> {
        let path: Vec<_> = path.iter().map(|name| self.symbols.text(*name)).collect();
        let offset = (earlier.start.0 - self.base.0) as usize;
        let before = &self.text.as_bytes()[..offset];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = offset
            - before
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1)
            + 1;
        let path = path.join(".");
        let message = format!("attribute '{path}' already defined at line {line}, column {column}");
        self.error_at(span, message)
    }

    /// Defines `path = value` in a set, making or merging the sets on the way.
    pub(super) fn define(&mut self, set: Id, path: &[Name], value: Id, start: Span) -> Parsed<()> {
        let mut set = set;
        let mut walked = Vec::new();
        for (index, name) in path.iter().enumerate() {
            let last = index + 1 == path.len();
            match *name {
                Name::Dynamic(name, _) => {
                    let value = if last { value } else { self.new_set(start) };
                    self.set(set).dynamic.push(Dynamic {
                        name,
                        pos: start.start,
                        value,
                    });
                    set = value;
                }
                Name::Static(name, span) => {
                    walked.push(name);
                    let Some(found) = self.set(set).find(name) else {
                        let value = if last { value } else { self.new_set(start) };
                        let start = if last {
                            Span {
                                len: self.since(start).len,
                                ..start
                            }
                        } else {
                            start
                        };
                        let field = Field {
                            name,
                            span: start,
                            value: FieldValue::Expr(value),
                        };
                        self.set(set).push(field);
                        set = value;
                        continue;
                    };
                    let earlier = self.set(set).fields[found];
                    match earlier.value {
                        FieldValue::Expr(inner) if self.is_set(inner) => {
                            if last {
                                if !self.is_set(value) {
                                    return self.duplicate(&walked, earlier.span, span);
                                }
                                return self.merge(inner, value);
                            }
                            set = inner;
                        }
                        _ => return self.duplicate(&walked, earlier.span, span),
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn new_set(&mut self, span: Span) -> Id {
        self.add(Kind::Attrs(Box::default()), span)
    }

    /// Adds the definitions of one set to another, for `a = { … }; a = { … };`.
    pub(super) fn merge(&mut self, into: Id, from: Id) -> Parsed<()> {
        let from = std::mem::take(self.set(from));
        let offset = self.set(into).sources.len() as u32;
        self.set(into).sources.extend(from.sources);
        self.set(into).dynamic.extend(from.dynamic);
        for mut field in from.fields {
            if let FieldValue::InheritFrom(source) = &mut field.value {
                *source += offset;
            }
            self.add_field(into, field)?;
        }
        Ok(())
    }
}
