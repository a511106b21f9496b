//! From what the user wrote to the value a provider is given, checked against the schema.
//!
//! Everything is written like an attribute: `null` means not set, blocks are attribute sets or
//! lists of them. All complaints are collected, each with the path of the leaf it is about.

mod convert;
mod path;

use std::collections::BTreeMap;

use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
pub use nixops4_core::engine::nearest;
use nixops4_core::value::{Kind, Marks, Value as Input};
use nixops4_core::{AttrPath, Step as InputStep};
pub use path::to_input_path;

use crate::cty::{Path, Step, Type, Value};
use crate::schema::{Attribute, Block, Field, FieldKind, Nested, NestedBlock, Nesting};

/// Inputs that fit their schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The value to give to the provider; unknown where the inputs are.
    pub value: Value,
    /// The parts that the user marked, by their place in `value`; a set stands for its elements.
    pub marks: Vec<(Path, Marks)>,
    /// Complaints that are no errors.
    pub warnings: Diagnostics,
}

/// Checks inputs against a schema and converts them.
///
/// `owner` names the type in messages, `aws_vpc`.
///
/// # Errors
/// All that is wrong with the inputs, and the warnings.
pub fn check(owner: &str, block: &Block, inputs: &Input) -> Result<Checked, Diagnostics> {
    let mut checker = Checker {
        owner,
        path: AttrPath::root(),
        place: Path::root(),
        inside_set: 0,
        secret: inputs.marks.sensitive,
        marks: Vec::new(),
        diagnostics: Diagnostics::default(),
    };
    checker.note_marks(inputs);
    let value = match &inputs.kind {
        Kind::Null => checker.block(block, &BTreeMap::new()),
        Kind::Attrs(attrs) => checker.block(block, attrs),
        Kind::Unknown => unknown_inputs(block),
        _ => {
            checker.wrong_kind("an attribute set", inputs);
            Value::Null
        }
    };
    let Checker {
        marks, diagnostics, ..
    } = checker;
    match diagnostics.has_errors() {
        true => Err(diagnostics),
        false => Ok(Checked {
            value,
            marks,
            warnings: diagnostics,
        }),
    }
}

/// Converts a value to a type. `path` is what it is called in messages, and what paths in the
/// diagnostics begin with.
///
/// # Errors
/// All that is wrong with it.
pub fn convert(path: AttrPath, ty: &Type, input: &Input) -> Result<Value, Diagnostics> {
    let mut checker = Checker {
        owner: "",
        path,
        place: Path::root(),
        inside_set: 0,
        secret: input.marks.sensitive,
        marks: Vec::new(),
        diagnostics: Diagnostics::default(),
    };
    let value = checker.convert(ty, input);
    match checker.diagnostics.has_errors() {
        true => Err(checker.diagnostics),
        false => Ok(value),
    }
}

struct Checker<'a> {
    owner: &'a str,
    /// Where we are in the inputs.
    path: AttrPath,
    /// Where we are in the value that is made; stays at a set, whose elements have no place.
    place: Path,
    inside_set: usize,
    /// Whether something around us is secret.
    secret: bool,
    marks: Vec<(Path, Marks)>,
    diagnostics: Diagnostics,
}

