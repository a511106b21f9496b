//! Runs the evaluator process on a deployment and talks to it in JSON lines.
//!
//! The tests hold for every engine; `NIXOPS4_TEST_EVALUATOR` names the one that they are run with.
//! Nix knows less of what depends on what: there a value may be said to depend on more outputs than
//! it does, and be marked where something beside it is. [`assert_known`] expects no more than that.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A running evaluator and the folder that its deployment is in.
pub struct Evaluator {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Option<BufReader<ChildStdout>>,
    dir: tempfile::TempDir,
    /// Where it keeps what it fetches.
    _cache: tempfile::TempDir,
    last_id: u64,
}

/// What came for one request.
pub struct Answer {
    /// The items before the end.
    pub items: Vec<Value>,
    /// The end: a result or an error.
    pub end: Result<Value, Value>,
}

impl Evaluator {
    /// An evaluator beside some files.
    pub fn start(files: &[(&str, &str)]) -> Evaluator {
        let dir = tempfile::tempdir().expect("folder");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, text).expect("file");
        }
        let cache = tempfile::tempdir().expect("folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_nixops4-eval"))
            .args(["--evaluator", engine()])
            .env_remove("NIX_PATH")
            .env("XDG_CACHE_HOME", cache.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("evaluator");
        let requests = child.stdin.take();
        let answers = child.stdout.take().map(BufReader::new);
        let mut evaluator = Evaluator {
            child,
            requests,
            answers,
            dir,
            _cache: cache,
            last_id: 0,
        };
        evaluator.ok("hello", json!({ "protocolVersions": [1] }));
        evaluator
    }

    /// An evaluator that has loaded a text as the root.
    pub fn load(root: &str) -> Evaluator {
        let mut evaluator = Evaluator::start(&[("nixops4.nix", root)]);
        let answer = evaluator.ask_load();
        answer.end.expect("loaded");
        evaluator
    }

    /// Loads `nixops4.nix`.
    pub fn ask_load(&mut self) -> Answer {
        let path = self.file("nixops4.nix");
        self.ask("load", json!({ "root": { "kind": "file", "path": path } }))
    }

    /// The path of a file of the deployment.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one line as it is.
    pub fn send(&mut self, line: &str) {
        let requests = self.requests.as_mut().expect("open");
        writeln!(requests, "{line}").expect("sent");
    }

    /// Asks and waits for the end of the answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Answer {
        self.last_id += 1;
        let request = json!({ "id": self.last_id, "method": method, "params": params });
        self.send(&request.to_string());
        self.answer()
    }

    /// The next line, whatever it says.
    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        let answers = self.answers.as_mut().expect("open");
        answers.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// What the evaluator asks back; items before that are passed over.
    pub fn call(&mut self) -> Value {
        loop {
            let mut line = self.line();
            if let Some(call) = line.get_mut("call") {
                return call.take();
            }
            let on_the_way = line.get("item").or(line.get("trace"));
            assert!(on_the_way.is_some(), "{line}");
        }
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        let mut items = Vec::new();
        let answers = self.answers.as_mut().expect("open");
        loop {
            let mut line = String::new();
            answers.read_line(&mut line).expect("a line");
            let mut reply: Value = serde_json::from_str(&line).expect("JSON");
            if let Some(item) = reply.get_mut("item") {
                items.push(engine_independent(item.take()));
            } else if reply.get("trace").is_some() {
                // What is said on the way is no part of the answer.
            } else if let Some(error) = reply.get_mut("error") {
                let end = Err(error.take());
                return Answer { items, end };
            } else {
                let end = Ok(engine_independent(reply["result"].take()));
                return Answer { items, end };
            }
        }
    }

    /// Asks what must succeed.
    pub fn ok(&mut self, method: &str, params: Value) -> Value {
        self.ask(method, params).end.expect(method)
    }

    /// All components below a path, with their inputs.
    pub fn walk(&mut self, path: &str) -> Vec<Value> {
        let params = json!({ "paths": [path], "recursive": true, "inputs": true });
        let answer = self.ask("walk", params);
        answer.end.expect("walked");
        let components = answer.items.into_iter();
        components
            .filter_map(|mut item| item.get_mut("component").map(Value::take))
            .collect()
    }

    /// The component at a path.
    pub fn component(&mut self, path: &str) -> Value {
        let params = json!({ "paths": [path], "recursive": false, "inputs": true });
        let answer = self.ask("walk", params);
        answer.end.expect("walked");
        let mut items = answer.items.into_iter();
        let component = items.find_map(|mut item| item.get_mut("component").map(Value::take));
        component.expect("component")
    }

    /// Says what a resource put out.
    pub fn set(&mut self, member: &str, value: Value) {
        self.ok(
            "setOutputs",
            json!({ "outputs": [{ "member": member, "value": value }] }),
        );
    }

    /// Where an input was written, as line and column.
    pub fn locate(&mut self, member: &str, path: Value) -> (u64, u64) {
        let params = json!({ "subject": { "inputs": member }, "path": path });
        let position = self.ok("locate", params)["position"].take();
        let number = |name: &str| position[name].as_u64().expect("number");
        (number("line"), number("column"))
    }

    /// Closes both ends, as a parent that dies does, and waits for the process to end.
    pub fn abandon(mut self) -> std::process::ExitStatus {
        drop(self.requests.take());
        drop(self.answers.take());
        self.child.wait().expect("ended")
    }

    /// Ends the requests and waits for the process to end.
    pub fn close(mut self) -> std::process::ExitStatus {
        drop(self.requests.take());
        self.child.wait().expect("ended")
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        drop(self.requests.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn engine() -> &'static str {
    match std::env::var("NIXOPS4_TEST_EVALUATOR").as_deref() {
        Ok("libnix") => "libnix",
        Ok("native") | Err(_) => "native",
        Ok(other) => panic!("there is no evaluator {other} to test"),
    }
}

/// Whether Nix itself evaluates.
pub fn is_libnix() -> bool {
    engine() == "libnix"
}

/// Whether a test is to be passed over because Nix cannot do what it is about; says so.
pub fn passes_over(reason: &str) -> bool {
    if is_libnix() {
        eprintln!("SKIPPED with libnix: {reason}");
    }
    is_libnix()
}

/// Sets and lists as they are. Nix says of them too that they depend on everything.
fn engine_independent(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            let inside = fields.get("value");
            if is_libnix()
                && fields.get("$").is_some_and(|kind| kind == "known")
                && inside.is_some_and(|inside| inside.is_object() || inside.is_array())
            {
                return engine_independent(fields["value"].take());
            }
            let fields = fields.into_iter();
            fields
                .map(|(name, field)| (name, engine_independent(field)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(engine_independent).collect(),
        other => other,
    }
}

/// A tree with nothing but its values; what is unknown is `"?"`.
pub fn bare(tree: &Value) -> Value {
    match tree {
        Value::Object(fields) => match fields.get("$").and_then(Value::as_str) {
            Some("unknown") => "?".into(),
            Some("known") => bare(&fields["value"]),
            _ => {
                let fields = fields.iter();
                fields
                    .map(|(name, field)| (name.clone(), bare(field)))
                    .collect()
            }
        },
        Value::Array(items) => items.iter().map(bare).collect(),
        other => other.clone(),
    }
}

/// The outputs that a node of a message says it depends on, as `member.name`.
pub fn provenance(message: &Value, node: &Value) -> Vec<String> {
    let from = node["from"].as_array().cloned().unwrap_or_default();
    let refs = from.iter().map(|index| {
        let index = index.as_u64().expect("an index") as usize;
        let output = &message["refs"][index];
        let mut words = vec![output["member"].as_str().expect("a member").to_owned()];
        let path = output["path"].as_array().into_iter().flatten();
        words.extend(path.map(|step| step.as_str().map_or(step.to_string(), str::to_owned)));
        words.join(".")
    });
    refs.collect()
}

/// Checks a leaf of the inputs of a component: its value, and that it depends on `outputs` — on
/// these alone, where the engine knows.
pub fn assert_known(component: &Value, input: &str, value: impl Into<Value>, outputs: &[&str]) {
    let leaf = &component["inputs"][input];
    assert_eq!(bare(leaf), value.into(), "{component}");
    let told = provenance(component, leaf);
    if is_libnix() {
        for output in outputs {
            assert!(
                told.iter().any(|told| told == output),
                "{output}: {component}"
            );
        }
    } else {
        assert_eq!(told, outputs, "{component}");
    }
}

/// The folder `nix` of the repository.
pub fn nix_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
