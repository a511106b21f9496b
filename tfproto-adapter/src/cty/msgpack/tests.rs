//! The MessagePack codec against the examples of the protocol, bad input and random values.

use proptest::prelude::*;

use super::{decode, encode};
use crate::cty::{Bound, Number, Refinements, Type, Value, testing};

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

fn unhex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// Checks that a value is written as the given bytes and read back from them.
fn check(ty: &Type, value: &Value, bytes: &str) {
    assert_eq!(hex(&encode(ty, value).unwrap()), bytes);
    assert_eq!(&decode(ty, &unhex(bytes)).unwrap(), value);
}

fn read(ty: &Type, bytes: &str) -> Value {
    decode(ty, &unhex(bytes)).unwrap()
}

fn refused(ty: &Type, bytes: &str) -> String {
    decode(ty, &unhex(bytes)).unwrap_err().to_string()
}

#[test]
fn null_and_unknown() {
    for ty in [
        Type::String,
        Type::Dynamic,
        Type::list(Type::Bool),
        Type::object([("a", Type::Bool)]),
    ] {
        check(&ty, &Value::Null, "c0");
        check(&ty, &Value::UNKNOWN, "d4 00 00");
    }
}

#[test]
fn numbers_take_the_form_that_go_writes() {
    check(&Type::Number, &number("60"), "3c");
    check(&Type::Number, &number("-1"), "ff");
    check(&Type::Number, &number("-33"), "d0 df");
    check(&Type::Number, &number("200"), "cc c8");
    check(&Type::Number, &number("65535"), "cd ff ff");
    check(
        &Type::Number,
        &number("9007199254740993"),
        "cf 00 20 00 00 00 00 00 01",
    );
    check(
        &Type::Number,
        &number("-9223372036854775808"),
        "d3 80 00 00 00 00 00 00 00",
    );
    check(&Type::Number, &number("0.5"), "cb 3f e0 00 00 00 00 00 00");
    check(&Type::Number, &number("0.1"), "a3 30 2e 31");
    let big = number("9223372036854775808");
    assert_eq!(
        encode(&Type::Number, &big).unwrap(),
        b"\xb39223372036854775808"
    );
    check(
        &Type::Number,
        &Value::Number(Number::INFINITY),
        "cb 7f f0 00 00 00 00 00 00",
    );
}

#[test]
fn numbers_are_read_from_every_form() {
    assert_eq!(
        read(&Type::Number, "cf ff ff ff ff ff ff ff ff"),
        number("18446744073709551615")
    );
    assert_eq!(
        read(&Type::Number, "d3 ff ff ff ff ff ff ff fe"),
        number("-2")
    );
    assert_eq!(read(&Type::Number, "ca 3f 00 00 00"), number("0.5"));
    assert_eq!(
        read(&Type::Number, "cb 3f b9 99 99 99 99 99 9a"),
        number("0.1")
    );
    assert_eq!(read(&Type::Number, "a3 31 65 33"), number("1000"));
    assert!(refused(&Type::Number, "cb 7f f8 00 00 00 00 00 00").contains("NaN"));
    assert_eq!(
        refused(&Type::Number, "a1 78"),
        "expected a number: not a decimal number"
    );
    assert_eq!(
        refused(&Type::Number, "c3"),
        "expected a number, found true"
    );
}

#[test]
fn collections() {
    check(&Type::list(Type::Bool), &Value::List(vec![]), "90");
    check(
        &Type::set(Type::Number),
        &Value::set([Value::int(2), Value::int(1)]),
        "92 01 02",
    );
    check(
        &Type::map(Type::Bool),
        &Value::map([("b", Value::Bool(true)), ("a", Value::Null)]),
        "82 a1 61 c0 a1 62 c3",
    );
    let ty = Type::object([("b", Type::Bool), ("a", Type::list(Type::String))]);
    let value = Value::object([
        ("a", Value::List(vec![Value::string("x")])),
        ("b", Value::UNKNOWN),
    ]);
    check(&ty, &value, "82 a1 61 91 a1 78 a1 62 d4 00 00");
    let ty = Type::tuple([Type::Bool, Type::Number]);
    check(
        &ty,
        &Value::Tuple(vec![Value::Bool(false), Value::int(7)]),
        "92 c2 07",
    );
    check(&Type::object::<&str>([]), &Value::object::<&str>([]), "80");
}

#[test]
fn attributes_are_read_in_any_order_and_any_width() {
    let ty = Type::object([("a", Type::Number), ("b", Type::Number)]);
    let value = Value::object([("a", Value::int(1)), ("b", Value::int(2))]);
    assert_eq!(read(&ty, "82 a1 62 02 a1 61 01"), value);
    assert_eq!(
        read(&ty, "df 00 00 00 02 d9 01 61 cc 01 da 00 01 62 d1 00 02"),
        value
    );
}

