//! What is typed at a prompt, in the evaluator protocol.

#[allow(
    dead_code,
    reason = "shared with the tests of operations and functions"
)]
mod support;

use serde_json::{Value, json};
use support::{Evaluator, passes_over};

/// Why Nix passes these tests over.
const NO_PROMPT: &str = "it keeps no scope of what was typed";

const NETWORK: &str = r#"{ members, providers, lib, config, ... }: {
  providers.aws = { source = "hashicorp/aws"; };
  providers.local = { };
  members.vpc = { type = providers.aws.aws_vpc; inputs.cidr_block = "10.0.0.0/16"; };
  members.subnet = {
    type = providers.aws.aws_subnet;
    inputs = {
      vpc_id = members.vpc.outputs.id;
      cidr_block = "10.0.1.0/24";
      tags = { Name = members.vpc.outputs.name + "-a"; Key = members.vpc.outputs.key; };
    };
  };
  members.net.members.inner = {
    type = providers.local.file;
    inputs.name = if members.vpc.outputs.name == "n" then members.subnet.outputs.arn else "x";
  };
}"#;

/// A deployment of which everything is known about `vpc`, and of `subnet` what there will be.
fn network() -> Evaluator {
    let mut evaluator = Evaluator::load(NETWORK);
    let key = json!({ "$": "known", "marks": ["sensitive"], "value": "hunter2" });
    evaluator.set("vpc", json!({ "id": "vpc-1", "name": "n", "key": key }));
    evaluator.set("subnet", json!({ "arn": { "$": "unknown" } }));
    open(&mut evaluator);
    evaluator
}

fn open(evaluator: &mut Evaluator) -> Vec<String> {
    let base = evaluator.file("");
    let opened = evaluator.ok("openScope", json!({ "base": base }));
    serde_json::from_value(opened["names"].clone()).expect("names")
}

/// What is shown of an expression.
fn shown(evaluator: &mut Evaluator, text: &str, show: &str) -> String {
    let answer = evaluator.ok("enterInput", json!({ "text": text, "show": show }));
    assert_eq!(answer["kind"], "shown", "{text}");
    answer["text"].as_str().expect("a text").to_owned()
}

fn value(evaluator: &mut Evaluator, text: &str) -> String {
    shown(evaluator, text, "value")
}

fn error(evaluator: &mut Evaluator, method: &str, params: Value) -> Value {
    evaluator.ask(method, params).end.expect_err("an error")
}

/// Each leaf with what it depends on; `?` marks what is not known.
fn dependencies(evaluator: &mut Evaluator, text: &str) -> Vec<(String, Vec<String>)> {
    let found = evaluator.ok("listDependencies", json!({ "text": text }));
    let leaves = found["leaves"].as_array().expect("leaves").iter();
    leaves
        .map(|leaf| {
            let path: nixops4_proto::path::AttrPath =
                serde_json::from_value(leaf["path"].clone()).expect("a path");
            let mark = match leaf["unknown"].as_bool() {
                Some(true) => "?",
                _ => "",
            };
            let from = leaf["from"].as_array().expect("from").iter().map(|index| {
                let output = &found["outputs"][index.as_u64().expect("an index") as usize];
                let mark = match output["known"].as_bool() {
                    Some(true) => "",
                    _ => "?",
                };
                format!("{}{mark}", output["expression"].as_str().expect("a text"))
            });
            (format!("{path}{mark}"), from.collect())
        })
        .collect()
}

fn candidates(evaluator: &mut Evaluator, text: &str, members: bool) -> (u64, Vec<String>) {
    let found = evaluator.ok("completeInput", json!({ "text": text, "members": members }));
    let names = serde_json::from_value(found["candidates"].clone()).expect("names");
    (found["start"].as_u64().expect("a place"), names)
}

