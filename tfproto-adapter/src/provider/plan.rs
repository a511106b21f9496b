//! Planning a managed resource.

use nixops4_core::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use nixops4_core::provider::{
    Action, Failure, PlanRequest, PlannedChange, ProviderResult, ResourceState,
};
use nixops4_core::value::Value as Input;
use nixops4_proto::tfplugin::v6;

use super::managed::TfInstance;
use super::outputs::to_outputs;
use super::plan_data::{PlanData, to_attr_path, to_place};
use super::state::{Current, Managed};
use super::{capabilities, fault};
use crate::check::Checked;
use crate::convert::path_from_wire;
use crate::cty::{Path, Value};
use crate::lifecycle::{
    Ignored, ignore_changes, kept_replacements, plan_violations, proposed_state, set_write_only,
};

/// What one call has planned.
struct Planned {
    value: Value,
    data: PlanData,
    replace: Vec<Path>,
    warnings: Diagnostics,
    deferred: Option<String>,
}

/// What to plan in one call.
struct Step<'a> {
    managed: &'a Managed,
    inputs: &'a Input,
    prior: &'a Current,
    config: &'a Value,
    ignored: Option<Ignored<'a>>,
}

impl TfInstance {
    pub(super) async fn plan_change(
        &self,
        request: PlanRequest<'_>,
    ) -> ProviderResult<PlannedChange> {
        let managed = self.managed(request.type_name).await?;
        if !request.stateful {
            return Err(Diagnostic::error(format!("a {} needs state", managed.name)).into());
        }
        let Checked {
            value: config,
            marks,
            warnings,
        } = self
            .session
            .check(&managed.name, managed.block(), request.inputs)?;
        let prior = match request.prior {
            Some(state) if !state.tainted => managed.current(&self.session, state).await?,
            _ => Current::none(),
        };
        let places: Vec<_> = request.ignore_changes.iter().map(to_place).collect();
        let ignored = match (
            prior.value.is_null(),
            request.ignore_all_changes,
            places.is_empty(),
        ) {
            (true, ..) | (_, false, true) => None,
            (_, true, _) => Some(Ignored::All),
            (_, false, false) => Some(Ignored::At(&places)),
        };
        let effective = match ignored {
            Some(ignored) => ignore_changes(managed.block(), &prior.value, config.clone(), ignored),
            None => config.clone(),
        };
        let inputs = request.inputs;
        let step = Step {
            managed: &managed,
            inputs,
            prior: &prior,
            config: &effective,
            ignored,
        };
        let mut planned = self.plan_step(step).await?;
        let mut all_warnings = warnings;
        all_warnings.extend(prior.warnings.clone());
        all_warnings.extend(std::mem::take(&mut planned.warnings));
        let action = action(&request, &prior, &planned);
        let replace = std::mem::take(&mut planned.replace);
        if action == Action::Replace && !prior.value.is_null() && planned.deferred.is_none() {
            // The new object is planned as if there were none; only the provider's private data
            // of the first plan is kept.
            let fresh = Current {
                private: planned.data.private,
                ..Current::none()
            };
            let step = Step {
                managed: &managed,
                inputs,
                prior: &fresh,
                config: &config,
                ignored: None,
            };
            planned = self.plan_step(step).await?;
        }
        planned
            .data
            .set_ignored(request.ignore_all_changes, request.ignore_changes);
        let (outputs, _) =
            to_outputs(managed.block(), &planned.value, &marks).map_err(|error| {
                let message = format!("its plan cannot be used: {error}");
                self.session.error("PlanResourceChange", message)
            })?;
        let value = PlannedChange {
            action,
            outputs,
            replace_paths: replace.iter().map(to_attr_path).collect(),
            provider_data: planned.data.encode_to_bytes(),
            deferred: planned.deferred,
        };
        Ok(Diagnosed {
            value,
            warnings: all_warnings,
        })
    }

