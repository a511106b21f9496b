//! Typed values become outputs with their marks, in a stable order.

use proptest::prelude::*;

use super::*;
use crate::cty::testing::typed_value;
use crate::cty::{Names, json};
use crate::schema::testing::random::{Author, any_block, value_of};
use crate::schema::testing::{attr, block, blocks, computed, optional, ty};
use crate::schema::{Block, Nesting};

fn convert(block: &Block, value: &Value) -> (Output, DynamicTypes) {
    to_outputs(block, value, &[]).expect("converted")
}

fn one(ty: Type) -> Block {
    block([attr("v", computed(ty))])
}

fn object(block: &Block, values: Vec<Value>) -> Value {
    let names: &Names = block.ty().names();
    Value::Object(Object::from_values(names, values).expect("as many"))
}

#[test]
fn sets_are_lists_in_one_order_and_numbers_are_exact() {
    let b = block([
        attr("n", computed(Type::Number)),
        attr("s", computed(Type::set(Type::String))),
    ]);
    let big: crate::cty::Number = "123456789012345678901234567890.5"
        .parse()
        .expect("a number");
    let set = Value::set(["b", "a"].map(Value::string));
    let (output, _) = convert(&b, &object(&b, vec![Value::Number(big), set]));
    let json = output.to_plain_json().to_string();
    assert_eq!(
        json,
        r#"{"n":123456789012345678901234567890.5,"s":["a","b"]}"#
    );
}

#[test]
fn secrets_are_marked_by_schema_and_by_place() {
    let mut secret = optional(Type::String);
    secret.sensitive = true;
    let inner = block([attr("open", optional(Type::String)), attr("word", secret)]);
    let b = block([
        blocks("l", Nesting::List, inner.clone(), 0, 0),
        attr("m", optional(Type::map(Type::String))),
    ]);
    let login = object(&inner, vec![Value::string("o"), Value::string("w")]);
    let value = object(
        &b,
        vec![
            Value::List(vec![login]),
            Value::map([("k", Value::string("v"))]),
        ],
    );
    let marks = Marks {
        ephemeral: true,
        sensitive: false,
    };
    let place = Path::root().attribute("m").child(Step::Key("k".into()));
    let elsewhere = Path::root().attribute("l").child(Step::Index(7));
    let (output, _) =
        to_outputs(&b, &value, &[(place, marks), (elsewhere, marks)]).expect("converted");
    let mut marked = Vec::new();
    output.visit(&mut |path, _, _, marks| {
        marked.push(format!("{path} {} {}", marks.sensitive, marks.ephemeral));
    });
    assert_eq!(
        marked,
        [
            "l[0].open false true",
            "l[0].word true true",
            "m.k false true"
        ]
    );
}

#[test]
fn infinite_numbers_cannot_be_remembered() {
    let b = one(Type::list(Type::Number));
    let infinite = Value::Number(crate::cty::Number::INFINITY);
    let error = to_outputs(&b, &object(&b, vec![Value::List(vec![infinite])]), &[]);
    assert_eq!(error.expect_err("an error").path().to_string(), "v[0]");
}

#[test]
fn what_is_not_of_the_type_is_not_converted() {
    let b = block([
        attr("a", computed(Type::String)),
        attr("b", computed(ty(r#"["tuple",["bool"]]"#))),
    ]);
    let ty = b.object_type();
    let read = |json: Json| {
        let output = Output::from_plain_json(&json).expect("a value");
        from_outputs(&ty, &output, &DynamicTypes::new())
    };
    assert!(read(json!({"a": "x", "b": [true]})).is_some());
    for other in [
        json!({"a": "x"}),
        json!({"a": "x", "b": [], "c": null}),
        json!({"a": 1, "b": [true]}),
        json!({"a": "x", "b": [true, true]}),
        json!(["x"]),
    ] {
        assert_eq!(read(other.clone()), None, "{other}");
    }
}

#[test]
fn raw_state_loses_what_the_schema_has_no_more() {
    let ty = ty(r#"["object",{"a":["list",["object",{"x":"bool"}]],"m":["map","string"]}]"#);
    let mut raw = json!({"a": [{"x": true, "y": 1}], "m": {"any": "v"}, "old": 1});
    strip_unknown(&ty, &mut raw);
    assert_eq!(raw, json!({"a": [{"x": true}], "m": {"any": "v"}}));
}

fn has_infinity(value: &Value) -> bool {
    matches!(value, Value::Number(n) if n.is_infinite()) || value.children().any(has_infinity)
}

proptest! {
    #[test]
    fn values_of_every_type_come_back((ty, value) in typed_value(false)) {
        prop_assume!(!has_infinity(&value));
        let b = one(ty);
        let value = object(&b, vec![value]);
        let (output, types) = convert(&b, &value);
        prop_assert_eq!(from_outputs(&b.object_type(), &output, &types), Some(value.clone()));
        // Raw state is what Terraform would have written.
        let raw = to_raw_json(&output, &types);
        prop_assert_eq!(json::from_json(&b.object_type(), raw).expect("decodes"), value);
    }

    #[test]
    fn values_of_every_schema_come_back((b, value) in any_block(2, true).prop_flat_map(|b| {
        let value = value_of(&b, Author::Provider);
        (Just(b), value)
    })) {
        let (output, types) = convert(&b, &value);
        prop_assert_eq!(from_outputs(&b.object_type(), &output, &types), Some(value));
    }
}
