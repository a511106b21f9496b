//! What is checked before a provider is asked, and what the provider complains about: at the inputs
//! that it is about, and without what it was told in confidence.

use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::value::Value as Input;
use nixops4_proto::tfplugin::v6;

use super::session::Session;
use super::types::sensitive_inputs;
use crate::check::{Checked, check, to_input_path};
use crate::convert::{Complaint, complaints};
use crate::schema::Block;

impl Session {
    /// Checks inputs against a schema. Those that are marked are not shown from here on.
    pub(super) fn check(
        &self,
        owner: &str,
        block: &Block,
        inputs: &Input,
    ) -> Result<Checked, Diagnostics> {
        self.secrets().learn(inputs);
        check(owner, block, inputs)
    }

    /// The same for inputs that nobody has marked as the schema says; that costs more.
    pub(super) fn check_rare(
        &self,
        owner: &str,
        block: &Block,
        inputs: &Input,
    ) -> Result<Checked, Diagnostics> {
        self.secrets().learn_at(inputs, &sensitive_inputs(block));
        self.check(owner, block, inputs)
    }

    /// A provider's diagnostics, placed at the inputs that they are about.
    pub(super) fn about_inputs(
        &self,
        inputs: &Input,
        diagnostics: &[v6::Diagnostic],
    ) -> Diagnostics {
        if !diagnostics.is_empty() {
            // Also those that were told by an earlier run.
            self.secrets().learn(inputs);
        }
        let placed = complaints(diagnostics).into_iter().map(|complaint| {
            let path = complaint
                .place
                .as_ref()
                .map(|place| to_input_path(inputs, place));
            self.without_secrets(complaint).into_diagnostic(path)
        });
        Diagnostics(placed.collect())
    }

    /// A provider's diagnostics where there are no inputs to place them at.
    pub(super) fn about_nothing(&self, diagnostics: &[v6::Diagnostic]) -> Diagnostics {
        let said = complaints(diagnostics).into_iter();
        let said = said.map(|complaint| self.without_secrets(complaint).into_diagnostic(None));
        Diagnostics(said.collect::<Vec<Diagnostic>>())
    }

    /// A complaint without secrets.
    pub(super) fn without_secrets(&self, complaint: Complaint) -> Complaint {
        Complaint {
            summary: self.secrets().hide(complaint.summary),
            detail: self.secrets().hide(complaint.detail),
            ..complaint
        }
    }
}
