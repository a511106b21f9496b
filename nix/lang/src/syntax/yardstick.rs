//! The parser against `rnix`: what rnix reads without complaint is read here too, and alike.
//!
//! Both trees are written in one normal form: operators and calls in brackets, attribute sets as
//! sorted lines of flattened paths.

use std::path::Path;

use rnix::ast::{self, HasEntry};

use super::{
    ast::{BinaryOp, Bindings, FieldValue, Id, Kind, Name, Param, Part, Tree},
    parse,
};
use crate::{position::Pos, symbol::Symbols};

struct Ours {
    tree: Tree,
    symbols: Symbols,
}

impl Ours {
    fn all(&self, ids: &[Id]) -> String {
        ids.iter()
            .map(|id| self.expr(*id))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn name(&self, name: &Name) -> String {
        match name {
            Name::Static(symbol, _) => self.symbols.text(*symbol).into_owned(),
            Name::Dynamic(id, _) => format!("${{{}}}", self.expr(*id)),
        }
    }

    fn path(&self, path: &[Name]) -> String {
        path.iter()
            .map(|name| self.name(name))
            .collect::<Vec<_>>()
            .join(".")
    }

    fn parts(&self, parts: &[Part]) -> String {
        let exprs = parts.iter().filter_map(|part| match part {
            Part::Expr(id) => Some(self.expr(*id)),
            Part::Text(_) => None,
        });
        format!("\"{}\"", exprs.collect::<Vec<_>>().join(" "))
    }

    fn lines(&self, bindings: &Bindings, prefix: &str, lines: &mut Vec<String>) {
        for field in &bindings.fields {
            let name = format!("{prefix}{}", self.symbols.text(field.name));
            match field.value {
                FieldValue::Inherit => lines.push(format!("{name}=inherit")),
                FieldValue::InheritFrom(source) => {
                    let source = self.expr(bindings.sources[source as usize]);
                    lines.push(format!("{name}=from {source}"));
                }
                FieldValue::Expr(id) => self.line(name, id, lines),
            }
        }
        for dynamic in &bindings.dynamic {
            let name = format!("{prefix}${{{}}}", self.expr(dynamic.name));
            self.line(name, dynamic.value, lines);
        }
    }

    fn line(&self, name: String, id: Id, lines: &mut Vec<String>) {
        match &self.tree.nodes[id as usize].kind {
            Kind::Attrs(inner) if !inner.recursive => {
                lines.push(format!("{name}={{}}"));
                self.lines(inner, &format!("{name}."), lines);
            }
            _ => lines.push(format!("{name}={}", self.expr(id))),
        }
    }

    fn expr(&self, id: Id) -> String {
        match &self.tree.nodes[id as usize].kind {
            Kind::Int(int) => int.to_string(),
            Kind::Float(float) => format!("{float}"),
            Kind::Text(_) => "\"\"".into(),
            Kind::Template(parts) => self.parts(parts),
            Kind::Path(parts) => format!("path{}", self.parts(parts)),
            Kind::SearchPath(path) => format!("<{path}>"),
            Kind::Variable(name) => self.symbols.text(*name).into_owned(),
            Kind::CurrentPosition => "__curPos".into(),
            Kind::Select {
                base,
                path,
                default,
            } => {
                let default = default.map_or(String::new(), |id| format!(" or {}", self.expr(id)));
                format!("[{}.{}{default}]", self.expr(*base), self.path(path))
            }
            Kind::HasAttr { base, path } => format!("[{} ? {}]", self.expr(*base), self.path(path)),
            Kind::Call { function, args } => {
                let call = |function, arg: &Id| format!("[{function} {}]", self.expr(*arg));
                args.iter().fold(self.expr(*function), call)
            }
            Kind::Lambda(lambda) => {
                format!(
                    "[{}: {}]",
                    self.param(&lambda.param),
                    self.expr(lambda.body)
                )
            }
            Kind::List(items) => format!("list[{}]", self.all(items)),
            Kind::Attrs(bindings) => {
                let rec = if bindings.recursive { "rec" } else { "" };
                format!("{rec}{}", self.set(bindings))
            }
            Kind::Let(bindings, body) => {
                format!("[let {} {}]", self.set(bindings), self.expr(*body))
            }
            Kind::With(scope, body) => format!("[with {}]", self.all(&[*scope, *body])),
            Kind::If(a, b, c) => format!("[if {}]", self.all(&[*a, *b, *c])),
            Kind::Assert(a, b) => format!("[assert {}]", self.all(&[*a, *b])),
            Kind::Binary(op, a, b) => {
                format!("[{} {} {}]", self.expr(*a), symbol(*op), self.expr(*b))
            }
            Kind::Not(operand) => format!("[!{}]", self.expr(*operand)),
            Kind::Negate(operand) => format!("[-{}]", self.expr(*operand)),
        }
    }

    fn set(&self, bindings: &Bindings) -> String {
        let mut lines = Vec::new();
        self.lines(bindings, "", &mut lines);
        written(lines)
    }

    fn param(&self, param: &Param) -> String {
        match param {
            Param::Ident(name) => self.symbols.text(*name).into_owned(),
            Param::Pattern {
                formals,
                ellipsis,
                bind,
            } => {
                let formals = formals.iter().map(|formal| {
                    let default = formal.default.map_or(String::new(), |id| self.expr(id));
                    format!("{}?{default}", self.symbols.text(formal.name))
                });
                let bind = bind.map(|bind| self.symbols.text(bind).into_owned());
                pattern(formals.collect(), *ellipsis, bind)
            }
        }
    }
}

fn pattern(formals: Vec<String>, ellipsis: bool, bind: Option<String>) -> String {
    format!(
        "{{{} {ellipsis}}}@{}",
        formals.join(","),
        bind.unwrap_or_default()
    )
}

fn written(mut lines: Vec<String>) -> String {
    lines.sort();
    // `a = { }; a.b = 1;` says twice that `a` is a set.
    lines.dedup();
    format!("{{{}}}", lines.join(";"))
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Concat => "++",
        BinaryOp::Update => "//",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::And => "&&",
        BinaryOp::Or => "||",
        BinaryOp::Implies => "->",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterEqual => ">=",
    }
}

