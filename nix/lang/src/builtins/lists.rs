//! Lists.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::{Eval, attrs_value},
    evaluator::Evaluator,
    hash::FastMap,
    heap::Ref,
    position::Pos,
    symbol::known,
    value::{Attr, Attrs, Batch, List, Over, Thunk, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("map", 2, 2, map),
    Builtin::new("filter", 2, 2, filter),
    Builtin::new("foldl'", 3, 0, fold),
    Builtin::new("sort", 2, 0, sort),
    Builtin::new("genList", 2, 2, gen_list),
    Builtin::new("genericClosure", 1, 1, generic_closure),
    Builtin::new("concatMap", 2, 0, concat_map),
    Builtin::new("concatLists", 1, 1, concat_lists),
    Builtin::new("any", 2, 0, |e, args| quantify(e, args, true)),
    Builtin::new("all", 2, 0, |e, args| quantify(e, args, false)),
    Builtin::new("elem", 2, 0, elem),
    Builtin::new("elemAt", 2, 1, elem_at),
    Builtin::new("head", 1, 1, head),
    Builtin::new("tail", 1, 1, tail),
    Builtin::new("length", 1, 1, length),
    Builtin::new("partition", 2, 0, partition),
    Builtin::new("groupBy", 2, 0, group_by),
];

fn map(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[1])?;
    if list.is_empty() {
        return Ok(Value::List(list));
    }
    let mut builder = List::builder(list.len());
    let function = evaluator.function_of(&args[0])?;
    let batch = Ref::new(Batch {
        function,
        over: Over::List(list.clone()),
    });
    for (index, _) in (0..).zip(list.iter()) {
        builder.push(Value::Thunk(Thunk::item(&batch, index)));
    }
    Ok(Value::List(List(builder.finish(()))))
}

fn filter(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[1])?;
    if list.is_empty() {
        return Ok(Value::List(list));
    }
    let predicate = evaluator.function_of(&args[0])?;
    let mut kept = Vec::new();
    for item in list.iter() {
        if evaluator.test(&predicate, item)? {
            kept.push(item.clone());
        }
    }
    if kept.len() == list.len() {
        return Ok(Value::List(list));
    }
    Ok(Value::list(kept))
}

fn fold(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let function = evaluator.function_of(&args[0])?;
    let list = evaluator.list_of(&args[2])?;
    let mut result = args[1].clone();
    for item in list.iter() {
        result = evaluator.apply(&function, &[result, item.clone()])?;
    }
    evaluator.force(&result)
}

fn sort(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[1])?;
    if list.is_empty() {
        return Ok(Value::List(list));
    }
    let function = evaluator.function_of(&args[0])?;
    let natural = is_less_than(&function);
    if natural && let Some(sorted) = sort_plain(evaluator, &list)? {
        return Ok(Value::list(sorted));
    }
    // Also an item that no comparison looks at.
    for item in list.iter() {
        evaluator.force(item)?;
    }
    let mut less = |evaluator: &mut Evaluator, a: &Value, b: &Value| -> Eval<bool> {
        if natural {
            let (a, b) = evaluator.force_both(a, b)?;
            return evaluator.less(&a, &b);
        }
        let result = evaluator.apply(&function, &[a.clone(), b.clone()])?;
        evaluator.bool_of(&result)
    };
    let sorted = merge_sort(evaluator, list.to_vec(), &|_| false, &mut less)?;
    Ok(Value::list(sorted))
}

/// Whether a function is `lessThan`, or does the same by name: `a: b: a < b`.
fn is_less_than(function: &Value) -> bool {
    match function {
        Value::Builtin(builtin) => builtin.name == "lessThan",
        Value::Lambda(closure) => closure.lambda.is_less_than(),
        _ => false,
    }
}

