//! The adapter as a native provider program.

use nixops4_proto::native::{
    Configure, Create, DataRead, Delete, Describe, Hello, Import, Method, Object,
    OptionalOperation, Plan, PlanAction, Read, ReadData, Reply, ReplyBody, Request, State,
    StateEvent, StateLock, StateRead, StateUnlock, Update, Validate,
};
use nixops4_proto::tree::Tree;
use nixops4_tfproto::native::{Ended, serve};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use super::*;

/// The caller's side of a program that runs in a task.
struct Caller {
    output: WriteHalf<DuplexStream>,
    input: BufReader<ReadHalf<DuplexStream>>,
    program: JoinHandle<Result<(), Ended>>,
    asked: u64,
    fake: Fake,
}

impl Caller {
    fn start(script: Json) -> Self {
        let fake = Fake::new(script);
        let provider = fake.provider();
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let program = tokio::spawn(async move {
            let (input, output) = tokio::io::split(theirs);
            serve(provider, "fake", BufReader::new(input), output).await
        });
        let (input, output) = tokio::io::split(ours);
        Self {
            output,
            input: BufReader::new(input),
            program,
            asked: 0,
            fake,
        }
    }

    async fn configured(script: Json) -> Self {
        let mut caller = Self::start(script);
        let hello = Hello {
            protocol_versions: vec![1],
            client: "test".to_owned(),
        };
        assert_eq!(caller.ask(hello).await.provider, "fake");
        caller.ask(Configure { config: json!({}) }).await;
        caller
    }

    async fn send<M: Method>(&mut self, params: M) -> u64 {
        self.asked += 1;
        let params = serde_json::to_value(params).expect("parameters");
        let request = Request {
            id: self.asked,
            method: M::NAME.to_owned(),
            params,
        };
        let mut line = serde_json::to_vec(&request).expect("a request");
        line.push(b'\n');
        self.output.write_all(&line).await.expect("sent");
        self.asked
    }

    async fn reply(&mut self) -> Option<Reply> {
        let mut line = String::new();
        match self.input.read_line(&mut line).await.expect("readable") {
            0 => None,
            _ => Some(serde_json::from_str(&line).expect("a reply")),
        }
    }

    async fn try_ask<M: Method>(&mut self, params: M) -> Result<M::Response, Json> {
        let id = self.send(params).await;
        let reply = self.reply().await.expect("an answer");
        assert_eq!(reply.id, id);
        match reply.body {
            ReplyBody::Result(result) => Ok(serde_json::from_value(result).expect("a result")),
            ReplyBody::Error(error) => Err(serde_json::to_value(error).expect("JSON")),
        }
    }

    async fn ask<M: Method>(&mut self, params: M) -> M::Response {
        self.try_ask(params).await.expect("done")
    }

    async fn plan(
        &mut self,
        prior: Option<&State>,
        inputs: Json,
    ) -> nixops4_proto::native::Planned {
        let (type_name, prior, inputs) = (THING.to_owned(), prior.cloned(), Tree(inputs));
        self.ask(Plan {
            type_name,
            prior,
            inputs,
            stateful: true,
        })
        .await
    }

    async fn create(&mut self, inputs: Json) -> State {
        let plan_private = self.plan(None, inputs.clone()).await.plan_private;
        let create = Create {
            type_name: THING.to_owned(),
            inputs: inputs.clone(),
            stateful: true,
            plan_private,
        };
        remembered(self.ask(create).await, inputs)
    }
}

fn remembered(object: Object, inputs: Json) -> State {
    let Object {
        outputs,
        private,
        identity,
        ..
    } = object;
    State {
        inputs,
        outputs,
        private,
        schema_version: 1,
        identity,
    }
}

