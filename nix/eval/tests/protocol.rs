//! The evaluator protocol, spoken with the real process.

#[allow(
    dead_code,
    reason = "shared with the tests of operations and functions"
)]
mod support;

use serde_json::{Value, json};
use support::{Evaluator, assert_known, bare, is_libnix, nix_folder, passes_over, provenance};

const NETWORK: &str = r#"{ members, providers, lib, ... }: {
  providers.aws = { source = "hashicorp/aws"; version = "~> 5.0"; config.region = "eu-1"; };
  members.vpc = { type = providers.aws.aws_vpc; inputs.cidr_block = "10.0.0.0/16"; };
  members.subnet = {
    type = providers.aws.aws_subnet;
    inputs = {
      vpc_id = members.vpc.outputs.id;
      tags.Name = "web";
    };
  };
  members.zones.type = providers.aws.data.aws_availability_zones;
  members.note = {
    type = providers.local.file;
    inputs = { name = "vpc.txt"; contents = "vpc is ${members.vpc.outputs.id}"; };
  };
  members.web.members = lib.genAttrs members.zones.outputs.names (zone: {
    type = providers.local.file;
    inputs.name = zone;
  });
  providers.local = { };
}"#;

fn names(components: &[Value]) -> Vec<&str> {
    components
        .iter()
        .map(|component| component["path"].as_str().expect("path"))
        .collect()
}

#[test]
fn a_walk_goes_from_parents_to_members() {
    let mut evaluator = Evaluator::load(NETWORK);
    let components = evaluator.walk("");
    assert_eq!(
        names(&components),
        ["", "note", "subnet", "vpc", "web", "zones"]
    );
    assert_eq!(components[0]["kind"], "composite");
    assert_eq!(components[3]["type"], "aws_vpc");
    assert_eq!(components[3]["provider"], "#aws");
    assert_eq!(
        components[3]["inputs"],
        json!({ "cidr_block": "10.0.0.0/16" })
    );
    assert_eq!(components[5]["mode"], "data");
}

#[test]
fn each_provider_comes_once_before_its_resources() {
    let mut evaluator = Evaluator::load(NETWORK);
    let params = json!({ "paths": [""], "recursive": true, "inputs": false });
    let items = evaluator.ask("walk", params).items;
    let order: Vec<&str> = items
        .iter()
        .map(|item| match item.get("provider") {
            Some(provider) => provider["id"].as_str().expect("id"),
            None => item["component"]["path"].as_str().expect("path"),
        })
        .collect();
    assert_eq!(
        order,
        [
            "", "#local", "note", "#aws", "subnet", "vpc", "web", "zones"
        ]
    );
    assert_eq!(
        items[3]["provider"]["program"],
        json!({ "kind": "tfplugin", "source": "hashicorp/aws", "version": "~> 5.0" })
    );
    assert_eq!(items[3]["provider"]["config"], json!({ "region": "eu-1" }));
    assert_eq!(items[1]["provider"]["program"], json!({ "kind": "local" }));
}

#[test]
fn an_unknown_leaf_hides_no_sibling() {
    let mut evaluator = Evaluator::load(NETWORK);
    let subnet = evaluator.component("subnet");
    assert_eq!(
        subnet["inputs"],
        json!({ "tags": { "Name": "web" }, "vpc_id": { "$": "unknown", "from": [0] } })
    );
    assert_eq!(subnet["refs"][0]["member"], "vpc");
}

#[test]
fn a_known_leaf_keeps_its_provenance() {
    let mut evaluator = Evaluator::load(NETWORK);
    evaluator.set("vpc", json!({ "id": "vpc-1", "arn": { "$": "unknown" } }));
    let note = evaluator.component("note");
    assert_known(&note, "contents", "vpc is vpc-1", &["vpc.id"]);
}

#[test]
fn outputs_can_be_set_anew_and_taken_back() {
    let mut evaluator = Evaluator::load(NETWORK);
    for id in ["vpc-1", "vpc-2"] {
        evaluator.set("vpc", json!({ "id": id }));
        assert_eq!(
            evaluator.component("subnet")["inputs"]["vpc_id"]["value"],
            id
        );
    }
    evaluator.ok("setOutputs", json!({ "outputs": [{ "member": "vpc" }] }));
    let subnet = evaluator.component("subnet");
    assert_eq!(subnet["inputs"]["vpc_id"]["$"], "unknown");
}

