//! From the name of a call to its answer, with what the script wants to be wrong in it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nixops4_proto::tfplugin::prost::Message;
use nixops4_proto::tfplugin::{v5, v6};
use nixops4_tfproto::cty::{Type, Value, json, msgpack};
use nixops4_tfproto::v5::Convert;
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::grpc::{self, Status};
use crate::message::{Answer, Request};
use crate::provider::{Provider, diagnostic};
use crate::script::{Behaviour, Crash, Script, Start};
use crate::start::crash;

/// Everything that calls share.
#[derive(Debug)]
pub struct Dispatcher {
    script: Script,
    protocol: u32,
    provider: Provider,
    calls: Mutex<BTreeMap<String, usize>>,
    log: Option<PathBuf>,
    stopped: watch::Sender<u32>,
    disconnected: watch::Sender<bool>,
    shutdown: watch::Sender<bool>,
}

/// Calls with one answer: name, method of the provider, messages of 6 and of 5.
macro_rules! unary {
    ($self:ident, $rpc:ident, $body:ident, $out:ident;
     $($name:literal => $method:ident($messages:ident $(, $old:ident)?);)*) => {
        match $rpc {
            $($name => {
                let (request, old) = unary!(@request $self, $body, $messages $(, $old)?);
                let behaviour = $self.behaviour($name, request.type_name());
                let Some(mut answer) = $self
                    .run(&behaviour, &$out, || $self.provider.$method(request.clone()))
                    .await
                else {
                    return true;
                };
                $self.tamper(&mut answer, $name, request.type_name(), &behaviour);
                let bytes = old(&answer, $self.protocol);
                $self.send(&behaviour, &$out, vec![bytes]).await;
                true
            })*
            _ => false,
        }
    };
    (@request $self:ident, $body:ident, $messages:ident) => {
        unary!(@request $self, $body, $messages, $messages)
    };
    (@request $self:ident, $body:ident, $messages:ident, new_only) => {{
        let encode = |answer: &v6::$messages::Response, _: u32| answer.encode_to_vec();
        (decode::<v6::$messages::Request>($body), encode)
    }};
    (@request $self:ident, $body:ident, $messages:ident, $old:ident) => {{
        let request: v6::$messages::Request = match $self.protocol {
            5 => decode::<v5::$old::Request>($body).convert(),
            _ => decode($body),
        };
        let encode = |answer: &v6::$messages::Response, protocol: u32| match protocol {
            5 => Convert::<v5::$old::Response>::convert(answer.clone()).encode_to_vec(),
            _ => answer.encode_to_vec(),
        };
        (request, encode)
    }};
}

fn decode<M: Message + Default>(body: &[Vec<u8>]) -> M {
    let bytes = body.first().map(Vec::as_slice).unwrap_or_default();
    M::decode(bytes).unwrap_or_default()
}

impl Dispatcher {
    /// Starts without objects, or with those of the file named in the environment.
    pub fn new(script: Script, protocol: u32) -> Self {
        Self {
            provider: Provider::new(&script, protocol),
            script,
            protocol,
            calls: Mutex::default(),
            log: std::env::var_os("FAKE_PROVIDER_LOG").map(PathBuf::from),
            stopped: watch::Sender::new(0),
            disconnected: watch::Sender::new(false),
            shutdown: watch::Sender::new(false),
        }
    }

    /// Waits until the plugin is to end.
    pub async fn shutdown(&self) {
        let _ = self
            .shutdown
            .subscribe()
            .wait_for(|shutdown| *shutdown)
            .await;
    }

    /// Waits until connections are to be closed.
    pub async fn disconnected(&self) {
        let _ = self
            .disconnected
            .subscribe()
            .wait_for(|disconnected| *disconnected)
            .await;
    }

    /// Answers a call.
    pub async fn call(&self, path: &str, body: &[Vec<u8>], out: grpc::Answer) {
        let service = format!("/tfplugin{}.Provider/", self.protocol);
        let known = match path.strip_prefix(&service) {
            Some(name) => self.provider_call(new_name(name), body, out.clone()).await,
            None => self.plugin_call(path, &out).await,
        };
        if !known {
            out.status(grpc::unimplemented(path)).await;
        }
    }