impl Checker<'_> {
    /// Goes one step into the inputs, and along `place` into the value.
    fn within<R>(
        &mut self,
        step: impl Into<InputStep>,
        place: Option<Step>,
        input: &Input,
        inner: impl FnOnce(&mut Self) -> R,
    ) -> R {
        self.path.0.push(step.into());
        let placed = place.filter(|_| self.inside_set == 0);
        let was_placed = placed.is_some();
        self.place.0.extend(placed);
        let was_secret = self.secret;
        self.secret |= input.marks.sensitive;
        self.note_marks(input);
        let result = inner(self);
        self.secret = was_secret;
        if was_placed {
            self.place.0.pop();
        }
        self.path.0.pop();
        result
    }

    fn note_marks(&mut self, input: &Input) {
        if !input.marks.is_empty() {
            self.marks.push((self.place.clone(), input.marks));
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        let path = self.path.clone();
        self.diagnostics.push(diagnostic.at(path));
    }

    fn error(&mut self, summary: impl Into<String>) {
        self.report(Diagnostic::error(summary));
    }

    fn wrong_kind(&mut self, expected: &str, found: &Input) {
        self.error(format!(
            "{} must be {expected}, not {}",
            self.subject(),
            describe(found)
        ));
    }

    /// What is being checked, for the beginning of a sentence.
    fn subject(&self) -> String {
        match self.path.0.is_empty() {
            true => format!("the inputs of {}", self.owner),
            false => format!("{}", self.path),
        }
    }

    fn block(&mut self, block: &Block, attrs: &BTreeMap<String, Input>) -> Value {
        for (name, input) in attrs {
            if block.field(name).is_none() && !input.is_null() {
                self.unknown_name(block, name);
            }
        }
        block.build(
            |field| match attrs.get(&*field.name).filter(|input| !input.is_null()) {
                Some(input) => {
                    self.within(
                        &*field.name,
                        Some(field.step()),
                        input,
                        |this| match &field.kind {
                            FieldKind::Attribute(attribute) => this.attribute(attribute, input),
                            FieldKind::Block(nested) => this.blocks(nested, input),
                        },
                    )
                }
                None => self.missing(field),
            },
        )
    }

    fn unknown_name(&mut self, block: &Block, name: &str) {
        let place = match self.path.0.is_empty() {
            true => self.owner.to_owned(),
            false => format!("{} of {}", self.path, self.owner),
        };
        let mut diagnostic = Diagnostic::error(format!("{place} has no input \"{name}\""));
        let settable = block.fields().iter().filter(|field| is_settable(field));
        if let Some(near) = nearest(name, settable.map(|field| &*field.name)) {
            diagnostic = diagnostic.hint(format!("did you mean \"{near}\"?"));
        }
        let path = self.path.child(name);
        self.diagnostics.push(diagnostic.at(path));
    }

    fn missing(&mut self, field: &Field) -> Value {
        let required = match &field.kind {
            FieldKind::Attribute(attribute) => attribute.required,
            FieldKind::Block(nested) => nested.min_items > 0 && nested.nesting != Nesting::Group,
        };
        if required {
            let owner = match self.path.0.is_empty() {
                true => self.owner.to_owned(),
                false => format!("{} of {}", self.path, self.owner),
            };
            self.error(format!("{owner} needs the input \"{}\"", field.name));
        }
        field.absent()
    }

    fn attribute(&mut self, attribute: &Attribute, input: &Input) -> Value {
        if !attribute.optional && !attribute.required {
            self.error(format!(
                "{} is decided by the provider and cannot be set",
                self.path
            ));
            return Value::Null;
        }
        match &attribute.nested {
            Some(nested) => self.nested(nested, input),
            None => self.convert(&attribute.ty, input),
        }
    }

    fn nested(&mut self, nested: &Nested, input: &Input) -> Value {
        self.occurrences(
            nested.nesting,
            input,
            false,
            &mut |this, input| match &input.kind {
                Kind::Null => Value::Null,
                Kind::Unknown => Value::UNKNOWN,
                Kind::Attrs(attrs) => this.block(&nested.object, attrs),
                _ => {
                    this.wrong_kind("an attribute set", input);
                    Value::Null
                }
            },
        )
    }

    fn blocks(&mut self, nested: &NestedBlock, input: &Input) -> Value {
        let value = self.occurrences(nested.nesting, input, true, &mut |this, input| {
            match &input.kind {
                // A block is there once it is written, only what is in it is not known.
                Kind::Unknown => unknown_block(&nested.block),
                Kind::Attrs(attrs) => this.block(&nested.block, attrs),
                _ => {
                    this.wrong_kind("an attribute set", input);
                    Value::Null
                }
            }
        });
        self.count(nested, &value);
        value
    }

    fn count(&mut self, nested: &NestedBlock, value: &Value) {
        let Some(count) = value.as_elements().map(|elements| elements.len() as u64) else {
            return;
        };
        let NestedBlock {
            min_items: min,
            max_items: max,
            ..
        } = nested;
        if count < *min {
            self.error(format!(
                "{} needs at least {min} of these blocks, not {count}",
                self.path
            ));
        }
        if *max > 0 && count > *max {
            self.error(format!(
                "{} can have at most {max} of these blocks, not {count}",
                self.path
            ));
        }
    }

    /// Converts each occurrence of something nested. Blocks may be written more loosely: nulls
    /// among them are passed over, and one alone is a list of one.
    fn occurrences(
        &mut self,
        nesting: Nesting,
        input: &Input,
        blocks: bool,
        one: &mut dyn FnMut(&mut Self, &Input) -> Value,
    ) -> Value {
        match (nesting, &input.kind) {
            (Nesting::Single | Nesting::Group, _) => one(self, input),
            (_, Kind::Unknown) => Value::UNKNOWN,
            (Nesting::Map, Kind::Attrs(attrs)) => {
                let entries = attrs
                    .iter()
                    .filter(|(_, input)| !(blocks && input.is_null()));
                let mut values = Vec::with_capacity(attrs.len());
                for (key, input) in entries {
                    let step = Step::Key(key.as_str().into());
                    let value =
                        self.within(key.as_str(), Some(step), input, |this| one(this, input));
                    values.push((key, value));
                }
                Value::map(values)
            }
            (Nesting::List | Nesting::Set, Kind::List(inputs)) => {
                self.elements(nesting, inputs, blocks, one)
            }
            (Nesting::List | Nesting::Set, Kind::Attrs(_)) if blocks => {
                self.inside_set += usize::from(nesting == Nesting::Set);
                let single = Some(Step::Index(0)).filter(|_| self.inside_set == 0);
                let placed = single.is_some();
                self.place.0.extend(single);
                let value = one(self, input);
                if placed {
                    self.place.0.pop();
                }
                self.inside_set -= usize::from(nesting == Nesting::Set);
                collect(nesting, vec![value])
            }
            (Nesting::Map, _) => {
                self.wrong_kind("an attribute set of attribute sets", input);
                Value::Null
            }
            (Nesting::List | Nesting::Set, _) => {
                self.wrong_kind("a list of attribute sets", input);
                Value::Null
            }
        }
    }

    fn elements(
        &mut self,
        nesting: Nesting,
        inputs: &[Input],
        skip_nulls: bool,
        one: &mut dyn FnMut(&mut Self, &Input) -> Value,
    ) -> Value {
        self.inside_set += usize::from(nesting == Nesting::Set);
        let mut values = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            if skip_nulls && input.is_null() {
                continue;
            }
            let step = Step::Index(values.len());
            values.push(self.within(index, Some(step), input, |this| one(this, input)));
        }
        self.inside_set -= usize::from(nesting == Nesting::Set);
        collect(nesting, values)
    }
}

