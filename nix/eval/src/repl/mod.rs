//! What somebody types at a prompt: the scope, and what is evaluated in it.
//!
//! [`dependencies`] says which outputs a value depends on, [`complete`] how a name could go on.

mod complete;
mod dependencies;

use std::collections::BTreeMap;
use std::path::PathBuf;

use nixops4_lang::{
    Attrs, Documentation, EvalError, Evaluator, Input, Pretty, Taint, Value, attr_name,
};
use nixops4_proto::evaluator::{
    EnterInput, Entered, EvalSource, ExtendScope, InScope, InputChecked, OpenScope, Show,
};
use nixops4_proto::path::{AttrPath, OutputRef};

use crate::error::{self, WireError};
use crate::library;
use crate::outputs::Outputs;
use crate::session::Session;

/// What the text that was typed is called in positions, as in Nix.
const TEXT_NAME: &str = "string";

/// What texts that are typed see.
pub struct Scope {
    /// Where relative paths start.
    base: PathBuf,
    /// Whether traces are whole.
    show_trace: bool,
    variables: BTreeMap<String, Value>,
    /// The members of the root, whatever the user has bound since.
    members: Option<Value>,
}

impl Default for Scope {
    fn default() -> Self {
        Scope {
            base: PathBuf::from("/"),
            show_trace: false,
            variables: BTreeMap::new(),
            members: None,
        }
    }
}

impl Session {
    /// Begins the scope anew.
    pub fn open_scope(&mut self, ask: &OpenScope) -> Result<InScope, WireError> {
        self.scope = Scope {
            base: ask.base.clone(),
            show_trace: ask.show_trace,
            ..Scope::default()
        };
        let Ok(root) = self.root() else {
            return Ok(InScope { names: Vec::new() });
        };
        let scope = self
            .evaluator
            .select(&root, "scope")
            .and_then(|scope| self.evaluator.attrs_of(&scope))
            .map_err(|error| self.input_error(&error))?;
        let names = self.add(&scope);
        self.scope.members = self.scope.variables.get("members").cloned();
        Ok(InScope { names })
    }

    /// Adds the attributes of a set to the scope.
    pub fn extend_scope(&mut self, ask: &ExtendScope) -> Result<InScope, WireError> {
        let value = match &ask.source {
            EvalSource::File(path) => self.evaluator.thunk_file(path),
            EvalSource::Expr { text, base, name } => {
                let variables = variables(&self.scope);
                self.evaluator.thunk_str_in(text, name, base, &variables)
            }
        };
        let attrs = value.and_then(|value| {
            let value = self.evaluator.auto_call(&value, &Attrs::from_vec(vec![]))?;
            self.evaluator.attrs_of(&value)
        });
        let attrs = attrs.map_err(|error| self.input_error(&error))?;
        let names = self.add(&attrs);
        Ok(InScope { names })
    }

    fn add(&mut self, attrs: &Attrs) -> Vec<String> {
        let mut names = Vec::with_capacity(attrs.len());
        for attr in self.evaluator.sorted_attrs(attrs) {
            let name = self.evaluator.symbol_name(attr.name);
            self.scope
                .variables
                .insert(name.clone(), attr.value.clone());
            names.push(name);
        }
        names
    }

    /// Whether a text is whole.
    pub fn check_input(&mut self, text: &str) -> InputChecked {
        InputChecked {
            whole: self.evaluator.is_whole(text),
        }
    }

    /// Evaluates what was typed.
    pub fn enter(&mut self, ask: &EnterInput) -> Result<Entered, WireError> {
        match self.read_typed(&ask.text)? {
            Input::Empty => Ok(Entered::Nothing {}),
            Input::Expression(value) if ask.show == Show::Place => {
                let place = self.evaluator.written_in(&value);
                let place = place.map_err(|error| self.input_error(&error))?;
                let path = place.origin.path();
                Ok(Entered::Written {
                    position: error::from_location(&place),
                    shipped: path.is_none_or(library::is_library),
                })
            }
            Input::Expression(value) => {
                let text = self.show(&value, ask.show);
                let text = text.map_err(|error| self.input_error(&error))?;
                Ok(Entered::Shown { text })
            }
            Input::Bindings(_) if ask.show != Show::Value => Err(no_expression()),
            Input::Bindings(bindings) => {
                let names = bindings.iter().map(|(name, _)| name.clone()).collect();
                self.scope.variables.extend(bindings);
                Ok(Entered::Bound { names })
            }
        }
    }