    async fn plugin_call(&self, path: &str, out: &grpc::Answer) -> bool {
        match path {
            "/plugin.GRPCController/Shutdown" => {
                if self.script.start != Start::Immortal {
                    self.shutdown.send_replace(true);
                }
                out.message(&[]).await;
                out.status((0, String::new())).await;
                true
            }
            "/plugin.GRPCStdio/StreamStdio" => {
                out.closed().await;
                true
            }
            _ => false,
        }
    }

    async fn provider_call(&self, rpc: &str, body: &[Vec<u8>], out: grpc::Answer) -> bool {
        let stream = self.stream_call(rpc, body, &out).await;
        if stream {
            return true;
        }
        unary! { self, rpc, body, out;
            "GetMetadata" => metadata(get_metadata);
            "GetProviderSchema" => schema(get_provider_schema);
            "GetResourceIdentitySchemas" => identity_schemas(get_resource_identity_schemas);
            "ValidateProviderConfig" =>
                validate_provider(validate_provider_config, prepare_provider_config);
            "ConfigureProvider" => configure(configure_provider, configure);
            "ValidateResourceConfig" =>
                validate_resource(validate_resource_config, validate_resource_type_config);
            "ValidateDataResourceConfig" =>
                validate_data(validate_data_resource_config, validate_data_source_config);
            "ValidateEphemeralResourceConfig" =>
                validate_ephemeral(validate_ephemeral_resource_config);
            "ValidateListResourceConfig" => validate_list(validate_list_resource_config);
            "ValidateActionConfig" => validate_action(validate_action_config);
            "UpgradeResourceState" => upgrade(upgrade_resource_state);
            "UpgradeResourceIdentity" => upgrade_identity(upgrade_resource_identity);
            "ReadResource" => read(read_resource);
            "PlanResourceChange" => plan(plan_resource_change);
            "ApplyResourceChange" => apply(apply_resource_change);
            "ImportResourceState" => import(import_resource_state);
            "MoveResourceState" => move_state(move_resource_state);
            "GenerateResourceConfig" => generate_config(generate_resource_config);
            "ReadDataSource" => read_data(read_data_source);
            "OpenEphemeralResource" => open_ephemeral(open_ephemeral_resource);
            "RenewEphemeralResource" => renew_ephemeral(renew_ephemeral_resource);
            "CloseEphemeralResource" => close_ephemeral(close_ephemeral_resource);
            "GetFunctions" => functions(get_functions);
            "CallFunction" => call_function(call_function);
            "PlanAction" => plan_action(plan_action);
            "StopProvider" => stop(stop_provider, stop);
            "ValidateStateStoreConfig" => validate_state_store(validate_state_store, new_only);
            "ConfigureStateStore" => configure_state_store(configure_state_store, new_only);
            "LockState" => lock_state(lock_state, new_only);
            "UnlockState" => unlock_state(unlock_state, new_only);
            "GetStates" => states(get_states, new_only);
            "DeleteState" => delete_state(delete_state, new_only);
        }
    }

