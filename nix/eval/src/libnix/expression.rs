//! Evaluates an expression or file on its own, as `nixops4 eval` asks.

use nix_bindings_expr::value::{Value, ValueType};
use nixops4_lang::{attr_name, quoted};
use nixops4_proto::evaluator::{Eval, EvalArgValue, EvalFormat, EvalSource, Printed};

use super::Libnix;
use super::failure::Failure;
use super::interpreter::Nix;
use super::outputs::Log;
use super::roots::path_value;
use crate::error::{self, WireError};

const AUTO_CALL: &str = include_str!("auto_call.nix");

impl Libnix {
    /// Evaluates and prints, once for each attribute that is asked for.
    pub(super) fn evaluate_expression(
        &mut self,
        ask: &Eval,
        emit: &mut dyn FnMut(Printed),
    ) -> Result<(), WireError> {
        let what = match ask.format {
            EvalFormat::Parsed => Some("show how an expression is parsed"),
            EvalFormat::Xml { locations: true } => Some("write positions into XML"),
            _ => None,
        };
        if let Some(what) = what {
            let mut error = error::plain("evaluator", format!("libnix cannot {what}"));
            error
                .hints
                .push("evaluate with --evaluator native".to_owned());
            return Err(error);
        }
        let mut nix = self.nix()?;
        nix.show_trace = ask.show_trace;
        self.shared.swap_log(Log::default());
        let printed = evaluate(&mut nix, ask, emit);
        nix.show_trace = self.show_trace;
        let log = self.shared.swap_log(Log::default());
        match log.text_marked {
            true => self.forget(),
            false => self.nix = Some(nix),
        }
        printed.map_err(Failure::into_wire)
    }
}

fn evaluate(nix: &mut Nix, ask: &Eval, emit: &mut dyn FnMut(Printed)) -> Result<(), Failure> {
    let value = match &ask.source {
        EvalSource::Expr { text, base, .. } => nix.eval(text, base)?,
        EvalSource::File(path) => {
            let path = path_value(nix, path)?;
            let import = nix.eval("import", "/".as_ref())?;
            nix.call(&import, &[path])?
        }
    };
    let whole = [String::new()];
    let attrs = match ask.attrs.as_slice() {
        [] => &whole,
        attrs => attrs,
    };
    let auto_call = auto_call(nix, ask)?;
    for attr in attrs {
        let mut value = select_path(nix, &value, attr, &auto_call)?;
        if !ask.args.is_empty() {
            value = nix.call(&auto_call, &[value])?;
        }
        let text = print(nix, &value, ask)?;
        let text = match nix.shared.marks().is_sensitive() {
            true => "(sensitive)".to_owned(),
            false => text,
        };
        emit(Printed { text });
    }
    Ok(())
}

/// The function that calls functions with the arguments that are given.
fn auto_call(nix: &mut Nix, ask: &Eval) -> Result<Value, Failure> {
    let mut args = nix.eval("{ }", "/".as_ref())?;
    // The last of one name counts.
    let add = nix.eval(
        "set: name: value: set // { ${name} = value; }",
        "/".as_ref(),
    )?;
    for arg in &ask.args {
        let value = match &arg.value {
            EvalArgValue::Expr { text, base } => nix.eval(text, base)?,
            EvalArgValue::Text(text) => nix.text(text)?,
        };
        let name = nix.text(&arg.name)?;
        args = nix.call(&add, &[args, name, value])?;
    }
    let auto_call = nix.eval(AUTO_CALL, "/".as_ref())?;
    nix.call(&auto_call, &[args])
}

/// Goes to `a.0.b`; functions on the way are called.
fn select_path(
    nix: &mut Nix,
    value: &Value,
    path: &str,
    auto_call: &Value,
) -> Result<Value, Failure> {
    let mut value = value.clone();
    for step in path.split('.').filter(|step| !step.is_empty()) {
        value = nix.call(auto_call, &[value])?;
        let item = match step.parse::<u32>() {
            Ok(index) if nix.type_of(&value)? == ValueType::List => {
                let item = nix.state.require_list_select_idx_strict(&value, index);
                nix.checked(item)?
            }
            _ => nix.select_opt(&value, step)?,
        };
        value = item.ok_or_else(|| {
            let text = format!("attribute '{step}' in selection path '{path}' not found");
            Failure::from(error::plain("missingAttribute", text))
        })?;
    }
    Ok(value)
}

fn print(nix: &mut Nix, value: &Value, ask: &Eval) -> Result<String, Failure> {
    let by = match ask.format {
        EvalFormat::Nix => {
            return Printer { nix }.show(value);
        }
        EvalFormat::Json => "builtins.toJSON",
        EvalFormat::Xml { .. } => "builtins.toXML",
        EvalFormat::Raw | EvalFormat::Parsed => "value: \"${value}\"",
    };
    let function = nix.eval(by, "/".as_ref())?;
    let text = nix.call(&function, std::slice::from_ref(value))?;
    let text = nix.string_of(&text)?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Writes values as Nix does with `--strict`: the C API gives no attribute unevaluated.
struct Printer<'a> {
    nix: &'a mut Nix,
}

impl Printer<'_> {
    fn show(&mut self, value: &Value) -> Result<String, Failure> {
        self.nix.enough_stack()?;
        self.value(value)
    }

    fn value(&mut self, value: &Value) -> Result<String, Failure> {
        let kind = self.nix.type_of(value)?;
        Ok(match kind {
            ValueType::String => quoted(self.nix.string_of(value)?.as_bytes()),
            ValueType::AttrSet => self.attrs(value)?,
            ValueType::List => self.list(value)?,
            ValueType::Function => "<LAMBDA>".to_owned(),
            ValueType::Path => {
                let function = self.nix.eval("toString", "/".as_ref())?;
                let text = self.nix.call(&function, std::slice::from_ref(value))?;
                self.nix.string_of(&text)?
            }
            ValueType::External | ValueType::Unknown => "<unknown>".to_owned(),
            // Numbers are written as JSON has them, and so are true, false and null.
            _ => self
                .nix
                .ask::<serde_json::Value>("list", &[], value)?
                .to_string(),
        })
    }

    fn attrs(&mut self, value: &Value) -> Result<String, Failure> {
        let mut text = "{ ".to_owned();
        for name in self.nix.names(value)? {
            let field = self.nix.select(value, &name)?;
            text += &format!("{} = {}; ", attr_name(name.as_bytes()), self.show(&field)?);
        }
        Ok(text + "}")
    }

    fn list(&mut self, value: &Value) -> Result<String, Failure> {
        let mut text = "[ ".to_owned();
        for item in self.nix.elements(value)? {
            text += &self.show(&item)?;
            text.push(' ');
        }
        Ok(text + "]")
    }
}