#[test]
fn duplicate_set_elements_collapse_unless_unknown() {
    assert_eq!(
        read(&Type::set(Type::Number), "93 01 01 01"),
        Value::set([Value::int(1)])
    );
    let Value::Set(set) = read(&Type::set(Type::Number), "92 d4 00 00 d4 00 00") else {
        panic!()
    };
    assert_eq!(set.len(), 2);
}

#[test]
fn dynamic_positions_carry_the_type() {
    check(
        &Type::Dynamic,
        &Value::dynamic(Type::String, Value::string("x")),
        "92 c4 08 22 73 74 72 69 6e 67 22 a1 78",
    );
    check(
        &Type::list(Type::Dynamic),
        &Value::List(vec![Value::Null, Value::dynamic(Type::Bool, Value::Null)]),
        "92 c0 92 c4 06 22 62 6f 6f 6c 22 c0",
    );
    let as_text = "92 a8 22 73 74 72 69 6e 67 22 a1 78";
    assert_eq!(
        read(&Type::Dynamic, as_text),
        Value::dynamic(Type::String, Value::string("x"))
    );
    assert!(refused(&Type::Dynamic, "92 a3 22 78 22 c0").contains("unknown type \"x\""));
    assert_eq!(
        refused(&Type::Dynamic, "a1 78"),
        "expected a value with its type, found a string"
    );
    assert_eq!(
        encode(&Type::Dynamic, &Value::Bool(true))
            .unwrap_err()
            .to_string(),
        "expected any, found true"
    );
}

#[test]
fn a_typed_value_fits_a_position_of_its_type() {
    let value = Value::dynamic(Type::String, Value::string("x"));
    assert_eq!(hex(&encode(&Type::String, &value).unwrap()), "a1 78");
    assert!(encode(&Type::Bool, &value).is_err());
}

#[test]
fn refinements_are_read_and_written() {
    let prefix = Refinements {
        not_null: true,
        prefix: Some("x-".to_owned()),
        ..Refinements::default()
    };
    check(
        &Type::String,
        &Value::unknown(prefix),
        "c7 07 0c 82 01 c2 02 a2 78 2d",
    );
    let range = Refinements {
        lower: Some(Bound {
            number: Number::from(1),
            inclusive: true,
        }),
        upper: Some(Bound {
            number: "2.5".parse().unwrap(),
            inclusive: false,
        }),
        ..Refinements::default()
    };
    check(
        &Type::Number,
        &Value::unknown(range),
        "c7 11 0c 82 03 92 01 c3 04 92 cb 40 04 00 00 00 00 00 00 c2",
    );
    let length = Refinements {
        min_length: Some(1),
        max_length: Some(300),
        ..Refinements::default()
    };
    check(
        &Type::list(Type::Bool),
        &Value::unknown(length),
        "c7 07 0c 82 05 01 06 cd 01 2c",
    );
}

#[test]
fn refinements_that_do_not_fit_the_type_are_not_sent() {
    let refinements = Refinements {
        prefix: Some("x".to_owned()),
        ..Refinements::default()
    };
    let bytes = encode(&Type::Bool, &Value::unknown(refinements.clone())).unwrap();
    assert_eq!(hex(&bytes), "d4 00 00");
    let bytes = encode(&Type::Dynamic, &Value::unknown(refinements)).unwrap();
    assert_eq!(hex(&bytes), "d4 00 00");
}

#[test]
fn long_prefixes_are_cut_between_characters() {
    let prefix = Some("é".repeat(200));
    let value = Value::unknown(Refinements {
        prefix,
        ..Refinements::default()
    });
    let Value::Unknown(Some(read)) =
        decode(&Type::String, &encode(&Type::String, &value).unwrap()).unwrap()
    else {
        panic!("not refined")
    };
    assert_eq!(read.prefix.unwrap(), "é".repeat(126));
}

#[test]
fn strange_extensions_are_plain_unknowns() {
    assert_eq!(read(&Type::String, "d5 05 01 02"), Value::UNKNOWN);
    // A refinement of a later version, with a nested value, before one that is known.
    let value = read(&Type::Bool, "c7 0a 0c 82 63 92 81 a1 78 01 01 01 c2");
    assert!(matches!(value, Value::Unknown(Some(refined)) if refined.not_null));
    assert_eq!(
        refused(&Type::String, "d4 0c 01"),
        "malformed unknown value: the refinements are no map"
    );
}

