//! Evaluates an expression or file on its own, as `nixops4 eval` asks.

use nixops4_lang::{EvalError, Value};
use nixops4_proto::evaluator::{Eval, EvalFormat, EvalSource, Evaluated};
use nixops4_proto::path::Step;

use crate::error::{self, WireError};
use crate::read::parse_attr_path;
use crate::session::Session;

impl Session {
    /// Evaluates and prints.
    pub fn evaluate(&mut self, ask: &Eval) -> Result<Evaluated, WireError> {
        let steps = match ask.attr.as_deref().filter(|attr| !attr.is_empty()) {
            Some(attr) => {
                parse_attr_path(attr)
                    .map_err(|message| error::plain("value", message))?
                    .0
            }
            None => Vec::new(),
        };
        let (text, taint) = {
            let session = &mut *self;
            let evaluator = &mut session.evaluator;
            evaluator.with_taint(|evaluator| {
                let mut value = match &ask.source {
                    EvalSource::Expr { text, base } => evaluator.thunk_str(text, "string", base)?,
                    EvalSource::File(path) => evaluator.thunk_file(path)?,
                };
                for step in &steps {
                    value = into(evaluator, &value, step)?;
                }
                print(evaluator, &value, ask)
            })
        };
        let text =
            text.map_err(|error| error::describe(&self.evaluator, &error, ask.show_trace))?;
        let text = match self.evaluator.taint_marks(taint).is_sensitive() {
            true => "(sensitive)".to_owned(),
            false => text,
        };
        Ok(Evaluated { text })
    }
}

/// The element of a list or the attribute of a set.
fn into(
    evaluator: &mut nixops4_lang::Evaluator,
    value: &Value,
    step: &Step,
) -> Result<Value, EvalError> {
    let value = evaluator.force(value)?;
    let name = match (step, &value) {
        (Step::Name(name), Value::List(list)) => match name.parse() {
            Ok(index) => return element(list, index),
            Err(_) => name.clone(),
        },
        (Step::Index(index), Value::List(list)) => {
            return element(list, usize::try_from(*index).unwrap_or(usize::MAX));
        }
        (Step::Name(name), _) => name.clone(),
        (Step::Index(index), _) => index.to_string(),
    };
    evaluator.select(&value, &name)
}

fn element(list: &[Value], index: usize) -> Result<Value, EvalError> {
    list.get(index).cloned().ok_or_else(|| {
        let message = format!("the list has {} elements, so none at {index}", list.len());
        EvalError::new(nixops4_lang::ErrorKind::Value, message)
    })
}

fn print(
    evaluator: &mut nixops4_lang::Evaluator,
    value: &Value,
    ask: &Eval,
) -> Result<String, EvalError> {
    match ask.format {
        EvalFormat::Nix => evaluator.print(value, ask.strict),
        EvalFormat::Json => evaluator.to_json(value),
        EvalFormat::Raw => evaluator.string_of(value),
    }
}