    /// Calls whose request or answer comes in pieces.
    async fn stream_call(&self, rpc: &str, body: &[Vec<u8>], out: &grpc::Answer) -> bool {
        let old = self.protocol == 5;
        let messages: Option<Vec<Vec<u8>>>;
        let behaviour;
        match rpc {
            "ListResource" => {
                let request: v6::list_resource::Request = match old {
                    true => decode::<v5::list_resource::Request>(body).convert(),
                    false => decode(body),
                };
                behaviour = self.behaviour(rpc, request.type_name());
                let run = || self.provider.list(request.clone());
                let encode = |event: v6::list_resource::Event| match old {
                    true => Convert::<v5::list_resource::Event>::convert(event).encode_to_vec(),
                    false => event.encode_to_vec(),
                };
                let events = self.run(&behaviour, out, run).await;
                messages = events.map(|events| events.into_iter().map(encode).collect());
            }
            "InvokeAction" => {
                let request: v6::invoke_action::Request = match old {
                    true => decode::<v5::invoke_action::Request>(body).convert(),
                    false => decode(body),
                };
                behaviour = self.behaviour(rpc, request.type_name());
                let complaints = complaints(&behaviour);
                let run = || self.provider.invoke(request.clone(), complaints.clone());
                let encode = |event: v6::invoke_action::Event| match old {
                    true => Convert::<v5::invoke_action::Event>::convert(event).encode_to_vec(),
                    false => event.encode_to_vec(),
                };
                let events = self.run(&behaviour, out, run).await;
                messages = events.map(|events| events.into_iter().map(encode).collect());
            }
            "ReadStateBytes" if !old => {
                let request: v6::read_state_bytes::Request = decode(body);
                behaviour = self.behaviour(rpc, request.type_name());
                let run = || self.provider.read_state(request.clone());
                let chunks = self.run(&behaviour, out, run).await;
                messages = chunks.map(|chunks| chunks.iter().map(Message::encode_to_vec).collect());
            }
            "WriteStateBytes" if !old => {
                let chunk = |bytes: &Vec<u8>| decode(std::slice::from_ref(bytes));
                let chunks: Vec<v6::write_state_bytes::RequestChunk> =
                    body.iter().map(chunk).collect();
                behaviour = self.behaviour(rpc, "");
                let run = || self.provider.write_state(chunks.clone());
                let answer = self.run(&behaviour, out, run).await;
                messages = answer.map(|answer| vec![answer.encode_to_vec()]);
            }
            _ => return false,
        }
        if let Some(messages) = messages {
            self.send(&behaviour, out, messages).await;
        }
        true
    }

    /// Counts and logs the call, and looks up what to do.
    fn behaviour(&self, rpc: &str, type_name: &str) -> Behaviour {
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let count = calls.entry(rpc.to_owned()).or_default();
            *count += 1;
            *count
        };
        if let Some(path) = &self.log {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let line = format!("{rpc} {type_name}");
            let written = file
                .and_then(|mut file| file.write_all(format!("{}\n", line.trim_end()).as_bytes()));
            if let Err(e) = written {
                eprintln!("[ERROR] {}: {e}", path.display());
            }
        }
        if rpc == "StopProvider" {
            self.stopped.send_modify(|count| *count += 1);
        }
        self.script.behaviour(rpc, call, type_name)
    }

    /// Does what comes before the answer; without an answer there is nothing more to do.
    async fn run<A>(
        &self,
        behaviour: &Behaviour,
        out: &grpc::Answer,
        run: impl FnOnce() -> Result<A, Status>,
    ) -> Option<A> {
        let mut stopped = self.stopped.subscribe();
        if let Some(text) = &behaviour.stderr {
            eprintln!("{text}");
        }
        if behaviour.crash == Some(Crash::Before) {
            crash();
        }
        if behaviour.delay_ms > 0 {
            // Also none would take a tick of the clock, a millisecond.
            tokio::time::sleep(Duration::from_millis(behaviour.delay_ms)).await;
        }
        if behaviour.until_stop {
            let _ = stopped.changed().await;
            out.status((1, "the call was cancelled by a request to stop".to_owned()))
                .await;
            return None;
        }
        if behaviour.hang {
            out.closed().await;
            return None;
        }
        if behaviour.disconnect {
            self.disconnected.send_replace(true);
            return None;
        }
        if behaviour.unimplemented {
            out.status(grpc::unimplemented("that")).await;
            return None;
        }
        if let Some(status) = &behaviour.status {
            out.status(status.clone()).await;
            return None;
        }
        match run() {
            Ok(answer) => Some(answer),
            Err(status) => {
                out.status(status).await;
                None
            }
        }
    }

    fn tamper(&self, answer: &mut impl Answer, rpc: &str, type_name: &str, with: &Behaviour) {
        if let Some(diagnostics) = answer.diagnostics() {
            diagnostics.extend(complaints(with));
        }
        let ty = self.provider.type_of(rpc, type_name);
        if let (Some(value), Some(ty)) = (answer.value(), ty) {
            tamper_value(value, &ty, with);
        }
        let extras = answer.extras();
        if let (Some(private), Some(size)) = (extras.private, with.private) {
            *private = vec![b'p'; size];
        }
        if let Some(paths) = extras.requires_replace {
            paths.extend(
                with.requires_replace
                    .iter()
                    .map(|path| diagnostic::path(path)),
            );
        }
        if let Some(legacy) = extras.legacy_type_system {
            *legacy |= with.legacy_type_system;
        }
        if let (Some(deferred), Some(reason)) = (extras.deferred, with.deferred) {
            *deferred = Some(v6::Deferred { reason });
        }
    }

    async fn send(&self, behaviour: &Behaviour, out: &grpc::Answer, mut messages: Vec<Vec<u8>>) {
        if behaviour.without_end {
            messages.pop();
        }
        if behaviour.crash == Some(Crash::During) {
            crash();
        }
        if behaviour.crash == Some(Crash::MidAnswer) {
            let whole = messages.concat();
            let half = &whole[..whole.len() / 2];
            out.framed(u32::try_from(whole.len() + 1).unwrap_or(u32::MAX), half)
                .await;
            // Long enough for the half to be on its way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            crash();
        }
        if behaviour.junk {
            out.message(b"\xff\xff\xff\xff\xff\xff").await;
        } else if let Some(claimed) = behaviour.oversize {
            out.framed(claimed, &[0; 1024]).await;
            out.closed().await;
            return;
        } else {
            for message in &messages {
                out.message(message).await;
            }
        }
        if behaviour.no_trailers {
            return;
        }
        out.status((0, String::new())).await;
        if behaviour.crash == Some(Crash::After) {
            // Long enough for the answer to be on its way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            crash();
        }
    }
}