#[tokio::test]
async fn a_whole_life() {
    let mut caller = Caller::configured(json!({})).await;
    let unknown = json!({ "name": "a", "size": { "$": "unknown" } });
    let planned = caller.plan(None, unknown).await;
    assert_eq!(planned.action, PlanAction::Create);
    assert_eq!(
        planned.outputs.expect("outputs").0["size"],
        json!({ "$": "unknown" })
    );

    let inputs = json!({ "name": "a", "size": 1, "extra": ["x"], "secret": "s" });
    let state = caller.create(inputs.clone()).await;
    assert_eq!(state.outputs["id"], "thing-1");
    let planned = caller.plan(Some(&state), inputs).await;
    assert_eq!(planned.action, PlanAction::Noop);

    let bigger = json!({ "name": "a", "size": 2 });
    let planned = caller.plan(Some(&state), bigger.clone()).await;
    assert_eq!(planned.action, PlanAction::Update);
    let type_name = || THING.to_owned();
    let update = Update {
        type_name: type_name(),
        state,
        inputs: bigger.clone(),
        plan_private: planned.plan_private,
    };
    let state = remembered(caller.ask(update).await, bigger);
    assert_eq!(state.outputs["revision"], 2);
    let planned = caller.plan(Some(&state), json!({ "name": "b" })).await;
    assert_eq!(planned.action, PlanAction::Replace);
    assert_eq!(planned.replace_paths, [path("name")]);

    let import = Import {
        type_name: type_name(),
        id: "thing-1".to_owned(),
        inputs: Tree::default(),
    };
    assert_eq!(caller.ask(import).await.outputs, state.outputs);
    caller
        .ask(Delete {
            type_name: type_name(),
            state: state.clone(),
        })
        .await;
    assert_eq!(
        caller
            .ask(Read {
                type_name: type_name(),
                state
            })
            .await
            .state,
        None
    );

    let read = ReadData {
        type_name: "fake_echo".to_owned(),
        inputs: json!({ "input": "x" }),
    };
    let DataRead { outputs, .. } = caller.ask(read).await;
    assert_eq!(outputs["output"], "x");
}

#[tokio::test]
async fn types_are_described_when_asked_for() {
    let mut caller = Caller::configured(json!({})).await;
    let nothing = caller.ask(Describe::default()).await;
    assert!(nothing.more && nothing.resource_types.is_empty() && nothing.config["token"].sensitive);
    let asked = Describe {
        types: vec![THING.to_owned(), "fake_none".to_owned()],
    };
    let described = caller.ask(asked).await;
    assert_eq!(described.resource_types.keys().collect::<Vec<_>>(), [THING]);
    let spec = &described.resource_types[THING];
    assert!(spec.require_state && spec.inputs["name"].required && !spec.inputs.contains_key("id"));
    assert!(spec.outputs["secret"].sensitive && spec.inputs.contains_key("rule"));
    assert_eq!(described.data_sources.keys().collect::<Vec<_>>(), [THING]);
}

#[tokio::test]
async fn complaints_and_partial_objects() {
    let behaviour = json!({ "diagnostics": [{ "summary": "Half done", "path": ["size"] }] });
    let mut caller =
        Caller::configured(json!({ "rpcs": { "ApplyResourceChange": behaviour } })).await;
    let inputs = json!({ "name": "a", "size": 1 });
    let plan_private = caller.plan(None, inputs.clone()).await.plan_private;
    let create = Create {
        type_name: THING.to_owned(),
        inputs,
        stateful: true,
        plan_private,
    };
    let error = caller.try_ask(create).await.expect_err("an error");
    assert_eq!(
        (&error["message"], &error["path"]),
        (&json!("Half done"), &json!(["size"]))
    );
    assert_eq!(error["partial"]["outputs"]["id"], "thing-1");

    let validate = Validate {
        type_name: THING.to_owned(),
        inputs: Tree(json!({ "name": "" })),
    };
    let errors = caller.ask(validate).await.errors;
    assert_eq!(
        (errors[0].message.as_str(), &errors[0].path),
        ("Empty name", &Some(path("name")))
    );
}

#[tokio::test]
async fn doubt_is_left_by_silence() {
    let mut caller =
        Caller::configured(json!({ "rpcs": { "ApplyResourceChange": { "crash": "during" } } }))
            .await;
    let inputs = json!({ "name": "a" });
    let plan_private = caller.plan(None, inputs.clone()).await.plan_private;
    let create = Create {
        type_name: THING.to_owned(),
        inputs,
        stateful: true,
        plan_private,
    };
    caller.send(create).await;
    assert!(caller.reply().await.is_none());
    let ended = caller
        .program
        .await
        .expect("it ends")
        .expect_err("in doubt")
        .to_string();
    assert!(
        ended.starts_with("a change may have been made, but no answer came"),
        "{ended}"
    );
}

