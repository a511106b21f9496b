//! Random types, and random values of a type, for property tests.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::{Bound, Number, Refinements, Type, Value};

pub fn number() -> impl Strategy<Value = Number> {
    let parse = |text: String| text.parse::<Number>().unwrap_or(Number::from(0));
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        (-200..200i64).prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        "-?[0-9]{1,40}(\\.[0-9]{1,40})?".prop_map(parse),
        "-?[0-9]{1,3}\\.[0-9]{1,3}e-?[0-9]{1,2}".prop_map(parse),
        any::<f64>().prop_map(|float| Number::from_f64(float).unwrap_or(Number::from(0))),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,40}",
        "\\PC{0,8}",
        Just("x".repeat(300)),
        Just("y".repeat(70_000))
    ]
}

pub fn ty() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::String),
        Just(Type::Number),
        Just(Type::Bool),
        Just(Type::Dynamic),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            vec(inner.clone(), 0..4).prop_map(Type::tuple),
            btree_map("[a-z_é]{1,8}", inner, 0..20).prop_map(Type::object),
        ]
    })
}

fn refinements(ty: &Type) -> BoxedStrategy<Refinements> {
    let refine = |not_null: bool| Refinements {
        not_null,
        ..Refinements::default()
    };
    let bound = || {
        let make = |(number, inclusive)| Bound { number, inclusive };
        proptest::option::of((number(), any::<bool>()).prop_map(make))
    };
    match ty {
        Type::String => (any::<bool>(), proptest::option::of("[a-z]{1,255}"))
            .prop_map(move |(not_null, prefix)| Refinements {
                prefix,
                ..refine(not_null)
            })
            .boxed(),
        Type::Number => (any::<bool>(), bound(), bound())
            .prop_map(move |(not_null, lower, upper)| Refinements {
                lower,
                upper,
                ..refine(not_null)
            })
            .boxed(),
        Type::List(_) | Type::Set(_) | Type::Map(_) => {
            (any::<bool>(), any::<Option<u64>>(), any::<Option<u64>>())
                .prop_map(move |(not_null, min_length, max_length)| Refinements {
                    min_length,
                    max_length,
                    ..refine(not_null)
                })
                .boxed()
        }
        Type::Dynamic => Just(Refinements::default()).boxed(),
        _ => any::<bool>().prop_map(refine).boxed(),
    }
}

/// Values of a type; with `unknowns` also unknown ones and infinities.
pub fn value(ty: Type, unknowns: bool) -> BoxedStrategy<Value> {
    let known = known(ty.clone(), unknowns);
    match unknowns {
        true => prop_oneof![
            8 => known,
            1 => Just(Value::Null),
            1 => refinements(&ty).prop_map(Value::unknown),
        ]
        .boxed(),
        false => prop_oneof![8 => known, 1 => Just(Value::Null)].boxed(),
    }
}

fn known(ty: Type, unknowns: bool) -> BoxedStrategy<Value> {
    let many = |element: &Type| vec(value(element.clone(), unknowns), 0..5);
    match ty {
        Type::String => text().prop_map(Value::string).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => number()
            .prop_filter("infinities are not JSON", move |n| {
                unknowns || !n.is_infinite()
            })
            .prop_map(Value::Number)
            .boxed(),
        Type::List(element) => many(&element).prop_map(Value::List).boxed(),
        Type::Set(element) => many(&element).prop_map(Value::set).boxed(),
        Type::Map(element) => btree_map("\\PC{0,6}", value((*element).clone(), unknowns), 0..5)
            .prop_map(Value::map)
            .boxed(),
        Type::Tuple(types) => {
            let parts: Vec<_> = types.iter().map(|ty| value(ty.clone(), unknowns)).collect();
            parts.prop_map(Value::Tuple).boxed()
        }
        Type::Object(object) => {
            let names: Vec<_> = object.names().iter().cloned().collect();
            let parts: Vec<_> = object
                .iter()
                .map(|(_, ty)| value(ty.clone(), unknowns))
                .collect();
            parts
                .prop_map(move |values| Value::object(names.iter().cloned().zip(values)))
                .boxed()
        }
        Type::Dynamic => prop_oneof![Just(Type::String), Just(Type::list(Type::Number))]
            .prop_flat_map(move |ty| {
                value(ty.clone(), unknowns).prop_map(move |value| Value::dynamic(ty.clone(), value))
            })
            .boxed(),
    }
}

/// A random type with a random value of it.
pub fn typed_value(unknowns: bool) -> impl Strategy<Value = (Type, Value)> {
    ty().prop_flat_map(move |ty| (Just(ty.clone()), value(ty, unknowns)))
}
