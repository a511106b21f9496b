//! Settling an operation in doubt by looking at the object that it was about.

use std::sync::Arc;

use super::{Engine, EngineError};
use crate::MemberPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::plan::driver;
use crate::plan::nodes::{NodeKind, ProviderStatus, Ready};
use crate::plan::work::state_diagnostics;
use crate::provider::{Identifier, ImportRequest, Mode};
use crate::state::{IntentId, OpenIntent, Outcome, ProviderRecord, StateStore, StoredObject};

/// An operation in doubt, with all it takes to settle it.
struct Doubt {
    store: Arc<dyn StateStore>,
    id: IntentId,
    open: Arc<OpenIntent>,
}

impl Engine {
    /// Says that the object with this identifier is what came of the operation in doubt on a
    /// member: the provider is asked about it, and it is remembered. The configuration has to
    /// select that member.
    ///
    /// # Errors
    /// Why it cannot be done; then everything is as it was.
    pub async fn adopt(
        &mut self,
        member: &MemberPath,
        id: &str,
    ) -> Result<Diagnosed<()>, Diagnostics> {
        self.find_out().await.map_err(|e| e.to_diagnostics())?;
        let doubt = self.doubt(member)?;
        let (ready, record) = self.provider_of(member, &doubt).await?;
        let node = self.session.by_path.get(member).copied();
        let declared =
            node.filter(|&node| matches!(self.session.nodes[node].kind, NodeKind::Resource));
        let inputs = match declared {
            Some(node) => self.session.resource(node).inputs.as_ref().clone(),
            None => doubt.open.intent.inputs.clone(),
        };
        let type_name = &doubt.open.intent.type_name;
        let request = ImportRequest {
            type_name,
            object: &Identifier::Id(id.to_owned()),
            inputs: &inputs,
        };
        let imported = ready.configured.import(request).await;
        let imported = imported.map_err(|failure| failure.into_diagnostics())?;
        let mut object = StoredObject::new(Mode::Managed, imported.value);
        object.provider = Some(record);
        if let Some(node) = declared {
            object.dependencies = self.session.dependencies(node);
            let lifecycle = &self.session.resource(node).declared.lifecycle;
            object.create_before_destroy = lifecycle.create_before_destroy;
            object.prevent_destroy = lifecycle.prevent_destroy;
        }
        doubt
            .store
            .finish(doubt.id, Outcome::object(object))
            .await
            .map_err(|error| state_diagnostics(&error))?;
        Ok(Diagnosed {
            value: (),
            warnings: imported.warnings,
        })
    }

    /// Plans, for what that finds out about members, providers and states.
    async fn find_out(&mut self) -> Result<(), EngineError> {
        match self.load().await {
            Ok(()) => self.session.start(),
            Err(EngineError::Evaluate(error)) => self.session.start_without_evaluation(&error),
            Err(other) => return Err(other),
        }
        Ok(driver::run(&mut self.session, &self.tools, &self.interrupt).await?)
    }

    fn doubt(&self, member: &MemberPath) -> Result<Doubt, Diagnostics> {
        for (_, contents) in self.session.contents() {
            let mut intents = contents.snapshot.intents();
            let found = intents.find(|(_, open)| open.intent.member == *member);
            if let Some((id, open)) = found {
                return Ok(Doubt {
                    store: contents.store.clone(),
                    id: id.clone(),
                    open: open.clone(),
                });
            }
        }
        // What went wrong with the states says more.
        let errors = self.session.diagnostics.clone();
        let text = format!("nothing is in doubt about {member}");
        Err(match errors.has_errors() {
            true => errors,
            false => Diagnostic::error(text).into(),
        })
    }

    /// The provider that made the object: as the deployment has it, or as it is remembered.
    async fn provider_of(
        &mut self,
        member: &MemberPath,
        doubt: &Doubt,
    ) -> Result<(Ready, Arc<ProviderRecord>), Diagnostics> {
        let id = match self.session.by_path.get(member).copied() {
            Some(node) if matches!(self.session.nodes[node].kind, NodeKind::Resource) => {
                self.session.resource(node).provider
            }
            _ => {
                let mut object = StoredObject::new(Mode::Managed, Default::default());
                object.state.type_name = doubt.open.intent.type_name.clone();
                object.provider = doubt.open.intent.provider.clone();
                self.session
                    .recorded_provider(&object)
                    .map_err(|diagnostic| Diagnostics::from(*diagnostic))?
            }
        };
        if matches!(self.session.providers[id].status, ProviderStatus::Open) {
            self.session.want_provider(id);
            let ran = driver::run(&mut self.session, &self.tools, &self.interrupt).await;
            ran.map_err(|stopped| EngineError::from(stopped).to_diagnostics())?;
        }
        let provider = &self.session.providers[id];
        match (&provider.status, &provider.record) {
            (ProviderStatus::Ready(ready), Some(record)) => Ok((ready.clone(), record.clone())),
            _ => {
                let text = format!("the provider {} cannot be asked", provider.instance.id);
                let mut diagnostics = Diagnostics::from(Diagnostic::error(text));
                diagnostics.extend(self.session.diagnostics.clone());
                Err(diagnostics)
            }
        }
    }

    /// Plans what a file says, once it is certain that nothing has changed since.
    ///
    /// # Errors
    /// [`EngineError::Refused`] says what is not as it was.
    pub async fn plan_saved(
        &mut self,
        file: &nixops4_proto::plan::PlanFile,
    ) -> Result<crate::plan::Plan, EngineError> {
        let plan = match file.destroy {
            true => self.plan_destroy().await?,
            false => self.plan().await?,
        };
        plan.conforms_to(file).map_err(EngineError::Refused)?;
        Ok(plan)
    }
}
