//! What came of a change of a managed resource.

use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::provider::{
    ApplyKind, ApplyRequest, ApplyResponse, ProviderError, ResourceState,
};
use nixops4_core::value::Marks;
use nixops4_proto::tfplugin::v6;

use super::fault;
use super::plan_data::to_attr_path;
use super::session::Session;
use super::state::{Managed, Remembered};
use crate::cty::{Path, Value};
use crate::lifecycle::{
    completion_violations, set_write_only, unknowns_to_null, without_write_only,
};

/// A change that was sent.
pub(super) struct Outcome<'a> {
    pub session: &'a Session,
    pub managed: &'a Managed,
    pub apply: &'a ApplyRequest<'a>,
    pub planned: &'a Value,
    pub marks: &'a [(Path, Marks)],
}

impl Outcome<'_> {
    /// Decides from the provider's answer what there is now. Whatever is wrong with the answer,
    /// what it says about the object is kept.
    pub(super) fn judge(
        &self,
        answer: v6::apply_resource_change::Response,
        warnings: Diagnostics,
    ) -> Result<ApplyResponse, ProviderError> {
        let mut diagnostics = warnings;
        diagnostics.extend(
            self.session
                .about_inputs(self.apply.inputs, &answer.diagnostics),
        );
        let call = "ApplyResourceChange";
        // Something was done, but what it led to cannot be read.
        let value = self
            .session
            .decode(call, self.managed.block(), answer.new_state.as_ref())
            .map_err(|error| ProviderError {
                in_doubt: true,
                ..error
            })?;
        if value.is_null() {
            return Ok(self.without_object(diagnostics));
        }
        if self.apply.kind == ApplyKind::Delete && !diagnostics.has_errors() {
            diagnostics.push(self.fault("did not delete it, and does not say why"));
        }
        let value = self.complete(value, answer.legacy_type_system, &mut diagnostics);
        let state = self.remember(&value, &answer, diagnostics.has_errors());
        let state = state.map_err(|error| ProviderError {
            in_doubt: true,
            ..error
        })?;
        Ok(ApplyResponse {
            state: Some(state),
            diagnostics,
        })
    }

    fn fault(&self, problem: &str) -> Diagnostic {
        fault(format!(
            "{}: provider {} {problem}",
            self.managed.name,
            self.session.name()
        ))
    }

    fn keep_prior(&self, diagnostics: Diagnostics) -> ApplyResponse {
        ApplyResponse {
            state: self.apply.prior.cloned(),
            diagnostics,
        }
    }

    /// The provider returned no object.
    fn without_object(&self, mut diagnostics: Diagnostics) -> ApplyResponse {
        match (self.apply.kind, diagnostics.has_errors()) {
            (ApplyKind::Delete, false) => ApplyResponse {
                state: None,
                diagnostics,
            },
            (ApplyKind::Create, failed) => {
                if !failed {
                    diagnostics.push(self.fault("made it, but returned nothing of it"));
                }
                ApplyResponse {
                    state: None,
                    diagnostics,
                }
            }
            (ApplyKind::Update, false) => {
                diagnostics.push(self.fault("changed it, but returned nothing of it"));
                self.keep_prior(diagnostics)
            }
            (_, true) => self.keep_prior(diagnostics),
        }
    }

    /// Checks the object against the plan, and makes it wholly known.
    fn complete(&self, value: Value, legacy: bool, diagnostics: &mut Diagnostics) -> Value {
        let (value, unknown) = unknowns_to_null(value);
        for place in &unknown {
            let problem = format!("left {place} unknown after the change");
            diagnostics.push(self.fault(&problem).at(to_attr_path(place)));
        }
        for place in set_write_only(self.managed.block(), &value) {
            let problem = format!("returned a value for {place}, which must never be stored");
            diagnostics.push(self.fault(&problem).at(to_attr_path(&place)));
        }
        let value = without_write_only(self.managed.block(), &value);
        if diagnostics.has_errors() || self.apply.kind == ApplyKind::Delete {
            return value;
        }
        for violation in completion_violations(self.managed.block(), self.planned, &value) {
            if legacy {
                let (provider, resource_type) = (self.session.name(), &self.managed.name);
                tracing::debug!(provider, resource_type, %violation, "tolerated after a change");
                continue;
            }
            let problem = format!("did not do what it had planned: {violation}");
            diagnostics.push(self.fault(&problem).at(to_attr_path(&violation.path)));
        }
        value
    }

    fn remember(
        &self,
        value: &Value,
        answer: &v6::apply_resource_change::Response,
        failed: bool,
    ) -> Result<ResourceState, ProviderError> {
        // An update that failed half-way keeps the old inputs, so that the next plan goes on.
        let inputs = match self.apply.prior {
            Some(prior) if failed => &prior.inputs,
            _ => self.apply.inputs,
        };
        let mut state = self.managed.remember(
            self.session,
            "ApplyResourceChange",
            Remembered {
                inputs,
                value,
                marks: self.marks,
                private: &answer.private,
                identity: answer.new_identity.as_ref(),
            },
        )?;
        state.tainted = failed && self.apply.prior.is_some_and(|prior| prior.tainted);
        Ok(state)
    }
}
