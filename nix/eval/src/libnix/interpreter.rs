//! One evaluation state of Nix, with the functions that the engine calls in it.

use std::path::Path;
use std::rc::Rc;

use anyhow::Result;
use nix_bindings_expr::eval_state::{EvalState, EvalStateBuilder};
use nix_bindings_expr::primop::{PrimOp, PrimOpMeta};
use nix_bindings_expr::value::{Value, ValueType};
use nix_bindings_store::store::Store;
use nixops4_proto::evaluator::Position;
use nixops4_proto::path::AttrPath;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::{self, Failure, Places};
use super::outputs::{OUTPUTS_OF, Shared};
use crate::error;

/// The functions that the engine calls.
pub const HELPER: &str = include_str!("helper.nix");

/// An evaluation state and what belongs to it.
pub struct Nix {
    pub state: EvalState,
    pub shared: Rc<Shared>,
    pub places: Rc<Places>,
    pub show_trace: bool,
    helper: Value,
    outputs_of: Value,
    /// From the outputs of resources to the root component, once a root is loaded.
    load: Option<Value>,
}

/// A position as `unsafeGetAttrPos` gives it.
#[derive(Deserialize)]
struct AttrPos {
    file: String,
    line: u32,
    column: u32,
}

impl Nix {
    /// A new state. What other states know, this one does not.
    pub fn new(
        store: &Store,
        search_path: &[String],
        shared: Rc<Shared>,
        places: Rc<Places>,
        show_trace: bool,
    ) -> Result<Nix> {
        let mut state = EvalStateBuilder::new(store.clone())?
            .lookup_path(search_path.iter().map(String::as_str))?
            .build()?;
        shared.current.set(&state);
        let helper = state.eval_from_string(HELPER, "/")?;
        let own = shared.clone();
        let look = PrimOp::new(
            &mut state,
            PrimOpMeta {
                name: c"nixops4Look",
                args: [c"key"],
                doc: c"What is at a position of the outputs of a resource.",
            },
            Box::new(move |state, [key]: &[Value; 1]| {
                let key = state.require_string(key)?;
                let node = own.look(&key)?;
                state.new_value_str(&node)
            }),
        )?;
        let look = state.new_value_primop(look)?;
        let outputs_of = state.eval_from_string(OUTPUTS_OF, "/")?;
        let outputs_of = state.call(outputs_of, look)?;
        Ok(Nix {
            state,
            shared,
            places,
            show_trace,
            helper,
            outputs_of,
            load: None,
        })
    }

    /// Says how the root is made.
    pub fn use_root(&mut self, load: Value) {
        self.load = Some(load);
    }

    /// A root component that shares nothing that depends on outputs with any other.
    pub fn root(&mut self) -> Result<Value, Failure> {
        let Some(load) = self.load.clone() else {
            return Err(error::protocol("no root is loaded").into());
        };
        let outputs_of = self.outputs_of.clone();
        let root = self.state.call(load, outputs_of);
        self.checked(root)
    }

    /// An error of Nix as what it means.
    pub fn failure(&self, error: &anyhow::Error) -> Failure {
        let text = error.to_string();
        let awaited = self.shared.awaited_in(&text);
        if !awaited.is_empty() {
            return Failure::Waits(awaited);
        }
        if let Some(name) = failure::missing_attribute(&text) {
            self.shared.miss(&name);
        }
        Failure::Error(self.places.describe(&text, self.show_trace))
    }

    /// The same for a result.
    pub fn checked<T>(&self, result: Result<T>) -> Result<T, Failure> {
        result.map_err(|error| self.failure(&error))
    }

    /// The type of a value, which is evaluated to its outermost form.
    pub fn type_of(&mut self, value: &Value) -> Result<ValueType, Failure> {
        let found = self.state.value_type(value);
        self.checked(found)
    }

    /// An attribute that is there.
    pub fn select(&mut self, value: &Value, name: &str) -> Result<Value, Failure> {
        let found = self.state.require_attrs_select(value, name);
        self.checked(found)
    }

    /// An attribute that may be there.
    pub fn select_opt(&mut self, value: &Value, name: &str) -> Result<Option<Value>, Failure> {
        let found = self.state.require_attrs_select_opt(value, name);
        self.checked(found)
    }

    /// The names of the attributes, sorted.
    pub fn names(&mut self, value: &Value) -> Result<Vec<String>, Failure> {
        let found = self.state.require_attrs_names(value);
        self.checked(found)
    }

    /// The elements of a list, each evaluated to its outermost form.
    pub fn elements(&mut self, value: &Value) -> Result<Vec<Value>, Failure> {
        let found = self.state.require_list_strict(value);
        self.checked(found)
    }

    /// A truth value.
    pub fn bool_of(&mut self, value: &Value) -> Result<bool, Failure> {
        let found = self.state.require_bool(value);
        self.checked(found)
    }

    /// A string.
    pub fn string_of(&mut self, value: &Value) -> Result<String, Failure> {
        let found = self.state.require_string(value);
        self.checked(found)
    }

    /// The value of a text.
    pub fn eval(&mut self, text: &str, base: &Path) -> Result<Value, Failure> {
        let value = self
            .state
            .eval_from_string(text, &base.display().to_string());
        self.checked(value)
    }

    /// Calls a function.
    pub fn call(&mut self, function: &Value, args: &[Value]) -> Result<Value, Failure> {
        let value = self.state.call_multi(function, args);
        self.checked(value)
    }

    /// A string as a value.
    pub fn text(&mut self, text: &str) -> Result<Value, Failure> {
        let value = self.state.new_value_str(text);
        self.checked(value)
    }

    /// Asks a function of `helper.nix`, the answer being text in JSON.
    pub fn ask<T: DeserializeOwned>(
        &mut self,
        function: &str,
        texts: &[&str],
        about: &Value,
    ) -> Result<T, Failure> {
        let helper = self.helper.clone();
        let function = self.select(&helper, function)?;
        let mut args = Vec::with_capacity(texts.len() + 1);
        for text in texts {
            args.push(self.text(text)?);
        }
        args.push(about.clone());
        let json = self.call(&function, &args)?;
        let json = self.string_of(&json)?;
        serde_json::from_str(&json)
            .map_err(|wrong| error::plain("value", format!("{json}: {wrong}")).into())
    }

    /// The first of some places, `{ set, name }`, whose position is known. That there is none is no
    /// error.
    pub fn position(&mut self, places: &Value) -> Option<Position> {
        let position = self.ask("position", &[], places).ok()?;
        self.in_words(position)
    }

    /// Where the attribute `name` of the first of some sets that has it was written.
    pub fn written(&mut self, name: &str, sets: &Value) -> Option<Position> {
        let position = self.ask("written", &[name], sets).ok()?;
        self.in_words(position)
    }

    /// What a function `locate` of `subject` says of a path.
    pub fn locate(&mut self, path: &AttrPath, subject: &Value) -> Option<Position> {
        let path = serde_json::to_string(path).ok()?;
        let position = self.ask("locate", &[&path], subject).ok()?;
        self.in_words(position)
    }

    fn in_words(&self, position: Option<AttrPos>) -> Option<Position> {
        let at = position?;
        Some(self.places.position(&at.file, at.line, at.column))
    }
}
