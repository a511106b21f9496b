//! Frames and sets made of bindings: `let`, `rec`, `inherit` and attribute sets.

use super::{
    ir::{
        AttrsCode, Binding, DynamicCode, Expr, FieldCode, FieldValue, FromWith, Let, Name, Node,
        Select,
    },
    resolve::{Compiler, Resolved, leak},
    scope::{Names, Scope},
};
use crate::{
    symbol::known,
    syntax::ast::{self, Bindings, Id},
    value::{Attrs, Hint, Value},
};

impl Compiler<'_> {
    pub(super) fn let_in(&mut self, bindings: &Bindings, body: Id) -> Resolved<Expr> {
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
        // A variable of the same frame gets a thunk of its own, which makes better messages of what
        // needs itself; where it is to be exactly as in Nix, only one that is not filled yet, or
        // that an override may take the place of.
        let own_thunks = !self.exact() || bindings.find(known::OVERRIDES).is_some();
        for field in &bindings.fields {
            let node = match field.value {
                ast::FieldValue::Expr(id) => self.named(field.name, id)?,
                ast::FieldValue::Inherit => self.inherited(field)?,
                ast::FieldValue::InheritFrom(source) => {
                    let source = sources[source as usize].clone();
                    self.select_from(source, field)
                }
            };
            slots.push(binding(
                if own_thunks { 0 } else { slots.len() as u32 },
                node,
            ));
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
        let path = Box::new([Name::Static(field.name, field.span, Hint::default())]);
        let expr = Expr::Select(leak(Select {
            base,
            path,
            default: None,
        }));
        let node = self.put_off(Node {
            expr,
            span: field.span,
            code: Node::NO_CODE,
        });
        self.deferred(node)
    }

    pub(super) fn attrs(&mut self, bindings: &Bindings) -> Resolved<Expr> {
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

/// Slots are filled in order. Variables of slots from `first` on get a thunk of their own.
fn binding(first: u32, node: Node) -> Binding {
    let forward = matches!(node.expr, Expr::Local(slot) if slot >= first);
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
