//! The contract of every provider, kept by plugins of both protocols.

use std::path::PathBuf;

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

async fn keeps_the_contract(protocol: u32) {
    let fake = Fake::new(json!({ "protocol": protocol }));
    let store = fake.dir.path().join("store");
    let inputs = json!({ "name": "a", "size": 1, "secret": "s", "tags": { "k": "v" } });
    let with = |name: &str, value: Json| {
        let mut inputs = inputs.clone();
        inputs[name] = value;
        plain(inputs)
    };
    let options = fake.options();
    let start = move || TfProvider::new(options.clone()) as Arc<dyn Provider>;
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

#[tokio::test]
async fn protocol_5() {
    keeps_the_contract(5).await;
}

#[tokio::test]
async fn protocol_6() {
    keeps_the_contract(6).await;
}
