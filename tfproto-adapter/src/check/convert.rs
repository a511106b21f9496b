//! Conversions of single attributes, as Terraform does them.

use std::collections::BTreeMap;

use nixops4_core::diagnostic::Diagnostic;
use nixops4_core::value::{Kind, Value as Input};

use super::{Checker, describe, nearest};
use crate::cty::{ObjectType, Step, Type, Value};

impl Checker<'_> {
    /// Converts a value to a type; complains where that is impossible.
    pub(super) fn convert(&mut self, ty: &Type, input: &Input) -> Value {
        // Objects in a list or set directly below an attribute may be written as blocks in
        // Terraform, where what is not written is null.
        let as_blocks =
            matches!(ty, Type::List(e) | Type::Set(e) if matches!(**e, Type::Object(_)));
        self.convert_to(ty, input, as_blocks)
    }

    fn convert_to(&mut self, ty: &Type, input: &Input, as_blocks: bool) -> Value {
        match (ty, &input.kind) {
            (_, Kind::Null) => Value::Null,
            (_, Kind::Unknown) => Value::UNKNOWN,
            (Type::String, Kind::String(text)) => Value::string(&**text),
            (Type::String, Kind::Number(number)) => Value::String(number.to_string()),
            (Type::String, Kind::Bool(truth)) => Value::String(truth.to_string()),
            (Type::Bool, Kind::Bool(truth)) => Value::Bool(*truth),
            (Type::Bool, Kind::String(text)) => self.boolean(text),
            (Type::Number, Kind::Number(number)) => match number.as_i64() {
                Some(int) => Value::int(int),
                None => self.number(&number.to_string()),
            },
            (Type::Number, Kind::String(text)) => self.number(text),
            (Type::Dynamic, _) => self.infer(input),
            (Type::List(element) | Type::Set(element), Kind::List(inputs)) => {
                self.sequence(ty, inputs, as_blocks, |_| element)
            }
            (Type::List(element) | Type::Set(element), Kind::Attrs(_)) if as_blocks => {
                self.sequence(ty, std::slice::from_ref(input), as_blocks, |_| element)
            }
            (Type::Tuple(types), Kind::List(inputs)) if types.len() == inputs.len() => {
                self.sequence(ty, inputs, false, |index| &types[index])
            }
            (Type::Map(element), Kind::Attrs(attrs)) => {
                let mut values = Vec::with_capacity(attrs.len());
                for (key, input) in attrs {
                    let step = Step::Key(key.as_str().into());
                    let value = self.within(key.as_str(), Some(step), input, |this| {
                        this.convert_to(element, input, false)
                    });
                    values.push((key, value));
                }
                Value::map(values)
            }
            (Type::Object(object), Kind::Attrs(attrs)) => self.object(object, attrs, as_blocks),
            (Type::Tuple(types), Kind::List(inputs)) => {
                let (expected, found) = (types.len(), inputs.len());
                self.error(format!(
                    "{} must have {expected} elements, not {found}",
                    self.path
                ));
                Value::Null
            }
            _ => {
                self.error(format!(
                    "{} must be {}, not {}",
                    self.path,
                    wanted(ty),
                    describe(input)
                ));
                Value::Null
            }
        }
    }

    fn sequence<'t>(
        &mut self,
        ty: &Type,
        inputs: &[Input],
        as_blocks: bool,
        element: impl Fn(usize) -> &'t Type,
    ) -> Value {
        let is_set = matches!(ty, Type::Set(_));
        self.inside_set += usize::from(is_set);
        let one = |(index, input): (usize, &Input)| {
            self.within(index, Some(Step::Index(index)), input, |this| {
                this.convert_to(element(index), input, as_blocks)
            })
        };
        let values: Vec<_> = inputs.iter().enumerate().map(one).collect();
        self.inside_set -= usize::from(is_set);
        match ty {
            Type::Set(_) => Value::set(values),
            Type::Tuple(_) => Value::Tuple(values),
            _ => Value::List(values),
        }
    }

    fn object(&mut self, ty: &ObjectType, attrs: &BTreeMap<String, Input>, loose: bool) -> Value {
        for name in attrs.keys().filter(|name| ty.get(name).is_none()) {
            let summary = format!(
                "{} has no attribute \"{name}\", which is ignored",
                self.path
            );
            let mut diagnostic = Diagnostic::warning(summary);
            if let Some(near) = nearest(name, ty.names().iter().map(|name| &**name)) {
                diagnostic = diagnostic.hint(format!("did you mean \"{near}\"?"));
            }
            let path = self.path.child(name.as_str());
            self.diagnostics.push(diagnostic.at(path));
        }
        let attributes = ty.iter().map(|(name, ty)| {
            let value = match attrs.get(&**name) {
                Some(input) => self.within(
                    &**name,
                    Some(Step::Attribute(name.clone())),
                    input,
                    |this| {
                        let nested = matches!(ty, Type::List(_) | Type::Set(_));
                        this.convert_to(ty, input, loose && nested)
                    },
                ),
                None if loose => Value::Null,
                None => {
                    self.report(
                        Diagnostic::error(format!("{} needs the attribute \"{name}\"", self.path))
                            .hint(format!("`{name} = null` leaves it unset")),
                    );
                    Value::Null
                }
            };
            (name, value)
        });
        let attributes: Vec<_> = attributes.collect();
        Value::object(attributes)
    }

    fn number(&mut self, text: &str) -> Value {
        match text.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => {
                self.not_a("a number", text);
                Value::Null
            }
        }
    }

    fn boolean(&mut self, text: &str) -> Value {
        match text {
            "true" | "1" => Value::Bool(true),
            "false" | "0" => Value::Bool(false),
            _ => {
                self.not_a("a boolean", text);
                Value::Null
            }
        }
    }

    fn not_a(&mut self, expected: &str, text: &str) {
        let shown = match self.secret {
            true => "(sensitive)".to_owned(),
            false => format!("{text:?}"),
        };
        self.error(format!(
            "{} must be {expected}; the string {shown} is not",
            self.path
        ));
    }

    /// Chooses a type for a value at a position that takes any.
    fn infer(&mut self, input: &Input) -> Value {
        let ty = inferred_type(input);
        let value = self.convert_to(&ty, input, false);
        Value::dynamic(ty, value)
    }
}

/// The type that Terraform gives to a literal: lists are tuples, attribute sets are objects.
fn inferred_type(input: &Input) -> Type {
    match &input.kind {
        Kind::Null | Kind::Unknown => Type::Dynamic,
        Kind::Bool(_) => Type::Bool,
        Kind::Number(_) => Type::Number,
        Kind::String(_) => Type::String,
        Kind::List(elements) => Type::tuple(elements.iter().map(inferred_type)),
        Kind::Attrs(attrs) => Type::object(
            attrs
                .iter()
                .map(|(name, input)| (name, inferred_type(input))),
        ),
    }
}

fn wanted(ty: &Type) -> String {
    match ty {
        Type::String => "a string".to_owned(),
        Type::Number => "a number".to_owned(),
        Type::Bool => "a boolean".to_owned(),
        Type::Dynamic => "a value".to_owned(),
        Type::List(_) | Type::Set(_) | Type::Tuple(_) => "a list".to_owned(),
        Type::Map(_) | Type::Object(_) => "an attribute set".to_owned(),
    }
}