#[test]
fn a_structure_that_waits_is_unknown_and_then_known() {
    let mut evaluator = Evaluator::load(NETWORK);
    let web = evaluator.component("web");
    assert_eq!(web["kind"], "unknown");
    assert_eq!(web["what"], "members");
    assert_eq!(web["refs"][0]["member"], "zones");
    evaluator.set("zones", json!({ "names": ["a", "b"] }));
    assert_eq!(names(&evaluator.walk("web")), ["web", "web.a", "web.b"]);
}

#[test]
fn leaves_and_types_are_located() {
    let mut evaluator = Evaluator::load(NETWORK);
    assert_eq!(evaluator.locate("subnet", json!(["vpc_id"])), (7, 7));
    assert_eq!(evaluator.locate("subnet", json!(["tags", "Name"])), (8, 7));
    assert_eq!(evaluator.locate("subnet", json!(["nothing"])), (6, 5));
    let kind = evaluator.ok(
        "locate",
        json!({ "subject": { "type": "subnet" }, "path": [] }),
    );
    assert_eq!(kind["position"]["line"], 5);
    assert_eq!(
        kind["position"]["source_line"],
        "    type = providers.aws.aws_subnet;"
    );
    let params = json!({ "subject": { "providerConfig": "#aws" }, "path": ["region"] });
    let region = evaluator.ok("locate", params);
    assert_eq!(region["position"]["line"], 2);
    assert_eq!(region["position"]["column"], 67);
}

#[test]
fn a_provider_configuration_may_wait_for_outputs() {
    let mut evaluator = Evaluator::load(
        r#"{ members, providers, ... }: {
          providers.local = { };
          providers.k8s = { source = "k8s"; config.host = members.cluster.outputs.endpoint; };
          members.cluster.type = providers.local.memo;
          members.app.type = providers.k8s.deployment;
        }"#,
    );
    let params = json!({ "paths": ["app"], "recursive": false, "inputs": true });
    let items = evaluator.ask("walk", params).items;
    assert_eq!(
        items[0]["provider"]["config"],
        json!({ "host": { "$": "unknown", "from": [0] } })
    );
    evaluator.set("cluster", json!({ "endpoint": "https://c" }));
    let provider = evaluator.ok("provider", json!({ "id": "#k8s" }));
    assert_eq!(provider["config"]["host"]["value"], "https://c");
    assert_eq!(provider["refs"][0]["member"], "cluster");
}

#[test]
fn sensitive_values_are_marked_and_stay_so() {
    let mut evaluator = Evaluator::load(
        r#"{ members, providers, lib, ... }: {
          providers.local = { };
          members.a = { type = providers.local.x; inputs.p = "pw=${lib.sensitive "hunter2"}"; };
          members.b = { type = providers.local.x; inputs.q = members.a.outputs.secret; };
        }"#,
    );
    let marked = |value: &str| json!({ "$": "known", "marks": ["sensitive"], "value": value });
    assert_eq!(
        evaluator.component("a")["inputs"]["p"],
        marked("pw=hunter2")
    );
    evaluator.set(
        "a",
        json!({ "secret": { "$": "known", "marks": ["sensitive"], "value": "s" } }),
    );
    let b = evaluator.component("b");
    assert_eq!(b["inputs"]["q"]["marks"], json!(["sensitive"]));
    assert_known(&b, "q", "s", &["a.secret"]);
}

#[test]
fn conflicting_secrets_are_not_shown() {
    let mut evaluator = Evaluator::load(
        r#"[
          ({ providers, lib, ... }: {
            providers.local = { };
            members.a = { type = providers.local.x; inputs.p = lib.sensitive "hunter2"; };
          })
          { members.a.inputs.p = "other"; }
        ]"#,
    );
    let error = evaluator.component("a")["inputsError"].take();
    let message = error["message"].as_str().expect("message");
    assert!(
        message.contains("`members.a.inputs.p' has conflicting"),
        "{message}"
    );
    assert!(message.contains(": (sensitive)"), "{message}");
    // Nix cannot tell which of the two is secret.
    assert!(message.contains(": \"other\"") != is_libnix(), "{message}");
    // The line of the text is shown, with what stands there; nothing else may have it.
    let mut beside = error;
    if let Some(position) = beside["position"].as_object_mut() {
        position.remove("source_line");
    }
    assert!(!beside.to_string().contains("hunter2"), "{beside}");
}

