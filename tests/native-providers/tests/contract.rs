//! A program that knows nothing of ours but the protocol keeps the contract.

use std::path::Path;
use std::sync::Arc;

use nixops4_core::AttrPath;
use nixops4_core::provider::ResourceState;
use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::value::Value;
use nixops4_testutils::{Subject, provider_contract};
use tempfile::TempDir;

fn program(dir: &Path, script: &str) -> NativeProgram {
    NativeProgram::new("scripted", env!("CARGO_BIN_EXE_native-scripted"))
        .args([script])
        .dir(dir)
}

fn thing(note: &str, size: i64) -> Value {
    Value::attrs([
        ("name", "a".into()),
        ("note", note.into()),
        ("size", size.into()),
        ("secret", Value::from("s").sensitive()),
    ])
}

fn id(state: &ResourceState) -> String {
    let id = state.outputs.get(&AttrPath::root().child("id"));
    id.and_then(Value::as_str).expect("an id").to_owned()
}

fn subject(dir: &Path, script: &'static str) -> Subject {
    let at = dir.to_owned();
    Subject::new(
        move || Arc::clone(&NativeProvider::new(program(&at, script))) as Arc<_>,
        "thing",
        thing("n", 1),
    )
}

#[tokio::test]
async fn a_program_keeps_the_contract() {
    let folder = TempDir::new().expect("a folder");
    let (drifting, vanishing) = (folder.path().to_owned(), folder.path().to_owned());
    let file = |dir: &Path, state: &ResourceState| dir.join(format!("{}.json", id(state)));
    let subject = Subject {
        updated: Some(thing("other", 1)),
        replaced: Some((thing("n", 2), AttrPath::root().child("size"))),
        invalid: Some((
            Value::attrs([("name", "a".into()), ("bad", "wrong".into())]),
            AttrPath::root().child("bad"),
        )),
        may_be_unknown: Some("note".into()),
        secret_output: Some("copy".into()),
        drift: Some(Box::new(move |state| {
            let path = file(&drifting, state);
            let text = std::fs::read_to_string(&path).expect("there");
            std::fs::write(path, text.replace("\"n\"", "\"drifted\"")).expect("written");
        })),
        vanish: Some(Box::new(move |state| {
            std::fs::remove_file(file(&vanishing, state)).expect("there");
        })),
        import_id: Some(Box::new(id)),
        data: Some(("lookup".into(), Value::attrs([("key", "k".into())]))),
        ..subject(folder.path(), "{}")
    };
    provider_contract(&subject).await;
    let left = std::fs::read_dir(folder.path()).expect("folder").count();
    assert_eq!(left, 0, "everything was deleted");
}

#[tokio::test]
async fn a_program_that_can_only_create_keeps_it_too() {
    let folder = TempDir::new().expect("a folder");
    let subject = Subject {
        replaced: Some((thing("other", 1), AttrPath::root().child("note"))),
        ..subject(folder.path(), r#"{"operations":[]}"#)
    };
    provider_contract(&subject).await;
}

#[tokio::test]
async fn a_program_that_cannot_read_is_taken_at_its_word() {
    let folder = TempDir::new().expect("a folder");
    let subject = Subject {
        updated: Some(thing("other", 1)),
        ..subject(folder.path(), r#"{"operations":["update","delete"]}"#)
    };
    provider_contract(&subject).await;
}
