//! Attribute sets.

use super::{Builtin, Table};
use crate::{
    eval::{Eval, lazy_apply2},
    evaluator::Evaluator,
    hash::{FastMap, FastSet},
    heap::Ref,
    position::Pos,
    symbol::{Symbol, known},
    value::{Attr, Attrs, Batch, List, Over, Thunk, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("attrNames", 1, 1, attr_names),
    Builtin::new("attrValues", 1, 1, attr_values),
    Builtin::new("mapAttrs", 2, 2, map_attrs),
    Builtin::new("listToAttrs", 1, 1, list_to_attrs),
    Builtin::new("intersectAttrs", 2, 3, intersect),
    Builtin::new("removeAttrs", 2, 3, remove),
    Builtin::new("catAttrs", 2, 0, cat),
    Builtin::new("zipAttrsWith", 2, 0, zip),
    Builtin::new("getAttr", 2, 0, get),
    Builtin::new("hasAttr", 2, 0, has),
    Builtin::new("unsafeGetAttrPos", 2, 0, position),
];

fn attr_names(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let mut builder = List::builder(attrs.len());
    for attr in evaluator.sorted_attrs(&attrs) {
        builder.push(Value::String(evaluator.symbols.name(attr.name).clone()));
    }
    Ok(Value::List(List(builder.finish(()))))
}

fn attr_values(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let sorted = evaluator.sorted_attrs(&attrs);
    Ok(Value::list(
        sorted.into_iter().map(|attr| attr.value.clone()).collect(),
    ))
}

fn map_attrs(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[1])?;
    let mut builder = Attrs::builder(attrs.len());
    let batch = Ref::new(Batch {
        function: args[0].clone(),
        over: Over::Attrs(attrs.clone()),
    });
    for (index, attr) in (0..).zip(attrs.iter()) {
        let value = Value::Thunk(Thunk::item(&batch, index));
        builder.push(Attr {
            name: attr.name,
            // As in Nix: this is how code makes a set forget where it was written.
            pos: Pos::NONE,
            value,
        });
    }
    Ok(Value::Attrs(Attrs(builder.finish(None))))
}

fn list_to_attrs(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[0])?;
    let mut seen = FastSet::default();
    let mut items = Vec::with_capacity(list.len());
    for item in list.iter() {
        let attrs = evaluator.attrs_of(item)?;
        let name = evaluator.select_forced(&attrs, known::NAME)?;
        let name = evaluator.plain_string(&name)?;
        let name = evaluator.symbols.intern_str(&name);
        if !seen.insert(name) {
            continue;
        }
        match evaluator.attr(&attrs, known::VALUE) {
            Some(value) => {
                let pos = attrs.get(known::VALUE).map_or(Pos::NONE, |attr| attr.pos);
                items.push(Attr { name, pos, value });
            }
            None => return Err(evaluator.missing_attribute(&attrs, known::VALUE)),
        }
    }
    Ok(Value::Attrs(Attrs::from_vec(items)))
}

fn intersect(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let left = evaluator.attrs_of(&args[0])?;
    let right = evaluator.attrs_of(&args[1])?;
    let mut builder = Attrs::builder(left.len().min(right.len()));
    // The smaller set is walked, the larger one searched.
    if left.len() <= right.len() {
        left.iter()
            .filter_map(|attr| right.get(attr.name))
            .for_each(|attr| builder.push(attr.clone()));
    } else {
        right
            .iter()
            .filter(|attr| left.get(attr.name).is_some())
            .for_each(|attr| builder.push(attr.clone()));
    }
    Ok(Value::Attrs(Attrs(builder.finish(None))))
}

fn remove(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let names = evaluator.list_of(&args[1])?;
    let mut removed: Vec<Symbol> = Vec::with_capacity(names.len());
    for name in names.iter() {
        let name = evaluator.plain_string(name)?;
        removed.extend(evaluator.symbols.find(name.as_bytes()));
    }
    removed.sort_unstable();
    let mut builder = Attrs::builder(attrs.len());
    for attr in attrs
        .iter()
        .filter(|attr| removed.binary_search(&attr.name).is_err())
    {
        builder.push(attr.clone());
    }
    if builder.len() == attrs.len() {
        return Ok(Value::Attrs(attrs));
    }
    Ok(Value::Attrs(Attrs(
        builder.finish(attrs.fallback().cloned()),
    )))
}

fn cat(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let name = evaluator.plain_string(&args[0])?;
    let name = evaluator.symbols.intern_str(&name);
    let list = evaluator.list_of(&args[1])?;
    let mut found = Vec::new();
    for item in list.iter() {
        let attrs = evaluator.attrs_of(item)?;
        found.extend(evaluator.attr(&attrs, name));
    }
    Ok(Value::list(found))
}

fn zip(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    evaluator.function_of(&args[0])?;
    let list = evaluator.list_of(&args[1])?;
    let mut groups: FastMap<Symbol, Vec<Value>> = FastMap::default();
    for item in list.iter() {
        for attr in evaluator.attrs_of(item)?.iter() {
            groups
                .entry(attr.name)
                .or_default()
                .push(attr.value.clone());
        }
    }
    let function = &args[0];
    let attr = |(name, values)| {
        let text = Value::String(evaluator.symbols.name(name).clone());
        Attr {
            name,
            pos: Pos::NONE,
            value: lazy_apply2(function, text, Value::list(values)),
        }
    };
    Ok(Value::Attrs(Attrs::from_vec(
        groups.into_iter().map(attr).collect(),
    )))
}

/// The name and the set of `getAttr` and its kin.
fn name_and_attrs(evaluator: &mut Evaluator, args: &[Value]) -> Eval<(Symbol, Attrs)> {
    let name = evaluator.plain_string(&args[0])?;
    let attrs = evaluator.attrs_of(&args[1])?;
    Ok((evaluator.symbols.intern_str(&name), attrs))
}

fn get(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (name, attrs) = name_and_attrs(evaluator, args)?;
    evaluator.select_forced(&attrs, name)
}

fn has(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (name, attrs) = name_and_attrs(evaluator, args)?;
    Ok(Value::Bool(attrs.is_open() || attrs.get(name).is_some()))
}

fn position(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (name, attrs) = name_and_attrs(evaluator, args)?;
    match attrs.get(name) {
        Some(attr) => Ok(evaluator.position_value(attr.pos)),
        None => Ok(Value::Null),
    }
}
