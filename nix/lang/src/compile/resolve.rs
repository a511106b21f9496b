//! Resolves names and lays out frames.

use std::path::Path;

use super::{
    ir::{
        AttrsCode, Binding, Call, CodeId, DynamicCode, Expr, FieldCode, FieldValue, Formal,
        FromWith, HasAttr, Lambda, Let, Name, Node, Pattern, Select,
    },
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
    syntax::ast::{self, BinaryOp, Bindings, Id, Kind, Param, Part, Tree},
    value::{Attrs, Str, Value},
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
}

type Resolved<T> = Result<T, EvalError>;

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

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

struct Compiler<'a> {
    tree: &'a Tree,
    context: Context<'a>,
    scopes: Scopes,
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
    fn now(&mut self, id: Id) -> Resolved<Node> {
        let name = self.name.take();
        let expr = grow_stack(|| self.expr(id, name))?;
        Ok(Node {
            expr,
            span: self.span(id),
            code: Node::NO_CODE,
        })
    }

    /// Code a thunk may be made of.
    fn later(&mut self, id: Id) -> Resolved<Node> {
        let node = self.now(id)?;
        Ok(self.deferred(node))
    }

    /// Makes a node one that thunks can be made of.
    ///
    /// The table gets a node of its own, which shares everything below with `node`.
    fn deferred(&mut self, node: Node) -> Node {
        let code = CodeId(self.context.codes.len() as u32);
        let node = Node { code, ..node };
        self.context.codes.push(leak(node.clone()));
        node
    }

    fn named(&mut self, name: Symbol, id: Id) -> Resolved<Node> {
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

    fn variable(&mut self, name: Symbol, span: Span) -> Resolved<Expr> {
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
                ast::Name::Static(name, span) => Ok(Name::Static(name, span)),
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

    fn let_in(&mut self, bindings: &Bindings, body: Id) -> Resolved<Expr> {
        self.scopes.push(Scope::Names(frame_names(bindings)));
        let code = self.let_code(bindings, body);
        self.scopes.pop();
        Ok(Expr::Let(leak(code?)))
    }

    fn let_code(&mut self, bindings: &Bindings, body: Id) -> Resolved<Let> {
        Ok(Let {
            slots: self.frame(bindings)?,
            body: self.now(body)?,
        })
    }

    /// The slots of a recursive frame: the fields in order, then the sources of `inherit (…)`.
    fn frame(&mut self, bindings: &Bindings) -> Resolved<Box<[Binding]>> {
        let (sources, extra) = self.sources(bindings, bindings.fields.len() as u32)?;
        let mut slots = Vec::with_capacity(bindings.fields.len() + extra.len());
        for field in &bindings.fields {
            let node = match field.value {
                ast::FieldValue::Expr(id) => self.named(field.name, id)?,
                ast::FieldValue::Inherit => self.inherited(field)?,
                ast::FieldValue::InheritFrom(source) => {
                    let source = sources[source as usize].clone();
                    self.select_from(source, field)
                }
            };
            slots.push(binding(node));
        }
        slots.extend(extra);
        Ok(slots.into())
    }

    /// `inherit x;` in a recursive frame: `x` from outside it.
    fn inherited(&mut self, field: &ast::Field) -> Resolved<Node> {
        let hidden = self.scopes.pop();
        let found = self.variable(field.name, field.span);
        hidden.into_iter().for_each(|scope| self.scopes.push(scope));
        let expr = deeper(found?);
        let node = Node {
            expr,
            span: field.span,
            code: Node::NO_CODE,
        };
        Ok(self.deferred(node))
    }

    fn select_from(&mut self, source: Source, field: &ast::Field) -> Node {
        let source = match source {
            Source::Slot(slot) => Expr::Local(slot),
            Source::Variable(expr) => expr,
        };
        let base = Node {
            expr: source,
            span: field.span,
            code: Node::NO_CODE,
        };
        let path = Box::new([Name::Static(field.name, field.span)]);
        let expr = Expr::Select(leak(Select {
            base,
            path,
            default: None,
        }));
        self.deferred(Node {
            expr,
            span: field.span,
            code: Node::NO_CODE,
        })
    }

    fn attrs(&mut self, bindings: &Bindings) -> Resolved<Expr> {
        if bindings.fields.is_empty() && bindings.dynamic.is_empty() {
            return Ok(Expr::Const(Value::Attrs(Attrs::from_vec(Vec::new()))));
        }
        let code = if bindings.recursive {
            self.recursive(bindings)?
        } else {
            self.plain(bindings)?
        };
        Ok(Expr::Attrs(leak(code)))
    }

    fn recursive(&mut self, bindings: &Bindings) -> Resolved<AttrsCode> {
        self.scopes.push(Scope::Names(frame_names(bindings)));
        let code = self.recursive_code(bindings);
        self.scopes.pop();
        code
    }

    fn recursive_code(&mut self, bindings: &Bindings) -> Resolved<AttrsCode> {
        let slots = self.frame(bindings)?;
        let mut fields: Vec<FieldCode> = (0..)
            .zip(&bindings.fields)
            .map(|(slot, field)| FieldCode {
                name: field.name,
                pos: field.span.start,
                value: FieldValue::Slot(slot),
            })
            .collect();
        fields.sort_by_key(|field| field.name);
        let overrides = bindings.find(known::OVERRIDES).map(|slot| slot as u32);
        let dynamic = self.dynamic(bindings)?;
        Ok(AttrsCode {
            slots,
            fields: fields.into(),
            dynamic,
            overrides,
        })
    }

    fn plain(&mut self, bindings: &Bindings) -> Resolved<AttrsCode> {
        let (sources, slots) = self.sources(bindings, 0)?;
        let mut fields = Vec::with_capacity(bindings.fields.len());
        for field in &bindings.fields {
            let value = match field.value {
                ast::FieldValue::Expr(id) => FieldValue::Outside(self.named(field.name, id)?),
                ast::FieldValue::Inherit => {
                    let expr = self.variable(field.name, field.span)?;
                    let node = Node {
                        expr,
                        span: field.span,
                        code: Node::NO_CODE,
                    };
                    FieldValue::Outside(self.deferred(node))
                }
                ast::FieldValue::InheritFrom(source) => {
                    let source = sources[source as usize].clone();
                    let inside = matches!(source, Source::Slot(_));
                    let node = self.select_from(source, field);
                    if inside {
                        FieldValue::Inside(node)
                    } else {
                        FieldValue::Outside(node)
                    }
                }
            };
            fields.push(FieldCode {
                name: field.name,
                pos: field.span.start,
                value,
            });
        }
        fields.sort_by_key(|field| field.name);
        let dynamic = self.dynamic(bindings)?;
        Ok(AttrsCode {
            slots: slots.into(),
            fields: fields.into(),
            dynamic,
            overrides: None,
        })
    }

    /// The sources of `inherit (…)`: variables stand for themselves, the rest takes slots from
    /// `first` on, so that it is evaluated once however many names are inherited.
    fn sources(
        &mut self,
        bindings: &Bindings,
        first: u32,
    ) -> Resolved<(Vec<Source>, Vec<Binding>)> {
        let (mut sources, mut slots) = (Vec::new(), Vec::new());
        for source in &bindings.sources {
            let node = self.now(*source)?;
            if matches!(
                node.expr,
                Expr::Local(_) | Expr::Outer { .. } | Expr::Const(_)
            ) {
                sources.push(Source::Variable(node.expr));
            } else {
                sources.push(Source::Slot(first + slots.len() as u32));
                slots.push(Binding {
                    node: self.deferred(node),
                    forward: false,
                });
            }
        }
        Ok((sources, slots))
    }

    fn dynamic(&mut self, bindings: &Bindings) -> Resolved<Box<[DynamicCode]>> {
        bindings
            .dynamic
            .iter()
            .map(|dynamic| {
                let (name, value) = (self.now(dynamic.name)?, self.later(dynamic.value)?);
                Ok(DynamicCode {
                    name,
                    value,
                    pos: dynamic.pos,
                })
            })
            .collect()
    }
}

/// Where the source of an `inherit (…)` is found.
#[derive(Clone)]
enum Source {
    Slot(u32),
    Variable(Expr),
}

fn frame_names(bindings: &Bindings) -> Names {
    Names::new(
        bindings
            .fields
            .iter()
            .map(|field| field.name)
            .zip(0..)
            .collect(),
    )
}

fn binding(node: Node) -> Binding {
    let forward = matches!(node.expr, Expr::Local(_));
    Binding { node, forward }
}

/// The same variable, seen from one frame further in.
fn deeper(expr: Expr) -> Expr {
    match expr {
        Expr::Local(slot) => Expr::Outer { depth: 1, slot },
        Expr::Outer { depth, slot } => Expr::Outer {
            depth: depth + 1,
            slot,
        },
        Expr::FromWith(from) => {
            let depths = from.depths.iter().map(|depth| depth + 1).collect();
            Expr::FromWith(leak(FromWith {
                name: from.name,
                depths,
            }))
        }
        other => other,
    }
}
