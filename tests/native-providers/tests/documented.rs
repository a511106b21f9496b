//! What the page about writing providers shows is true.

use std::path::Path;
use std::process::Command;

use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::value::Value;
use nixops4_proto::native::{Described, OptionalOperation, Reply, ReplyBody};
use nixops4_testutils::{Subject, provider_contract};
use tempfile::TempDir;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/providers.md");
    std::fs::read_to_string(path).expect("the page")
}

/// The blocks of the page in a language.
fn blocks(language: &str) -> Vec<String> {
    let (page, start) = (page(), format!("```{language}\n"));
    page.split(&start)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_messages_are_messages() {
    let blocks = blocks("json");
    let described: Described = serde_json::from_str(&blocks[0]).expect("a description");
    let machine = &described.resource_types["machine"];
    assert!(machine.can(OptionalOperation::Import) && machine.inputs["image"].replaces);
    let failed: Reply = serde_json::from_str(&blocks[1]).expect("a reply");
    let ReplyBody::Error(error) = failed.body else {
        panic!("an error")
    };
    assert_eq!(error.partial.expect("partial").outputs["id"], "m-17");
}

/// Runs where there is an interpreter for it.
#[tokio::test]
async fn the_smallest_provider_keeps_the_contract() {
    if Command::new("python3").arg("-V").output().is_err() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let program = folder.path().join("greeter.py");
    std::fs::write(&program, &blocks("python")[0]).expect("written");
    let dir = folder.path().to_owned();
    let greet = |whom: &str| Value::attrs([("whom", whom.into())]);
    let subject = Subject {
        updated: Some(greet("me")),
        may_be_unknown: Some("whom".into()),
        ..Subject::new(
            move || {
                let python = NativeProgram::new("greeter", "python3").args([&program]);
                NativeProvider::new(python.dir(&dir))
            },
            "greeting",
            greet("you"),
        )
    };
    provider_contract(&subject).await;
}
