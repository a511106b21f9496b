//! The rules of planning, case by case and on random schemas.

use proptest::prelude::*;

use super::*;
use crate::check::tests::show;
use crate::cty::{Refinements, Step, Type};
use crate::schema::testing::random::{Author, any_block, value_of};
use crate::schema::testing::{
    attr, block, blocks, computed, nested, optional, optional_computed, with_nested,
};
use crate::schema::{Block, Nesting};

mod rules;

fn text(value: &str) -> Value {
    Value::string(value)
}

fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes)
}

fn rule(port: i64, id: Value) -> Value {
    object([("id", id), ("port", Value::int(port))])
}

/// A resource with an identifier, a tag, and rules that the provider numbers.
fn firewall(nesting: Nesting) -> Block {
    let rule = block([
        attr("id", optional_computed(Type::String)),
        attr("port", optional(Type::Number)),
    ]);
    block([
        attr("id", computed(Type::String)),
        blocks("rule", nesting, rule, 0, 0),
        attr("tag", optional(Type::String)),
    ])
}

fn firewall_value(id: Value, tag: Value, rules: Value) -> Value {
    object([("id", id), ("tag", tag), ("rule", rules)])
}

#[test]
fn creation_leaves_to_the_provider_what_it_decides() {
    let b = firewall(Nesting::List);
    let config = firewall_value(
        Value::Null,
        text("t"),
        Value::List(vec![rule(1, Value::Null)]),
    );
    assert_eq!(proposed_state(&b, &Value::Null, &config), config);
    assert_eq!(
        show(&placeholder(&b, &config)),
        "{id=? rule=[{id=? port=1}] tag=\"t\"}"
    );
    assert_eq!(proposed_state(&b, &Value::Null, &Value::Null), Value::Null);
}

#[test]
fn what_was_decided_stays() {
    let b = firewall(Nesting::List);
    let prior = firewall_value(
        text("i"),
        text("old"),
        Value::List(vec![rule(1, text("r1"))]),
    );
    let wanted = Value::List(vec![rule(2, Value::Null), rule(3, Value::Null)]);
    let config = firewall_value(Value::Null, Value::Null, wanted);
    assert_eq!(
        show(&proposed_state(&b, &prior, &config)),
        r#"{id="i" rule=[{id="r1" port=2}, {id=null port=3}] tag=null}"#
    );
}

#[test]
fn set_elements_are_matched_by_what_the_user_decides() {
    let b = firewall(Nesting::Set);
    let prior = Value::set([rule(1, text("r1")), rule(2, text("r2"))]);
    let prior = firewall_value(text("i"), Value::Null, prior);
    let wanted = Value::set([rule(2, Value::Null), rule(3, Value::Null)]);
    let config = firewall_value(Value::Null, Value::Null, wanted);
    assert_eq!(
        show(&proposed_state(&b, &prior, &config)),
        r##"{id="i" rule=#{{id="r2" port=2}, {id=null port=3}} tag=null}"##
    );
}

#[test]
fn removing_a_nested_attribute_removes_it() {
    let inner = || {
        block([
            attr("a", optional(Type::String)),
            attr("c", computed(Type::String)),
        ])
    };
    let single = with_nested(optional_computed(Type::Bool), Nesting::Single, inner());
    let b = block([attr("n", single)]);
    let written = object([("n", object([("a", text("x")), ("c", text("y"))]))]);
    let decided = object([("n", object([("a", Value::Null), ("c", text("y"))]))]);
    let config = object([("n", Value::Null)]);
    assert_eq!(proposed_state(&b, &written, &config), config);
    assert_eq!(proposed_state(&b, &decided, &config), decided);
}