/// Sorts a list of strings, or of integers, without a call for each comparison.
fn sort_plain(evaluator: &mut Evaluator, list: &List) -> Eval<Option<Vec<Value>>> {
    if list.len() < 2 {
        return Ok(None);
    }
    let mut forced = Vec::with_capacity(list.len());
    for item in list.iter() {
        forced.push((evaluator.force(item)?, item.clone()));
    }
    let all = |is: fn(&Value) -> bool| forced.iter().all(|(value, _)| is(value));
    if !all(|value| matches!(value, Value::String(_)))
        && !all(|value| matches!(value, Value::Int(_)))
    {
        return Ok(None);
    }
    let order = |(a, _): &(Value, Value), (b, _): &(Value, Value)| match (a, b) {
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    };
    let sorted = merge_sort(
        evaluator,
        forced,
        &|items| {
            let at_once = items.len() <= SORTED_AT_ONCE;
            if at_once {
                items.sort_by(order);
            }
            at_once
        },
        &mut |evaluator, a, b| {
            evaluator.step()?;
            Ok(order(a, b).is_lt())
        },
    )?;
    Ok(Some(sorted.into_iter().map(|(_, item)| item).collect()))
}

/// How many strings or integers are sorted without a look at whether the evaluation is cancelled.
const SORTED_AT_ONCE: usize = 1 << 17;

type Less<'a, T> = dyn FnMut(&mut Evaluator, &T, &T) -> Eval<bool> + 'a;

/// Stable, and sane whatever the comparison says: it may fail, or be no order at all, which the
/// standard library's sort answers with a panic. `short` sorts what it takes for short enough.
fn merge_sort<T>(
    evaluator: &mut Evaluator,
    mut items: Vec<T>,
    short: &dyn Fn(&mut Vec<T>) -> bool,
    less: &mut Less<'_, T>,
) -> Eval<Vec<T>> {
    if items.len() < 2 || short(&mut items) {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(evaluator, items, short, less)?;
    let right = merge_sort(evaluator, right, short, less)?;
    if let (Some(last), Some(first)) = (left.last(), right.first())
        && !less(evaluator, first, last)?
    {
        let mut sorted = left;
        sorted.extend(right);
        return Ok(sorted);
    }
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let next = if less(evaluator, r, l)? {
            right.next()
        } else {
            left.next()
        };
        sorted.extend(next);
    }
    sorted.extend(left);
    sorted.extend(right);
    Ok(sorted)
}

/// What one item of a generated list takes: its place in the list, and a thunk.
const BYTES_PER_ITEM: usize = 40;

fn gen_list(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let len = evaluator.int_of(&args[1])?;
    let Ok(count) = u32::try_from(len) else {
        let message = format!("cannot create list of size {len}");
        return Err(EvalError::new(ErrorKind::Value, message));
    };
    evaluator.check_room(count as usize * BYTES_PER_ITEM)?;
    let function = evaluator.function_of(&args[0])?;
    let batch = Ref::new(Batch {
        function,
        over: Over::Numbers,
    });
    let mut builder = List::builder(count as usize);
    for index in 0..count {
        builder.push(Value::Thunk(Thunk::item(&batch, index)));
    }
    Ok(Value::List(List(builder.finish(()))))
}

fn generic_closure(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[0])?;
    let start = evaluator.select_forced(&attrs, known::START_SET)?;
    let start = evaluator.list_of(&start)?;
    if start.is_empty() {
        return Ok(Value::List(start));
    }
    let operator = evaluator.select_forced(&attrs, known::OPERATOR)?;
    let mut work: std::collections::VecDeque<Value> = start.iter().cloned().collect();
    let mut keys: Vec<Value> = Vec::new();
    let mut result = Vec::new();
    while let Some(item) = work.pop_front() {
        let item_attrs = evaluator.attrs_of(&item)?;
        let key = evaluator.select_forced(&item_attrs, known::KEY)?;
        let Err(place) = search(evaluator, &keys, &key)? else {
            continue;
        };
        keys.insert(place, key);
        let next = evaluator.apply(&operator, std::slice::from_ref(&item))?;
        work.extend(evaluator.list_of(&next)?.iter().cloned());
        result.push(item);
    }
    Ok(Value::list(result))
}

