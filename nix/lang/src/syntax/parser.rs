//! From tokens to the syntax tree: recursive descent, with precedence climbing for operators.

use super::{
    SyntaxError,
    ast::{
        BinaryOp, Bindings, Dynamic, Field, FieldValue, Formal, Id, Kind, Lambda, Name, Node,
        Param, Part, Tree,
    },
    lexer::{Lexeme, Token, lex},
    strings::{Piece, strip_indentation, unescape},
};
use crate::{
    hash::FastSet,
    position::{Pos, Span},
    stack::grow_stack,
    symbol::{Symbol, Symbols, known},
};

/// Deeper nesting is refused: it is no program, and each level takes native stack.
const MAX_NESTING: u32 = 400_000;

type Parsed<T> = Result<T, SyntaxError>;

/// Parses a text whose first byte has the position `base`.
pub(crate) fn parse(text: &str, base: Pos, symbols: &mut Symbols) -> Parsed<(Tree, Id)> {
    let lexemes = lex(text)?;
    let mut parser = Parser {
        text,
        base,
        lexemes,
        next: 0,
        tree: Tree::default(),
        symbols,
        nesting: 0,
    };
    let root = parser.expr()?;
    parser.expect(Token::End)?;
    Ok((parser.tree, root))
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

fn starts_argument(token: Token) -> bool {
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
        Err(SyntaxError::new(
            message,
            lexeme.start as usize,
            lexeme.end as usize,
        ))
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

    fn expr(&mut self) -> Parsed<Id> {
        self.nested(Self::expr_here)
    }

    fn expr_here(&mut self) -> Parsed<Id> {
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

    fn let_in(&mut self, start: Span) -> Parsed<Id> {
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

    fn if_else(&mut self, start: Span) -> Parsed<Id> {
        self.bump();
        let condition = self.expr()?;
        self.expect_keyword(Token::Then, "then")?;
        let yes = self.expr()?;
        self.expect_keyword(Token::Else, "else")?;
        let no = self.expr()?;
        Ok(self.add(Kind::If(condition, yes, no), self.since(start)))
    }

    fn looks_like_formals(&self) -> bool {
        matches!(
            (self.peek_ahead(1), self.peek_ahead(2)),
            (Token::Ellipsis, _)
                | (Token::Ident, Token::Char(b',' | b'?' | b'}'))
                | (Token::Char(b'}'), Token::Char(b':' | b'@'))
        )
    }

    fn lambda(&mut self, start: Span) -> Parsed<Id> {
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

    fn pattern(&mut self, bind: Option<Symbol>) -> Parsed<Param> {
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

    fn formal(&mut self, lexeme: Lexeme) -> Parsed<Formal> {
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

    fn duplicate_formal<T>(&self, lexeme: Lexeme) -> Parsed<T> {
        let message = format!(
            "duplicate formal function argument '{}'",
            self.text_of(lexeme)
        );
        self.error_at(self.span(lexeme), message)
    }

    /// `a |> f` groups to the left, `f <| a` to the right; they do not mix.
    fn pipes(&mut self, start: Span) -> Parsed<Id> {
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

    fn binary(&mut self, least: u8) -> Parsed<Id> {
        self.nested(|parser| parser.binary_here(least))
    }

    fn binary_here(&mut self, least: u8) -> Parsed<Id> {
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

    fn application(&mut self, start: Span) -> Parsed<Id> {
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

    fn select(&mut self) -> Parsed<Id> {
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

    fn simple(&mut self) -> Parsed<Id> {
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

    fn number(&mut self, lexeme: Lexeme) -> Parsed<Id> {
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

    fn list(&mut self, start: Span) -> Parsed<Id> {
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

    fn attr_set(&mut self, start: Span, recursive: bool) -> Parsed<Id> {
        self.char(b'{')?;
        let mut bindings = self.nested(|parser| parser.bindings(Token::Char(b'}'), start))?;
        bindings.recursive = recursive;
        self.char(b'}')?;
        Ok(self.add(Kind::Attrs(Box::new(bindings)), self.since(start)))
    }

    /// An expression in `${ }`, its opening still to come.
    fn interpolation(&mut self) -> Parsed<Id> {
        self.bump();
        let expr = self.expr()?;
        self.char(b'}')?;
        Ok(expr)
    }

    fn string(&mut self) -> Parsed<Id> {
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

    fn template(&mut self, mut parts: Vec<Part>, span: Span) -> Id {
        let kind = match parts.as_mut_slice() {
            [] => Kind::Text(Vec::new()),
            [Part::Text(text)] => Kind::Text(std::mem::take(text)),
            _ => Kind::Template(parts),
        };
        self.add(kind, span)
    }

    fn indented_string(&mut self) -> Parsed<Id> {
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

    fn path(&mut self) -> Parsed<Id> {
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

    fn attr_path(&mut self) -> Parsed<Vec<Name>> {
        let mut path = vec![self.attr_name()?];
        while self.eat(Token::Char(b'.')) {
            path.push(self.attr_name()?);
        }
        Ok(path)
    }

    fn attr_name(&mut self) -> Parsed<Name> {
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
    fn bindings(&mut self, until: Token, start: Span) -> Parsed<Bindings> {
        let set = self.add(Kind::Attrs(Box::default()), start);
        while self.peek() != until {
            if self.eat(Token::Inherit) {
                self.inherit(set)?;
            } else {
                let start = self.span(self.lexeme());
                let path = self.attr_path()?;
                self.char(b'=')?;
                let value = self.expr()?;
                self.char(b';')?;
                self.define(set, &path, value, start)?;
            }
        }
        Ok(std::mem::take(self.set(set)))
    }

    fn set(&mut self, id: Id) -> &mut Bindings {
        match &mut self.tree.nodes[id as usize].kind {
            Kind::Attrs(bindings) => bindings,
            _ => unreachable!("only called with nodes that are sets"),
        }
    }

    fn is_set(&self, id: Id) -> bool {
        matches!(self.tree.nodes[id as usize].kind, Kind::Attrs(_))
    }

    fn inherit(&mut self, set: Id) -> Parsed<()> {
        let mut value = FieldValue::Inherit;
        if self.eat(Token::Char(b'(')) {
            let source = self.expr()?;
            self.char(b')')?;
            let sources = &mut self.set(set).sources;
            sources.push(source);
            value = FieldValue::InheritFrom(sources.len() as u32 - 1);
        }
        while !self.eat(Token::Char(b';')) {
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

    fn add_field(&mut self, set: Id, field: Field) -> Parsed<()> {
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

    fn duplicate<T>(&self, path: &[Symbol], earlier: Span, span: Span) -> Parsed<T> {
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
    fn define(&mut self, set: Id, path: &[Name], value: Id, start: Span) -> Parsed<()> {
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

    fn new_set(&mut self, span: Span) -> Id {
        self.add(Kind::Attrs(Box::default()), span)
    }

    /// Adds the definitions of one set to another, for `a = { … }; a = { … };`.
    fn merge(&mut self, into: Id, from: Id) -> Parsed<()> {
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

/// Whether a float literal is neither too large nor too small to be told exactly.
fn in_range(float: f64, text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    float.is_normal() || zero
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Result<(), String> {
        let mut symbols = Symbols::new();
        parse(text, Pos(1), &mut symbols)
            .map(|_| ())
            .map_err(|error| error.message)
    }

    #[test]
    fn every_form_is_read() {
        for text in [
            "let a = 1; inherit b; inherit (c) d \"e\"; in a",
            "{ a, b ? 1, ... }@args: a",
            "args@{ a, }: a",
            "{ }: 1",
            "{ ... }: 1",
            "rec { a.b.c = 1; a.\"d\" = 2; ${x} = 3; a.${y}.z = 4; }",
            "with a; assert b; if c then d else e",
            "a.b.c or d e",
            "a ? b.c && !d || -e < 3 -> f // g ++ h ++ i",
            "let { body = 1; }",
            "x |> f |> g",
            "f <| g <| x",
            "[ a.b (c d) \"e\" ./f <g> http://h.i/j ]",
            "''\n  a${b}\n  ''${c} '''\n''",
            "./a${b}/c",
            "~/x",
            "f or",
            "__curPos",
            "{ or = 1; a.or = 2; }",
        ] {
            assert_eq!(outcome(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not_nix_is_refused() {
        for (text, message) in [
            ("(1 ]", "syntax error, unexpected ']', expecting ')'"),
            ("1 +", "syntax error, unexpected end of file"),
            ("a == b == c", "syntax error, unexpected '=='"),
            (
                "{ a = 1; a = 2; }",
                "attribute 'a' already defined at line 1, column 3",
            ),
            (
                "{ a.b = 1;\n a.b = 2; }",
                "attribute 'a.b' already defined at line 1, column 3",
            ),
            ("{ a, a }: 1", "duplicate formal function argument 'a'"),
            (
                "let ${x} = 1; in 2",
                "dynamic attributes not allowed in let",
            ),
            (
                "99999999999999999999",
                "invalid integer '99999999999999999999'",
            ),
            ("[ 1, 2 ]", "syntax error, unexpected ',', expecting ']'"),
            ("\"abc", "syntax error, unexpected end of file in a string"),
            (
                "let a = 1; a",
                "syntax error, unexpected end of file, expecting '='",
            ),
        ] {
            assert_eq!(outcome(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_read_or_refused_never_fatal() {
        let parens = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
        assert_eq!(outcome(&parens(50_000)), Ok(()));
        assert!(outcome(&parens(1_000_000)).is_err());
        assert!(outcome(&"[".repeat(1_000_000)).is_err());
        assert!(outcome(&"{a=".repeat(1_000_000)).is_err());
        assert!(outcome(&"!".repeat(1_000_000)).is_err());
        assert!(outcome(&format!("{}1", "1 ++ ".repeat(1_000_000))).is_err());
        assert_eq!(outcome(&format!("{}1", "1 + ".repeat(1_000_000))), Ok(()));
    }
}
