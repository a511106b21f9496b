//! Files come, are changed behind our back, change and go.

use nixops4_proto::native;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;
use crate::provider;

fn ask(method: &str, params: Json) -> Result<Json, Box<native::Error>> {
    provider().ask(method, params).0
}

/// A folder, and the path of a file in it.
fn place() -> (TempDir, String) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("sub/note.txt");
    let path = path.to_str().expect("text").to_owned();
    (folder, path)
}

fn create(inputs: &Json) -> Json {
    let params = json!({ "type": "file", "inputs": inputs, "stateful": true });
    let made = ask("create", params).expect("created");
    json!({ "inputs": inputs, "outputs": made["outputs"] })
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

#[test]
fn it_is_written_read_changed_and_deleted() {
    let (folder, path) = place();
    let inputs = json!({ "name": path, "contents": "a\n", "mode": "640" });
    let state = create(&inputs);
    assert_eq!(
        state["outputs"],
        json!({ "path": path, "sha256": sha256(b"a\n") })
    );
    assert_eq!(
        (fs::read(&path).expect("there"), mode(&path)),
        (b"a\n".to_vec(), 0o640)
    );

    let read = |state: &Json| ask("read", json!({ "type": "file", "state": state })).expect("read");
    assert_eq!(
        read(&state)["state"]["inputs"],
        inputs,
        "nothing has changed"
    );
    fs::write(&path, "b\n").expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
    assert_eq!(
        read(&state)["state"]["inputs"],
        json!({ "name": path, "contents": "b\n", "mode": "0600" })
    );
    let update = json!({ "type": "file", "state": state, "inputs": inputs });
    ask("update", update).expect("updated");
    assert_eq!(
        (fs::read(&path).expect("there"), mode(&path)),
        (b"a\n".to_vec(), 0o640)
    );
    let left: Vec<_> = fs::read_dir(folder.path().join("sub"))
        .expect("folder")
        .collect();
    assert_eq!(left.len(), 1, "nothing else is left there");

    let delete = json!({ "type": "file", "state": state });
    ask("delete", delete.clone()).expect("deleted");
    assert_eq!(read(&state), json!({ "state": null }));
    ask("delete", delete).expect("gone already");
}

#[test]
fn secrets_are_for_their_owner_alone() {
    let (_folder, path) = place();
    let inputs = json!({ "name": path, "sensitive_contents": "s" });
    let state = create(&inputs);
    assert_eq!(mode(&path), 0o600);
    fs::write(&path, "t").expect("written");
    let read = ask("read", json!({ "type": "file", "state": state })).expect("read");
    assert_eq!(
        read["state"]["inputs"],
        json!({ "name": path, "sensitive_contents": "t" })
    );
    let described = ask("describe", json!({})).expect("described");
    let file = &described["resourceTypes"]["file"];
    assert_eq!(file["inputs"]["sensitive_contents"]["sensitive"], true);
    assert_eq!(
        file["outputs"]["sha256"]["derivedFrom"],
        json!(["contents", "sensitive_contents"])
    );
}

#[test]
fn permissions_that_nobody_asked_for_stay_as_they_are() {
    let (_folder, path) = place();
    let inputs = json!({ "name": path, "contents": "a" });
    let state = create(&inputs);
    fs::set_permissions(&path, Permissions::from_mode(0o751)).expect("changed");
    let read = ask("read", json!({ "type": "file", "state": state })).expect("read");
    assert_eq!(read["state"]["inputs"], inputs);
    let changed = json!({ "name": path, "contents": "b" });
    ask(
        "update",
        json!({ "type": "file", "state": state, "inputs": changed }),
    )
    .expect("updated");
    assert_eq!(mode(&path), 0o751);
}

#[test]
fn a_link_stays_a_link_and_a_stranger_is_replaced_with_a_warning() {
    let (folder, path) = place();
    let target = folder.path().join("target");
    fs::write(&target, "theirs").expect("written");
    fs::create_dir(folder.path().join("sub")).expect("made");
    std::os::unix::fs::symlink(&target, &path).expect("linked");
    let inputs = json!({ "name": path, "contents": "ours" });
    let params = json!({ "type": "file", "inputs": inputs, "stateful": true });
    let (made, warnings) = provider().ask("create", params);
    made.expect("created");
    assert_eq!(
        warnings[0].message,
        format!("{path} was there already, with other contents; it has been replaced")
    );
    assert!(Path::new(&path).is_symlink());
    assert_eq!(fs::read_to_string(&target).expect("there"), "ours");
}

#[test]
fn plans_say_what_is_known() {
    let state = json!({ "inputs": { "name": "/a", "contents": "x" }, "outputs": {} });
    let plan = |inputs: Json| {
        let params = json!({ "type": "file", "prior": state, "inputs": inputs, "stateful": true });
        ask("plan", params).expect("planned")
    };
    let unknown = json!({ "$": "unknown" });
    let secret = json!({ "$": "known", "value": "x", "marks": ["sensitive"] });
    assert_eq!(
        plan(json!({ "name": "/a", "contents": secret, "mode": null })),
        json!({ "action": "noop" })
    );
    assert_eq!(
        plan(json!({ "name": "/a", "contents": unknown })),
        json!({ "action": "update", "outputs": { "path": "/a", "sha256": unknown } })
    );
    assert_eq!(
        plan(json!({ "name": unknown, "contents": "x" })),
        json!({
            "action": "replace",
            "replacePaths": [["name"]],
            "outputs": { "path": unknown, "sha256": sha256(b"x") },
        })
    );
}

#[test]
fn inputs_that_make_no_sense_are_named() {
    let wrong = |inputs: Json| {
        let answer = ask("validate", json!({ "type": "file", "inputs": inputs }));
        let errors = answer.expect("answered")["errors"].clone();
        let errors: Vec<native::Complaint> = serde_json::from_value(errors).expect("complaints");
        errors
            .into_iter()
            .map(|e| format!("{}: {}", e.path.unwrap_or_default(), e.message))
            .collect::<Vec<_>>()
    };
    let either = "contents: either `contents` or `sensitive_contents` has to be set";
    assert_eq!(wrong(json!({ "name": "a" })), [either]);
    assert_eq!(
        wrong(json!({ "name": "", "contents": "a", "sensitive_contents": "b", "mode": "rw" })),
        [either, "mode: `rw` is no mode", "name: the name is empty"]
    );
    let unknown = json!({ "$": "unknown" });
    assert_eq!(
        wrong(json!({ "name": unknown, "contents": unknown })),
        [""; 0]
    );
}

#[test]
fn a_file_can_be_taken_over() {
    let (folder, _) = place();
    let path = folder.path().join("x").display().to_string();
    fs::write(&path, "found").expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("changed");
    let imported = ask("import", json!({ "type": "file", "id": path })).expect("imported");
    assert_eq!(
        imported["inputs"],
        json!({ "name": path, "contents": "found", "mode": "0644" })
    );
    let missing = ask(
        "import",
        json!({ "type": "file", "id": format!("{path}y") }),
    );
    assert!(missing.is_err());
}
