//! The context of strings: which store paths they refer to.

use std::{collections::BTreeMap, rc::Rc};

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    symbol::known,
    value::{Context, ContextElement, Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("hasContext", 1, 1, has_context),
    Builtin::new("getContext", 1, 1, get_context),
    Builtin::new("appendContext", 2, 1, append_context),
    Builtin::new("unsafeDiscardStringContext", 1, 1, discard),
    Builtin::new("unsafeDiscardOutputDependency", 1, 1, discard_outputs),
    Builtin::new("addDrvOutputDependencies", 1, 1, add_outputs),
];

fn has_context(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    Ok(Value::Bool(evaluator.str_of(&args[0])?.context().is_some()))
}

fn discard(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.coerce(&args[0], crate::eval::Coercion::INTERPOLATION)?;
    Ok(Value::String(text.without_context()))
}

/// What a context says of one store path.
#[derive(Default)]
struct Entry {
    path: bool,
    all_outputs: bool,
    outputs: Vec<Value>,
}

fn get_context(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.str_of(&args[0])?;
    let mut entries: BTreeMap<Rc<str>, Entry> = BTreeMap::new();
    for element in text
        .context()
        .into_iter()
        .flat_map(|context| context.iter())
    {
        match element {
            ContextElement::Opaque(path) => entries.entry(path.clone()).or_default().path = true,
            ContextElement::Deep(path) => {
                entries.entry(path.clone()).or_default().all_outputs = true;
            }
            ContextElement::Built { derivation, output } => {
                let outputs = &mut entries.entry(derivation.clone()).or_default().outputs;
                outputs.push(Value::string(output.as_bytes()));
            }
        }
    }
    let mut fields = Vec::with_capacity(entries.len());
    for (path, entry) in entries {
        let mut entry_fields = Vec::new();
        if entry.path {
            entry_fields.push(("path", Value::Bool(true)));
        }
        if entry.all_outputs {
            entry_fields.push(("allOutputs", Value::Bool(true)));
        }
        if !entry.outputs.is_empty() {
            entry_fields.push(("outputs", Value::list(entry.outputs)));
        }
        fields.push((path, evaluator.make_attrs(entry_fields)));
    }
    Ok(evaluator.make_attrs(fields))
}

fn append_context(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.str_of(&args[0])?;
    let mut context: Context = text
        .context()
        .map_or_else(Context::new, |own| (**own).clone());
    let entries = evaluator.attrs_of(&args[1])?;
    for attr in evaluator
        .sorted_attrs(&entries)
        .into_iter()
        .cloned()
        .collect::<Vec<_>>()
    {
        let path: Rc<str> = evaluator.symbol_name(attr.name).into();
        check_store_path(evaluator, &path)?;
        let entry = evaluator.attrs_of(&attr.value)?;
        if let Some(value) = evaluator.attr(&entry, known::PATH)
            && evaluator.bool_of(&value)?
        {
            context.insert(ContextElement::Opaque(path.clone()));
        }
        if let Some(value) = evaluator.attr(&entry, known::ALL_OUTPUTS)
            && evaluator.bool_of(&value)?
        {
            check_derivation(&path, "all outputs")?;
            context.insert(ContextElement::Deep(path.clone()));
        }
        if let Some(value) = evaluator.attr(&entry, known::OUTPUTS) {
            for output in evaluator.list_of(&value)?.iter() {
                check_derivation(&path, "outputs")?;
                let output = evaluator.string_of(output)?.into();
                context.insert(ContextElement::Built {
                    derivation: path.clone(),
                    output,
                });
            }
        }
    }
    Ok(Value::String(Str::with_context(text.as_bytes(), context)))
}

fn check_store_path(evaluator: &Evaluator, path: &str) -> Eval<()> {
    let below = path.strip_prefix(&evaluator.options().store_dir);
    if below.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')) {
        return Ok(());
    }
    let message = format!("context key '{path}' is not a store path");
    Err(EvalError::new(ErrorKind::Value, message))
}

fn check_derivation(path: &str, what: &str) -> Eval<()> {
    if path.ends_with(".drv") {
        return Ok(());
    }
    let message =
        format!("tried to add {what} context of {path}, which is not a derivation, to a string");
    Err(EvalError::new(ErrorKind::Value, message))
}

fn discard_outputs(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.str_of(&args[0])?;
    let changed = |element: &ContextElement| match element {
        ContextElement::Deep(path) => ContextElement::Opaque(path.clone()),
        other => other.clone(),
    };
    let context = text
        .context()
        .map_or_else(Context::new, |own| own.iter().map(changed).collect());
    Ok(Value::String(Str::with_context(text.as_bytes(), context)))
}

fn add_outputs(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.str_of(&args[0])?;
    let wrong = |why: &str| {
        let message = format!("context of string '{}' {why}", text.to_text());
        Err(EvalError::new(ErrorKind::Value, message))
    };
    let Some(context) = text.context().filter(|context| context.len() == 1) else {
        return wrong("must have exactly one element");
    };
    match context.first() {
        Some(ContextElement::Opaque(path)) => {
            if !path.ends_with(".drv") {
                return wrong("is not a derivation");
            }
            let context = Context::from([ContextElement::Deep(path.clone())]);
            Ok(Value::String(Str::with_context(text.as_bytes(), context)))
        }
        Some(ContextElement::Deep(_)) => Ok(Value::String(text)),
        _ => wrong("is an output of a derivation, not a derivation"),
    }
}