    fn read_typed(&mut self, text: &str) -> Result<Input, WireError> {
        let variables = variables(&self.scope);
        self.evaluator
            .read_input(text, TEXT_NAME, &self.scope.base, &variables)
            .map_err(|error| self.input_error(&error))
    }

    fn show(&mut self, value: &Value, show: Show) -> Result<String, EvalError> {
        if show != Show::Value {
            let (forced, taint) = self
                .evaluator
                .with_taint(|evaluator| evaluator.force(value));
            match (forced, show) {
                (Err(error), _) if error.is_suspended() => {
                    return Ok(unknown(&self.outputs, &self.evaluator, error.awaited()));
                }
                (Err(error), _) => return Err(error),
                (Ok(value), Show::Documentation) => {
                    let found = self.evaluator.documentation(&value)?;
                    return Ok(documented(&found));
                }
                (Ok(value), Show::Type) => return Ok(self.evaluator.show_type(&value)),
                (Ok(Value::String(text)), _)
                    if !self.evaluator.taint_marks(taint).is_sensitive() =>
                {
                    return Ok(text.to_text().into_owned());
                }
                (Ok(_), _) => {}
            }
        }
        let component = self.evaluator.symbol("_component");
        let outputs = &self.outputs;
        let how = Pretty {
            deep: show == Show::Deep,
            unknown: &|evaluator, taint| unknown(outputs, evaluator, taint),
            // Options for internal use.
            leaves_out: &|_, attrs, name| name.starts_with('_') && attrs.get(component).is_some(),
        };
        self.evaluator.print_pretty(value, &how)
    }

    /// Why something that was typed could not be evaluated.
    fn input_error(&self, error: &EvalError) -> WireError {
        if error.is_suspended() {
            let awaited = expressions(&self.outputs, &self.evaluator, error.awaited());
            return error::plain("unknown", format!("this needs {awaited}, not known yet"));
        }
        error::describe(&self.evaluator, error, self.scope.show_trace)
    }
}

fn documented(found: &Documentation) -> String {
    let place = found.place.as_ref().map(error::from_location);
    let place = place.map(|at| format!("a function at {}:{}:{}", at.file, at.line, at.column));
    let text = found
        .text
        .as_deref()
        .unwrap_or("(nothing is written about it)");
    let heading = found.usage.clone().or(place).unwrap_or_default();
    format!("{heading}\n\n{text}")
}

fn no_expression() -> WireError {
    error::plain("syntax", "an expression is needed here, not bindings")
}

fn variables(scope: &Scope) -> Vec<(&str, Value)> {
    let variables = scope.variables.iter();
    variables
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect()
}

/// What stands for a value that waits for outputs.
fn unknown(outputs: &Outputs, evaluator: &Evaluator, awaited: Taint) -> String {
    format!("«unknown: {}»", expressions(outputs, evaluator, awaited))
}

fn expressions(outputs: &Outputs, evaluator: &Evaluator, taint: Taint) -> String {
    let refs = outputs.refs(evaluator, taint);
    let texts: Vec<String> = refs.iter().map(expression).collect();
    texts.join(", ")
}

/// How an expression refers to an output: `members.net.members.vpc.outputs.id`.
fn expression(output: &OutputRef) -> String {
    let mut text = String::new();
    for name in output.member.names() {
        text.push_str(if text.is_empty() {
            "members."
        } else {
            ".members."
        });
        text.push_str(&attr_name(name.as_bytes()));
    }
    text.push_str(".outputs");
    text.push_str(&below(&output.path));
    text
}

/// A path as it continues an expression: `.tags.Name`, with `[0]` for the elements of lists.
fn below(path: &AttrPath) -> String {
    use nixops4_proto::path::Step;
    let steps = path.0.iter().map(|step| match step {
        Step::Name(name) => format!(".{}", attr_name(name.as_bytes())),
        Step::Index(index) => format!("[{index}]"),
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_as_expressions() {
        let path = AttrPath::root().child("tags").child("a b").child(0);
        let output = OutputRef {
            member: "net.\"eu-1.a\"".parse().expect("a member path"),
            path,
        };
        assert_eq!(
            expression(&output),
            "members.net.members.\"eu-1.a\".outputs.tags.\"a b\"[0]"
        );
    }
}