#[test]
fn a_leaf_depends_on_exactly_what_was_read_for_it() {
    // What makes the input `v`, and the outputs of `s` that it depends on.
    let cases = [
        ("members.s.outputs.a", "a"),
        ("members.s.outputs.a + members.s.outputs.b", "a b"),
        (
            "if members.s.outputs.flag then members.s.outputs.a else members.s.outputs.b",
            "a flag",
        ),
        (
            "lib.mkIf members.s.outputs.flag members.s.outputs.b",
            "b flag",
        ),
        (
            "lib.mkMerge [ (lib.mkDefault members.s.outputs.a) members.s.outputs.b ]",
            "b",
        ),
        ("lib.mkForce (lib.mkIf members.s.outputs.flag 1)", "flag"),
        ("builtins.toJSON { x = members.s.outputs.a; }", "a"),
        (
            "lib.head (lib.sort lib.lessThan [ members.s.outputs.b members.s.outputs.a ])",
            "a b",
        ),
        ("members.made.outputs.both", "a b"),
        ("members.made.label", "a"),
        ("members.s.type.resourceType", ""),
        ("members.s.inputs.n", ""),
        ("lib.length [ members.s.outputs.a members.s.outputs.b ]", ""),
        (
            "(builtins.tryEval (if members.s.outputs.flag then 1 else throw \"no\")).value",
            "flag",
        ),
    ];
    for (expression, expected) in cases {
        let expected = expected.split_whitespace().map(|name| format!("s.{name}"));
        let expected: Vec<String> = expected.collect();
        let mut evaluator = Evaluator::load(&format!(
            r#"{{ members, providers, lib, ... }}: {{
              providers.local = {{ }};
              members.s = {{ type = providers.local.x; inputs.n = 1; }};
              members.made = {{ config, lib, ... }}: {{
                options.label = lib.mkOption {{ type = lib.types.str; }};
                config.label = members.s.outputs.a;
                config.outputs.both = members.s.outputs.a + members.s.outputs.b;
              }};
              members.r = {{ type = providers.local.x; inputs.v = {expression}; inputs.w = members.s.outputs.unread; }};
            }}"#
        ));
        evaluator.set(
            "s",
            json!({ "a": "1", "b": "2", "flag": true, "unread": 3 }),
        );
        for _ in 0..2 {
            let r = evaluator.component("r");
            let mut read = provenance(&r, &r["inputs"]["v"]);
            if is_libnix() {
                // No less than that, and no other resource's.
                assert!(read.iter().all(|output| output.starts_with('s')), "{r}");
                read.retain(|output| expected.contains(output));
            }
            read.sort();
            assert_eq!(read, expected, "{expression}: {r}");
            assert_eq!(r["from"], Value::Null, "{expression}");
        }
    }
}

#[test]
fn a_condition_that_waits_hides_no_leaf_outside_it() {
    let mut evaluator = Evaluator::load(
        r#"{ members, providers, lib, ... }: {
          providers.local = { };
          members.s.type = providers.local.x;
          members.r = lib.mkMerge [
            { type = providers.local.x; inputs = { a = 1; tags.x = "x"; }; }
            (lib.mkIf members.s.outputs.flag { inputs = { b = 2; tags.y = "y"; }; })
          ];
        }"#,
    );
    // The names in a set are known, but depend on the condition like its leaves.
    let known = |value: Value| json!({ "$": "known", "from": [0], "value": value });
    let unknown = json!({ "$": "unknown", "from": [0] });
    let inputs = evaluator.component("r")["inputs"].take();
    if is_libnix() {
        let waiting = json!({ "a": 1, "b": "?", "tags": { "x": "x", "y": "?" } });
        assert_eq!(bare(&inputs), waiting);
    } else {
        assert_eq!(
            inputs,
            known(
                json!({ "a": 1, "b": unknown, "tags": known(json!({ "x": "x", "y": unknown })) })
            )
        );
    }
    evaluator.set("s", json!({ "flag": true }));
    assert_eq!(bare(&evaluator.component("r")["inputs"])["b"], 2);
    evaluator.set("s", json!({ "flag": false }));
    let inputs = evaluator.component("r")["inputs"].take();
    let without = json!({ "a": 1, "tags": { "x": "x" } });
    match is_libnix() {
        true => assert_eq!(bare(&inputs), without),
        false => assert_eq!(inputs, known(without)),
    }
}

