//! Objects that exist already: taking them over, and finding the inputs that describe them.

use nixops4_core::diagnostic::{Diagnosed, Diagnostic};
use nixops4_core::provider::{Failure, Identifier, ImportRequest, ProviderResult, ResourceState};
use nixops4_core::value::{Kind, Value as Input};
use nixops4_proto::tfplugin::v6;

use super::managed::{TfInstance, not_there};
use super::outputs::to_outputs;
use super::session::Session;
use super::state::{Current, Managed};
use super::{capabilities, fault};
use crate::lifecycle::{configurable, without_empty_blocks};

impl TfInstance {
    /// Has the plugin find an object, and reads it.
    pub(super) async fn import_object(
        &self,
        request: ImportRequest<'_>,
    ) -> ProviderResult<ResourceState> {
        let session = &*self.session;
        let managed = self.managed(request.type_name).await?;
        let (name, object) = (&managed.name, request.object);
        let (id, identity) = match object {
            Identifier::Id(id) => (id.clone(), None),
            Identifier::Identity(json) => (String::new(), Some(managed.identity_from_user(json)?)),
        };
        let message = v6::import_resource_state::Request {
            type_name: name.clone(),
            id,
            client_capabilities: Some(capabilities(false)),
            identity,
        };
        let answer = session.client().await?.import_resource_state(message).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let warnings = session.about_inputs(request.inputs, &answer.diagnostics);
        if warnings.has_errors() {
            return Err(warnings.into());
        }
        let count = answer.imported_resources.len();
        let Ok([imported]) = <[_; 1]>::try_from(answer.imported_resources) else {
            let summary = format!(
                "importing the {name} {} gave {count} objects instead of one",
                quoted(object)
            );
            return Err(fault(summary).into());
        };
        if imported.type_name != *name {
            let text = format!(
                "{} is a {}, not a {name}",
                quoted(object),
                imported.type_name
            );
            return Err(Diagnostic::error(text).into());
        }
        let call = "ImportResourceState";
        let current = Current {
            value: session.decode(call, managed.block(), imported.state.as_ref())?,
            private: imported.private,
            identity: imported.identity,
            warnings,
        };
        if current.value.is_null() {
            return Err(not_there(name, &quoted(object)).into());
        }
        let read = self.read_current(&managed, current, request.inputs).await?;
        match read.value {
            Some(value) => Ok(Diagnosed {
                value,
                warnings: read.warnings,
            }),
            None => Err(not_there(name, &quoted(object)).into()),
        }
    }

    /// The inputs that describe an object as it is.
    pub(super) async fn inputs_of(&self, state: &ResourceState) -> ProviderResult<Input> {
        let managed = self.managed(&state.type_name).await?;
        let current = managed.current(&self.session, state).await?;
        generate(&self.session, &managed, current).await
    }
}

/// Writes the inputs that would lead to an object: the plugin does, or, where it cannot, its
/// schema says which attributes are the user's to set.
pub(super) async fn generate(
    session: &Session,
    managed: &Managed,
    current: Current,
) -> ProviderResult<Input> {
    let call = "GenerateResourceConfig";
    let block = managed.block();
    let mut warnings = current.warnings;
    let can = session.schemas().await?.capabilities();
    let mut config = None;
    if can.generate_resource_config {
        let request = v6::generate_resource_config::Request {
            type_name: managed.name.clone(),
            state: Some(session.encode(call, block, &current.value)?),
        };
        match session
            .client()
            .await?
            .generate_resource_config(request)
            .await
        {
            Ok(answer) => {
                warnings.extend(session.about_inputs(&Input::null(), &answer.diagnostics));
                if warnings.has_errors() {
                    return Err(warnings.into());
                }
                let written = session.decode(call, block, answer.config.as_ref())?;
                config = Some(without_empty_blocks(block, &written));
            }
            Err(error) if error.is_unimplemented() => {}
            Err(error) => return Err(Failure::Provider(error.into())),
        }
    }
    let config = config.unwrap_or_else(|| configurable(block, &current.value));
    let (mut inputs, _) = to_outputs(block, &config, &[])
        .map_err(|error| session.error(call, format!("its answer cannot be used: {error}")))?;
    drop_unset(&mut inputs);
    Ok(Diagnosed {
        value: inputs,
        warnings,
    })
}

/// Leaves out what is not set.
fn drop_unset(value: &mut Input) {
    match &mut value.kind {
        Kind::Attrs(attrs) => {
            attrs.retain(|_, value| !value.is_null());
            attrs.values_mut().for_each(drop_unset);
        }
        Kind::List(elements) => elements.iter_mut().for_each(drop_unset),
        _ => {}
    }
}

/// An identifier in a sentence.
fn quoted(object: &Identifier) -> String {
    match object {
        Identifier::Id(id) => format!("\"{id}\""),
        Identifier::Identity(identity) => identity.to_string(),
    }
}
