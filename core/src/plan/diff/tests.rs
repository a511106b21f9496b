//! Which leaves of a change are shown, and how.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::plan::Reason;
use crate::provider::{Mode, PlannedChange, ResourceState};
use crate::{MemberPath, OutputRef};

fn change(before: Option<(Value, Value)>, inputs: Value, outputs: Value) -> Change {
    Change {
        member: MemberPath::from_names(["a"]),
        action: Action::Update,
        reason: Reason::InputsChanged,
        mode: Mode::Managed,
        type_name: "thing".into(),
        provider: "#p".into(),
        before: before.map(|(inputs, outputs)| {
            Arc::new(ResourceState {
                inputs,
                outputs,
                ..ResourceState::default()
            })
        }),
        inputs: Arc::new(inputs),
        planned: PlannedChange {
            action: Action::Update,
            outputs,
            replace_paths: vec![AttrPath::root().child("size")],
            provider_data: vec![],
            deferred: None,
        },
        depends_on: BTreeSet::new(),
        depended_on: BTreeSet::new(),
        create_before_destroy: false,
        moved_from: None,
        moved_state: None,
        deposed: None,
        position: None,
    }
}

/// One line a leaf.
fn text(change: &Change) -> Vec<String> {
    let show = |shown: &Shown| match shown {
        Shown::Absent => "-".to_owned(),
        Shown::Sensitive => "(sensitive)".to_owned(),
        Shown::Value(value) => value.to_plain_json().to_string(),
        Shown::Unknown(outputs) => {
            let outputs: Vec<_> = outputs.iter().map(ToString::to_string).collect();
            format!("?{}", outputs.join(","))
        }
    };
    let leaf = |leaf: &LeafChange| {
        let force = if leaf.forces_replacement { " !" } else { "" };
        let (before, after) = (show(&leaf.before), show(&leaf.after));
        format!("{:?} {}: {before} -> {after}{force}", leaf.side, leaf.path)
    };
    change.leaves().iter().map(leaf).collect()
}

#[test]
fn only_leaves_that_change_are_named_and_echoes_are_left_out() {
    let before = Value::attrs([("size", 1.into()), ("same", true.into())]);
    let after = Value::attrs([("size", 2.into()), ("same", true.into())]);
    let change = change(Some((before.clone(), before)), after.clone(), after);
    assert_eq!(text(&change), ["Input size: 1 -> 2 !"]);
}

#[test]
fn unknown_leaves_name_what_they_wait_for_and_secrets_stay_secret() {
    let mut unknown = Value::unknown();
    let output = OutputRef {
        member: MemberPath::from_names(["vpc"]),
        path: AttrPath::root().child("id"),
    };
    unknown.provenance = [output].into_iter().collect();
    let before = Value::attrs([("secret", Value::from("old"))]);
    let inputs = Value::attrs([("vpc", unknown), ("secret", Value::from("new").sensitive())]);
    let outputs = Value::attrs([("arn", Value::unknown())]);
    let change = change(Some((before, Value::null())), inputs, outputs);
    assert_eq!(
        text(&change),
        [
            "Input secret: (sensitive) -> (sensitive)",
            "Input vpc: - -> ?vpc.id",
            "Output arn: - -> ?",
        ]
    );
}

#[test]
fn drift_that_is_put_right_is_shown_on_the_output() {
    let inputs = Value::attrs([("mode", Value::from("0644"))]);
    let drifted = Value::attrs([("mode", Value::from("0777"))]);
    let change = change(Some((inputs.clone(), drifted)), inputs.clone(), inputs);
    assert_eq!(text(&change), [r#"Output mode: "0777" -> "0644""#]);
}

#[test]
fn a_block_that_is_written_without_a_list_is_named_once() {
    let block = |port: i64| Value::attrs([("port", port.into())]);
    let inputs = Value::attrs([("rule", block(80))]);
    let echoed = Value::attrs([("rule", Value::list([block(80)]))]);
    let made = change(None, inputs.clone(), echoed);
    assert_eq!(text(&made), ["Input rule.port: - -> 80"]);
    // Also with lists inside it.
    let deep = |ports: Value| Value::attrs([("rule", ports)]);
    let ports = || Value::attrs([("ports", Value::list([block(80), block(443)]))]);
    let made = change(None, deep(ports()), deep(Value::list([ports()])));
    assert_eq!(
        text(&made),
        [
            "Input rule.ports[0].port: - -> 80",
            "Input rule.ports[1].port: - -> 443"
        ]
    );
    let more = Value::attrs([("rule", Value::list([block(80), block(443)]))]);
    let made = change(None, inputs, more);
    assert_eq!(
        text(&made),
        ["Input rule.port: - -> 80", "Output rule[1].port: - -> 443"]
    );
}