#[test]
fn settings_of_resources_are_reported() {
    let mut evaluator = Evaluator::load(
        r#"{ members, providers, lib, ... }: {
          providers.local = { };
          members.db = { type = providers.local.x; state = null; };
          members.a = {
            type = providers.local.x;
            state = members.db;
            lifecycle = {
              createBeforeDestroy = true;
              preventDestroy = true;
              ignoreChanges = [ "tags.Name" [ "rule" 0 ] ];
              replaceTriggeredBy = [ members.db members.db.outputs.version ];
            };
            formerly = "old.a";
            dependsOn = [ members.db "x.y" ];
            import.id = "i-1";
          };
        }"#,
    );
    let a = evaluator.component("a");
    assert_eq!(a["state"], json!({ "member": "db" }));
    assert_eq!(
        a["lifecycle"],
        json!({
            "createBeforeDestroy": true,
            "preventDestroy": true,
            "ignoreChanges": [["tags", "Name"], ["rule", 0]],
            "ignoreAllChanges": false,
            "replaceTriggeredBy": [{ "member": "db" }, { "member": "db" }],
        })
    );
    assert_eq!(a["formerly"], json!(["old.a"]));
    assert_eq!(a["dependsOn"], json!(["db", "x.y"]));
    assert_eq!(a["importId"], "i-1");
    assert_eq!(evaluator.component("db")["state"], "stateless");
    evaluator.set("db", json!({ "version": 1 }));
    let a = evaluator.component("a");
    assert_eq!(
        a["lifecycle"]["replaceTriggeredBy"],
        json!([{ "member": "db" }, { "member": "db", "path": ["version"] }])
    );
}

#[test]
fn one_bad_member_hides_no_other() {
    let mut evaluator = Evaluator::load(
        r#"{ providers, ... }: {
          providers.local = { };
          members.bad = throw "no such luck";
          members.good = { type = providers.local.x; inputs.a = 1; inputs.b = 1 + ""; };
          members.wrong = { type = providers.local.x; inptus = { }; };
          members.ugly = { type = providers.local.x; assertions = [ { assertion = false; message = "never"; } ]; };
        }"#,
    );
    let components = evaluator.walk("");
    assert_eq!(names(&components), ["", "bad", "good", "ugly", "wrong"]);
    assert_eq!(components[1]["error"]["message"], "no such luck");
    assert_eq!(components[1]["error"]["position"]["line"], 3);
    assert_eq!(components[2]["inputsError"]["kind"], "type");
    assert_eq!(components[2]["inputsError"]["position"]["line"], 4);
    assert_eq!(components[3]["error"]["message"], "never");
    let message = components[4]["error"]["message"].as_str().expect("message");
    assert!(message.starts_with("The option `members.wrong.inptus' does not exist."));
    assert_eq!(
        components[4]["error"]["hints"][0],
        "Did you mean `members.wrong.inputs'?"
    );
    // The library cannot have Nix name a place that is not its own; there the message does.
    match is_libnix() {
        true => assert!(message.contains("nixops4.nix:5:"), "{message}"),
        false => assert_eq!(components[4]["error"]["position"]["line"], 5),
    }
}