#[test]
fn the_arguments_of_the_root_are_in_scope() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = Evaluator::load(NETWORK);
    let names = open(&mut evaluator);
    for name in ["members", "providers", "lib", "config", "options"] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.starts_with('_')), "{names:?}");
    let vpc = "members.vpc.inputs.cidr_block";
    assert_eq!(value(&mut evaluator, vpc), "\"10.0.0.0/16\"");
    let names = "lib.attrNames config.providers";
    assert_eq!(value(&mut evaluator, names), "[\n  \"aws\"\n  \"local\"\n]");
}

#[test]
fn without_a_root_there_is_the_language_alone() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = Evaluator::start(&[("a.nix", "5")]);
    assert!(open(&mut evaluator).is_empty());
    assert_eq!(value(&mut evaluator, "import ./a.nix + 1"), "6");
    let wrong = error(&mut evaluator, "enterInput", json!({ "text": "members" }));
    assert_eq!(wrong["kind"], "undefinedVariable");
    assert_eq!(wrong["position"]["file"], "«string»");
}

#[test]
fn a_root_of_version_0_has_its_members_in_scope() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let resource = |inputs: &str| {
        format!(
            "resource = {{ type = \"t\"; provider = {{ executable = \"p\"; args = [ ]; }}; \
             inputs = {{ {inputs} }}; outputsSkeleton = {{ }}; }};"
        )
    };
    let mut evaluator = Evaluator::load(&format!(
        "{{ _type = \"nixops4Component\"; rootFunction = {{ outputValues, ... }}: {{ members = {{ \
         a = {{ {} }}; b = {{ members.c = {{ {} }}; }}; }}; }}; }}",
        resource("n = 1;"),
        resource("m = outputValues.a.id;"),
    ));
    assert_eq!(open(&mut evaluator), ["members"]);
    assert_eq!(value(&mut evaluator, "members.a.inputs.n"), "1");
    evaluator.set("a", json!({ "id": "i" }));
    let from = vec!["members.a.outputs.id".to_owned()];
    assert_eq!(
        dependencies(&mut evaluator, "b.c.inputs.m"),
        [(String::new(), from)]
    );
}

#[test]
fn bindings_stay_and_see_what_was_bound_before() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = Evaluator::start(&[]);
    open(&mut evaluator);
    let bound = evaluator.ok("enterInput", json!({ "text": "a = 1; b = [ 2 ]" }));
    assert_eq!(bound, json!({ "kind": "bound", "names": ["a", "b"] }));
    evaluator.ok("enterInput", json!({ "text": "c = a + 1" }));
    evaluator.ok("enterInput", json!({ "text": "a = 10" }));
    assert_eq!(
        value(&mut evaluator, "[ a b c ]"),
        "[\n  10\n  [ ... ]\n  2\n]"
    );
    assert_eq!(
        shown(&mut evaluator, "[ a b c ]", "deep"),
        "[\n  10\n  [ 2 ]\n  2\n]"
    );
    let wrong = error(
        &mut evaluator,
        "enterInput",
        json!({ "text": "a = 1", "show": "deep" }),
    );
    assert_eq!(
        wrong["message"],
        "an expression is needed here, not bindings"
    );
    let nothing = evaluator.ok("enterInput", json!({ "text": " # nothing" }));
    assert_eq!(nothing, json!({ "kind": "nothing" }));
}

#[test]
fn a_scope_begins_anew() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    evaluator.ok("enterInput", json!({ "text": "members = 1; mine = 2" }));
    assert_eq!(value(&mut evaluator, "members + mine"), "3");
    open(&mut evaluator);
    assert_eq!(value(&mut evaluator, "members.vpc.outputs.id"), "\"vpc-1\"");
    error(&mut evaluator, "enterInput", json!({ "text": "mine" }));
}