fn violations(found: &[Violation]) -> String {
    found
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_plan_must_not_decide_what_the_user_decides() {
    let b = firewall(Nesting::List);
    let list = |rules: Vec<Value>| Value::List(rules);
    let prior = firewall_value(text("i"), text("old"), list(vec![rule(1, text("r"))]));
    let config = firewall_value(Value::Null, text("new"), list(vec![rule(1, Value::Null)]));
    let check = |planned| violations(&plan_violations(&b, &prior, &config, &planned));
    let fine = list(vec![rule(1, text("anything"))]);
    assert_eq!(
        check(firewall_value(Value::UNKNOWN, text("new"), fine.clone())),
        ""
    );
    // A change that the provider takes for none.
    assert_eq!(
        check(firewall_value(text("i"), text("old"), fine.clone())),
        ""
    );
    assert_eq!(
        check(firewall_value(text("i"), text("other"), fine.clone())),
        "tag: planned as neither the configured nor the prior value"
    );
    assert_eq!(
        check(firewall_value(text("i"), Value::Null, fine)),
        "tag: configured, but planned to be null"
    );
    assert_eq!(
        check(firewall_value(text("i"), text("new"), list(vec![]))),
        "rule: planned with other elements than configured"
    );
    assert_eq!(
        check(firewall_value(
            text("i"),
            text("new"),
            list(vec![rule(2, Value::Null)])
        )),
        "rule[0].port: planned as neither the configured nor the prior value"
    );
    assert_eq!(
        check(firewall_value(text("i"), text("new"), Value::UNKNOWN)),
        "rule: the blocks are planned as unknown"
    );
    assert_eq!(check(Value::Null), "configured, but planned to be absent");
    let unset = firewall_value(Value::Null, Value::Null, list(vec![]));
    let found = plan_violations(
        &b,
        &prior,
        &unset,
        &firewall_value(text("i"), text("x"), list(vec![])),
    );
    assert_eq!(
        violations(&found),
        "tag: planned a value although none is configured"
    );
}

#[test]
fn nested_attributes_in_a_plan() {
    let inner = || {
        block([
            attr("a", optional(Type::String)),
            attr("c", computed(Type::String)),
        ])
    };
    let b = block([
        nested("m", Nesting::Map, inner()),
        nested("s", Nesting::Set, inner()),
    ]);
    let one = |a: &str, c: Value| object([("a", text(a)), ("c", c)]);
    let value = |m: Value, s: Value| object([("m", m), ("s", s)]);
    let config = value(
        Value::map([("k", one("x", Value::Null))]),
        Value::set([one("x", Value::Null), one("y", Value::Null)]),
    );
    let check = |planned| violations(&plan_violations(&b, &Value::Null, &config, &planned));
    let set = Value::set([one("x", Value::UNKNOWN), one("y", Value::UNKNOWN)]);
    assert_eq!(
        check(value(Value::map([("k", one("x", text("c")))]), set.clone())),
        ""
    );
    assert_eq!(
        check(value(
            Value::map([("l", one("x", text("c")))]),
            Value::set([])
        )),
        "m: planned with other elements than configured\n\
         s: planned with another number of elements than configured"
    );
    assert_eq!(
        check(value(Value::UNKNOWN, set)),
        "m: planned as a whole unknown"
    );
}

#[test]
fn what_was_planned_must_come_true() {
    let b = firewall(Nesting::Set);
    let rules =
        |ids: &[Value]| Value::set(ids.iter().map(|id| rule(1, id.clone())).collect::<Vec<_>>());
    let planned = firewall_value(
        Value::UNKNOWN,
        text("t"),
        rules(&[Value::UNKNOWN, text("r2")]),
    );
    let check = |actual| violations(&completion_violations(&b, &planned, &actual));
    assert_eq!(
        check(firewall_value(
            text("i"),
            text("t"),
            rules(&[text("r1"), text("r2")])
        )),
        ""
    );
    assert_eq!(
        check(firewall_value(
            Value::Null,
            text("u"),
            rules(&[text("r1"), text("r3")])
        )),
        "rule: a planned element is missing from the set\ntag: is not the planned value"
    );
    assert_eq!(
        check(firewall_value(
            Value::Null,
            Value::Null,
            rules(&[text("r1"), text("r2"), text("r3")])
        )),
        "rule: the set has more elements than planned\n\
         tag: was planned to be present, and is absent"
    );
    assert_eq!(
        check(Value::Null),
        "was planned to be present, and is absent"
    );
    let refined = Refinements {
        prefix: Some("vpc-".into()),
        not_null: true,
        ..Refinements::default()
    };
    let planned = firewall_value(Value::unknown(refined), Value::Null, Value::set([]));
    let actual = |id| firewall_value(id, Value::Null, Value::set([]));
    assert_eq!(
        completion_violations(&b, &planned, &actual(text("vpc-1"))),
        []
    );
    for id in [text("x"), Value::Null] {
        let found = completion_violations(&b, &planned, &actual(id));
        assert_eq!(
            violations(&found),
            "id: is outside the range that was planned"
        );
    }
}

#[test]
fn ignored_changes_keep_what_was_there() {
    let tags = |pairs: &[(&str, &str)]| Value::map(pairs.iter().map(|(k, v)| (*k, text(v))));
    let b = block([
        attr("id", optional_computed(Type::String)),
        attr("name", optional(Type::String)),
        attr("seen", computed(Type::String)),
        attr("tags", optional(Type::map(Type::String))),
    ]);
    let value = |name: &str, tags: Value| {
        object([
            ("id", Value::Null),
            ("name", text(name)),
            ("seen", Value::Null),
            ("tags", tags),
        ])
    };
    let prior = object([
        ("id", text("i")),
        ("name", text("old")),
        ("seen", text("s")),
        ("tags", tags(&[("a", "1"), ("b", "2")])),
    ]);
    let path = |steps: &[&str]| {
        steps
            .iter()
            .map(|s| Step::Attribute((*s).into()))
            .collect::<Path>()
    };
    let run = |config: &Value, paths: &[Path]| {
        show(&ignore_changes(
            &b,
            &prior,
            config.clone(),
            Ignored::At(paths),
        ))
    };
    let config = value("new", tags(&[("a", "9"), ("c", "3")]));
    assert_eq!(
        run(&config, &[path(&["name"]), path(&["nothing", "here"])]),
        r#"{id=null name="old" seen=null tags={"a": "9", "c": "3"}}"#
    );
    assert_eq!(
        run(&config, &[path(&["tags", "a"]), path(&["tags", "c"])]),
        r#"{id=null name="new" seen=null tags={"a": "1"}}"#
    );
    assert_eq!(
        run(&value("new", Value::Null), &[path(&["tags", "b"])]),
        r#"{id=null name="new" seen=null tags={"b": "2"}}"#
    );
    assert_eq!(
        run(&value("new", Value::Null), &[path(&["tags", "zzz"])]),
        r#"{id=null name="new" seen=null tags=null}"#
    );
    let unknown = value("new", Value::UNKNOWN);
    assert_eq!(run(&unknown, &[path(&["tags", "a"])]), show(&unknown));
    assert_eq!(
        show(&ignore_changes(&b, &prior, config, Ignored::All)),
        r#"{id=null name="old" seen=null tags={"a": "1", "b": "2"}}"#
    );
}

#[test]
fn only_real_changes_replace() {
    let mut secret = optional(Type::String);
    secret.write_only = true;
    let b = block([
        attr("a", optional(Type::String)),
        attr("b", optional(Type::String)),
        attr("w", secret),
    ]);
    let value = |a: Value, b: Value| object([("a", a), ("b", b), ("w", Value::Null)]);
    let prior = value(text("1"), text("1"));
    let path = |name: &str| Path::root().attribute(name);
    let kept = |planned: Value, names: &[&str]| {
        let kept = kept_replacements(&b, &prior, &planned, names.iter().map(|name| path(name)));
        kept.map(|paths| {
            paths
                .iter()
                .map(Path::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    assert_eq!(
        kept(value(text("2"), text("1")), &["a", "b"]).as_deref(),
        Ok("a")
    );
    assert_eq!(
        kept(value(text("1"), Value::UNKNOWN), &["a", "b", "w"]).as_deref(),
        Ok("b w")
    );
    let error = kept(prior.clone(), &["nothing"]).expect_err("an error");
    assert_eq!(
        error.to_string(),
        "it says that nothing forces a replacement, but there is no such attribute"
    );
    let created = kept_replacements(&b, &Value::Null, &prior, [path("nothing")]);
    assert_eq!(created, Ok(Vec::new()));
}

#[test]
fn blocks_of_old_providers_are_brought_into_shape() {
    let inner = || block([attr("a", optional(Type::String))]);
    let b = block([
        blocks("group", Nesting::Group, inner(), 0, 0),
        blocks("list", Nesting::List, inner(), 0, 0),
        blocks("map", Nesting::Map, inner(), 0, 0),
        blocks("set", Nesting::Set, inner(), 0, 0),
        blocks("single", Nesting::Single, inner(), 0, 0),
    ]);
    let all = |value: Value| normalise_blocks(&b, b.build(|_| value.clone()));
    assert_eq!(
        show(&all(Value::Null)),
        "{group={a=null} list=[] map=null set=#{} single=null}"
    );
    assert_eq!(
        show(&all(Value::UNKNOWN)),
        "{group={a=?} list=[{a=?}] map=? set=#{{a=?}} single={a=?}}"
    );
    let full = value_with(&b, object([("a", text("x"))]));
    assert_eq!(normalise_blocks(&b, full.clone()), full);
}

fn value_with(block: &Block, element: Value) -> Value {
    block.build(|field| match &field.kind {
        crate::schema::FieldKind::Block(nested) => match nested.nesting {
            Nesting::Map => Value::map([("k", element.clone())]),
            nesting => nesting.rebuild(&Value::Null, vec![element.clone()]),
        },
        crate::schema::FieldKind::Attribute(_) => Value::Null,
    })
}

#[test]
fn write_only_values_are_found_and_removed() {
    let mut secret = optional(Type::String);
    secret.write_only = true;
    let inner = block([
        attr("pw", secret.clone()),
        attr("user", optional(Type::String)),
    ]);
    let b = block([
        blocks("login", Nesting::List, inner, 0, 0),
        attr("token", secret),
    ]);
    let login = |pw: Value| Value::List(vec![object([("pw", pw), ("user", text("u"))])]);
    let value = object([("login", login(text("p"))), ("token", text("t"))]);
    let found: Vec<_> = set_write_only(&b, &value)
        .iter()
        .map(Path::to_string)
        .collect();
    assert_eq!(found, ["login[0].pw", "token"]);
    let clean = without_write_only(&b, &value);
    assert_eq!(
        clean,
        object([("login", login(Value::Null)), ("token", Value::Null)])
    );
    assert_eq!(set_write_only(&b, &clean), []);
}

#[test]
fn what_stays_unknown_becomes_null() {
    let value = object([
        ("a", Value::UNKNOWN),
        ("b", Value::List(vec![Value::UNKNOWN])),
    ]);
    let (known, paths) = unknowns_to_null(value);
    assert_eq!(
        known,
        object([("a", Value::Null), ("b", Value::List(vec![Value::Null]))])
    );
    assert_eq!(
        paths.iter().map(Path::to_string).collect::<Vec<_>>(),
        ["a", "b[0]"]
    );
}

/// A schema with a state and a configuration of it.
fn case(sets: bool) -> impl Strategy<Value = (Block, Value, Value)> {
    any_block(2, sets).prop_flat_map(|block| {
        let prior = prop_oneof![1 => Just(Value::Null), 5 => value_of(&block, Author::Provider)];
        let config = value_of(&block, Author::User);
        (Just(block), prior, config)
    })
}

fn fill(value: Value) -> Value {
    value.transform(&mut |_, part| match part {
        Value::Unknown(_) => Value::Null,
        other => other,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_merge_follows_its_rules((block, prior, config) in case(true)) {
        let proposed = proposed_state(&block, &prior, &config);
        let from = if prior.is_null() { block.empty() } else { prior.clone() };
        let broken = rules::broken(&block, &from, &config, &proposed);
        prop_assert!(broken.is_none(), "{:?}\nprior {}\nconfig {}\nproposed {}", broken,
            show(&prior), show(&config), show(&proposed));
    }

    #[test]
    fn a_provider_may_plan_what_was_proposed((block, prior, config) in case(false)) {
        let proposed = proposed_state(&block, &prior, &config);
        prop_assert_eq!(plan_violations(&block, &prior, &config, &proposed), []);
    }

    #[test]
    fn nothing_is_proposed_where_nothing_changes((block, prior, _) in case(false)) {
        let unchanged = ignore_changes(&block, &prior, Value::Null, Ignored::All);
        let restored = proposed_state(&block, &prior, &unchanged);
        prop_assert_eq!(restored, prior);
    }

    #[test]
    fn a_known_plan_completes_itself((block, prior, config) in case(true)) {
        let proposed = proposed_state(&block, &prior, &config);
        let actual = fill(proposed.clone());
        prop_assert_eq!(completion_violations(&block, &actual, &actual), []);
        let found = completion_violations(&block, &proposed, &proposed);
        prop_assert!(proposed.is_wholly_known() <= found.is_empty(), "{:?}", found);
    }

    #[test]
    fn normal_values_stay_as_they_are((block, prior, _) in case(true)) {
        prop_assert_eq!(normalise_blocks(&block, prior.clone()), prior.clone());
        prop_assert_eq!(without_write_only(&block, &prior), prior);
    }
}