    /// One planning call and the checks of its answer.
    async fn plan_step(&self, step: Step<'_>) -> Result<Planned, Failure> {
        let call = "PlanResourceChange";
        let (session, managed) = (&*self.session, step.managed);
        let block = managed.block();
        let (prior, config) = (&step.prior.value, step.config);
        let proposed = proposed_state(block, prior, config);
        let request = v6::plan_resource_change::Request {
            type_name: managed.name.clone(),
            prior_state: Some(session.encode(call, block, prior)?),
            proposed_new_state: Some(session.encode(call, block, &proposed)?),
            config: Some(session.encode(call, block, config)?),
            prior_private: step.prior.private.clone(),
            provider_meta: session.provider_meta().await?,
            client_capabilities: Some(capabilities(true)),
            prior_identity: step.prior.identity.clone(),
            ..Default::default()
        };
        let answer = session.client().await?.plan_resource_change(request).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let warnings = session.about_inputs(step.inputs, &answer.diagnostics);
        if warnings.has_errors() {
            return Err(warnings.into());
        }
        let mut value = session.decode(call, block, answer.planned_state.as_ref())?;
        let mut planned_state = answer.planned_state;
        let deferred = answer.deferred.map(|deferred| reason(deferred.reason()));
        let mut replace = Vec::new();
        if deferred.is_none() {
            if let (true, Some(ignored)) = (answer.legacy_type_system, step.ignored) {
                value = match ignored {
                    Ignored::All => prior.clone(),
                    Ignored::At(_) => ignore_changes(block, prior, value, ignored),
                };
                planned_state = Some(session.encode(call, block, &value)?);
            }
            self.judge_plan(&step, &value, answer.legacy_type_system)?;
            let places = answer.requires_replace.iter().map(path_from_wire);
            replace = kept_replacements(block, prior, &value, places).map_err(|error| {
                fault(format!(
                    "provider {} planned {}: {error}",
                    session.name(),
                    managed.name
                ))
            })?;
        }
        let (private, identity) = (answer.planned_private, answer.planned_identity);
        let data = PlanData {
            planned_state,
            private,
            identity,
            ..PlanData::default()
        };
        Ok(Planned {
            value,
            data,
            replace,
            warnings,
            deferred,
        })
    }

    /// Refuses a plan that decides what the user decides. Old providers may.
    fn judge_plan(&self, step: &Step<'_>, planned: &Value, legacy: bool) -> Result<(), Failure> {
        let (name, provider) = (&step.managed.name, self.session.name());
        let block = step.managed.block();
        let mut found = Diagnostics::default();
        for place in set_write_only(block, planned) {
            let summary =
                format!("provider {provider} planned to store {place}, which must not be");
            found.push(fault(summary).at(to_attr_path(&place)));
        }
        for violation in plan_violations(block, &step.prior.value, step.config, planned) {
            if legacy {
                tracing::debug!(provider, resource_type = name, %violation, "tolerated in a plan");
                continue;
            }
            let summary =
                format!("provider {provider} made an invalid plan for {name}: {violation}");
            found.push(fault(summary).at(to_attr_path(&violation.path)));
        }
        match found.has_errors() {
            true => Err(found.into()),
            false => Ok(()),
        }
    }

    pub(super) async fn plan_deletion(
        &self,
        state: &ResourceState,
    ) -> ProviderResult<PlannedChange> {
        let call = "PlanResourceChange";
        let session = &*self.session;
        let managed = self.managed(&state.type_name).await?;
        let block = managed.block();
        let current = managed.current(session, state).await?;
        let mut warnings = current.warnings;
        let mut data = PlanData {
            private: current.private,
            ..PlanData::default()
        };
        if session.schemas().await?.capabilities().plan_destroy {
            let null = session.encode(call, block, &Value::Null)?;
            let request = v6::plan_resource_change::Request {
                type_name: managed.name.clone(),
                prior_state: Some(session.encode(call, block, &current.value)?),
                proposed_new_state: Some(null.clone()),
                config: Some(null),
                prior_private: data.private,
                provider_meta: session.provider_meta().await?,
                client_capabilities: Some(capabilities(true)),
                prior_identity: current.identity.clone(),
                ..Default::default()
            };
            let answer = session.client().await?.plan_resource_change(request).await;
            let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
            let diagnostics = session.about_inputs(&state.inputs, &answer.diagnostics);
            if diagnostics.has_errors() {
                return Err(diagnostics.into());
            }
            warnings.extend(diagnostics);
            let planned = session.decode(call, block, answer.planned_state.as_ref())?;
            if !planned.is_null() {
                let (provider, name) = (session.name(), &managed.name);
                let summary =
                    format!("provider {provider} planned to keep a {name} that is to be deleted");
                return Err(fault(summary).into());
            }
            data.private = answer.planned_private;
            data.identity = answer.planned_identity;
        } else {
            data.identity = current.identity;
        }
        let value = PlannedChange {
            action: Action::Delete,
            outputs: Input::null(),
            replace_paths: Vec::new(),
            provider_data: data.encode_to_bytes(),
            deferred: None,
        };
        Ok(Diagnosed { value, warnings })
    }
}

fn action(request: &PlanRequest<'_>, prior: &Current, planned: &Planned) -> Action {
    let exists = !prior.value.is_null();
    match request.prior {
        None => Action::Create,
        // What is tainted is planned as new, and is there all the same.
        Some(_) if !exists => Action::Replace,
        Some(_) if request.force_replace || !planned.replace.is_empty() => Action::Replace,
        Some(_) if planned.value.certainly_equal(&prior.value) => Action::NoOp,
        Some(_) => Action::Update,
    }
}

pub(super) fn reason(reason: v6::deferred::Reason) -> String {
    use v6::deferred::Reason;
    match reason {
        Reason::ResourceConfigUnknown => "inputs that are not known yet",
        Reason::ProviderConfigUnknown => "configuration of the provider that is not known yet",
        Reason::AbsentPrereq => "something that does not exist yet",
        Reason::Unknown => "a reason that the provider does not tell",
    }
    .to_owned()
}
