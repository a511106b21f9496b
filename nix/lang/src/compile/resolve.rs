//! Resolves names and lays out frames.

use std::path::Path;

use super::{
    ir::{Call, CodeId, Expr, Formal, FromWith, HasAttr, Lambda, Name, Node, Pattern, Select},
    scope::{Found, Names, Scope, Scopes},
};
use crate::{
    error::{ErrorKind, EvalError},
    hash::FastMap,
    path::absolute,
    position::Span,
    stack::grow_stack,
    suggest::did_you_mean,
    symbol::{Symbol, Symbols, known},
    syntax::ast::{self, BinaryOp, Id, Kind, Param, Part, Tree},
    value::{Hint, Str, Value},
};

/// What resolving needs of the evaluator.
pub(crate) struct Context<'a> {
    pub(crate) symbols: &'a mut Symbols,
    /// Code that thunks can be made of.
    pub(crate) codes: &'a mut Vec<&'static Node>,
    /// What names mean where nothing else defines them.
    pub(crate) globals: &'a FastMap<Symbol, Value>,
    /// What relative paths are relative to.
    pub(crate) base_dir: &'a Path,
    pub(crate) home_dir: Option<&'a Path>,
    /// Whether exactly what Nix puts off is put off.
    pub(crate) exact: bool,
}

pub(super) type Resolved<T> = Result<T, EvalError>;

/// Resolves a whole text. `scope` are the variables of a frame around it, for `scopedImport`.
pub(crate) fn compile(
    tree: &Tree,
    root: Id,
    scope: Option<Vec<Symbol>>,
    context: Context<'_>,
) -> Resolved<CodeId> {
    let mut compiler = Compiler {
        tree,
        context,
        scopes: Scopes::default(),
        name: None,
    };
    if let Some(names) = scope {
        let names = names.into_iter().zip(0..).collect();
        compiler.scopes.push(Scope::Names(Names::new(names)));
    }
    let node = compiler.later(root)?;
    let code = node.code;
    leak(node);
    Ok(code)
}

pub(super) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(super) struct Compiler<'a> {
    tree: &'a Tree,
    context: Context<'a>,
    pub(super) scopes: Scopes,
    /// The name the next lambda is bound to.
    name: Option<Symbol>,
}