fn collect(nesting: Nesting, values: Vec<Value>) -> Value {
    match nesting {
        Nesting::Set => Value::set(values),
        _ => Value::List(values),
    }
}

fn is_settable(field: &Field) -> bool {
    match &field.kind {
        FieldKind::Attribute(attribute) => attribute.optional || attribute.required,
        FieldKind::Block(_) => true,
    }
}

/// Inputs of which nothing is known.
fn unknown_inputs(block: &Block) -> Value {
    let mut value = unknown_block(block);
    // Old plugins declare their identifier as if it could be set, and complain when it is.
    let pseudo = block.field("id").is_some_and(
        |field| matches!(&field.kind, FieldKind::Attribute(id) if id.optional && id.computed),
    );
    if let Value::Object(object) = &mut value
        && let Some(id) = object.get_mut("id").filter(|_| pseudo)
    {
        *id = Value::Null;
    }
    value
}

/// A block of which only is known that it is there.
fn unknown_block(block: &Block) -> Value {
    block.build(|field| match is_settable(field) {
        true => Value::UNKNOWN,
        false => Value::Null,
    })
}

/// Names a value in a message, without showing it.
fn describe(input: &Input) -> &'static str {
    match &input.kind {
        Kind::Null => "null",
        Kind::Bool(_) => "a boolean",
        Kind::Number(_) => "a number",
        Kind::String(_) => "a string",
        Kind::List(_) => "a list",
        Kind::Attrs(_) => "an attribute set",
        Kind::Unknown => "a value that is not known yet",
    }
}

#[cfg(test)]
pub(crate) mod tests;
