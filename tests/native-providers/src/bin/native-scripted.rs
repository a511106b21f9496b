//! A provider of protocol version 1 that keeps its objects as files in its working directory, and
//! obeys a [`Script`] given as JSON in its first argument.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, exit};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io, process, thread};

use native_providers::{Act, Script};
use serde_json::{Value as Json, json};

fn main() {
    let script = env::args().nth(1).unwrap_or_else(|| "{}".to_owned());
    let script: Arc<Script> = match serde_json::from_str(&script) {
        Ok(script) => Arc::new(script),
        Err(error) => {
            eprintln!("the script is wrong: {error}");
            exit(2);
        }
    };
    for act in &script.start {
        perform(act);
        if let Act::CloseStdin = act {
            thread::park();
        }
    }
    let mut threads = Vec::new();
    for line in io::stdin().lock().lines() {
        let request: Json = match line.map(|line| serde_json::from_str(&line)) {
            Ok(Ok(request)) => request,
            _ => break,
        };
        let script = script.clone();
        threads.push(thread::spawn(move || handle(&script, &request)));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn handle(script: &Script, request: &Json) {
    let id = &request["id"];
    let method = request["method"].as_str().unwrap_or_default();
    let params = &request["params"];
    let work = || match answer(script, method, params) {
        Ok(result) => json!({ "id": id, "result": result }),
        Err(error) => json!({ "id": id, "error": error }),
    };
    let name = [&params["inputs"], &params["state"]["inputs"]]
        .iter()
        .find_map(|inputs| inputs["name"].as_str());
    let acts = script
        .on
        .get(&format!("{method} {}", name.unwrap_or_default()))
        .or_else(|| script.on.get(method));
    for act in acts.into_iter().flatten() {
        match act {
            Act::Tell(message) => {
                let log = json!({ "level": "info", "message": message, "request": id });
                say(&json!({ "log": log }).to_string());
            }
            Act::Silent => return,
            Act::Fail(error) => return say(&json!({ "id": id, "error": error }).to_string()),
            Act::Raw(line) => return say(&line.replace("ID", &id.to_string())),
            Act::Partial(message) => {
                let partial = &work()["result"];
                let error = json!({ "message": message, "partial": partial });
                return say(&json!({ "id": id, "error": error }).to_string());
            }
            Act::ExitAfter(code) => {
                work();
                exit(*code);
            }
            Act::HalfReply => {
                let reply = work().to_string();
                print!("{}", &reply[..reply.len() / 2]);
                let _ = io::stdout().flush();
                exit(1);
            }
            other => perform(other),
        }
    }
    say(&work().to_string());
}

/// Does what can be done at any time.
fn perform(act: &Act) {
    match act {
        Act::Stdout(line) => say(line),
        Act::Stderr(line) => eprintln!("{line}"),
        Act::Exit(code) => exit(*code),
        // SAFETY: system calls on our own process and descriptors; nothing here uses them later.
        Act::Die => unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        },
        Act::CloseStdout => unsafe {
            libc::close(libc::STDOUT_FILENO);
        },
        Act::CloseStdin => unsafe {
            libc::close(libc::STDIN_FILENO);
        },
        Act::Await(name) => {
            while !Path::new(name).exists() {
                thread::sleep(Duration::from_millis(2));
            }
        }
        Act::Grandchild => {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(process::Stdio::null());
            if let Ok(child) = command.spawn() {
                let _ = fs::write("grandchild", child.id().to_string());
            }
        }
        Act::Silent => thread::park(),
        _ => {}
    }
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

fn answer(script: &Script, method: &str, params: &Json) -> Result<Json, Json> {
    Ok(match method {
        "hello" => json!({ "protocolVersion": 1, "provider": "scripted", "version": "1" }),
        "describe" => describe(script),
        "configure" | "stop" => json!({}),
        "validate" => json!({ "errors": complaints(&params["inputs"]) }),
        "create" => write(&new_id(), &params["inputs"], 1)?,
        "read" => json!({ "state": read(state_id(params)) }),
        "update" => update(params)?,
        "delete" => {
            let _ = fs::remove_file(file(state_id(params)));
            json!({})
        }
        "import" => {
            let id = params["id"].as_str().unwrap_or_default();
            let found = read(id);
            match found.is_null() {
                true => return Err(json!({ "message": format!("there is no object {id}") })),
                false => found,
            }
        }
        "readData" => {
            let key = params["inputs"]["key"].as_str().unwrap_or_default();
            json!({ "outputs": { "value": format!("value of {key}") } })
        }
        "stateLock" => lock(&params["owner"])?,
        "stateUnlock" => unlock(&params["lock"])?,
        "callFunction" => call(&params["name"], &params["arguments"])?,
        other => return Err(json!({ "message": format!("there is no method {other}") })),
    })
}

fn call(name: &Json, arguments: &Json) -> Result<Json, Json> {
    let text = |index: usize| arguments[index].as_str().unwrap_or_default();
    match name.as_str() {
        Some("shout") if text(0).is_empty() => {
            Err(json!({ "message": "there is nothing to shout", "path": [0] }))
        }
        Some("shout") => Ok(json!({ "value": text(0).to_uppercase() })),
        Some("first") => Ok(json!({ "value": arguments[0] })),
        _ => Err(json!({ "message": "there is no such function" })),
    }
}

/// The one lock of the one keeper, with who has it.
const LOCK: (&str, &str) = ("keeper-lock", "lock.json");

fn lock(owner: &Json) -> Result<Json, Json> {
    let (lock, file) = LOCK;
    if let Ok(held) = fs::read_to_string(file) {
        let holder: Json = serde_json::from_str(&held).unwrap_or_default();
        return Ok(json!({ "lock": lock, "heldBy": holder }));
    }
    let written = fs::write(file, owner.to_string());
    written.map_err(|error| json!({ "message": error.to_string() }))?;
    Ok(json!({ "lock": lock }))
}

fn unlock(asked: &Json) -> Result<Json, Json> {
    let (lock, file) = LOCK;
    match asked == lock && fs::remove_file(file).is_ok() {
        true => Ok(json!({})),
        false => Err(json!({ "message": format!("nobody has the lock {asked}") })),
    }
}

fn describe(script: &Script) -> Json {
    let all = ["validate", "read", "update", "delete", "import"];
    let operations = match &script.operations {
        Some(operations) => json!(operations),
        None => json!(all),
    };
    json!({
        "resourceTypes": { "thing": {
            "inputs": {
                "name": { "type": "string", "required": true },
                "size": { "type": "integer", "replaces": true },
                "note": { "type": "string" },
                "secret": { "type": "string", "sensitive": true },
                "tags": { "type": { "map": "string" } },
                "bad": { "type": "string" },
            },
            "outputs": {
                "id": { "type": "string", "stable": true },
                "revision": { "type": "integer" },
                "copy": { "derivedFrom": ["note", "secret"] },
            },
            "operations": operations,
        }, "keeper": {
            "operations": ["stateRead", "stateEvent", "stateLock"],
        } },
        "dataSources": { "lookup": {
            "inputs": { "key": { "type": "string", "required": true } },
            "outputs": { "value": { "type": "string" } },
        } },
        "functions": {
            "shout": { "parameters": [{ "name": "text", "type": "string" }] },
            "first": { "variadic": { "name": "any", "allowNull": true, "allowUnknown": true } },
        },
    })
}

fn complaints(inputs: &Json) -> Json {
    match inputs["bad"].as_str() {
        Some(text) => json!([{ "message": text, "path": ["bad"], "hints": ["leave it out"] }]),
        None => json!([]),
    }
}

fn file(id: &str) -> String {
    format!("{}.json", id.replace('/', "_"))
}

fn state_id(params: &Json) -> &str {
    params["state"]["outputs"]["id"]
        .as_str()
        .unwrap_or_default()
}

fn new_id() -> String {
    let taken = |id: &String| {
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(file(id));
        file.is_err()
    };
    let ids = (1_u64..).map(|n| format!("thing-{n}"));
    ids.skip_while(taken).take(1).collect()
}

fn write(id: &str, inputs: &Json, revision: u64) -> Result<Json, Json> {
    let object = json!({ "inputs": inputs, "revision": revision });
    let written = fs::write(file(id), object.to_string());
    written.map_err(|error| json!({ "message": error.to_string() }))?;
    Ok(reported(id, &object))
}

fn update(params: &Json) -> Result<Json, Json> {
    let id = state_id(params);
    let revision = stored(id)["revision"].as_u64().unwrap_or_default();
    write(id, &params["inputs"], revision + 1)
}

fn stored(id: &str) -> Json {
    let text = fs::read_to_string(file(id)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn read(id: &str) -> Json {
    let object = stored(id);
    match object.is_null() {
        true => Json::Null,
        false => {
            let mut found = reported(id, &object);
            found["inputs"] = object["inputs"].clone();
            found
        }
    }
}

fn reported(id: &str, object: &Json) -> Json {
    let inputs = &object["inputs"];
    json!({ "outputs": {
        "id": id,
        "revision": object["revision"],
        "copy": [inputs["note"], inputs["secret"]],
    } })
}
