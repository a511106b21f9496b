//! Functions of providers: what the evaluator asks back while it answers.

#[allow(
    dead_code,
    reason = "shared with the tests of the rest of the protocol"
)]
mod support;

use serde_json::{Value, json};
use support::{Evaluator, is_libnix, provenance};

const ROOT: &str = r#"{ members, providers, ... }: {
  providers.p = { source = "a/p"; };
  members.a = { type = providers.p.a_thing; inputs.x = providers.p.functions.twice 2; };
  members.b = { type = providers.p.a_thing; inputs.x = providers.p.functions.twice members.a.outputs.n; };
}"#;

fn signature(evaluator: &mut Evaluator, id: u64) {
    let parameter = json!({ "name": "number" });
    answer(
        evaluator,
        id,
        json!({ "signature": { "parameters": [parameter] } }),
    );
}

fn answer(evaluator: &mut Evaluator, id: u64, answer: Value) {
    evaluator.send(&json!({ "id": id, "answer": answer }).to_string());
}

fn walk(id: u64, path: &str) -> String {
    let params = json!({ "paths": [path], "recursive": false, "inputs": true });
    json!({ "id": id, "method": "walk", "params": params }).to_string()
}

#[test]
fn a_call_comes_in_the_midst_of_an_answer_and_later_requests_wait() {
    let mut evaluator = Evaluator::load(ROOT);
    // All are on their way before the first call is answered.
    evaluator.send(&walk(10, "a"));
    evaluator.send(&walk(11, "b"));
    evaluator.send("this is no request");
    let outputs = json!([{ "member": "a", "value": { "n": 5 } }]);
    let set = json!({ "id": 12, "method": "setOutputs", "params": { "outputs": outputs } });
    evaluator.send(&set.to_string());
    evaluator.send(&walk(13, "b"));

    let describe = evaluator.call();
    let function = json!({
        "provider": "#p",
        "program": { "kind": "tfplugin", "source": "a/p" },
        "name": "twice",
    });
    assert_eq!(describe, json!({ "describe": function }));
    signature(&mut evaluator, 10);
    let call = evaluator.call();
    assert_eq!(
        call,
        json!({ "call": { "function": function, "arguments": [2] } })
    );
    answer(&mut evaluator, 10, json!({ "value": 4 }));
    let first = evaluator.answer();
    let inputs = |items: &[Value]| {
        let component = items.iter().find_map(|item| item.get("component"));
        component.expect("a component")["inputs"].clone()
    };
    assert_eq!(inputs(&first.items), json!({ "x": 4 }));

    let waiting = evaluator.answer();
    assert_eq!(
        inputs(&waiting.items),
        json!({ "x": { "$": "unknown", "from": [0] } })
    );
    evaluator.answer().end.expect_err("it is no request");
    evaluator.answer().end.expect("set");
    let call = evaluator.call();
    assert_eq!(call["call"]["arguments"], json!([5]));
    answer(
        &mut evaluator,
        13,
        json!({ "value": { "$": "known", "value": 10, "marks": ["sensitive"] } }),
    );
    let known = evaluator.answer();
    let component = known.items.iter().find_map(|item| item.get("component"));
    let component = component.expect("a component");
    let result = &component["inputs"]["x"];
    assert_eq!(result["value"], 10);
    assert_eq!(result["marks"], json!(["sensitive"]));
    let from = provenance(component, result);
    match is_libnix() {
        // Nix cannot tell them apart within a resource.
        true => assert!(from.contains(&"a.n".to_owned()), "{from:?}"),
        false => assert_eq!(from, ["a.n"]),
    }
}

#[test]
fn complaints_have_a_place() {
    let mut evaluator = Evaluator::load(ROOT);
    evaluator.send(&walk(10, "a"));
    evaluator.call();
    signature(&mut evaluator, 10);
    evaluator.call();
    let error = json!({ "message": "not good", "argument": 0, "hints": ["try 3"] });
    answer(&mut evaluator, 10, json!({ "error": error }));
    let items = evaluator.answer().items;
    let component = items.iter().find_map(|item| item.get("component"));
    let error = &component.expect("a component")["inputsError"];
    assert_eq!(error["message"], "not good");
    assert_eq!(error["position"]["line"], 3);
    assert_eq!(error["hints"], json!(["try 3"]));
}

#[test]
fn the_end_of_input_ends_a_call_that_nobody_answers() {
    let mut evaluator = Evaluator::load(ROOT);
    evaluator.send(&walk(10, "a"));
    evaluator.call();
    assert!(evaluator.close().success());
}