#[test]
fn a_component_is_not_half_a_resource() {
    let mut evaluator = Evaluator::load(
        r#"{ providers, ... }: {
          providers.local = { };
          members.untyped.inputs.a = 1;
          members.both = { type = providers.local.x; members.c = { }; };
        }"#,
    );
    let components = evaluator.walk("");
    let message = |index: usize| components[index]["error"]["message"].as_str();
    assert!(message(1).is_some_and(|text| text.contains("`both' has a `type'")));
    assert!(message(2).is_some_and(|text| text.contains("`untyped' has `inputs' but no `type'")));
}

#[test]
fn two_definitions_of_one_input_conflict_with_both_positions() {
    let files = [
        (
            "nixops4.nix",
            "{ providers, ... }: { imports = [ ./a.nix ./b.nix ]; providers.local = { }; members.m.type = providers.local.x; }",
        ),
        ("a.nix", "{ members.m.inputs.size = 1; }"),
        ("b.nix", "{\n  members.m.inputs.size = 2;\n}"),
    ];
    let mut evaluator = Evaluator::start(&files);
    evaluator.ask_load().end.expect("loaded");
    let error = evaluator.component("m")["inputsError"].take();
    let message = error["message"].as_str().expect("message");
    let here = |name: &str, place: &str| format!("{}:{place}", evaluator.file(name).display());
    assert!(
        message.contains("`members.m.inputs.size' has conflicting"),
        "{message}"
    );
    assert!(message.contains(&here("a.nix", "1:3")), "{message}");
    assert!(message.contains(&here("b.nix", "2:3")), "{message}");
}

#[test]
fn a_syntax_error_has_its_line() {
    let mut evaluator = Evaluator::start(&[("nixops4.nix", "{\n  members = ;\n}\n")]);
    let error = evaluator.ask_load().end.expect_err("no Nix");
    assert_eq!(error["kind"], "syntax");
    assert_eq!(error["position"]["line"], 2);
    assert_eq!(error["position"]["source_line"], "  members = ;");
    assert_eq!(
        error["position"]["file"].as_str(),
        evaluator.file("nixops4.nix").to_str()
    );
}

#[test]
fn a_member_in_place_of_its_output_is_explained() {
    let mut evaluator = Evaluator::load(
        "{ members, providers, ... }: { providers.local = { }; members.a.type = providers.local.x;
           members.b = { type = providers.local.x; inputs.a = members.a; }; }",
    );
    let error = evaluator.component("b")["inputsError"].take();
    assert_eq!(error["message"], "a member cannot be an input");
    assert_eq!(
        error["hints"][0],
        "use one of its outputs: members.<name>.outputs.<output>"
    );
}

#[test]
fn a_missing_member_is_named_with_those_there_are() {
    let mut evaluator = Evaluator::load(NETWORK);
    let params = json!({ "paths": ["nope"], "recursive": false, "inputs": false });
    let error = evaluator.ask("walk", params).end.expect_err("missing");
    assert_eq!(error["message"], "there is no member `nope`");
    assert_eq!(
        error["hints"][0],
        "there are: note, subnet, vpc, web, zones"
    );
}

#[test]
fn roots_are_modules_lists_of_modules_and_made_roots() {
    for root in [
        "{ members.a = { resourceType = \"t\"; provider.executable = \"e\"; }; }",
        "[ { members.a = { resourceType = \"t\"; }; } { members.a.provider.executable = \"e\"; } ]",
        "(import <nixops4/modules> { }).mkRoot { modules = [ { members.a = { resourceType = \"t\"; provider.executable = \"e\"; }; } ]; }",
        "{ _type = \"nixops4Component\"; rootFunction = { outputValues, ... }: { members.a.resource = { provider = { type = \"stdio\"; executable = \"e\"; args = [ ]; }; type = \"t\"; inputs = { }; outputsSkeleton = { }; state = null; }; }; }",
    ] {
        let mut evaluator = Evaluator::load(root);
        let components = evaluator.walk("");
        assert_eq!(names(&components), ["", "a"], "{root}");
        assert_eq!(components[1]["type"], "t");
        assert_eq!(components[1]["provider"], "stdio:e");
    }
}

#[test]
fn a_root_of_another_type_is_refused() {
    let mut evaluator = Evaluator::start(&[("nixops4.nix", "3")]);
    let error = evaluator.ask_load().end.expect_err("no root");
    let message = error["message"].as_str().expect("message");
    assert!(
        message.starts_with("A root must be a module, a list of modules or the result of mkRoot")
    );
}