fn their_path(path: &ast::Attrpath) -> Vec<String> {
    path.attrs().map(|attr| their_name(&attr)).collect()
}

fn their_name(attr: &ast::Attr) -> String {
    match attr {
        ast::Attr::Ident(ident) => ident.to_string(),
        ast::Attr::Dynamic(dynamic) => match dynamic.expr().unwrap() {
            ast::Expr::Str(string) => static_text(&string)
                .unwrap_or_else(|| format!("${{{}}}", theirs(&ast::Expr::Str(string)))),
            expr => format!("${{{}}}", theirs(&expr)),
        },
        ast::Attr::Str(string) => static_text(string)
            .unwrap_or_else(|| format!("${{{}}}", theirs(&ast::Expr::Str(string.clone())))),
    }
}

fn static_text(string: &ast::Str) -> Option<String> {
    match string.normalized_parts().as_slice() {
        [] => Some(String::new()),
        [ast::InterpolPart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}

fn their_lines(entries: &impl HasEntry, prefix: &str, lines: &mut Vec<String>) {
    for inherit in entries.inherits() {
        let from = inherit.from().map(|from| theirs(&from.expr().unwrap()));
        for attr in inherit.attrs() {
            let source = from
                .as_ref()
                .map_or("inherit".into(), |from| format!("from {from}"));
            lines.push(format!("{prefix}{}={source}", their_name(&attr)));
        }
    }
    for entry in entries.attrpath_values() {
        let path = their_path(&entry.attrpath().unwrap());
        for end in 1..path.len() {
            lines.push(format!("{prefix}{}={{}}", path[..end].join(".")));
        }
        let name = format!("{prefix}{}", path.join("."));
        let mut value = entry.value().unwrap();
        while let ast::Expr::Paren(paren) = &value {
            value = paren.expr().unwrap();
        }
        match &value {
            ast::Expr::AttrSet(set) if set.rec_token().is_none() => {
                lines.push(format!("{name}={{}}"));
                their_lines(set, &format!("{name}."), lines);
            }
            value => lines.push(format!("{name}={}", theirs(value))),
        }
    }
}

fn their_set(entries: &impl HasEntry) -> String {
    let mut lines = Vec::new();
    their_lines(entries, "", &mut lines);
    written(lines)
}

fn their_call(function: &str, arg: &ast::Expr) -> String {
    format!("[{function} {}]", theirs(arg))
}

fn theirs(expr: &ast::Expr) -> String {
    let sub = |expr: Option<ast::Expr>| theirs(&expr.unwrap());
    match expr {
        ast::Expr::Apply(it) => their_call(&sub(it.lambda()), &it.argument().unwrap()),
        ast::Expr::Assert(it) => format!("[assert {} {}]", sub(it.condition()), sub(it.body())),
        ast::Expr::IfElse(it) => {
            format!(
                "[if {} {} {}]",
                sub(it.condition()),
                sub(it.body()),
                sub(it.else_body())
            )
        }
        ast::Expr::Select(it) => {
            let default = it
                .default_expr()
                .map_or(String::new(), |e| format!(" or {}", theirs(&e)));
            let path = their_path(&it.attrpath().unwrap()).join(".");
            format!("[{}.{path}{default}]", sub(it.expr()))
        }
        ast::Expr::Str(it) => {
            let exprs = it.parts().filter_map(|part| match part {
                ast::InterpolPart::Interpolation(it) => Some(sub(it.expr())),
                ast::InterpolPart::Literal(_) => None,
            });
            format!("\"{}\"", exprs.collect::<Vec<_>>().join(" "))
        }
        ast::Expr::PathAbs(it) => their_file_path(&it.parts()),
        ast::Expr::PathRel(it) => their_file_path(&it.parts()),
        ast::Expr::PathHome(it) => their_file_path(&it.parts()),
        ast::Expr::PathSearch(it) => it.to_string(),
        ast::Expr::Literal(it) => match it.kind() {
            ast::LiteralKind::Integer(int) => int.value().unwrap().to_string(),
            ast::LiteralKind::Float(float) => format!("{}", float.value().unwrap()),
            ast::LiteralKind::Uri(_) => "\"\"".into(),
        },
        ast::Expr::Lambda(it) => {
            let param = match it.param().unwrap() {
                ast::Param::IdentParam(name) => name.to_string(),
                ast::Param::Pattern(it) => {
                    let formals = it.pat_entries().map(|entry| {
                        let default = entry.default().map_or(String::new(), |e| theirs(&e));
                        format!("{}?{default}", entry.ident().unwrap())
                    });
                    let bind = it.pat_bind().map(|bind| bind.ident().unwrap().to_string());
                    pattern(formals.collect(), it.ellipsis_token().is_some(), bind)
                }
            };
            format!("[{param}: {}]", sub(it.body()))
        }
        ast::Expr::LegacyLet(it) => format!("[rec{}.body]", their_set(it)),
        ast::Expr::LetIn(it) => format!("[let {} {}]", their_set(it), sub(it.body())),
        ast::Expr::List(it) => {
            let items: Vec<String> = it.items().map(|item| theirs(&item)).collect();
            format!("list[{}]", items.join(" "))
        }
        ast::Expr::BinOp(it) => their_operator(it),
        ast::Expr::Paren(it) => sub(it.expr()),
        ast::Expr::Root(it) => sub(it.expr()),
        ast::Expr::AttrSet(it) => {
            format!(
                "{}{}",
                if it.rec_token().is_some() { "rec" } else { "" },
                their_set(it)
            )
        }
        ast::Expr::UnaryOp(it) => match it.operator().unwrap() {
            ast::UnaryOpKind::Invert => format!("[!{}]", sub(it.expr())),
            ast::UnaryOpKind::Negate => format!("[-{}]", sub(it.expr())),
        },
        ast::Expr::Ident(it) => it.to_string(),
        ast::Expr::With(it) => format!("[with {} {}]", sub(it.namespace()), sub(it.body())),
        ast::Expr::HasAttr(it) => {
            format!(
                "[{} ? {}]",
                sub(it.expr()),
                their_path(&it.attrpath().unwrap()).join(".")
            )
        }
        ast::Expr::CurPos(_) => "__curPos".into(),
        ast::Expr::Error(it) => panic!("an error node without an error: {it}"),
    }
}

fn their_file_path(parts: &[ast::InterpolPart<ast::PathContent>]) -> String {
    let exprs = parts.iter().filter_map(|part| match part {
        ast::InterpolPart::Interpolation(it) => Some(theirs(&it.expr().unwrap())),
        ast::InterpolPart::Literal(_) => None,
    });
    format!("path\"{}\"", exprs.collect::<Vec<_>>().join(" "))
}

fn their_operator(it: &ast::BinOp) -> String {
    use ast::BinOpKind as K;
    let (left, right) = (it.lhs().unwrap(), it.rhs().unwrap());
    let op = match it.operator().unwrap() {
        K::PipeRight => return their_call(&theirs(&right), &left),
        K::PipeLeft => return their_call(&theirs(&left), &right),
        K::Concat => "++",
        K::Update => "//",
        K::Add => "+",
        K::Sub => "-",
        K::Mul => "*",
        K::Div => "/",
        K::And => "&&",
        K::Equal => "==",
        K::Implication => "->",
        K::Less => "<",
        K::LessOrEq => "<=",
        K::More => ">",
        K::MoreOrEq => ">=",
        K::NotEqual => "!=",
        K::Or => "||",
    };
    format!("[{} {op} {}]", theirs(&left), theirs(&right))
}

/// Compares the two readings; text that rnix does not read is passed over.
fn compare(text: &str) {
    let parsed = rnix::Root::parse(text);
    if !parsed.errors().is_empty() {
        return;
    }
    let theirs = theirs(&parsed.tree().expr().unwrap());
    let mut symbols = Symbols::new();
    match parse(text, Pos(1), &mut symbols) {
        Ok((tree, root)) => assert_eq!(Ours { tree, symbols }.expr(root), theirs, "{text}"),
        Err(error) => panic!("{}\n{text}", error.message),
    }
}

#[test]
fn forms_are_read_as_rnix_reads_them() {
    for text in [
        "a: { b, c ? d e, ... }@f: g",
        "h@{ i }: j",
        "let a = 1; inherit b; inherit (c.d) e \"f\"; in with g; assert h; if i then j else k",
        "rec { a.b = 1; a.c = { d = 2; }; a.e.${f} = g; \"h i\" = j; }",
        "let { body = a; a = 1; }",
        "a.b.c or d.e f",
        "- a.b c ? d - - e",
        "a |> b |> c d",
        "a <| b <| c d",
        "[ a.b (c d) \"e${f}g\" ./h/${i}/j ~/k <l/m> http://n.o/p -1 ]",
        "''\n  a ${b} ''${c}\n  ''",
        "f or g",
        "!a && !b || c -> d == e // f",
        "{ a, b }: a",
        "{ }",
        "{ }: { }",
        "__curPos",
    ] {
        assert!(
            rnix::Root::parse(text).errors().is_empty() || text.contains("-1"),
            "{text}"
        );
        compare(text);
    }
}

#[test]
fn operators_group_as_in_rnix() {
    let operators = [
        "++", "//", "+", "-", "*", "/", "&&", "||", "->", "==", "!=", "<", "<=", ">", ">=",
    ];
    for first in operators {
        for second in operators {
            compare(&format!("a {first} b {second} c"));
            compare(&format!("! a {first} b {second} c"));
            compare(&format!("- a {first} - b {second} ! c"));
            compare(&format!("a ? x {first} b c {second} d ? y"));
        }
    }
}

#[test]
fn shipped_nix_code_is_read_alike() {
    let mut count = 0;
    for folder in ["../lib", "../modules"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "nix") {
                compare(&std::fs::read_to_string(path).unwrap());
                count += 1;
            }
        }
    }
    assert!(count > 10);
}
