//! Actions: what a plugin can do beside making objects.

use std::sync::Arc;

use nixops4_core::diagnostic::{Diagnosed, Diagnostics};
use nixops4_core::provider::{
    ActionRequest, Failure, PlannedAction, ProviderError, ProviderResult,
};
use nixops4_proto::tfplugin::v6;
use v6::invoke_action::event::Type as Event;

use super::capabilities;
use super::plan::reason;
use super::session::Session;
use super::types::sensitive_inputs;
use crate::schema::{Kind, TypeSchema};

/// An action with a configuration that follows its schema.
struct Prepared {
    schema: Arc<TypeSchema>,
    config: v6::DynamicValue,
    warnings: Diagnostics,
}

/// Has the plugin check an action, and say whether it can be done.
pub(super) async fn plan(
    session: &Session,
    request: ActionRequest<'_>,
) -> ProviderResult<PlannedAction> {
    let Prepared {
        schema,
        config,
        warnings,
    } = prepare(session, "PlanAction", request).await?;
    let mut all = warnings;
    let client = session.client().await?;
    let validate = v6::validate_action_config::Request {
        type_name: request.type_name.to_owned(),
        config: Some(config.clone()),
    };
    let answer = client.validate_action_config(validate).await;
    let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
    all.extend(session.about_inputs(request.inputs, &answer.diagnostics));
    if all.has_errors() {
        return Err(all.into());
    }
    let plan = v6::plan_action::Request {
        action_type: request.type_name.to_owned(),
        config: Some(config),
        client_capabilities: Some(capabilities(true)),
    };
    let answer = client.plan_action(plan).await;
    let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
    all.extend(session.about_inputs(request.inputs, &answer.diagnostics));
    match all.has_errors() {
        true => Err(all.into()),
        false => Ok(Diagnosed {
            value: PlannedAction {
                deferred: answer.deferred.map(|deferred| reason(deferred.reason())),
                sensitive: sensitive_inputs(&schema.block),
            },
            warnings: all,
        }),
    }
}

/// Does an action.
pub(super) async fn invoke(
    session: &Session,
    request: ActionRequest<'_>,
    progress: &mut (dyn FnMut(String) + Send),
) -> Result<Diagnostics, ProviderError> {
    let call = "InvokeAction";
    let prepared = match prepare(session, call, request).await {
        Ok(prepared) => prepared,
        // Nothing has been sent yet.
        Err(Failure::Diagnostics(diagnostics)) => return Ok(diagnostics),
        Err(Failure::Provider(error)) => return Err(error),
    };
    let message = v6::invoke_action::Request {
        action_type: request.type_name.to_owned(),
        config: Some(prepared.config),
        client_capabilities: Some(capabilities(false)),
    };
    let mut events = session.client().await?.invoke_action(message).await?;
    while let Some(event) = events.next().await? {
        match event.r#type {
            Some(Event::Progress(told)) => {
                progress(told.message);
                // However much it tells: whoever shows it gets a turn after each message.
                tokio::task::yield_now().await;
            }
            Some(Event::Completed(completed)) => {
                // The warnings of checking it were told when it was planned.
                return Ok(session.about_inputs(request.inputs, &completed.diagnostics));
            }
            // An event of a later version of the protocol.
            None => {}
        }
    }
    Err(ProviderError {
        in_doubt: true,
        ..session.error(call, "it did not say how the action ended".to_owned())
    })
}

async fn prepare(
    session: &Session,
    call: &str,
    request: ActionRequest<'_>,
) -> Result<Prepared, Failure> {
    let schema = session
        .schema_of(Kind::Action, "action", request.type_name)
        .await?;
    let checked = session.check_rare(request.type_name, &schema.block, request.inputs)?;
    Ok(Prepared {
        config: session.encode(call, &schema.block, &checked.value)?,
        schema,
        warnings: checked.warnings,
    })
}