impl Compiler<'_> {
    fn kind(&self, id: Id) -> &Kind {
        &self.tree.nodes[id as usize].kind
    }

    fn span(&self, id: Id) -> Span {
        self.tree.nodes[id as usize].span
    }

    /// Code that is evaluated at once, as part of what is around it.
    pub(super) fn now(&mut self, id: Id) -> Resolved<Node> {
        let name = self.name.take();
        let expr = grow_stack(|| self.expr(id, name))?;
        Ok(Node {
            expr,
            span: self.span(id),
            code: Node::NO_CODE,
        })
    }

    /// Code a thunk may be made of.
    pub(super) fn later(&mut self, id: Id) -> Resolved<Node> {
        let node = self.now(id)?;
        let node = match self.kind(id) {
            Kind::Int(_) | Kind::Float(_) | Kind::Text(_) | Kind::Path(_) | Kind::Variable(_) => {
                node
            }
            Kind::List(items) if items.is_empty() => node,
            _ => self.put_off(node),
        };
        Ok(self.deferred(node))
    }

    /// Whether exactly what Nix puts off is put off.
    pub(super) fn exact(&self) -> bool {
        self.context.exact
    }

    /// Code that is not evaluated before someone asks, if that is to be exactly so.
    pub(super) fn put_off(&self, node: Node) -> Node {
        if !self.context.exact {
            return node;
        }
        Node {
            span: node.span,
            code: Node::NO_CODE,
            expr: Expr::Later(leak(node)),
        }
    }

    /// Makes a node one that thunks can be made of.
    ///
    /// The table gets a node of its own, which shares everything below with `node`.
    pub(super) fn deferred(&mut self, node: Node) -> Node {
        let code = CodeId(self.context.codes.len() as u32);
        let node = Node { code, ..node };
        self.context.codes.push(leak(node.clone()));
        node
    }

    pub(super) fn named(&mut self, name: Symbol, id: Id) -> Resolved<Node> {
        self.name = Some(name);
        let node = self.later(id);
        self.name = None;
        node
    }

    fn pair(&mut self, a: Id, b: Id) -> Resolved<&'static [Node; 2]> {
        Ok(leak([self.now(a)?, self.now(b)?]))
    }

    fn expr(&mut self, id: Id, name: Option<Symbol>) -> Resolved<Expr> {
        let tree = self.tree;
        Ok(match &tree.nodes[id as usize].kind {
            Kind::Int(int) => Expr::Const(Value::Int(*int)),
            Kind::Float(float) => Expr::Const(Value::Float(*float)),
            Kind::Text(text) => Expr::Const(Value::String(Str::new(text))),
            Kind::Template(parts) => Expr::Template(self.parts(parts, self.span(id))?),
            Kind::Path(parts) => self.path(parts, self.span(id))?,
            Kind::SearchPath(path) => self.search_path(path, self.span(id))?,
            Kind::Variable(name) => self.variable(*name, self.span(id))?,
            Kind::CurrentPosition => Expr::CurrentPosition,
            Kind::Select {
                base,
                path,
                default,
            } => {
                let base = self.now(*base)?;
                let path = self.names(path)?;
                let default = default.map(|id| self.now(id)).transpose()?;
                Expr::Select(leak(Select {
                    base,
                    path,
                    default,
                }))
            }
            Kind::HasAttr { base, path } => {
                let base = self.now(*base)?;
                Expr::HasAttr(leak(HasAttr {
                    base,
                    path: self.names(path)?,
                }))
            }
            Kind::Call { function, args } => {
                let function = self.now(*function)?;
                let args = args
                    .iter()
                    .map(|id| self.later(*id))
                    .collect::<Resolved<_>>()?;
                Expr::Call(leak(Call { function, args }))
            }
            Kind::Lambda(lambda) => self.lambda(lambda, name, self.span(id))?,
            Kind::List(items) if items.is_empty() => Expr::Const(Value::list(Vec::new())),
            Kind::List(items) => {
                let items = items
                    .iter()
                    .map(|id| self.later(*id))
                    .collect::<Resolved<Vec<_>>>()?;
                Expr::List(Vec::leak(items))
            }
            Kind::Attrs(bindings) => self.attrs(bindings)?,
            Kind::Let(bindings, body) => self.let_in(bindings, *body)?,
            Kind::With(scope, body) => {
                let scope = self.later(*scope)?;
                self.scopes.push(Scope::With);
                let body = self.now(*body);
                self.scopes.pop();
                Expr::With(leak([scope, body?]))
            }
            Kind::If(condition, yes, no) => Expr::If(leak([
                self.now(*condition)?,
                self.now(*yes)?,
                self.now(*no)?,
            ])),
            Kind::Assert(condition, body) => Expr::Assert(self.pair(*condition, *body)?),
            Kind::Binary(op, a, b) => self.binary(*op, *a, *b)?,
            Kind::Not(operand) => Expr::Not(leak(self.now(*operand)?)),
            Kind::Negate(operand) => self.negate(*operand)?,
        })
    }

    fn binary(&mut self, op: BinaryOp, a: Id, b: Id) -> Resolved<Expr> {
        let pair = self.pair(a, b)?;
        Ok(match op {
            BinaryOp::And => Expr::And(pair),
            BinaryOp::Or => Expr::Or(pair),
            BinaryOp::Implies => Expr::Implies(pair),
            _ => Expr::Binary(op, pair),
        })
    }

    fn negate(&mut self, operand: Id) -> Resolved<Expr> {
        Ok(match self.kind(operand) {
            Kind::Int(int) => Expr::Const(Value::Int(-*int)),
            Kind::Float(float) => Expr::Const(Value::Float(0.0 - *float)),
            _ => Expr::Negate(leak(self.now(operand)?)),
        })
    }

    /// `<name>` means `__findFile __nixPath "name"`, and either may be a variable.
    fn search_path(&mut self, path: &str, span: Span) -> Resolved<Expr> {
        let names = [known::FIND_FILE, known::NIX_PATH];
        let shadowed = |name| matches!(self.scopes.find(name), Found::Variable { .. });
        if !names.into_iter().any(shadowed) {
            return Ok(Expr::SearchPath(String::leak(path.to_owned())));
        }
        let node = |expr| Node {
            expr,
            span,
            code: Node::NO_CODE,
        };
        let function = node(self.variable(known::FIND_FILE, span)?);
        let entries = node(self.variable(known::NIX_PATH, span)?);
        let name = node(Expr::Const(Value::String(Str::new(path))));
        Ok(Expr::Call(leak(Call {
            function,
            args: Box::new([entries, name]),
        })))
    }

    pub(super) fn variable(&mut self, name: Symbol, span: Span) -> Resolved<Expr> {
        match self.scopes.find(name) {
            Found::Variable { depth: 0, slot } => Ok(Expr::Local(slot)),
            Found::Variable { depth, slot } => Ok(Expr::Outer { depth, slot }),
            Found::Withs(depths) => {
                if let Some(value) = self.context.globals.get(&name) {
                    let value = value.clone();
                    return Ok(match value {
                        Value::Thunk(_) => Expr::Global(value),
                        _ => Expr::Const(value),
                    });
                }
                if depths.is_empty() {
                    return Err(self.undefined(name, span));
                }
                Ok(Expr::FromWith(leak(FromWith {
                    name,
                    depths: depths.into(),
                })))
            }
        }
    }

    fn undefined(&self, name: Symbol, span: Span) -> EvalError {
        let symbols = &*self.context.symbols;
        let visible = self
            .scopes
            .names()
            .chain(self.context.globals.keys().copied());
        let text = symbols.text(name);
        let hint = did_you_mean(&text, visible.map(|name| symbols.text(name)));
        let message = format!("undefined variable '{text}'");
        let error = EvalError::new(ErrorKind::UndefinedVariable, message).at(span);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn names(&mut self, path: &[ast::Name]) -> Resolved<Box<[Name]>> {
        path.iter()
            .map(|name| match *name {
                ast::Name::Static(name, span) => Ok(Name::Static(name, span, Hint::default())),
                ast::Name::Dynamic(id, _) => Ok(Name::Dynamic(self.now(id)?)),
            })
            .collect()
    }

    fn parts(&mut self, parts: &[Part], span: Span) -> Resolved<&'static [Node]> {
        let part = |part: &Part| match part {
            Part::Text(text) => {
                let expr = Expr::Const(Value::String(Str::new(text)));
                Ok(Node {
                    expr,
                    span,
                    code: Node::NO_CODE,
                })
            }
            Part::Expr(id) => self.now(*id),
        };
        Ok(Vec::leak(
            parts.iter().map(part).collect::<Resolved<Vec<_>>>()?,
        ))
    }

    fn path(&mut self, parts: &[Part], span: Span) -> Resolved<Expr> {
        let Some(Part::Text(first)) = parts.first() else {
            return Err(EvalError::new(
                ErrorKind::Syntax,
                "a path that starts with no text",
            ));
        };
        let start = self.path_start(&String::from_utf8_lossy(first), span)?;
        if parts.len() == 1 {
            return Ok(Expr::Const(Value::Path(Str::new(start.as_bytes()))));
        }
        // `./${x}`: the slash that `absolute` takes away belongs to what follows.
        let slash = if first.ends_with(b"/") && !start.ends_with('/') {
            "/"
        } else {
            ""
        };
        let text = Value::Path(Str::new(format!("{start}{slash}")));
        let first = Node {
            expr: Expr::Const(text),
            span,
            code: Node::NO_CODE,
        };
        let mut nodes = vec![first];
        for part in &parts[1..] {
            nodes.push(match part {
                Part::Text(text) => {
                    let expr = Expr::Const(Value::String(Str::new(text)));
                    Node {
                        expr,
                        span,
                        code: Node::NO_CODE,
                    }
                }
                Part::Expr(id) => self.now(*id)?,
            });
        }
        Ok(Expr::PathTemplate(Vec::leak(nodes)))
    }

    fn path_start(&self, text: &str, span: Span) -> Resolved<String> {
        match text.strip_prefix("~/") {
            None => Ok(absolute(text, self.context.base_dir)),
            Some(rest) => match self.context.home_dir {
                Some(home) => Ok(absolute(rest, home)),
                None => {
                    let message = format!("cannot resolve '{text}': there is no home directory");
                    Err(EvalError::new(ErrorKind::Host, message).at(span))
                }
            },
        }
    }

    fn lambda(&mut self, first: &ast::Lambda, name: Option<Symbol>, span: Span) -> Resolved<Expr> {
        let tree = self.tree;
        let mut names = Vec::new();
        let mut lambda = first;
        // Plain parameters that directly follow each other share a frame.
        let pattern = loop {
            match &lambda.param {
                Param::Ident(name) => names.push((*name, names.len() as u32)),
                pattern @ Param::Pattern { .. } => break Some(pattern),
            }
            match &tree.nodes[lambda.body as usize].kind {
                Kind::Lambda(inner) => lambda = inner,
                _ => break None,
            }
        };
        let plain: Box<[Symbol]> = names.iter().map(|(name, _)| *name).collect();
        let count = plain.len() as u32;
        let mut formals: Vec<&ast::Formal> = Vec::new();
        if let Some(Param::Pattern {
            formals: list,
            bind,
            ..
        }) = pattern
        {
            formals = list.iter().collect();
            formals.sort_by_key(|formal| formal.name);
            names.extend(formals.iter().map(|formal| formal.name).zip(count..));
            names.extend(bind.map(|bind| (bind, count + formals.len() as u32)));
        }
        self.scopes.push(Scope::Names(Names::new(names)));
        let code = self.lambda_code(lambda.body, plain, pattern, &formals, name, span);
        self.scopes.pop();
        Ok(Expr::Lambda(leak(code?)))
    }

    fn lambda_code(
        &mut self,
        body: Id,
        names: Box<[Symbol]>,
        pattern: Option<&Param>,
        formals: &[&ast::Formal],
        name: Option<Symbol>,
        span: Span,
    ) -> Resolved<Lambda> {
        let pattern = match pattern {
            Some(Param::Pattern { ellipsis, bind, .. }) => {
                let formals = formals
                    .iter()
                    .map(|formal| {
                        let default = formal.default.map(|id| self.later(id)).transpose()?;
                        Ok(Formal {
                            name: formal.name,
                            pos: formal.pos,
                            default,
                        })
                    })
                    .collect::<Resolved<_>>()?;
                Some(Pattern {
                    formals,
                    ellipsis: *ellipsis,
                    bind: *bind,
                })
            }
            _ => None,
        };
        Ok(Lambda {
            name,
            span,
            plain: names.len() as u32,
            names,
            pattern,
            body: self.now(body)?,
        })
    }
}
