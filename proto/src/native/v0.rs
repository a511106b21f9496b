//! Version 0 of the provider protocol, as existing provider programs speak it.
//!
//! One JSON object a line, with one key that names the request or response. Requests are answered
//! in order. There is no negotiation, and there are no requests to read, plan, delete or import.
//!
//! ```
//! use nixops4_proto::native::v0::{Request, Response};
//! let request: Request = serde_json::from_str(r#"{"createResourceRequest":
//!   {"type":"file","inputProperties":{"name":"a","contents":"b"},"isStateful":true}}"#)?;
//! assert!(matches!(request, Request::CreateResourceRequest(create) if create.is_stateful));
//! let response: Response = serde_json::from_str(r#"{"errorResponse":{"message":"no"}}"#)?;
//! assert!(matches!(response, Response::ErrorResponse(error) if error.message == "no"));
//! # Ok::<(), serde_json::Error>(())
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Inputs or outputs, by name.
pub type Properties = Map<String, Json>;

/// A line to the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::enum_variant_names, reason = "these are the names on the wire")]
pub enum Request {
    /// Makes an object.
    CreateResourceRequest(CreateResourceRequest),
    /// Changes an object.
    UpdateResourceRequest(UpdateResourceRequest),
    /// Asks a state handler for the state it keeps.
    StateResourceReadRequest(StateResourceReadRequest),
    /// Has a state handler write an event.
    StateResourceEvent(StateResourceEvent),
}

/// A line from the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Response {
    /// Answer to [`CreateResourceRequest`].
    CreateResourceResponse(OutputProperties),
    /// Answer to [`UpdateResourceRequest`].
    UpdateResourceResponse(OutputProperties),
    /// Answer to [`StateResourceReadRequest`].
    StateResourceReadResponse(StateResourceReadResponse),
    /// Answer to [`StateResourceEvent`].
    StateResourceEventResponse(StateResourceEventResponse),
    /// Answer to any: it could not be done.
    ErrorResponse(ErrorResponse),
}

/// A resource as the caller remembers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The provider's name for its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its inputs.
    pub input_properties: Properties,
    /// Its outputs, if any were remembered.
    #[serde(default)]
    pub output_properties: Option<Properties>,
}

/// Makes an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateResourceRequest {
    /// The provider's name for its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What the user wants.
    pub input_properties: Properties,
    /// Whether the answer is kept.
    pub is_stateful: bool,
}

/// Changes an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateResourceRequest {
    /// What there is.
    pub resource: Resource,
    /// What the user wants.
    pub input_properties: Properties,
}

/// Asks a state handler for the state it keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateResourceReadRequest {
    /// The state handler.
    pub resource: Resource,
}

/// Has a state handler write an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateResourceEvent {
    /// The state handler.
    pub resource: Resource,
    /// What happened, in a word.
    pub event: String,
    /// Who writes.
    pub nixops_version: String,
    /// The change: a JSON Patch (RFC 6902).
    pub patch: Json,
}

/// Answer to a request that makes or changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputProperties {
    /// What the provider reports.
    pub output_properties: Properties,
}

/// Answer to [`StateResourceReadRequest`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateResourceReadResponse {
    /// All events folded.
    pub state: Properties,
}

/// Answer to [`StateResourceEvent`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateResourceEventResponse {}

/// Answer to any request that could not be fulfilled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorResponse {
    /// Why.
    pub message: String,
}
