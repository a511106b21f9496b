//! What a good plugin does: a provider of *things*, with one of everything else that providers have.

pub mod diagnostic;
mod ephemeral;
mod schema;
mod state_store;
mod store;
mod thing;
mod various;

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::cty::{Type, Value, msgpack};

use crate::grpc::Status;
use crate::script::Script;
use store::Store;

/// What a call gives: an answer, or a status where the request makes no sense.
pub type Answered<T> = Result<T, Status>;

/// The provider and all that it remembers.
#[derive(Debug)]
pub struct Provider {
    /// Whether things have nested attributes.
    nested: bool,
    schema_version: i64,
    wide: usize,
    without: Vec<String>,
    imported: usize,
    renew_after_ms: Option<u64>,
    store: Store,
    /// What the provider was configured with.
    endpoint: Mutex<Option<String>>,
    /// The size of chunks of the state store, once that is configured.
    chunk_size: Mutex<Option<i64>>,
    /// Numbers for ephemeral things.
    serial: AtomicU64,
}

impl Provider {
    /// Starts unconfigured.
    pub fn new(script: &Script, protocol: u32) -> Self {
        Self {
            nested: protocol == 6 && !script.flat,
            schema_version: script.schema_version.unwrap_or(1),
            wide: script.wide,
            without: script.without.clone(),
            imported: script.imported.unwrap_or(1),
            renew_after_ms: script.renew_after_ms,
            store: Store::open(),
            endpoint: Mutex::default(),
            chunk_size: Mutex::default(),
            serial: AtomicU64::new(1),
        }
    }

    /// The type of the main value of a call's answer.
    pub fn type_of(&self, rpc: &str, type_name: &str) -> Option<Type> {
        match rpc {
            "ReadDataSource" => self.data_type(type_name),
            "OpenEphemeralResource" => Some(schema::implied(&schema::ephemeral())),
            "CallFunction" => Some(Type::String),
            _ => self.resource_type(type_name),
        }
    }

    fn resource_type(&self, type_name: &str) -> Option<Type> {
        self.resources().get(type_name).map(schema::implied)
    }

    fn data_type(&self, type_name: &str) -> Option<Type> {
        schema::data_sources().get(type_name).map(schema::implied)
    }

    /// The type of a managed resource that a request names.
    fn known_resource(&self, type_name: &str) -> Answered<Type> {
        self.resource_type(type_name)
            .ok_or_else(|| unknown_type(type_name))
    }
}

fn unknown_type(type_name: &str) -> Status {
    (3, format!("there is no type {type_name:?}"))
}

/// Reads a value from a request.
fn decode(ty: &Type, value: Option<&v6::DynamicValue>) -> Answered<Value> {
    match value {
        Some(value) => msgpack::decode(ty, &value.msgpack).map_err(|e| (3, e.to_string())),
        None => Err((3, "a value is missing".to_owned())),
    }
}

/// Writes a value into an answer.
fn encode(ty: &Type, value: &Value) -> Answered<Option<v6::DynamicValue>> {
    let msgpack = msgpack::encode(ty, value).map_err(|e| (13, e.to_string()))?;
    Ok(Some(v6::DynamicValue {
        msgpack,
        json: Vec::new(),
    }))
}

/// A text attribute of an object.
fn text(value: &Value, name: &str) -> Option<String> {
    Some(value.as_object()?.get(name)?.as_str()?.to_owned())
}

/// An attribute of an object; null if there is none.
fn attribute(value: &Value, name: &str) -> Value {
    value
        .as_object()
        .and_then(|object| object.get(name))
        .cloned()
        .unwrap_or(Value::Null)
}

/// Changes an attribute of an object, if there is one.
fn put(value: &mut Value, name: &str, new: Value) {
    if let Value::Object(object) = value
        && let Some(slot) = object.get_mut(name)
    {
        *slot = new;
    }
}
