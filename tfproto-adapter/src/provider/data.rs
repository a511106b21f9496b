//! Data sources.

use nixops4_core::diagnostic::Diagnosed;
use nixops4_core::provider::{Failure, Mode, ProviderResult, ReadDataRequest};
use nixops4_core::value::Value as Output;
use nixops4_proto::tfplugin::v6;

use super::outputs::to_outputs;
use super::session::Session;
use super::{capabilities, fault};

/// Reads a data source.
pub(super) async fn read(
    session: &Session,
    request: ReadDataRequest<'_>,
) -> ProviderResult<Output> {
    let call = "ReadDataSource";
    let schema = session.type_schema(Mode::Data, request.type_name).await?;
    let block = &schema.block;
    let checked = session.check(request.type_name, block, request.inputs)?;
    let message = v6::read_data_source::Request {
        type_name: request.type_name.to_owned(),
        config: Some(session.encode(call, block, &checked.value)?),
        provider_meta: session.provider_meta().await?,
        client_capabilities: Some(capabilities(false)),
    };
    let answer = session.client().await?.read_data_source(message).await;
    let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
    let diagnostics = session.about_inputs(request.inputs, &answer.diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics.into());
    }
    let value = session.decode(call, block, answer.state.as_ref())?;
    if value.is_null() || !value.is_wholly_known() {
        let summary = format!(
            "provider {} read no complete {}",
            session.name(),
            request.type_name
        );
        return Err(fault(summary).into());
    }
    let (outputs, _) = to_outputs(block, &value, &checked.marks)
        .map_err(|error| session.error(call, format!("its answer cannot be used: {error}")))?;
    let mut warnings = checked.warnings;
    warnings.extend(diagnostics);
    Ok(Diagnosed {
        value: outputs,
        warnings,
    })
}