#[test]
fn sets_of_files_and_expressions_come_into_scope() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = Evaluator::start(&[("f.nix", "{ x ? 4 }: { inherit x; y = x; }")]);
    open(&mut evaluator);
    let file = evaluator.file("f.nix");
    let added = evaluator.ok("extendScope", json!({ "source": { "file": file } }));
    assert_eq!(added, json!({ "names": ["x", "y"] }));
    let source = json!({ "expr": { "text": "{ z = x + y; }", "base": "/" } });
    evaluator.ok("extendScope", json!({ "source": source }));
    assert_eq!(value(&mut evaluator, "z"), "8");
    let source = json!({ "expr": { "text": "1", "base": "/" } });
    let wrong = error(&mut evaluator, "extendScope", json!({ "source": source }));
    assert_eq!(wrong["message"], "expected a set but found an integer: 1");
}

#[test]
fn what_is_unknown_or_sensitive_says_so() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    assert_eq!(
        value(&mut evaluator, "members.net.members.inner.inputs.name"),
        "«unknown: members.subnet.outputs.arn»"
    );
    let tags = "{\n  Key = (sensitive);\n  Name = \"n-a\";\n}";
    assert_eq!(value(&mut evaluator, "members.subnet.inputs.tags"), tags);
    let key = "members.vpc.outputs.key";
    assert_eq!(shown(&mut evaluator, key, "deep"), "(sensitive)");
    assert_eq!(shown(&mut evaluator, key, "type"), "a string");
    let arn = "1 + members.subnet.outputs.arn";
    let unknown = "«unknown: members.subnet.outputs.arn»";
    assert_eq!(shown(&mut evaluator, arn, "type"), unknown);
    assert_eq!(shown(&mut evaluator, arn, "deep"), unknown);
    // Options for internal use are left out of members.
    let vpc = value(&mut evaluator, "members.vpc");
    assert!(
        vpc.contains("\n  inputs = { ... };") && !vpc.contains("_component"),
        "{vpc}"
    );
    let wrong = error(
        &mut evaluator,
        "extendScope",
        json!({ "source": { "expr": { "text": "members.subnet.outputs.arn", "base": "/" } } }),
    );
    assert_eq!(
        wrong["message"],
        "this needs members.subnet.outputs.arn, not known yet"
    );
}

#[test]
fn dependencies_are_told_leaf_by_leaf() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    let one = |path: &str, from: &[&str]| {
        (
            path.to_owned(),
            from.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        dependencies(&mut evaluator, "subnet.inputs.vpc_id"),
        [one("", &["members.vpc.outputs.id"])]
    );
    // The condition counts, and a path through a composite may leave out `members`.
    let inner = [one(
        "?",
        &["members.subnet.outputs.arn?", "members.vpc.outputs.name"],
    )];
    assert_eq!(dependencies(&mut evaluator, "net.inner.inputs.name"), inner);
    let expression = "members.net.members.inner.inputs.name";
    assert_eq!(dependencies(&mut evaluator, expression), inner);
    // A member stands for its inputs.
    let subnet = [
        one("inputs.cidr_block", &[]),
        one("inputs.tags.Key", &["members.vpc.outputs.key"]),
        one("inputs.tags.Name", &["members.vpc.outputs.name"]),
        one("inputs.vpc_id", &["members.vpc.outputs.id"]),
    ];
    assert_eq!(dependencies(&mut evaluator, "subnet"), subnet);
    let key = evaluator.ok(
        "listDependencies",
        json!({ "text": "subnet.inputs.tags.Key" }),
    );
    assert_eq!(key["leaves"][0]["sensitive"], true);
    let sum = "\"${members.vpc.outputs.id}-${members.vpc.outputs.name}\"";
    let both = ["members.vpc.outputs.id", "members.vpc.outputs.name"];
    assert_eq!(dependencies(&mut evaluator, sum), [one("", &both)]);
    // What the user binds counts like anything else; a failing leaf hides no other.
    evaluator.ok("enterInput", json!({ "text": "v = members.vpc.outputs" }));
    let set = "{ a = throw v.id; b = [ v.name ]; c = let s = { inherit s; }; in s; }";
    assert_eq!(
        dependencies(&mut evaluator, set),
        [
            one("a", &["members.vpc.outputs.id"]),
            one("b[0]", &["members.vpc.outputs.name"])
        ]
    );
}

