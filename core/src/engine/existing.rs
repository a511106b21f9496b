//! Objects that exist outside of the deployment: searching for them, describing one, having a
//! member take one over.

use std::collections::BTreeSet;

use nixops4_proto::evaluator::{ListProviders, ProviderInstance};

use super::{Engine, EngineError, Selection, nearest};
use crate::MemberPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::plan::driver;
use crate::plan::listen::unknown_outputs;
use crate::plan::nodes::{NodeKind, ProviderKey, ProviderStatus, Ready};
use crate::provider::{Identifier, ImportRequest, ListRequest, Listed, ProviderResult};
use crate::value::Value;

impl Engine {
    /// Has a member take over an existing object in the plan that this run is going to make,
    /// whatever the deployment says. It is an error there if the member has an object already.
    pub fn take_over(&mut self, member: MemberPath, object: Identifier) {
        self.session.import = Some((member, object));
    }

    /// The inputs that describe an existing object of a member's type as it is. The member's own
    /// inputs may be incomplete or wrong.
    ///
    /// # Errors
    /// Why it cannot be found out.
    pub async fn describe_object(
        &mut self,
        member: &MemberPath,
        object: &Identifier,
    ) -> Result<Diagnosed<Value>, EngineError> {
        self.session.selection = Selection::nothing();
        self.load().await?;
        self.session.ask(member);
        driver::run(&mut self.session, &self.tools, &self.interrupt).await?;
        let node = self.session.by_path.get(member).copied();
        let Some(node) =
            node.filter(|&id| matches!(self.session.nodes[id].kind, NodeKind::Resource))
        else {
            let mut diagnostics = self.located_diagnostics().await;
            diagnostics.push(
                Diagnostic::error(format!("there is no resource {member} in the deployment"))
                    .hint("declare it with its `type` first; its inputs may be left out"),
            );
            return Err(EngineError::Refused(diagnostics));
        };
        let resource = self.session.resource(node);
        let (provider, type_name) = (
            resource.declared.provider.clone(),
            resource.declared.type_name.clone(),
        );
        let inputs = resource.inputs.clone();
        let key = ProviderKey::Declared(provider.clone());
        let known = self.session.provider_by_key.get(&key).copied();
        let failed = known
            .is_some_and(|id| matches!(self.session.providers[id].status, ProviderStatus::Failed));
        if failed {
            return Err(EngineError::Refused(self.located_diagnostics().await));
        }
        // What is wrong with the inputs, or with creating the object, is not the question.
        self.session.diagnostics = Diagnostics::default();
        self.session.subjects.clear();
        let ready = self.ready_provider(&provider).await?;
        let request = ImportRequest {
            type_name: &type_name,
            object,
            inputs: &inputs,
        };
        let described = async {
            let imported = ready.configured.import(request).await?;
            let mut generated = ready.configured.generate(&imported.value).await?;
            generated.warnings.extend(imported.warnings);
            Ok(generated)
        };
        self.answer(described).await
    }

    /// Searches for existing objects with a provider instance; each goes to `found`, which says
    /// whether to go on. Gives the provider's warnings.
    ///
    /// # Errors
    /// Why it cannot be searched.
    pub async fn list(
        &mut self,
        provider: &str,
        request: ListRequest<'_>,
        found: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<Diagnostics, EngineError> {
        self.session.selection = Selection::nothing();
        self.load().await?;
        let path = MemberPath::root();
        let declared = self
            .tools
            .evaluator
            .providers(ListProviders { path })
            .await?;
        let names = || {
            declared
                .providers
                .iter()
                .map(|instance| shown(&instance.id))
        };
        if declared.untold.is_empty() && !names().any(|name| name == shown(provider)) {
            let name = shown(provider);
            let diagnostic = Diagnostic::error(format!("there is no provider \"{name}\""));
            let all: Vec<_> = names().collect();
            let hint = match nearest(&name, all.iter().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "`nixops4 providers list` shows those there are".to_owned(),
            };
            return Err(EngineError::Refused(diagnostic.hint(hint).into()));
        }
        let ready = self.ready_provider(provider).await?;
        let listed = self.answer(ready.configured.list(request, found)).await?;
        Ok(listed.warnings)
    }

    /// Waits for a provider's answer, or for the user's wish for an end.
    async fn answer<T>(
        &self,
        answer: impl Future<Output = ProviderResult<T>>,
    ) -> Result<Diagnosed<T>, EngineError> {
        tokio::select! {
            biased;
            () = self.interrupt.requested() => Err(EngineError::Interrupted),
            answer = answer => {
                answer.map_err(|failure| EngineError::Refused(failure.into_diagnostics()))
            }
        }
    }

    /// A provider instance that can be asked, whatever its configuration needs of what there is.
    pub(super) async fn ready_provider(&mut self, id: &str) -> Result<Ready, EngineError> {
        let mut told = BTreeSet::new();
        let provider = loop {
            let instance = self.tools.evaluator.provider(id).await?;
            let needed = Value::from_tree(&instance.config, &instance.refs)
                .map(|config| unknown_outputs(&config))
                .unwrap_or_default();
            let wanted: BTreeSet<_> = needed
                .into_iter()
                .map(|output| output.member)
                .filter(|member| !told.contains(member))
                .collect();
            let provider = self.hear_again(instance);
            if wanted.is_empty() {
                break provider;
            }
            self.gather(&wanted).await?;
            told.extend(wanted);
        };
        if let Some(provider) = provider {
            self.session.want_provider(provider);
            self.look().await?;
            if let ProviderStatus::Ready(ready) = &self.session.providers[provider].status {
                return Ok(ready.clone());
            }
        }
        let name = id.trim_start_matches('#');
        let text = format!("the configuration of provider {name} needs what does not exist yet");
        let diagnostic = Diagnostic::error(text).hint("apply what it needs first");
        Err(EngineError::Refused(diagnostic.into()))
    }

    /// Takes a provider instance, also one whose configuration waited for what has been told since.
    fn hear_again(&mut self, instance: ProviderInstance) -> Option<usize> {
        let key = ProviderKey::Declared(instance.id.clone());
        let known = self.session.provider_by_key.get(&key).copied();
        if let Some(id) = known {
            let status = &mut self.session.providers[id].status;
            if matches!(status, ProviderStatus::Deferred(_)) {
                *status = ProviderStatus::Open;
            }
        }
        self.session.heard_provider(instance);
        self.session.provider_by_key.get(&key).copied()
    }
}

/// A provider instance as the user knows it: `aws`, or `net.aws` below a composite.
fn shown(id: &str) -> String {
    id.trim_start_matches('#').replacen('#', ".", 1)
}
