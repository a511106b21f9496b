//! Operations of components, as the evaluator tells of them.

#[allow(
    dead_code,
    reason = "shared with the tests of the rest of the protocol"
)]
mod support;

use serde_json::{Value, json};
use support::{Evaluator, bare};

const DATABASE: &str = r#"{ members, providers, ... }: {
  providers.aws = { source = "hashicorp/aws"; config.region = "eu-1"; };
  members.db = { config, ... }: {
    type = providers.aws.aws_db_instance;
    operations.reboot = {
      description = "Restarts it";
      type = providers.aws.actions.aws_db_reboot;
      inputs.identifier = config.outputs.id;
    };
  };
  operations.all.steps = [
    { type = providers.aws.actions.aws_db_reboot; inputs.identifier = "a"; }
    { type = providers.aws.actions.aws_say; inputs = { text = members.db.outputs.id; n = 1; }; }
  ];
  operations.empty = { };
  operations.each.steps = map (name: {
    type = providers.aws.actions.aws_say;
    inputs.text = name;
  }) members.db.outputs.names;
}"#;

fn operation(evaluator: &mut Evaluator, member: &str, name: &str) -> Result<Value, Value> {
    let params = json!({ "member": member, "name": name });
    evaluator.ask("operation", params).end
}

#[test]
fn are_listed_with_what_they_do() {
    let mut evaluator = Evaluator::load(DATABASE);
    let answer = evaluator.ask("operations", json!({ "path": "" }));
    assert_eq!(answer.end, Ok(json!({})));
    let told: Vec<_> = answer
        .items
        .iter()
        .map(|head| [&head["member"], &head["name"], &head["position"]["line"]])
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["", "all", 11],
            ["", "each", 16],
            ["", "empty", 15],
            ["db", "reboot", 5]
        ])
    );
    assert_eq!(answer.items[3]["description"], "Restarts it");
}

#[test]
fn have_inputs_that_follow_outputs() {
    let mut evaluator = Evaluator::load(DATABASE);
    let told = operation(&mut evaluator, "db", "reboot").expect("described");
    assert_eq!(told["steps"][0]["type"], "aws_db_reboot");
    assert_eq!(told["refs"], json!([{ "member": "db" }]));
    assert_eq!(told["providers"][0]["config"]["region"], "eu-1");
    evaluator.set("db", json!({ "id": "db-1", "names": ["x", "y"] }));
    let told = operation(&mut evaluator, "", "all").expect("described");
    let inputs = &told["steps"][1]["inputs"];
    assert_eq!(bare(&inputs["n"]), 1);
    assert!(inputs["text"].to_string().contains("db-1"), "{inputs}");
    let told = operation(&mut evaluator, "", "each").expect("described");
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(2));
}

#[test]
fn wait_for_outputs_on_which_their_steps_depend() {
    let mut evaluator = Evaluator::load(DATABASE);
    let told = operation(&mut evaluator, "", "each").expect("described");
    assert_eq!(told["steps"], json!([]));
    assert_eq!(told["waitsFor"], json!([{ "member": "db" }]));
}

#[test]
fn that_do_nothing_are_errors() {
    let mut evaluator = Evaluator::load(DATABASE);
    let error = operation(&mut evaluator, "", "empty").expect_err("nothing to do");
    let message = error["message"].as_str().expect("text");
    assert!(
        message.starts_with("The operation `operations.empty' has neither `type' nor `steps'."),
        "{message}"
    );
    assert!(operation(&mut evaluator, "db", "reboo").is_err());
}

#[test]
fn leaves_of_steps_have_positions() {
    let mut evaluator = Evaluator::load(DATABASE);
    let step = json!({ "member": "", "operation": "all", "step": 1 });
    let mut locate = |path: Value| {
        let params = json!({ "subject": { "operation": step }, "path": path });
        let position = evaluator.ok("locate", params)["position"].take();
        (position["line"].clone(), position["column"].clone())
    };
    assert_eq!(locate(json!(["n"])), (json!(13), json!(86)));
    assert_eq!(locate(json!([])), (json!(13), json!(7)));
}