#[test]
fn dependencies_of_nothing_say_what_there_is() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    let params = json!({ "text": "subnett.inputs" });
    let wrong = error(&mut evaluator, "listDependencies", params);
    assert_eq!(wrong["message"], "attribute 'subnett' missing");
    assert_eq!(wrong["hints"][0], "Did you mean subnet?");
    let wrong = error(
        &mut evaluator,
        "listDependencies",
        json!({ "text": "a = 1" }),
    );
    assert_eq!(
        wrong["message"],
        "an expression is needed here, not bindings"
    );
}

#[test]
fn names_are_completed() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    evaluator.ok(
        "enterInput",
        json!({ "text": "mine = { \"a b\" = 1; c = { d = 2; }; }" }),
    );
    let mut check = |text: &str, start: u64, names: &[&str]| {
        let found = candidates(&mut evaluator, text, false);
        assert_eq!(
            found,
            (start, names.iter().map(|n| (*n).to_owned()).collect()),
            "{text}"
        );
    };
    check("m", 0, &["map", "members", "mine", "moduleType"]);
    check("1 + memb", 4, &["members"]);
    check("members.", 8, &["net", "subnet", "vpc"]);
    check("members.subnet.inputs.tags.", 27, &["Key", "Name"]);
    check("mine.", 5, &["\"a b\"", "c"]);
    check("mine.c.d", 7, &["d"]);
    check("({ x = mine; }).x.", 18, &["\"a b\"", "c"]);
    check("builtins.isAt", 9, &["isAttrs"]);
    // Nothing is said of what cannot be evaluated, or is no set.
    check("members.subnet.outputs.arn.", 27, &[]);
    check("(throw \"x\").", 12, &[]);
    check("nowhere.a", 8, &[]);
    check("mine.c.d.", 9, &[]);
}

#[test]
fn member_paths_are_completed_where_they_are_meant() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    let mut names = |text: &str| candidates(&mut evaluator, text, true).1;
    assert_eq!(names("sub"), ["subnet"]);
    assert_eq!(names("net.inn"), ["inner"]);
    assert_eq!(names("net.inner.inp"), ["inputs"]);
    assert_eq!(names("subnet.inputs.t"), ["tags"]);
    assert_eq!(names("members.net.members."), ["inner"]);
}

#[test]
fn completing_says_nothing_and_shows_no_secret() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = network();
    let text = "(builtins.trace \"loud\" { a = 1; }).";
    evaluator.send(&format!(
        r#"{{"id":77,"method":"completeInput","params":{{"text":{}}}}}"#,
        json!(text)
    ));
    let line = evaluator.line();
    assert_eq!(line["result"]["candidates"], json!(["a"]), "{line}");
    let secret = "(if members.vpc.outputs.key == \"x\" then { no = 1; } else { yes = 1; }).";
    assert_eq!(
        candidates(&mut evaluator, secret, false).1,
        Vec::<String>::new()
    );
}

#[test]
fn whole_and_unfinished_texts_are_told_apart() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = Evaluator::start(&[]);
    let mut whole = |text: &str| {
        let checked = evaluator.ok("checkInput", json!({ "text": text }));
        checked["whole"].as_bool().expect("an answer")
    };
    assert!(whole("1 + 1") && whole("a = 1") && whole("1 + )") && whole(""));
    assert!(!whole("{ a = 1;") && !whole("let a = 1; in") && !whole("''") && !whole("a = ["));
}

#[test]
fn an_interrupt_from_the_terminal_is_left_to_whoever_asks() {
    if passes_over(NO_PROMPT) {
        return;
    }
    let mut evaluator = Evaluator::start(&[]);
    open(&mut evaluator);
    evaluator.ok("enterInput", json!({ "text": "a = 1" }));
    let pid = evaluator.pid().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(kill.expect("kill starts").success());
    assert_eq!(value(&mut evaluator, "a"), "1");
}
