//! Evaluates an expression or file on its own, as `nixops4 eval` asks.

use nixops4_lang::{Attrs, EvalError, Evaluator, Value};
use nixops4_proto::evaluator::{Eval, EvalArgValue, EvalFormat, EvalSource, Printed};

use crate::error::{self, WireError};
use crate::session::Session;

impl Session {
    /// Evaluates and prints, once for each attribute that is asked for.
    pub fn evaluate(&mut self, ask: &Eval, emit: &mut dyn FnMut(Printed)) -> Result<(), WireError> {
        let exact = !ask.strict && ask.format != EvalFormat::Raw;
        self.evaluator
            .set_options(|options| options.exact_laziness = exact);
        let outcome = self.evaluate_each(ask, emit);
        self.evaluator
            .set_options(|options| options.exact_laziness = false);
        outcome.map_err(|error| error::describe(&self.evaluator, &error, ask.show_trace))
    }

    fn evaluate_each(
        &mut self,
        ask: &Eval,
        emit: &mut dyn FnMut(Printed),
    ) -> Result<(), EvalError> {
        let evaluator = &mut self.evaluator;
        if ask.format == EvalFormat::Parsed {
            let text = match &ask.source {
                EvalSource::Expr { text, base, name } => evaluator.show_syntax(text, name, base),
                EvalSource::File(path) => evaluator.show_file_syntax(path),
            }?;
            emit(Printed { text });
            return Ok(());
        }
        let args = arguments(evaluator, ask)?;
        let value = match &ask.source {
            EvalSource::Expr { text, base, name } => evaluator.thunk_str(text, name, base)?,
            EvalSource::File(path) => evaluator.thunk_file(path)?,
        };
        let whole = [String::new()];
        let attrs = match ask.attrs.as_slice() {
            [] => &whole,
            attrs => attrs,
        };
        for attr in attrs {
            let (text, taint) = evaluator.with_taint(|evaluator| {
                let mut value = evaluator.select_path(&value, attr, &args)?;
                if !args.is_empty() {
                    value = evaluator.auto_call(&value, &args)?;
                }
                print(evaluator, &value, ask)
            });
            let text = text?;
            let text = match evaluator.taint_marks(taint).is_sensitive() {
                true => "(sensitive)".to_owned(),
                false => text,
            };
            emit(Printed { text });
        }
        Ok(())
    }
}

fn arguments(evaluator: &mut Evaluator, ask: &Eval) -> Result<Attrs, EvalError> {
    let mut fields = Vec::with_capacity(ask.args.len());
    for arg in &ask.args {
        let value = match &arg.value {
            EvalArgValue::Expr { text, base } => evaluator.thunk_str(text, "string", base)?,
            EvalArgValue::Text(text) => Value::string(text),
        };
        // The last of one name counts.
        fields.retain(|(name, _)| *name != &arg.name);
        fields.push((&arg.name, value));
    }
    let args = evaluator.make_attrs(fields);
    evaluator.attrs_of(&args)
}

fn print(evaluator: &mut Evaluator, value: &Value, ask: &Eval) -> Result<String, EvalError> {
    match ask.format {
        EvalFormat::Nix => evaluator.print(value, ask.strict),
        EvalFormat::Json => evaluator.print_json(value, ask.strict),
        EvalFormat::Xml { locations } => {
            let text = evaluator.print_xml(value, ask.strict, locations)?;
            Ok(text.trim_end_matches('\n').to_owned())
        }
        EvalFormat::Raw => evaluator.print_raw(value),
        EvalFormat::Parsed => unreachable!("what is parsed is printed without a value"),
    }
}
