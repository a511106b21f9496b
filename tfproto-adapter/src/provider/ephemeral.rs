//! Ephemeral resources: opened, renewed in time, closed.

use std::time::SystemTime;

use nixops4_core::diagnostic::{Diagnosed, Diagnostics};
use nixops4_core::provider::{
    EphemeralRequest, Failure, Lease, Mode, ProviderError, ProviderResult,
};
use nixops4_core::value::Value as Output;
use nixops4_proto::tfplugin::{prost_types::Timestamp, v6};

use super::outputs::to_outputs;
use super::session::Session;
use super::{capabilities, fault};

/// Opens a resource. One of which the answer is no good is closed at once.
pub(super) async fn open(
    session: &Session,
    request: EphemeralRequest<'_>,
) -> ProviderResult<(Output, Lease)> {
    let call = "OpenEphemeralResource";
    let EphemeralRequest { type_name, inputs } = request;
    let schema = session.type_schema(Mode::Ephemeral, type_name).await?;
    let block = &schema.block;
    let checked = session.check(type_name, block, inputs)?;
    let message = v6::open_ephemeral_resource::Request {
        type_name: type_name.to_owned(),
        config: Some(session.encode(call, block, &checked.value)?),
        client_capabilities: Some(capabilities(false)),
    };
    let answer = session
        .client()
        .await?
        .open_ephemeral_resource(message)
        .await;
    let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
    let diagnostics = session.about_inputs(inputs, &answer.diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics.into());
    }
    let lease = Lease {
        private: answer.private,
        renew_at: answer.renew_at.and_then(time),
    };
    let outputs = || {
        if answer.deferred.is_some() {
            let text = "put off opening an ephemeral resource, which it was not asked to do";
            let text = format!("provider {} {text}", session.name());
            return Err(Failure::from(fault(text)));
        }
        let value = session.decode(call, block, answer.result.as_ref())?;
        if value.is_null() || !value.is_wholly_known() {
            let text = format!("provider {} opened no complete {type_name}", session.name());
            return Err(fault(text).into());
        }
        let converted = to_outputs(block, &value, &checked.marks);
        let (outputs, _) = converted
            .map_err(|error| session.error(call, format!("its answer cannot be used: {error}")))?;
        Ok(outputs)
    };
    match outputs() {
        Ok(outputs) => {
            let mut warnings = checked.warnings;
            warnings.extend(diagnostics);
            Ok(Diagnosed {
                value: (outputs, lease),
                warnings,
            })
        }
        Err(failure) => {
            let mut diagnostics = failure.into_diagnostics();
            let closed = close(session, type_name, lease.private.as_deref()).await;
            diagnostics
                .extend(closed.unwrap_or_else(|error| Failure::Provider(error).into_diagnostics()));
            Err(diagnostics.into())
        }
    }
}

/// Renews a resource.
pub(super) async fn renew(
    session: &Session,
    type_name: &str,
    private: Option<&[u8]>,
) -> ProviderResult<Lease> {
    let message = v6::renew_ephemeral_resource::Request {
        type_name: type_name.to_owned(),
        private: private.map(<[u8]>::to_vec),
    };
    let answer = session
        .client()
        .await?
        .renew_ephemeral_resource(message)
        .await;
    let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
    let warnings = session.about_nothing(&answer.diagnostics);
    if warnings.has_errors() {
        return Err(warnings.into());
    }
    let value = Lease {
        private: answer.private,
        renew_at: answer.renew_at.and_then(time),
    };
    Ok(Diagnosed { value, warnings })
}

/// Closes a resource.
pub(super) async fn close(
    session: &Session,
    type_name: &str,
    private: Option<&[u8]>,
) -> Result<Diagnostics, ProviderError> {
    let message = v6::close_ephemeral_resource::Request {
        type_name: type_name.to_owned(),
        private: private.map(<[u8]>::to_vec),
    };
    let answer = session
        .client()
        .await?
        .close_ephemeral_resource(message)
        .await?;
    Ok(session.about_nothing(&answer.diagnostics))
}

/// A time, unless it is before all times.
fn time(timestamp: Timestamp) -> Option<SystemTime> {
    SystemTime::try_from(timestamp).ok()
}
