//! What depends on what, where evaluation remembers.

#[allow(
    dead_code,
    reason = "shared with the tests of the rest of the protocol"
)]
mod support;

use serde_json::{Value, json};
use support::{Evaluator, assert_known, bare, is_libnix, provenance};

const SHARED: &str = r#"{ members, providers, lib, ... }:
let
  shared = "v-${members.s.outputs.a}";
  made = import ./made.nix members;
in
{
  providers.local = { };
  members.s.type = providers.local.x;
  members.t.type = providers.local.x;
  members.p = { type = providers.local.x; inputs.v = shared; };
  members.q = { type = providers.local.x; inputs.v = shared; };
  members.r = { type = providers.local.x; inputs.v = made.deep; };
  members.u = { type = providers.local.x; inputs.v = "${made.deep}${shared}"; };
  members.none = { type = providers.local.x; inputs.v = 1; };
}"#;

const MADE: &str = "members: rec { deep = \"d-${wide}\"; wide = members.t.outputs.b; }";

fn load() -> Evaluator {
    let mut evaluator = Evaluator::start(&[("nixops4.nix", SHARED), ("made.nix", MADE)]);
    evaluator.ask_load().end.expect("loaded");
    evaluator
}

fn check(evaluator: &mut Evaluator, order: &[&str], a: &str, b: &str) {
    let deep = format!("d-{b}");
    let both = format!("d-{b}v-{a}");
    for name in order {
        let component = evaluator.component(name);
        match *name {
            "p" | "q" => assert_known(&component, "v", format!("v-{a}"), &["s.a"]),
            "r" => assert_known(&component, "v", deep.as_str(), &["t.b"]),
            "u" => assert_known(&component, "v", both.as_str(), &["s.a", "t.b"]),
            _ => assert_known(&component, "v", 1, &[]),
        }
        if *name == "none" {
            assert_eq!(component["refs"], Value::Null, "{component}");
        }
    }
}

#[test]
fn a_value_that_two_resources_share_makes_both_depend_on_what_it_read() {
    let orders: [&[&str]; 3] = [
        &["p", "q", "r", "u", "none"],
        &["u", "r", "q", "p", "none"],
        &["none", "q", "u", "p", "r", "q"],
    ];
    for order in orders {
        let mut evaluator = load();
        evaluator.set("s", json!({ "a": "1" }));
        evaluator.set("t", json!({ "b": "2" }));
        // All at once, and then one by one.
        evaluator.walk("");
        check(&mut evaluator, order, "1", "2");
        // A planned value gives way to the real one.
        evaluator.set("s", json!({ "a": "one" }));
        check(&mut evaluator, order, "one", "2");
    }
}

#[test]
fn what_failed_for_want_of_an_output_is_evaluated_when_it_is_there() {
    let mut evaluator = load();
    for _ in 0..2 {
        for name in ["p", "q", "u"] {
            let component = evaluator.component(name);
            assert_eq!(bare(&component["inputs"]["v"]), "?", "{component}");
        }
    }
    evaluator.set("s", json!({ "a": { "$": "unknown" } }));
    let u = evaluator.component("u");
    let told = provenance(&u, &u["inputs"]["v"]);
    assert!(told.iter().any(|output| output.starts_with('t')), "{u}");
    evaluator.set("t", json!({ "b": "2" }));
    let u = evaluator.component("u");
    assert!(
        provenance(&u, &u["inputs"]["v"]).contains(&"s.a".to_owned()),
        "{u}"
    );
    evaluator.set("s", json!({ "a": "1" }));
    check(&mut evaluator, &["p", "q", "r", "u", "none"], "1", "2");
}

/// The two things that Nix may do with a value computed before: give it to whoever shares it, and
/// give it to whoever imports the same file.
const SECRETS: &str = r#"{ members, providers, lib, ... }:
let
  shared = lib.sensitive "hunter2";
  file = import ./secret.nix;
in
{
  providers.local = { };
  members.p = { type = providers.local.x; inputs = { plain = "p"; v = shared; }; };
  members.q = { type = providers.local.x; inputs = { plain = "q"; v = "${shared}!"; }; };
  members.f = { type = providers.local.x; inputs = { plain = "f"; v = file.password; }; };
  members.g = { type = providers.local.x; inputs = { plain = "g"; v = "${file.password}!"; }; };
  members.none = { type = providers.local.x; inputs.plain = "none"; };
}"#;

#[test]
fn a_secret_that_resources_share_is_one_in_each() {
    let secret = "{ password = (import <nixops4/lib>).sensitive \"swordfish\"; }";
    let files = [("nixops4.nix", SECRETS), ("secret.nix", secret)];
    let orders: [&[&str]; 2] = [&["p", "q", "f", "g"], &["g", "f", "q", "p"]];
    for order in orders {
        let mut evaluator = Evaluator::start(&files);
        evaluator.ask_load().end.expect("loaded");
        for round in 0..2 {
            for name in order {
                let component = evaluator.component(name);
                let inputs = &component["inputs"];
                let marks = json!(["sensitive"]);
                assert_eq!(inputs["v"]["marks"], marks, "{round} {component}");
                assert_eq!(inputs["plain"], *name, "{round} {component}");
            }
            assert_eq!(evaluator.component("none")["inputs"]["plain"], "none");
        }
    }
}

#[test]
fn the_names_of_outputs_are_outputs() {
    let mut evaluator = Evaluator::load(
        r#"{ members, providers, lib, ... }: {
          providers.local = { };
          members.s.type = providers.local.x;
          members.r = { type = providers.local.x; inputs.v = lib.attrNames members.s.outputs.tags; };
        }"#,
    );
    evaluator.set("s", json!({ "tags": { "a": 1, "b": 2 } }));
    let r = evaluator.component("r");
    assert_eq!(bare(&r["inputs"]["v"]), json!(["a", "b"]));
    // The other engine does not say so of each name; so it is the list that tells, or its items.
    let node = match is_libnix() {
        true => &r["inputs"]["v"][0],
        false => &r["inputs"]["v"],
    };
    let told = provenance(&r, node);
    assert!(told.contains(&"s.tags".to_owned()), "{told:?} {r}");
}
