//! Plugins that are built here: on both plugin frameworks, and one that is published as a Go module.
//! Needs Go.

use std::fs;
use std::path::Path;

use nixops4_tests::{Sandbox, go_module, go_plugin, mirror_plugin};
use serde_json::json;

use super::{Case, use_mirror};

/// Compares the objects of a plugin, which keeps them in a folder.
fn compare(name: &str, source: &str, version: &str, program: &Path, config: [&str; 2]) {
    let mut sandbox = Sandbox::new();
    let mirror = sandbox.path().join("mirror");
    mirror_plugin(&mirror, source, version, program);
    use_mirror(&mut sandbox, &mirror);
    let objects = sandbox.path().join("objects");
    let source = format!("registry.opentofu.org/{source}");
    let own = json!({ "directory": objects });
    let (nix, hcl) = match name {
        "time" => (String::new(), json!({})),
        _ => (format!("config.directory = {objects:?};"), own),
    };
    let mut settings = json!({
        "terraform": { "required_providers": { "p": { "source": source, "version": version } } },
        "provider": { "p": hcl },
    });
    // They are called by the name of the provider's types.
    for section in [&["terraform", "required_providers"][..], &["provider"]] {
        let mut at = &mut settings;
        for step in section {
            at = &mut at[*step];
        }
        let at = at.as_object_mut().expect("a section");
        let one = at.remove("p").expect("it was put there");
        at.insert(name.to_owned(), one);
    }
    sandbox.write("there", "");
    let case = Case {
        provider: (name, &format!("{{ source = {source:?}; {nix} }}")),
        settings: &settings.to_string(),
        config: config[0],
        changed: Some(config[1]),
        reset: &|| {
            if objects.exists() {
                fs::remove_dir_all(&objects).expect("it is ours");
            }
        },
    };
    if case.compare(&sandbox).is_some() && name != "time" {
        let left = fs::read_dir(&objects).expect("a folder").flatten();
        let left: Vec<_> = left.filter(|entry| entry.file_name() != "log").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Sets of several; where they are changed, with one of them twice. (A plan tells an input as it was
/// written, so there it would differ.)
fn set<T: Copy>(first: T, second: T, twice: bool) -> Vec<T> {
    match twice {
        true => vec![first, second, first],
        false => vec![first, second],
    }
}

/// Everything that the plugin offers and Terraform 1.11 knows; each object refers to the one before,
/// so that they are numbered alike.
fn framework(name: &str, kind: &str, ports: [u16; 2]) -> String {
    let rule = |name: &str, port: u16| json!({ "name": name, "port": port });
    let config = json!({
        "ephemeral": { "framework_token": { "t": { "name": "secret" } } },
        "data": { "framework_object": {
            "seen": { "id": "${framework_object.whole.id}" },
        } },
        "resource": {
            "framework_object": {
                "bare": { "name": name },
                "whole": {
                    "name": format!("{name} after ${{framework_object.bare.id}}"),
                    "kind": kind,
                    "enabled": true,
                    "size": ports[0],
                    "ratio": 0.25,
                    // Nix has no such number; both convert the text.
                    "big": "123456789012345678901234567890",
                    "names": ["b", "a", "b"],
                    "zones": set("a", "z", ports[0] > 1),
                    "labels": { "k": "v", "with.dot": "" },
                    "point": { "x": 1, "y": 2.5 },
                    "anything": { "deep": [1, true, "x"] },
                    "single": { "name": "s" },
                    "rule_list": [rule("b", ports[0]), { "name": "a" }],
                    "rule_set": [rule("b", ports[1]), { "name": "a" }],
                    "rule_map": { "k": { "name": "m" }, "l": rule("l", ports[0]) },
                    "password": "confidential",
                    "secret": "${ephemeral.framework_token.t.value}",
                    "secret_version": ports[0],
                    "list_block": [{ "name": "x" }, rule("y", ports[1])],
                    "set_block": [rule("p", ports[0]), { "name": "q" }],
                    "single_block": { "name": "one" },
                },
                "made_of_others": {
                    "name": "${data.framework_object.seen.name}",
                    "names": [
                        "${provider::framework::join(\"-\", [\"a\", \"b\"])}",
                        "${provider::framework::echo_string(\"text\")}",
                        "${provider::framework::sum([1, 2.5]...)}",
                        "${provider::framework::echo_bool(true)}",
                        "${provider::framework::echo_int64(9007199254740993)}",
                        "${provider::framework::echo_float64(1.5)}",
                    ],
                    "zones": "${provider::framework::echo_set([\"b\", \"a\", \"b\"])}",
                    "anything": "${provider::framework::echo_list([\"b\", \"a\"])}",
                },
            },
            "framework_waiting": { "ready": { "waits_for": "/" } },
        },
    });
    config.to_string()
}

#[test]
fn a_plugin_on_the_framework_makes_the_same() {
    let Some(program) = go_plugin("framework") else {
        return;
    };
    let (made, changed) = (
        framework("one", "k", [1, 443]),
        framework("two", "other", [8080, 80]),
    );
    compare(
        "framework",
        "example/framework",
        "0.1.0",
        &program,
        [&made, &changed],
    );
}

fn legacy(name: &str, zone: &str, port: u16) -> String {
    let config = json!({
        "data": { "legacy_count": { "n": {} } },
        "resource": { "legacy_thing": {
            "bare": { "name": name },
            "whole": {
                "name": format!("{name} after ${{legacy_thing.bare.id}}"),
                "zone": zone,
                "description": "${data.legacy_count.n.count_of_things}",
                "size": port,
                "ratio": 0.5,
                "enabled": false,
                "password": "confidential",
                "tags": { "a": "1", "b": "" },
                "names": ["b", "a", "b"],
                "ports": set(80, 443, port > 80),
                "lowercased": "MiXeD",
                "rule": [
                    { "port": port },
                    { "port": 22, "protocol": "udp", "note": "n" },
                ],
                "option": [{ "level": 7 }],
            },
        } },
    });
    config.to_string()
}

#[test]
fn a_plugin_on_the_sdk_makes_the_same() {
    let Some(program) = go_plugin("legacy") else {
        return;
    };
    let (made, changed) = (legacy("one", "a", 80), legacy("two", "b", 8080));
    compare(
        "legacy",
        "example/legacy",
        "0.1.0",
        &program,
        [&made, &changed],
    );
}

fn time(base: &str, days: u16) -> String {
    let config = json!({ "resource": {
        "time_static": { "fixed": { "rfc3339": base, "triggers": { "days": days.to_string() } } },
        "time_offset": { "later": {
            "base_rfc3339": "${time_static.fixed.rfc3339}", "offset_days": days, "offset_hours": 3,
        } },
        "time_rotating": { "seldom": { "rfc3339": base, "rotation_years": 100 + days } },
        "time_sleep": { "short": { "create_duration": "1ms", "destroy_duration": "1ms",
            "triggers": {
                "at": "${time_offset.later.rfc3339}",
                "hours": "${provider::time::duration_parse(\"36h30m\").hours}",
                "year": "${provider::time::rfc3339_parse(\"2026-02-03T04:05:06Z\").year}",
                "unix": "${provider::time::unix_timestamp_parse(1700000000).rfc3339}",
            } } },
    } });
    config.to_string()
}

#[test]
fn the_time_plugin_makes_the_same() {
    let module = "github.com/hashicorp/terraform-provider-time@v0.14.2";
    let Some(program) = go_module(module) else {
        return;
    };
    let (made, changed) = (
        time("2026-01-02T03:04:05Z", 7),
        time("2026-01-03T03:04:05Z", 40),
    );
    compare(
        "time",
        "hashicorp/time",
        "0.14.2",
        &program,
        [&made, &changed],
    );
}
