//! Searching for objects that exist.

use nixops4_core::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use nixops4_core::provider::{Failure, ListRequest, Listed, ProviderResult};
use nixops4_proto::tfplugin::v6;

use super::fault;
use super::import::generate;
use super::managed::TfInstance;
use crate::convert::to_wire;
use crate::cty::{Type, Value};
use crate::lifecycle::normalise_blocks;
use crate::provider::state::{Current, Managed};
use crate::schema::Kind;

impl TfInstance {
    /// Passes on what the plugin finds, until it or the caller has had enough.
    pub(super) async fn search(
        &self,
        request: ListRequest<'_>,
        found: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> ProviderResult<()> {
        let session = &*self.session;
        let name = request.type_name;
        let schema = session
            .schema_of(Kind::List, "type that can be listed,", name)
            .await?;
        let managed = self.managed(name).await?;
        let call = "ListResource";
        let checked = session.check_rare(name, &schema.block, request.inputs)?;
        let mut warnings = checked.warnings;
        let config = session.encode(call, &schema.block, &checked.value)?;
        let client = session.client().await?;
        let limit = request.limit.and_then(|limit| i64::try_from(limit).ok());
        let flag = to_wire(&Type::Bool, &Value::Bool(request.with_inputs));
        let number = to_wire(&Type::Number, &limit.map_or(Value::Null, Value::int));
        let validate = v6::validate_list_resource_config::Request {
            type_name: name.to_owned(),
            config: Some(config.clone()),
            include_resource_object: flag.ok(),
            limit: number.ok(),
        };
        let answer = client.validate_list_resource_config(validate).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        warnings.extend(session.about_inputs(request.inputs, &answer.diagnostics));
        if warnings.has_errors() {
            return Err(warnings.into());
        }
        let message = v6::list_resource::Request {
            type_name: name.to_owned(),
            config: Some(config),
            include_resource_object: request.with_inputs,
            limit: limit.unwrap_or(0),
        };
        let events = client.list_resource(message).await;
        let mut events = events.map_err(|error| Failure::Provider(error.into()))?;
        let mut left = request.limit;
        while left != Some(0) {
            let event = events.next().await;
            let Some(event) = event.map_err(|error| Failure::Provider(error.into()))? else {
                break;
            };
            let Some(listed) = self.listed(&managed, request, event, &mut warnings).await? else {
                continue;
            };
            left = left.map(|left| left - 1);
            // Dropping the rest of the answer cancels the call.
            if !found(listed) {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(Diagnosed {
            value: (),
            warnings,
        })
    }

    /// One answer; nothing where it only complains.
    async fn listed(
        &self,
        managed: &Managed,
        request: ListRequest<'_>,
        event: v6::list_resource::Event,
        warnings: &mut Diagnostics,
    ) -> Result<Option<Listed>, Failure> {
        let session = &*self.session;
        let told = session.about_inputs(request.inputs, &event.diagnostic);
        if told.has_errors() {
            return Err(told.into());
        }
        let only_complains = !told.0.is_empty();
        warnings.extend(told);
        let identity = managed.identity_json(event.identity.as_ref()).0;
        let Some(identity) = identity else {
            if only_complains {
                return Ok(None);
            }
            let name = &managed.name;
            let text = format!(
                "provider {} found a {name} and does not say what identifies it",
                session.name()
            );
            return Err(Failure::from(fault(text)));
        };
        let inputs = match (request.with_inputs, event.resource_object) {
            (true, Some(object)) => {
                let value = session.decode("ListResource", managed.block(), Some(&object))?;
                let current = Current {
                    value: normalise_blocks(managed.block(), value),
                    ..Current::none()
                };
                let generated = generate(session, managed, current).await?;
                warnings.extend(generated.warnings);
                Some(generated.value)
            }
            (true, None) => {
                let text = format!("{} is found without its attributes", event.display_name);
                warnings.push(Diagnostic::warning(text));
                None
            }
            (false, _) => None,
        };
        Ok(Some(Listed {
            name: event.display_name,
            identity,
            inputs,
        }))
    }
}
