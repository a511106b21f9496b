//! The contract of every provider, kept by plugins of both protocols, also where the adapter is a
//! program that speaks the native one.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_testutils::{Subject, provider_contract};

use super::*;

/// Changes the world of the plugins behind their back.
fn world(
    store: PathBuf,
    change: impl Fn(&mut Json, &str) + Send + Sync + 'static,
) -> Box<dyn Fn(&ResourceState) + Send + Sync> {
    Box::new(move |state| {
        let text = std::fs::read(&store).expect("the world");
        let mut world: Json = serde_json::from_slice(&text).expect("the world");
        let id = output(&state.outputs, "id")
            .as_str()
            .expect("an id")
            .to_owned();
        change(&mut world["objects"], &id);
        std::fs::write(&store, world.to_string()).expect("the world");
    })
}

/// The contract, kept by what `start` makes of a plugin.
async fn keeps_the_contract(
    protocol: u32,
    start: impl FnOnce(&Fake) -> Box<dyn Fn() -> Arc<dyn Provider> + Send + Sync>,
) {
    let fake = Fake::new(json!({ "protocol": protocol }));
    let store = fake.dir.path().join("store");
    let inputs = json!({ "name": "a", "size": 1, "secret": "s", "tags": { "k": "v" } });
    let with = |name: &str, value: Json| {
        let mut inputs = inputs.clone();
        inputs[name] = value;
        plain(inputs)
    };
    let start = start(&fake);
    let subject = Subject {
        config: plain(json!({ "region": "r" })),
        updated: Some(with("size", json!(2))),
        replaced: Some((with("name", json!("b")), path("name"))),
        invalid: Some((with("ports", json!([1, 70000])), path("ports.1"))),
        may_be_unknown: Some("size".to_owned()),
        secret_output: Some("secret".to_owned()),
        drift: Some(world(store.clone(), |objects, id| {
            objects[id]["value"]["size"] = json!(9)
        })),
        vanish: Some(world(store, |objects, id| {
            objects.as_object_mut().expect("objects").remove(id);
        })),
        import_id: Some(Box::new(|state| {
            output(&state.outputs, "id")
                .as_str()
                .expect("an id")
                .to_owned()
        })),
        data: Some(("fake_echo".to_owned(), plain(json!({ "input": "x" })))),
        ..Subject::new(start, THING, plain(inputs.clone()))
    };
    provider_contract(&subject).await;
}

/// The adapter, linked.
fn linked(fake: &Fake) -> Box<dyn Fn() -> Arc<dyn Provider> + Send + Sync> {
    let options = fake.options();
    Box::new(move || TfProvider::new(options.clone()))
}

/// The adapter as a native program, `nixops4-resources-tfproto`.
///
/// # Panics
/// Where it has not been built: `cargo build --workspace --bins` does.
fn program(fake: &Fake) -> Box<dyn Fn() -> Arc<dyn Provider> + Send + Sync> {
    let plugin = Path::new(env!("CARGO_BIN_EXE_fake-provider"));
    let adapter = plugin.with_file_name("nixops4-resources-tfproto");
    assert!(adapter.exists(), "cargo build --workspace --bins");
    // A native program has our environment; this one needs its own.
    let mut text = "#!/bin/sh\n".to_owned();
    let mut variables = fake.options().env;
    let cache = fake.dir.path().join("cache").into_os_string();
    variables.push(("XDG_CACHE_HOME".into(), cache));
    for (name, value) in variables {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        writeln!(text, "export {name}='{value}'").expect("a string takes text");
    }
    let (adapter, plugin) = (adapter.display(), plugin.display());
    writeln!(text, "exec '{adapter}' --name fake --executable '{plugin}'").expect("text");
    let script = fake.dir.path().join("adapter");
    std::fs::write(&script, text).expect("written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    Box::new(move || NativeProvider::new(NativeProgram::new("fake", &script)))
}

#[tokio::test]
async fn protocol_5() {
    keeps_the_contract(5, linked).await;
}

#[tokio::test]
async fn protocol_6() {
    keeps_the_contract(6, linked).await;
}

#[tokio::test]
async fn protocol_5_behind_the_native_one() {
    keeps_the_contract(5, program).await;
}

#[tokio::test]
async fn protocol_6_behind_the_native_one() {
    keeps_the_contract(6, program).await;
}
