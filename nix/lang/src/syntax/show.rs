//! The syntax tree as text again, laid out as `nix-instantiate --parse` does: everything in
//! parentheses, operators that are functions as calls, names in order.

use std::path::Path;

use super::ast::{BinaryOp, Bindings, FieldValue, Id, Kind, Lambda, Name, Param, Part, Tree};
use crate::{
    path::absolute,
    print::{attr_name, quoted},
    pure::number::float_general,
    stack::grow_stack,
    symbol::{Symbol, Symbols},
};

/// What printing needs beside the tree.
pub(crate) struct Shower<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) symbols: &'a Symbols,
    /// What relative paths are relative to.
    pub(crate) base_dir: &'a Path,
    pub(crate) home_dir: Option<&'a Path>,
}

impl Shower<'_> {
    /// The text of a whole tree.
    pub(crate) fn text(&self, root: Id) -> String {
        let mut out = String::new();
        self.expr(root, &mut out);
        out
    }

    fn expr(&self, id: Id, out: &mut String) {
        grow_stack(|| self.kind(&self.tree.nodes[id as usize].kind, out));
    }

    fn kind(&self, kind: &Kind, out: &mut String) {
        match kind {
            Kind::Int(int) => out.push_str(&int.to_string()),
            Kind::Float(float) => out.push_str(&float_general(*float)),
            Kind::Text(text) => out.push_str(&quoted(text)),
            Kind::Template(parts) => self.joined(None, parts, out),
            Kind::Path(parts) => self.path(parts, out),
            Kind::SearchPath(path) => {
                out.push_str("(__findFile __nixPath ");
                out.push_str(&quoted(path.as_bytes()));
                out.push(')');
            }
            Kind::Variable(name) => out.push_str(&self.name(*name)),
            Kind::CurrentPosition => out.push_str("__curPos"),
            Kind::Select {
                base,
                path,
                default,
            } => {
                self.between("(", *base, ").", out);
                self.attr_path(path, out);
                if let Some(default) = default {
                    self.between(" or (", *default, ")", out);
                }
            }
            Kind::HasAttr { base, path } => {
                self.between("((", *base, ") ? ", out);
                self.attr_path(path, out);
                out.push(')');
            }
            Kind::Call { function, args } => self.call(*function, args, out),
            Kind::Lambda(lambda) => self.lambda(lambda, out),
            Kind::List(items) => {
                out.push_str("[ ");
                items
                    .iter()
                    .for_each(|item| self.between("(", *item, ") ", out));
                out.push(']');
            }
            Kind::Attrs(bindings) => {
                out.push_str(if bindings.recursive { "rec { " } else { "{ " });
                self.bindings(bindings, out);
                out.push('}');
            }
            Kind::Let(bindings, body) => {
                out.push_str("(let ");
                self.bindings(bindings, out);
                self.between("in ", *body, ")", out);
            }
            Kind::With(scope, body) => {
                self.between("(with ", *scope, "; ", out);
                self.between("", *body, ")", out);
            }
            Kind::If(condition, yes, no) => {
                self.between("(if ", *condition, " then ", out);
                self.expr(*yes, out);
                self.between(" else ", *no, ")", out);
            }
            Kind::Assert(condition, body) => {
                self.between("assert ", *condition, "; ", out);
                self.expr(*body, out);
            }
            Kind::Binary(op, left, right) => self.binary(*op, *left, *right, out),
            Kind::Not(operand) => self.between("(! ", *operand, ")", out),
            Kind::Negate(operand) => self.between("(__sub 0 ", *operand, ")", out),
        }
    }

    fn between(&self, before: &str, id: Id, after: &str, out: &mut String) {
        out.push_str(before);
        self.expr(id, out);
        out.push_str(after);
    }

    fn name(&self, name: Symbol) -> String {
        attr_name(self.symbols.name(name).as_bytes())
    }

    fn binary(&self, op: BinaryOp, left: Id, right: Id, out: &mut String) {
        let (before, between, after) = match op {
            BinaryOp::Concat => ("(", " ++ ", ")"),
            BinaryOp::Update => ("(", " // ", ")"),
            BinaryOp::Add => ("(", " + ", ")"),
            BinaryOp::Sub => ("(__sub ", " ", ")"),
            BinaryOp::Mul => ("(__mul ", " ", ")"),
            BinaryOp::Div => ("(__div ", " ", ")"),
            BinaryOp::And => ("(", " && ", ")"),
            BinaryOp::Or => ("(", " || ", ")"),
            BinaryOp::Implies => ("(", " -> ", ")"),
            BinaryOp::Equal => ("(", " == ", ")"),
            BinaryOp::NotEqual => ("(", " != ", ")"),
            BinaryOp::Less | BinaryOp::Greater => ("(__lessThan ", " ", ")"),
            BinaryOp::LessEqual | BinaryOp::GreaterEqual => ("(! (__lessThan ", " ", "))"),
        };
        let swapped = matches!(op, BinaryOp::Greater | BinaryOp::LessEqual);
        let (first, second) = if swapped {
            (right, left)
        } else {
            (left, right)
        };
        self.between(before, first, between, out);
        self.between("", second, after, out);
    }

    /// A string or path of several parts: a sum.
    fn joined(&self, first: Option<String>, parts: &[Part], out: &mut String) {
        out.push('(');
        out.push_str(first.as_deref().unwrap_or_default());
        for (index, part) in parts.iter().enumerate() {
            if index > 0 || first.is_some() {
                out.push_str(" + ");
            }
            match part {
                Part::Text(text) => out.push_str(&quoted(text)),
                Part::Expr(id) => self.expr(*id, out),
            }
        }
        out.push(')');
    }

    fn path(&self, parts: &[Part], out: &mut String) {
        let [Part::Text(first), rest @ ..] = parts else {
            return self.joined(None, parts, out);
        };
        let text = String::from_utf8_lossy(first);
        let mut start = match (text.strip_prefix("~/"), self.home_dir) {
            (Some(rest), Some(home)) => absolute(rest, home),
            _ => absolute(&text, self.base_dir),
        };
        if rest.is_empty() {
            return out.push_str(&start);
        }
        if text.ends_with('/') && !start.ends_with('/') {
            start.push('/');
        }
        self.joined(Some(start), rest, out);
    }

    /// Calls of calls are one call of several arguments.
    fn call(&self, function: Id, args: &[Id], out: &mut String) {
        let mut arguments: Vec<&[Id]> = vec![args];
        let mut function = function;
        while let Kind::Call {
            function: inner,
            args,
        } = &self.tree.nodes[function as usize].kind
        {
            arguments.push(args);
            function = *inner;
        }
        self.between("(", function, "", out);
        for arg in arguments.into_iter().rev().flatten() {
            self.between(" ", *arg, "", out);
        }
        out.push(')');
    }

    fn lambda(&self, lambda: &Lambda, out: &mut String) {
        out.push('(');
        match &lambda.param {
            Param::Ident(name) => out.push_str(&self.name(*name)),
            Param::Pattern {
                formals,
                ellipsis,
                bind,
            } => {
                let mut sorted: Vec<_> = formals.iter().collect();
                sorted.sort_by_key(|formal| self.symbols.name(formal.name).as_bytes());
                out.push_str("{ ");
                for (index, formal) in sorted.into_iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    out.push_str(&self.name(formal.name));
                    if let Some(default) = formal.default {
                        self.between(" ? ", default, "", out);
                    }
                }
                if *ellipsis {
                    out.push_str(if formals.is_empty() { "..." } else { ", ..." });
                }
                out.push_str(" }");
                if let Some(bind) = bind {
                    out.push_str(&format!(" @ {}", self.name(*bind)));
                }
            }
        }
        self.between(": ", lambda.body, ")", out);
    }

    fn attr_path(&self, path: &[Name], out: &mut String) {
        for (index, name) in path.iter().enumerate() {
            out.push_str(if index > 0 { "." } else { "" });
            match name {
                Name::Static(name, _) => out.push_str(&self.name(*name)),
                Name::Dynamic(id, _) => self.dynamic(*id, out),
            }
        }
    }

    fn dynamic(&self, id: Id, out: &mut String) {
        self.between("\"${", id, "}\"", out);
    }

    fn bindings(&self, bindings: &Bindings, out: &mut String) {
        let mut fields: Vec<_> = bindings.fields.iter().collect();
        fields.sort_by_key(|field| self.symbols.name(field.name).as_bytes());
        let inherited = |from: FieldValue| {
            let matching = fields
                .iter()
                .filter(move |field| same_source(field.value, from));
            matching.map(|field| format!(" {}", self.name(field.name)))
        };
        let plain: String = inherited(FieldValue::Inherit).collect();
        if !plain.is_empty() {
            out.push_str(&format!("inherit{plain}; "));
        }
        for (source, expr) in (0..).zip(&bindings.sources) {
            let names: String = inherited(FieldValue::InheritFrom(source)).collect();
            if !names.is_empty() {
                self.between("inherit (", *expr, ")", out);
                out.push_str(&format!("{names}; "));
            }
        }
        for field in &fields {
            if let FieldValue::Expr(id) = field.value {
                out.push_str(&self.name(field.name));
                self.between(" = ", id, "; ", out);
            }
        }
        for dynamic in &bindings.dynamic {
            self.dynamic(dynamic.name, out);
            self.between(" = ", dynamic.value, "; ", out);
        }
    }
}

fn same_source(a: FieldValue, b: FieldValue) -> bool {
    match (a, b) {
        (FieldValue::Inherit, FieldValue::Inherit) => true,
        (FieldValue::InheritFrom(a), FieldValue::InheritFrom(b)) => a == b,
        _ => false,
    }
}
