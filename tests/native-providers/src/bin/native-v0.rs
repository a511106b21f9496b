//! A provider of protocol version 0, as programs written for earlier NixOps4 behave: it answers in
//! order, and ends with an error on standard error whenever it does not like something.
//!
//! Its argument says how it differs: `polite` answers with errors instead of ending; `noisy` prints
//! a line beside the protocol before each answer.

use std::io::{self, BufRead, Write};
use std::{env, fs, process};

use serde_json::{Value as Json, json};

fn main() {
    let manner = env::args().nth(1).unwrap_or_default();
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let answer = match answer(&line) {
            Ok(answer) => answer,
            Err(message) if manner == "polite" => {
                json!({ "errorResponse": { "message": message } })
            }
            Err(message) => {
                eprintln!("Error: {message}");
                process::exit(1);
            }
        };
        let mut stdout = io::stdout().lock();
        if manner == "noisy" {
            let _ = writeln!(stdout, "working...");
        }
        let _ = writeln!(stdout, "{answer}");
        let _ = stdout.flush();
    }
}

fn answer(line: &str) -> Result<Json, String> {
    let request: Json = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let (name, request) = request
        .as_object()
        .filter(|map| map.len() == 1)
        .and_then(|map| map.iter().next())
        .ok_or("Could not parse request message")?;
    match name.as_str() {
        "createResourceRequest" => {
            let made = make(&request["type"], &request["inputProperties"], request)?;
            Ok(json!({ "createResourceResponse": { "outputProperties": made } }))
        }
        "updateResourceRequest" => {
            let resource = &request["resource"];
            match resource["type"].as_str() {
                Some("memo") => Ok(json!({ "updateResourceResponse": {
                    "outputProperties": resource["outputProperties"],
                } })),
                _ => Err("update called on a stateless resource".to_owned()),
            }
        }
        "stateResourceReadRequest" => match request["resource"]["type"].as_str() {
            Some("store") => {
                let text = fs::read_to_string("store").unwrap_or_else(|_| "{}".to_owned());
                let state: Json = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                Ok(json!({ "stateResourceReadResponse": { "state": state } }))
            }
            other => Err(format!("unknown resource type: {other:?}")),
        },
        "stateResourceEvent" => {
            let event = json!({ "event": request["event"], "patch": request["patch"] });
            fs::write("store", event.to_string()).map_err(|error| error.to_string())?;
            Ok(json!({ "stateResourceEventResponse": {} }))
        }
        other => Err(format!("unknown variant `{other}`")),
    }
}

fn make(type_name: &Json, inputs: &Json, request: &Json) -> Result<Json, String> {
    match type_name.as_str() {
        Some("echo") => Ok(json!({ "said": inputs["say"], "stateful": request["isStateful"] })),
        Some("memo") if request["isStateful"] == true => {
            Ok(json!({ "value": inputs["initialize_with"] }))
        }
        Some("memo") => Err("memo resources require state".to_owned()),
        Some("killed") => {
            // SAFETY: a system call on our own process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            Ok(Json::Null)
        }
        other => Err(format!("unknown resource type: {other:?}")),
    }
}
