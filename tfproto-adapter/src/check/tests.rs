//! Inputs become typed values by the schema, and complaints name their leaf.

use nixops4_core::value::Value as Input;
use serde_json::json;

use super::*;
use crate::cty::Type;
use crate::schema::testing::{attr, block, blocks, computed, nested, optional, required, ty};

fn inputs(json: serde_json::Value) -> Input {
    Input::from_plain_json(&json).expect("inputs")
}

/// Checks inputs; gives the value as text, or the complaints one a line.
fn run_on(block: &Block, inputs: &Input) -> String {
    match check("t", block, inputs) {
        Ok(checked) => {
            let value = show(&checked.value);
            let warnings = checked.warnings.0.iter().map(|w| format!("\nwarning: {w}"));
            value + &warnings.collect::<String>()
        }
        Err(diagnostics) => {
            let one = |diagnostic: &Diagnostic| {
                let hints: String = diagnostic
                    .hints
                    .iter()
                    .map(|hint| format!("; {hint}"))
                    .collect();
                format!("{diagnostic}{hints}")
            };
            diagnostics.0.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    }
}

fn run(block: &Block, json: serde_json::Value) -> String {
    run_on(block, &inputs(json))
}

/// A short notation: sets in braces with `#`, unknown as `?`.
pub fn show(value: &Value) -> String {
    let all = |values: &[Value]| values.iter().map(show).collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Unknown(_) => "?".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::List(elements) => format!("[{}]", all(elements)),
        Value::Tuple(elements) => format!("({})", all(elements)),
        Value::Set(set) => format!("#{{{}}}", all(set.as_slice())),
        Value::Map(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| format!("{key:?}: {}", show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Object(object) => {
            let entries = object
                .iter()
                .map(|(name, value)| format!("{name}={}", show(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
        Value::Dynamic(dynamic) => format!("<{}>{}", dynamic.ty, show(&dynamic.value)),
    }
}

#[test]
fn primitives_convert_as_in_terraform() {
    let b = block([
        attr("b", optional(Type::Bool)),
        attr("n", optional(Type::Number)),
        attr("s", optional(Type::String)),
    ]);
    assert_eq!(run(&b, json!({})), "{b=null n=null s=null}");
    assert_eq!(
        run(&b, json!({"b": "true", "n": "1e3", "s": 12.50})),
        "{b=true n=1000 s=\"12.5\"}"
    );
    assert_eq!(
        run(&b, json!({"b": "0", "n": 1.5, "s": false})),
        "{b=false n=1.5 s=\"false\"}"
    );
    let big = serde_json::from_str("{\"n\": 123456789012345678901234567890.5}").expect("JSON");
    assert_eq!(
        run(&b, big),
        "{b=null n=123456789012345678901234567890.5 s=null}"
    );
    assert_eq!(
        run(&b, json!({"b": "yes", "n": "many", "s": ["x"]})),
        "b must be a boolean; the string \"yes\" is not (at b)\n\
         n must be a number; the string \"many\" is not (at n)\n\
         s must be a string, not a list (at s)"
    );
}

#[test]
fn secrets_are_not_shown_in_complaints() {
    let b = block([attr("n", optional(Type::list(Type::Number)))]);
    let secret = Input::attrs([("n", Input::list([Input::from("hunter2").sensitive()]))]);
    let shown = run_on(&b, &secret);
    assert_eq!(
        shown,
        "n[0] must be a number; the string (sensitive) is not (at n[0])"
    );
}

#[test]
fn collections_take_lists_and_attribute_sets() {
    let b = block([
        attr("l", optional(Type::list(Type::String))),
        attr("m", optional(Type::map(Type::Number))),
        attr(
            "o",
            optional(ty(r#"["object",{"x":"string","y":"number"}]"#)),
        ),
        attr("s", optional(Type::set(Type::String))),
        attr("t", optional(ty(r#"["tuple",["string","bool"]]"#))),
    ]);
    let all = json!({"l": ["b", 1], "m": {"k": 1}, "o": {"x": 1, "y": "2"}, "s": ["b", "a", "b"],
        "t": [1, "false"]});
    assert_eq!(
        run(&b, all),
        r##"{l=["b", "1"] m={"k": 1} o={x="1" y=2} s=#{"a", "b"} t=("1", false)}"##
    );
    assert_eq!(
        run(
            &b,
            json!({"l": "x", "m": ["x"], "o": {"x": "1"}, "s": {"a": 1}, "t": [1]})
        ),
        "l must be a list, not a string (at l)\n\
         m must be an attribute set, not a list (at m)\n\
         o needs the attribute \"y\" (at o); `y = null` leaves it unset\n\
         s must be a list, not an attribute set (at s)\n\
         t must have 2 elements, not 1 (at t)"
    );
    assert_eq!(
        run(&b, json!({"o": {"x": "1", "y": null, "yy": 1}})),
        "{l=null m=null o={x=\"1\" y=null} s=null t=null}\n\
         warning: o has no attribute \"yy\", which is ignored (at o.yy)"
    );
}

#[test]
fn lists_of_objects_may_be_written_like_blocks() {
    let element =
        r#"["list",["object",{"a":"string","b":["set",["object",{"c":"bool","d":"bool"}]]}]]"#;
    let b = block([attr("rules", optional(ty(element)))]);
    assert_eq!(
        run(&b, json!({"rules": [{"a": "x"}, {"b": [{"c": true}]}]})),
        r##"{rules=[{a="x" b=null}, {a=null b=#{{c=true d=null}}}]}"##
    );
    assert_eq!(
        run(&b, json!({"rules": {"a": "x"}})),
        r#"{rules=[{a="x" b=null}]}"#
    );
}

#[test]
fn names_are_checked_with_a_suggestion() {
    let inner = block([attr("port", required(Type::Number))]);
    let b = block([
        attr("cidr_block", optional(Type::String)),
        attr("id", computed(Type::String)),
        attr("name", required(Type::String)),
        blocks("rule", Nesting::List, inner, 0, 0),
    ]);
    assert_eq!(
        run(
            &b,
            json!({"cidr_blok": "x", "colour": 1, "ignored": null, "id": "x", "rule": [{"prt": 1}]})
        ),
        "t has no input \"cidr_blok\" (at cidr_blok); did you mean \"cidr_block\"?\n\
         t has no input \"colour\" (at colour)\n\
         id is decided by the provider and cannot be set (at id)\n\
         t needs the input \"name\"\n\
         rule[0] of t has no input \"prt\" (at rule[0].prt); did you mean \"port\"?\n\
         rule[0] of t needs the input \"port\" (at rule[0])"
    );
}

fn every_nesting() -> Block {
    let inner = || {
        block([
            attr("a", optional(Type::String)),
            attr("c", computed(Type::String)),
        ])
    };
    block([
        blocks("group", Nesting::Group, inner(), 0, 0),
        blocks("list", Nesting::List, inner(), 0, 2),
        blocks("map", Nesting::Map, inner(), 0, 0),
        blocks("set", Nesting::Set, inner(), 0, 0),
        blocks("single", Nesting::Single, inner(), 0, 0),
    ])
}

#[test]
fn blocks_are_written_like_attributes() {
    let b = every_nesting();
    assert_eq!(
        run(&b, json!({})),
        "{group={a=null c=null} list=[] map={} set=#{} single=null}"
    );
    assert_eq!(
        run(
            &b,
            json!({"group": {"a": "g"}, "list": [{"a": "1"}, null, {}], "map": {"k": {"a": "m"}},
            "set": [{"a": "x"}, {"a": "x"}], "single": {}})
        ),
        r##"{group={a="g" c=null} list=[{a="1" c=null}, {a=null c=null}] map={"k": {a="m" c=null}} set=#{{a="x" c=null}} single={a=null c=null}}"##
    );
    assert_eq!(
        run(&b, json!({"list": {"a": "one"}, "set": {"a": "one"}})),
        r##"{group={a=null c=null} list=[{a="one" c=null}] map={} set=#{{a="one" c=null}} single=null}"##
    );
    assert_eq!(
        run(
            &b,
            json!({"group": [], "list": [{}, {}, {}], "map": {"k": 1}, "set": "x", "single": [{}]})
        ),
        "group must be an attribute set, not a list (at group)\n\
         list can have at most 2 of these blocks, not 3 (at list)\n\
         map.k must be an attribute set, not a number (at map.k)\n\
         set must be a list of attribute sets, not a string (at set)\n\
         single must be an attribute set, not a list (at single)"
    );
}

#[test]
fn too_few_blocks_and_missing_ones() {
    let inner = block([attr("a", optional(Type::String))]);
    let b = block([blocks("rule", Nesting::Set, inner, 1, 0)]);
    assert_eq!(run(&b, json!({})), "t needs the input \"rule\"");
    assert_eq!(
        run(&b, json!({"rule": []})),
        "rule needs at least 1 of these blocks, not 0 (at rule)"
    );
}

#[test]
fn nested_attributes_of_every_mode() {
    let inner = || {
        block([
            attr("a", required(Type::String)),
            attr("b", optional(Type::Bool)),
        ])
    };
    let b = block([
        nested("list", Nesting::List, inner()),
        nested("map", Nesting::Map, inner()),
        nested("set", Nesting::Set, inner()),
        nested("single", Nesting::Single, inner()),
    ]);
    assert_eq!(
        run(&b, json!({})),
        "{list=null map=null set=null single=null}"
    );
    assert_eq!(
        run(
            &b,
            json!({"list": [{"a": "x"}, null], "map": {"k": {"a": "y"}}, "set": [{"a": "z"}],
            "single": {"a": "s", "b": true}})
        ),
        r##"{list=[{a="x" b=null}, null] map={"k": {a="y" b=null}} set=#{{a="z" b=null}} single={a="s" b=true}}"##
    );
    assert_eq!(
        run(&b, json!({"list": {"a": "x"}, "single": {"aa": "x"}})),
        "list must be a list of attribute sets, not an attribute set (at list)\n\
         single of t has no input \"aa\" (at single.aa); did you mean \"a\"?\n\
         single of t needs the input \"a\" (at single)"
    );
}

#[test]
fn unknown_leaves_stay_unknown_and_hide_nothing() {
    let b = every_nesting();
    let unknown = Input::unknown();
    let input = Input::attrs([
        ("group", Input::attrs([("a", unknown.clone())])),
        (
            "list",
            Input::list([unknown.clone(), Input::attrs([("a", "x".into())])]),
        ),
        ("map", unknown.clone()),
        ("set", Input::list([Input::attrs([("a", unknown.clone())])])),
        ("single", unknown.clone()),
    ]);
    assert_eq!(
        run_on(&b, &input),
        r##"{group={a=? c=null} list=[{a=? c=null}, {a="x" c=null}] map=? set=#{{a=? c=null}} single={a=? c=null}}"##
    );
    assert_eq!(
        run_on(&b, &unknown),
        "{group=? list=? map=? set=? single=?}"
    );
}

#[test]
fn any_type_is_inferred() {
    let b = block([attr("any", optional(Type::Dynamic))]);
    assert_eq!(run(&b, json!({"any": null})), "{any=null}");
    assert_eq!(
        run(&b, json!({"any": {"a": [1, "x", null]}})),
        r#"{any=<object({a = tuple([number, string, any])})>{a=(1, "x", null)}}"#
    );
}

#[test]
fn marks_are_found_by_place() {
    let b = every_nesting();
    let secret = || Input::from("x").sensitive();
    let input = Input::attrs([
        (
            "list",
            Input::list([Input::null(), Input::attrs([("a", secret())])]),
        ),
        (
            "map",
            Input::attrs([("k", Input::attrs([("a", secret())]))]),
        ),
        ("set", Input::list([Input::attrs([("a", secret())])])),
    ]);
    let checked = check("t", &b, &input).expect("fits");
    let places: Vec<_> = checked
        .marks
        .iter()
        .map(|(place, _)| place.to_string())
        .collect();
    assert_eq!(places, ["list[0].a", "map[\"k\"].a", "set"]);
    let single = Input::attrs([("list", Input::attrs([("a", secret())]))]);
    let checked = check("t", &b, &single).expect("fits");
    assert_eq!(checked.marks[0].0.to_string(), "list[0].a");
}

#[test]
fn places_lead_back_to_inputs() {
    let input = inputs(json!({"one": {"a": 1}, "many": [null, {"a": 2}], "map": {"k": {}}}));
    let place = |steps: &[Step]| Path(steps.to_vec());
    let name = |name: &str| Step::Attribute(name.into());
    for (steps, expected) in [
        (place(&[name("one"), Step::Index(0), name("a")]), "one.a"),
        (
            place(&[name("many"), Step::Index(0), name("a")]),
            "many[1].a",
        ),
        (
            place(&[name("map"), Step::Key("k".into()), name("b")]),
            "map.k",
        ),
        (place(&[name("other"), Step::Index(0)]), "other"),
        (Path::root(), ""),
    ] {
        assert_eq!(to_input_path(&input, &steps).to_string(), expected);
    }
}