#[test]
fn flakes_have_local_inputs_and_outputs_of_any_name() {
    let files = [
        (
            "flake.nix",
            "{ inputs.sub.url = \"path:./sub\"; inputs.nixops4.url = \"github:nixops4/nixops4\";
            outputs = { self, sub, nixops4 }: {
              nixops4 = nixops4.lib.mkRoot { modules = [ sub.module ]; };
              other.one = sub.module;
            }; }",
        ),
        (
            "sub/flake.nix",
            "{ outputs = { self }: { module = { members.a = { resourceType = \"t\"; provider.executable = \"e\"; }; }; }; }",
        ),
    ];
    let mut evaluator = Evaluator::start(&files);
    for attr in ["nixops4", "other.one"] {
        let dir = evaluator.file("");
        let root = json!({ "kind": "flake", "dir": dir, "attr": attr });
        evaluator.ok("load", json!({ "root": root }));
        assert_eq!(names(&evaluator.walk("")), ["", "a"]);
    }
    let root = json!({ "kind": "flake", "dir": evaluator.file(""), "attr": "nothing" });
    let error = evaluator
        .ask("load", json!({ "root": root }))
        .end
        .expect_err("missing");
    let message = error["message"].as_str().expect("message");
    assert!(message.ends_with("has no output `nothing'."), "{message}");
}

#[test]
fn expressions_are_evaluated_and_printed() {
    let mut evaluator = Evaluator::start(&[("x.nix", "{ a = [ 1 { b = \"two\"; } ]; }")]);
    let file = evaluator.file("x.nix");
    let mut eval = |source: Value, attr: &str, format: &str| {
        let params = json!({ "source": source, "attrs": [attr], "format": format, "strict": true });
        let answer = evaluator.ask("eval", params);
        answer.end.expect("evaluated");
        answer.items.into_iter().next().expect("an item")["text"].take()
    };
    assert_eq!(
        eval(json!({ "file": file }), "", "nix"),
        "{ a = [ 1 { b = \"two\"; } ]; }"
    );
    assert_eq!(eval(json!({ "file": file }), "a.1.b", "raw"), "two");
    assert_eq!(
        eval(json!({ "file": file }), "a", "json"),
        r#"[1,{"b":"two"}]"#
    );
    let secret = json!({ "expr": { "text": "(import <nixops4/lib>).sensitive 1", "base": "/" } });
    assert_eq!(eval(secret, "", "nix"), "(sensitive)");
}

#[test]
fn what_is_no_request_is_answered_as_such() {
    let mut evaluator = Evaluator::start(&[]);
    evaluator.send("nonsense");
    assert_eq!(
        evaluator.answer().end.expect_err("refused")["kind"],
        "protocol"
    );
    let error = evaluator.ask("dance", json!({})).end.expect_err("refused");
    assert_eq!(error["message"], "there is no method `dance`");
    let error = evaluator.ask("walk", json!({})).end.expect_err("refused");
    assert_eq!(error["kind"], "protocol");
    let params = json!({ "paths": [""], "recursive": true, "inputs": true });
    let error = evaluator.ask("walk", params).end.expect_err("refused");
    assert_eq!(error["message"], "no root is loaded");
    let error = evaluator
        .ask("hello", json!({ "protocolVersions": [99] }))
        .end;
    assert!(error.is_err());
}

#[test]
fn the_process_ends_with_its_input() {
    let evaluator = Evaluator::load(NETWORK);
    assert!(evaluator.close().success());
}

#[test]
fn the_process_ends_when_nobody_reads_its_answers() {
    let mut evaluator = Evaluator::start(&[]);
    let endless = "let go = n: go (n + 1); in go 0";
    let source = json!({ "expr": { "text": endless, "base": "/" } });
    let request =
        json!({ "id": 9, "method": "eval", "params": { "source": source, "format": "nix" } });
    evaluator.send(&request.to_string());
    assert!(!evaluator.abandon().success());
}

