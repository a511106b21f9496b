//! The default plan, stated as: prior inputs, wanted inputs, what comes of it.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn value(json: Json) -> Value {
    Value::from_tree(&nixops4_proto::tree::Tree(json), &[]).expect("value")
}

fn state(inputs: Json) -> ResourceState {
    ResourceState {
        type_name: "thing".into(),
        inputs: value(inputs),
        outputs: value(json!({ "id": "i-1", "address": "10.0.0.1" })),
        ..ResourceState::default()
    }
}

fn rules() -> Rules {
    let stable = OutputRules {
        stable: true,
        sensitive: false,
    };
    Rules {
        replaces: vec![AttrPath::root().child("size")],
        outputs: Some(BTreeMap::from([
            ("id".to_owned(), stable),
            ("address".to_owned(), OutputRules::default()),
        ])),
        always: false,
    }
}

/// `action`, the forcing leaves, and the outputs.
fn check(prior: Option<&ResourceState>, inputs: Json, ignore: &[AttrPath]) -> String {
    let inputs = value(inputs);
    let planned = plan(
        &rules(),
        &PlanRequest {
            type_name: "thing",
            prior,
            inputs: &inputs,
            ignore_changes: ignore,
            ignore_all_changes: false,
            stateful: true,
            force_replace: false,
        },
    );
    let paths: Vec<_> = planned
        .replace_paths
        .iter()
        .map(ToString::to_string)
        .collect();
    let outputs = planned
        .outputs
        .to_tree(&mut crate::value::RefTable::default());
    format!("{:?} {} {}", planned.action, paths.join(","), outputs.0)
}

const UNKNOWN: &str = r#"{"address":{"$":"unknown"},"id":{"$":"unknown"}}"#;

#[test]
fn without_an_object_it_is_created() {
    assert_eq!(
        check(None, json!({ "size": 1 }), &[]),
        format!("Create  {UNKNOWN}")
    );
}

#[test]
fn equal_inputs_need_nothing_whether_unset_or_null() {
    let prior = state(json!({ "size": 1, "tags": { "a": null } }));
    let same = r#"NoOp  {"address":"10.0.0.1","id":"i-1"}"#;
    assert_eq!(
        check(Some(&prior), json!({ "size": 1.0, "tags": {} }), &[]),
        same
    );
    let secret = json!({ "size": 1, "tags": {}, "x": { "$": "known", "value": "k", "marks": ["ephemeral"] } });
    assert_eq!(
        check(Some(&prior), secret, &[]),
        same,
        "ephemeral values are not compared"
    );
}

#[test]
fn a_change_updates_and_only_stable_outputs_stay_known() {
    let prior = state(json!({ "size": 1, "name": "a" }));
    assert_eq!(
        check(
            Some(&prior),
            json!({ "size": 1, "name": { "$": "unknown" } }),
            &[]
        ),
        r#"Update  {"address":{"$":"unknown"},"id":"i-1"}"#
    );
}

#[test]
fn a_change_of_a_replacing_input_names_the_leaves() {
    let prior = state(json!({ "size": { "cpu": 1, "ram": [1, 2] }, "name": "a" }));
    assert_eq!(
        check(
            Some(&prior),
            json!({ "size": { "cpu": 2, "ram": [1, 3] }, "name": "b" }),
            &[]
        ),
        format!("Replace size.cpu,size.ram[1] {UNKNOWN}")
    );
    assert_eq!(
        check(Some(&prior), json!({ "size": { "$": "unknown" } }), &[]),
        format!("Replace size {UNKNOWN}")
    );
}

#[test]
fn ignored_changes_keep_the_prior_value() {
    let prior = state(json!({ "size": 1, "tags": { "a": 1, "b": [1] }, "disks": [{}] }));
    let ignore = [
        AttrPath::root().child("size"),
        AttrPath::root().child("tags").child("a"),
        AttrPath::root().child("tags").child("b").child(4),
        AttrPath::root().child("tags").child("new"),
        AttrPath::root().child("disks").child(0).child("new"),
    ];
    let same = r#"NoOp  {"address":"10.0.0.1","id":"i-1"}"#;
    let wanted = json!({
        "size": { "$": "unknown" }, "tags": { "b": [1], "new": 5 }, "disks": [{ "new": 5 }],
    });
    assert_eq!(check(Some(&prior), wanted, &ignore), same);
}

#[test]
fn taint_replaces_without_paths() {
    let prior = ResourceState {
        tainted: true,
        ..state(json!({ "size": 1 }))
    };
    assert_eq!(
        check(Some(&prior), json!({ "size": 1 }), &[]),
        format!("Replace  {UNKNOWN}")
    );
}

#[test]
fn what_is_always_applied_updates_without_a_change() {
    let rules = Rules {
        always: true,
        ..Rules::default()
    };
    let prior = state(json!({ "a": 1 }));
    let planned = plan(
        &rules,
        &PlanRequest {
            type_name: "exec",
            prior: Some(&prior),
            inputs: &prior.inputs,
            ignore_changes: &[],
            ignore_all_changes: false,
            stateful: true,
            force_replace: false,
        },
    );
    assert_eq!(planned.action, Action::Update);
    assert!(planned.outputs.is_unknown(), "names are not fixed");
}

/// Values that are known.
fn known() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0_i64..3).prop_map(Json::from),
        "[ab]{0,1}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn changing_the_leaves_that_differ_leaves_no_difference(a in known(), b in known()) {
        let (mut a, b) = (value(a), value(b));
        prop_assert_eq!(changed_leaves(&a, &a), []);
        for path in changed_leaves(&a, &b) {
            put(&mut a, &path.0, b.get(&path));
        }
        prop_assert_eq!(changed_leaves(&a, &b), []);
    }
}
