//! Moves: what is remembered under another type, or of another provider, taken over by a plugin
//! that knows how.

use nixops4_core::diagnostic::Diagnosed;
use nixops4_core::provider::{Failure, MoveRequest, ProviderResult, ResourceState, cannot_move};
use nixops4_core::value::Value as Input;
use nixops4_proto::evaluator::ProviderProgram;
use nixops4_proto::tfplugin::v6;

use super::fault;
use super::managed::{TfInstance, refuse_write_only};
use super::state::{Plain, Remembered};
use crate::convert::raw_state;
use crate::cty::Type;
use crate::discovery::SourceSpec;
use crate::lifecycle::normalise_blocks;
use crate::schema::Block;

impl TfInstance {
    /// Has the plugin make the state of one of its types out of another.
    pub(super) async fn take_over(
        &self,
        request: MoveRequest<'_>,
    ) -> ProviderResult<ResourceState> {
        let call = "MoveResourceState";
        let session = &*self.session;
        let managed = self.managed(request.type_name).await?;
        let source = request.state;
        let plain = Plain::of(source);
        let message = v6::move_resource_state::Request {
            source_provider_address: address(request.from),
            source_type_name: source.type_name.clone(),
            source_schema_version: i64::try_from(source.schema_version).unwrap_or(i64::MAX),
            source_state: Some(raw_state(plain.value.to_string())),
            target_type_name: managed.name.clone(),
            source_private: plain.private,
            source_identity: source
                .identity
                .as_ref()
                .map(|identity| raw_state(identity.to_string())),
            source_identity_schema_version: plain.identity_version,
        };
        let answer = match session.client().await?.move_resource_state(message).await {
            Ok(answer) => answer,
            Err(error) if error.is_unimplemented() => return Err(cannot_move(&request).into()),
            Err(error) => return Err(Failure::Provider(error.into())),
        };
        let warnings = self
            .session
            .about_inputs(&Input::null(), &answer.diagnostics);
        if warnings.has_errors() {
            return Err(warnings.into());
        }
        let value = session.decode(call, managed.block(), answer.target_state.as_ref())?;
        let value = normalise_blocks(managed.block(), value);
        if value.is_null() || !value.is_wholly_known() {
            let summary = format!(
                "provider {} took over a {} as a {}, but did not say what it is now",
                session.name(),
                source.type_name,
                managed.name
            );
            return Err(fault(summary).into());
        }
        refuse_write_only(session, &managed.name, managed.block(), &value)?;
        let inputs = shared_inputs(managed.block(), &source.inputs);
        let state = managed.remember(
            session,
            call,
            Remembered {
                inputs: &inputs,
                value: &value,
                marks: &managed.input_marks(&inputs),
                private: &answer.target_private,
                identity: answer.target_identity.as_ref(),
            },
        )?;
        let value = ResourceState {
            tainted: source.tainted,
            ..state
        };
        Ok(Diagnosed { value, warnings })
    }
}

/// The former provider as plugins know each other: with the host that a source without one means.
fn address(program: Option<&ProviderProgram>) -> String {
    let source = match program {
        Some(ProviderProgram::Tfplugin {
            source: Some(source),
            ..
        }) => SourceSpec::parse(source).ok(),
        _ => None,
    };
    let first = source.and_then(|source| source.candidates().into_iter().next());
    first.map(|source| source.to_string()).unwrap_or_default()
}

/// Of the inputs that were set for another type, those that this type has as well: the others are
/// not its own to compare with.
fn shared_inputs(block: &Block, inputs: &Input) -> Input {
    let (Type::Object(ty), Some(inputs)) = (block.object_type(), inputs.as_attrs()) else {
        return Input::null();
    };
    Input::attrs(
        inputs
            .iter()
            .filter(|(name, _)| ty.get(name).is_some())
            .map(|(name, value)| (name.clone(), value.clone())),
    )
}