/// Where `key` is, or belongs, among sorted keys.
fn search(evaluator: &mut Evaluator, keys: &[Value], key: &Value) -> Eval<Result<usize, usize>> {
    let (mut low, mut high) = (0, keys.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        match evaluator.compare(&keys[middle], key)? {
            Some(std::cmp::Ordering::Equal) => return Ok(Ok(middle)),
            Some(std::cmp::Ordering::Less) => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(Err(low))
}

fn concat_map(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let function = evaluator.function_of(&args[0])?;
    let list = evaluator.list_of(&args[1])?;
    let mut all = Vec::new();
    for item in list.iter() {
        let part = evaluator.apply(&function, std::slice::from_ref(item))?;
        all.extend(evaluator.list_of(&part)?.iter().cloned());
    }
    Ok(Value::list(all))
}

fn concat_lists(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let lists = evaluator.list_of(&args[0])?;
    let mut parts = Vec::with_capacity(lists.len());
    for list in lists.iter() {
        parts.push(evaluator.list_of(list)?);
    }
    let mut full = parts.iter().filter(|list| !list.is_empty());
    if let (Some(only), None) = (full.next(), full.next()) {
        return Ok(Value::List(only.clone()));
    }
    let mut builder = List::builder(parts.iter().map(|list| list.len()).sum());
    parts
        .iter()
        .flat_map(|list| list.iter())
        .for_each(|item| builder.push(item.clone()));
    Ok(Value::List(List(builder.finish(()))))
}

/// `any` and `all`: the first item that tests as `decisive` decides.
fn quantify(evaluator: &mut Evaluator, args: &[Value], decisive: bool) -> Eval {
    let predicate = evaluator.function_of(&args[0])?;
    let list = evaluator.list_of(&args[1])?;
    for item in list.iter() {
        if evaluator.test(&predicate, item)? == decisive {
            return Ok(Value::Bool(decisive));
        }
    }
    Ok(Value::Bool(!decisive))
}

fn elem(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[1])?;
    for item in list.iter() {
        if evaluator.equal_inside(&args[0], item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn elem_at(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[0])?;
    let index = evaluator.int_of(&args[1])?;
    match usize::try_from(index)
        .ok()
        .and_then(|index| list.get(index))
    {
        Some(item) => evaluator.force(item),
        None => {
            let message = format!(
                "'builtins.elemAt' called with index {index} on a list of size {}",
                list.len()
            );
            Err(EvalError::new(ErrorKind::Value, message))
        }
    }
}

fn head(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[0])?;
    match list.first() {
        Some(item) => evaluator.force(item),
        None => Err(empty("head")),
    }
}

fn tail(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let list = evaluator.list_of(&args[0])?;
    match list.split_first() {
        Some((_, rest)) => Ok(Value::list(rest.to_vec())),
        None => Err(empty("tail")),
    }
}

#[cold]
fn empty(name: &str) -> EvalError {
    EvalError::new(
        ErrorKind::Value,
        format!("'builtins.{name}' called on an empty list"),
    )
}

fn length(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let len = evaluator.list_of(&args[0])?.len();
    Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
}

fn partition(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let predicate = evaluator.function_of(&args[0])?;
    let list = evaluator.list_of(&args[1])?;
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for item in list.iter() {
        let side = if evaluator.test(&predicate, item)? {
            &mut right
        } else {
            &mut wrong
        };
        side.push(item.clone());
    }
    Ok(attrs_value([
        (known::RIGHT, Value::list(right)),
        (known::WRONG, Value::list(wrong)),
    ]))
}

fn group_by(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let function = evaluator.function_of(&args[0])?;
    let list = evaluator.list_of(&args[1])?;
    let mut groups: FastMap<_, Vec<Value>> = FastMap::default();
    for item in list.iter() {
        let name = evaluator.apply(&function, std::slice::from_ref(item))?;
        let name = evaluator.plain_string(&name)?;
        groups
            .entry(evaluator.symbols.intern_str(&name))
            .or_default()
            .push(item.clone());
    }
    let attr = |(name, items)| Attr {
        name,
        pos: Pos::NONE,
        value: Value::list(items),
    };
    Ok(Value::Attrs(Attrs::from_vec(
        groups.into_iter().map(attr).collect(),
    )))
}