#[tokio::test]
async fn the_end_of_the_input_ends_it_when_all_is_answered() {
    let mut caller = Caller::configured(json!({})).await;
    let validate = Validate {
        type_name: THING.to_owned(),
        inputs: Tree(json!({ "name": "a" })),
    };
    caller.send(validate).await;
    caller.output.shutdown().await.expect("closed");
    assert!(
        caller
            .reply()
            .await
            .is_some_and(|reply| reply.id == caller.asked)
    );
    assert!(caller.program.await.expect("it ends").is_ok());
    assert_eq!(caller.fake.count("ValidateResourceConfig"), 1);
}

#[tokio::test]
async fn what_is_no_request_ends_it() {
    let mut caller = Caller::start(json!({}));
    caller.output.write_all(b"hello\n").await.expect("sent");
    assert!(matches!(
        caller.program.await,
        Ok(Err(Ended::NotARequest(_)))
    ));
}

/// An event of somebody who knows no locks.
fn state_event(patch: Json) -> StateEvent {
    StateEvent {
        type_name: "fake_store".to_owned(),
        inputs: json!({ "prefix": "p" }),
        event: "note".to_owned(),
        nixops_version: "1".to_owned(),
        patch,
        ..StateEvent::default()
    }
}

#[tokio::test]
async fn a_state_store_is_a_state_handler() {
    let mut caller = Caller::configured(json!({})).await;
    let types = vec!["fake_store".to_owned()];
    let described = caller.ask(Describe { types }).await;
    let spec = &described.resource_types["fake_store"];
    assert!(spec.handles_state() && spec.can(OptionalOperation::StateLock));

    let read = || StateRead {
        type_name: "fake_store".to_owned(),
        inputs: json!({ "prefix": "p" }),
        ..StateRead::default()
    };
    assert_eq!(caller.ask(read()).await.state, Json::Null);
    let document = json!({ "_type": "nixopsState", "version": 1, "resources": {},
        "deployments": {}, "intents": {} });
    let first = json!([{ "op": "add", "path": "", "value": document }]);
    caller.ask(state_event(first)).await;
    let resource = json!({ "type": "exec", "inputs": {}, "outputs": {} });
    let second = json!([{ "op": "add", "path": "/resources/a", "value": resource }]);
    caller.ask(state_event(second.clone())).await;
    assert_eq!(caller.ask(read()).await.state["resources"]["a"], resource);
    // Each event had the lock, and gave it up.
    assert_eq!(caller.fake.count("LockState"), 2);
    assert_eq!(caller.fake.count("UnlockState"), 2);

    let bad = json!([{ "op": "add", "path": "/nowhere/a", "value": 1 }]);
    let refused = caller.try_ask(state_event(bad)).await;
    let refused = refused.expect_err("it cannot follow");
    assert!(
        refused["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{refused}"
    );
    assert_eq!(caller.fake.count("UnlockState"), 3);
    let refused = caller.try_ask(state_event(json!({}))).await;
    let message = refused.expect_err("it is no patch")["message"].to_string();
    assert!(message.contains("no JSON Patch"), "{message}");
    assert_eq!(caller.ask(read()).await.state["resources"]["a"], resource);
}

#[tokio::test]
async fn with_a_lock_it_is_read_once() {
    let mut caller = Caller::configured(json!({})).await;
    let lock = || StateLock {
        type_name: "fake_store".to_owned(),
        inputs: json!({ "prefix": "p" }),
        ..StateLock::default()
    };
    let lock_id = caller.ask(lock()).await.lock.expect("a lock");
    let refused = caller.try_ask(lock()).await.expect_err("it is locked");
    assert!(refused.to_string().contains(&lock_id), "{refused}");
    let document = json!({ "_type": "nixopsState", "version": 1, "resources": {},
        "deployments": {}, "intents": {} });
    let first = json!([{ "op": "add", "path": "", "value": document }]);
    caller.ask(state_event(first)).await;
    for name in ["a", "b", "c"] {
        let path = format!("/resources/{name}");
        let resource = json!({ "type": "exec", "inputs": {}, "outputs": {} });
        let patch = json!([{ "op": "add", "path": path, "value": resource }]);
        caller.ask(state_event(patch)).await;
    }
    assert_eq!(caller.fake.count("ReadStateBytes"), 1);
    let unlock = || StateUnlock {
        type_name: "fake_store".to_owned(),
        inputs: json!({ "prefix": "p" }),
        lock: lock_id.clone(),
        ..StateUnlock::default()
    };
    caller.ask(unlock()).await;
    caller.try_ask(unlock()).await.expect_err("nobody has it");
}