#[test]
fn what_is_being_answered_can_be_cancelled() {
    if passes_over("the C API of Nix has no way to interrupt an evaluation") {
        return;
    }
    let endless = [
        "let go = n: 1 + go n; in go 0",
        "builtins.foldl' (a: b: a) 0 (builtins.genList (x: x) 3000000)",
        "builtins.sort (a: b: a < b) (builtins.genList (x: 0 - x) 3000000)",
        "builtins.match \"(a*)*(a*)*(a*)*b\" (builtins.concatStringsSep \"\" (builtins.genList \
         (_: \"a\") 1000000))",
        "builtins.toJSON (builtins.genList (x: x) 3000000)",
    ];
    let mut evaluator = Evaluator::start(&[]);
    evaluator.ok("configure", json!({ "maxDepth": 4_000_000_000_u32 }));
    for text in endless {
        let source = json!({ "expr": { "text": text, "base": "/" } });
        let params = json!({ "source": source, "format": "nix" });
        evaluator.send(&json!({ "id": 7, "method": "eval", "params": params }).to_string());
        evaluator.send(&json!({ "id": 8, "method": "eval", "params": params }).to_string());
        evaluator.send(&json!({ "id": 9, "method": "cancel" , "params": {} }).to_string());
        for _ in 0..2 {
            let error = evaluator.answer().end.expect_err("cancelled");
            assert_eq!(error["kind"], "cancelled", "{text}: {error}");
        }
        evaluator
            .answer()
            .end
            .expect("the cancellation is answered");
    }
    let source = json!({ "expr": { "text": "1 + 1", "base": "/" } });
    let answer = evaluator.ask("eval", json!({ "source": source, "format": "nix" }));
    assert_eq!(answer.items, [json!({ "text": "2" })]);
}

#[test]
fn the_tests_of_the_nix_code_pass() {
    let mut evaluator = Evaluator::start(&[]);
    for tests in ["lib/tests", "modules/tests"] {
        let params = json!({
            "source": { "file": nix_folder().join(tests) },
            "format": "nix",
            "strict": true,
        });
        let answer = evaluator.ask("eval", params);
        assert!(answer.end.is_ok(), "{:?}", answer.end);
        assert_eq!(answer.items, [json!({ "text": "[ ]" })], "{tests}");
    }
}

#[test]
fn functions_are_called_with_arguments() {
    let printed = |text: &str, attrs: &[&str], args: Value| {
        let mut evaluator = Evaluator::start(&[]);
        let source = json!({ "expr": { "text": text, "base": "/", "name": "string" } });
        let params = json!({
            "source": source, "attrs": attrs, "args": args, "format": "nix", "strict": true
        });
        let answer = evaluator.ask("eval", params);
        match answer.end {
            Ok(_) => answer.items[0]["text"].clone(),
            Err(error) => error["message"].clone(),
        }
    };
    let two = json!([{ "name": "a", "value": { "text": "x" } },
        { "name": "b", "value": { "expr": { "text": "1 + 1", "base": "/" } } }]);
    let cases = [
        ("{ a }: a", vec![], "\"x\""),
        ("{ b, c ? 3 }: b + c", vec![], "5"),
        ("args@{ a, ... }: args.b", vec![], "2"),
        ("{ __functor = self: { a }: a + \"y\"; }", vec![], "\"xy\""),
        ("{ f = { b }: { g = { a }: a; }; }", vec!["f.g"], "\"x\""),
        ("{ x = a: 1; }.x", vec![], "<LAMBDA"),
        (
            "{ missing }: 1",
            vec![],
            "cannot evaluate a function that has an argument without a value ('missing')",
        ),
    ];
    for (text, attrs, expected) in cases {
        let text_of = printed(text, &attrs, two.clone());
        let found = text_of.as_str().expect("text");
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    // Where none are given, functions are called on the way only.
    let none = json!([]);
    assert_eq!(
        printed("{ f = { b ? 2 }: { inherit b; }; }", &["f.b"], none.clone()),
        "2"
    );
    let function = printed("{ b ? 2 }: b", &[], none);
    assert!(
        function.as_str().expect("text").starts_with("<LAMBDA"),
        "{function}"
    );
}