/// The name in protocol 6 of a call of either.
fn new_name(name: &str) -> &str {
    match name {
        "GetSchema" => "GetProviderSchema",
        "PrepareProviderConfig" => "ValidateProviderConfig",
        "ValidateResourceTypeConfig" => "ValidateResourceConfig",
        "ValidateDataSourceConfig" => "ValidateDataResourceConfig",
        "Configure" => "ConfigureProvider",
        "Stop" => "StopProvider",
        other => other,
    }
}

fn complaints(behaviour: &Behaviour) -> Vec<v6::Diagnostic> {
    behaviour
        .diagnostics
        .iter()
        .map(diagnostic::scripted)
        .collect()
}

fn tamper_value(value: &mut Option<v6::DynamicValue>, ty: &Type, with: &Behaviour) {
    let wire = |msgpack| {
        Some(v6::DynamicValue {
            msgpack,
            json: Vec::new(),
        })
    };
    if !with.set.is_empty() {
        let bytes = value
            .as_ref()
            .map(|value| value.msgpack.as_slice())
            .unwrap_or_default();
        let decoded = msgpack::decode(ty, bytes).unwrap_or(Value::Null);
        let changed = with.set.iter().fold(decoded, |value, (name, new)| {
            set_attribute(value, ty, name, new)
        });
        match msgpack::encode(ty, &changed) {
            Ok(bytes) => *value = wire(bytes),
            Err(e) => eprintln!("[ERROR] script: set: {e}"),
        }
    }
    if with.null {
        *value = wire(vec![0xc0]);
    }
    if with.absent {
        *value = None;
    }
    if let Some(hex) = &with.msgpack {
        let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).ok();
        *value = wire(digits.chunks(2).filter_map(byte).collect());
    }
}

fn set_attribute(value: Value, ty: &Type, name: &str, new: &Json) -> Value {
    let (Value::Object(mut object), Type::Object(types)) = (value, ty) else {
        return Value::Null;
    };
    let Some((slot, ty)) = object.get_mut(name).zip(types.get(name)) else {
        eprintln!("[ERROR] script: set: there is no attribute {name:?}");
        return Value::Object(object);
    };
    *slot = match new.get("$unknown") {
        Some(_) => Value::UNKNOWN,
        None => json::from_json(ty, new.clone()).unwrap_or_else(|e| {
            eprintln!("[ERROR] script: set {name}: {e}");
            Value::Null
        }),
    };
    Value::Object(object)
}