#[test]
fn errors_name_the_attribute() {
    let ty = Type::object([(
        "rule",
        Type::list(Type::object([("tags", Type::map(Type::String))])),
    )]);
    assert_eq!(
        refused(&ty, "81 a4 72 75 6c 65 92 c0 81 a4 74 61 67 73 81 a1 6b 01"),
        "rule[1].tags[\"k\"]: expected a string, found a number"
    );
    let value = Value::object([(
        "rule",
        Value::List(vec![Value::object([("tag", Value::Null)])]),
    )]);
    assert_eq!(
        encode(&ty, &value).unwrap_err().to_string(),
        "rule[0]: the attribute \"tags\" is missing"
    );
}

#[test]
fn objects_have_exactly_their_attributes() {
    let ty = Type::object([("a", Type::Bool), ("b", Type::Bool)]);
    assert_eq!(
        refused(&ty, "81 a1 61 c3"),
        "the attribute \"b\" is missing"
    );
    assert_eq!(
        refused(&ty, "82 a1 61 c3 a1 61 c3"),
        "the attribute \"a\" occurs twice"
    );
    assert_eq!(
        refused(&ty, "83 a1 61 c3 a1 62 c3 a1 7a c0"),
        "unexpected attribute \"z\" (expected: a, b)"
    );
    assert_eq!(
        refused(&ty, "81 01 c3"),
        "expected a string as key, found a number"
    );
    assert_eq!(
        refused(&ty, "90"),
        "expected an object, found an array of 0"
    );
    assert_eq!(
        refused(&Type::tuple([Type::Bool]), "90"),
        "expected a tuple of 1, found 0"
    );
}

#[test]
fn attributes_out_of_order_are_counted_too() {
    let ty = Type::object([("a", Type::Bool), ("b", Type::Bool), ("c", Type::Bool)]);
    let value = Value::object([
        ("a", Value::Bool(true)),
        ("b", Value::Null),
        ("c", Value::Bool(false)),
    ]);
    assert_eq!(read(&ty, "83 a1 61 c3 a1 63 c2 a1 62 c0"), value);
    assert_eq!(
        refused(&ty, "82 a1 61 c3 a1 63 c2"),
        "the attribute \"b\" is missing"
    );
    assert_eq!(
        refused(&ty, "82 a1 63 c3 a1 63 c2"),
        "the attribute \"c\" occurs twice"
    );
    assert_eq!(
        refused(&ty, "83 a1 61 c3 a1 62 c3 a1 61 c3"),
        "the attribute \"a\" occurs twice"
    );
    assert_eq!(
        refused(&ty, "82 a1 62 c3 a1 63 01"),
        "c: expected true or false, found a number"
    );
}

#[test]
fn malformed_bytes_are_refused() {
    let cut = "malformed MessagePack: the data ends in the middle of a value";
    assert_eq!(refused(&Type::String, ""), cut);
    assert_eq!(refused(&Type::String, "a5 61 62"), cut);
    assert_eq!(
        refused(&Type::list(Type::Bool), "dd ff ff ff ff"),
        format!("[0]: {cut}")
    );
    assert_eq!(
        refused(&Type::Bool, "c1"),
        "malformed MessagePack: the byte c1 is reserved"
    );
    assert_eq!(
        refused(&Type::String, "a1 ff"),
        "malformed string: not valid UTF-8"
    );
    assert_eq!(
        refused(&Type::Bool, "c3 c3"),
        "1 bytes follow the end of the value"
    );
    assert_eq!(
        refused(&Type::String, "c4 01 61"),
        "expected a string, found binary data"
    );
    assert_eq!(
        refused(&Type::map(Type::Bool), "82 a1 61 c3 a1 61 c3"),
        "a key occurs twice in the map"
    );
}

#[test]
fn endless_nesting_is_refused() {
    // A dynamic value whose type is dynamic again, and so on.
    let bytes = b"\x92\xa9\"dynamic\"".repeat(100_000);
    assert_eq!(
        decode(&Type::Dynamic, &bytes).unwrap_err().message(),
        "the value is nested more than 256 levels deep"
    );
}

proptest! {
    #[test]
    fn values_round_trip((ty, value) in testing::typed_value(true)) {
        let bytes = encode(&ty, &value).unwrap();
        prop_assert_eq!(decode(&ty, &bytes).unwrap(), value);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(ty in testing::ty(), bytes in any::<Vec<u8>>()) {
        let _ = decode(&ty, &bytes);
    }

    #[test]
    fn damaged_values_are_a_value_or_an_error(
        (ty, value) in testing::typed_value(true),
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(&ty, &value).unwrap();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        let _ = decode(&ty, &bytes);
    }
}
