//! What a resource stands on before it can be planned: its provider instance, its type, its state,
//! and what there is of it.
//!
//! ```text
//! ground ──► provider ready ──► type known ──► state open ──► prior read ─┐
//!                                                   inputs ready ─────────┴─► plan
//! ```
//!
//! Reading does not wait for inputs, so a long chain of resources is read all at once.

use std::sync::Arc;

use nixops4_proto::evaluator::Subject;

use super::listen::is_managed;
use super::model::{DeferReason, HoldReason};
use super::nodes::{
    NodeId, NodeKind, Prior, ProviderId, ProviderKey, ProviderNode, ProviderStatus, Ready,
    ResourceNode, Status, StoreId, StoreStatus, TypeStatus, Waiter,
};
use super::session::Session;
use super::values::{mark_ephemeral, mark_sensitive};
use super::work::{OpenProvider, ReadPrior, Work};
use crate::OutputRef;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::provider::{Failure, Mode, ResourceState, ResourceType};
use crate::state::{ProviderRecord, StoredObject};

impl Session {
    /// Begins to find out what a resource stands on, the first time it is told of.
    pub(crate) fn ground(&mut self, id: NodeId) {
        let name = self.resource(id).declared.provider.clone();
        let key = ProviderKey::Declared(name.clone());
        let Some(&provider) = self.provider_by_key.get(&key) else {
            let text = format!("the evaluator did not describe the provider `{name}`");
            return self.fail(id, Diagnostic::error(text));
        };
        if !std::mem::replace(&mut self.resource_mut(id).grounded, true) {
            self.resource_mut(id).provider = provider;
            self.need_provider(id, provider);
        }
    }

    /// Goes on with a resource once its provider can be asked.
    pub(crate) fn need_provider(&mut self, id: NodeId, provider: ProviderId) {
        match self.providers[provider].status.clone() {
            ProviderStatus::Ready(_) => self.provider_there(id),
            ProviderStatus::Open => {
                self.providers[provider].waiting.push(id);
                let pending = self.providers[provider].waits_for.clone();
                if self.providers[provider].waiting.len() > 1 {
                } else if pending.is_empty() {
                    self.start_provider_if_needed(provider);
                } else {
                    self.wait(Waiter::Provider(provider), &pending);
                }
            }
            ProviderStatus::Starting => self.providers[provider].waiting.push(id),
            ProviderStatus::Deferred(outputs) => self.defer_for_provider(id, provider, outputs),
            ProviderStatus::Failed => self.nodes[id].status = Status::Failed,
        }
    }

    /// Starts a provider whose configuration is known, whether or not a resource waits for it.
    pub(crate) fn want_provider(&mut self, id: ProviderId) {
        let provider = &mut self.providers[id];
        if provider.config.is_wholly_known() && matches!(provider.status, ProviderStatus::Open) {
            provider.status = ProviderStatus::Starting;
            self.work.push_back(Work::OpenProvider(OpenProvider {
                provider: id,
                id: provider.instance.id.clone(),
                program: provider.instance.program.clone(),
                config: provider.config.clone(),
                settings: provider.instance.settings.clone(),
            }));
        }
    }

    /// Starts a provider whose configuration is known, if a resource waits for it.
    pub(crate) fn start_provider_if_needed(&mut self, id: ProviderId) {
        if !self.providers[id].waiting.is_empty() {
            self.want_provider(id);
        }
    }

    /// A provider can be asked, or not.
    pub(crate) fn provider_opened(
        &mut self,
        id: ProviderId,
        result: Result<Diagnosed<Ready>, Failure>,
    ) {
        let subject = Subject::ProviderConfig(self.providers[id].instance.id.clone());
        match result {
            Ok(Diagnosed { value, warnings }) => {
                self.complain_all(&subject, warnings);
                let provider = &mut self.providers[id];
                provider.status = ProviderStatus::Ready(value);
                provider.record = Some(Arc::new(ProviderRecord {
                    id: provider.instance.id.clone(),
                    program: provider.instance.program.clone(),
                    config: provider.config.without_provenance(),
                }));
                for node in std::mem::take(&mut self.providers[id].waiting) {
                    self.provider_there(node);
                }
            }
            Err(failure) => {
                let position = self.providers[id].instance.position.clone();
                let mut diagnostics = failure.into_diagnostics();
                for diagnostic in &mut diagnostics.0 {
                    if diagnostic.path.is_none() && diagnostic.position.is_none() {
                        diagnostic.position.clone_from(&position);
                    }
                }
                self.complain_all(&subject, diagnostics);
                self.provider_failed(id);
            }
        }
    }

    pub(crate) fn provider_failed(&mut self, id: ProviderId) {
        self.providers[id].status = ProviderStatus::Failed;
        for node in std::mem::take(&mut self.providers[id].waiting) {
            self.nodes[node].status = Status::Failed;
        }
    }

    pub(crate) fn provider_deferred(&mut self, id: ProviderId, outputs: Vec<OutputRef>) {
        self.providers[id].status = ProviderStatus::Deferred(outputs.clone());
        for node in std::mem::take(&mut self.providers[id].waiting) {
            self.defer_for_provider(node, id, outputs.clone());
        }
    }

    fn defer_for_provider(&mut self, id: NodeId, provider: ProviderId, outputs: Vec<OutputRef>) {
        self.nodes[id].status = Status::Deferred(DeferReason::ProviderConfig {
            provider: self.providers[provider].instance.id.clone(),
            outputs,
        });
    }

    /// The provider that a resource stands on, where it can be asked.
    pub(crate) fn ready(&self, id: NodeId) -> Option<&Ready> {
        match &self.providers[self.resource(id).provider].status {
            ProviderStatus::Ready(ready) => Some(ready),
            _ => None,
        }
    }

    /// Finds out about a resource's type, which is asked for once for all resources of the type.
    fn provider_there(&mut self, id: NodeId) {
        if !self.nodes[id].status.is_open() {
            return;
        }
        if matches!(self.nodes[id].kind, NodeKind::Orphan) {
            return self.read_prior(id);
        }
        let resource = self.resource(id);
        let (provider, mode) = (resource.provider, resource.declared.mode);
        let name = resource.declared.type_name.clone();
        match self.providers[provider]
            .types
            .get_mut(&(mode, name.clone()))
        {
            Some(TypeStatus::Known(resource_type)) => {
                let resource_type = resource_type.clone();
                self.type_there(id, resource_type, false);
            }
            Some(TypeStatus::Asked(waiting)) => waiting.push(id),
            Some(TypeStatus::Failed(diagnostics)) => {
                let diagnostics = diagnostics.clone();
                self.type_missing(id, diagnostics);
            }
            None => {
                let asked = TypeStatus::Asked(vec![id]);
                let types = &mut self.providers[provider].types;
                types.insert((mode, name.clone()), asked);
                let ready = self.ready(id).cloned();
                if let Some(ready) = ready {
                    self.work.push_back(Work::Describe {
                        provider,
                        ready,
                        mode,
                        name,
                    });
                }
            }
        }
    }

    /// A type is described, or is not one of the provider's.
    pub(crate) fn type_described(
        &mut self,
        provider: ProviderId,
        mode: Mode,
        name: String,
        result: Result<Arc<ResourceType>, Failure>,
    ) {
        let status = match &result {
            Ok(resource_type) => TypeStatus::Known(resource_type.clone()),
            Err(failure) => TypeStatus::Failed(failure.clone().into_diagnostics()),
        };
        let types = &mut self.providers[provider].types;
        let Some(TypeStatus::Asked(waiting)) = types.insert((mode, name), status) else {
            return;
        };
        for id in waiting {
            match &result {
                Ok(resource_type) => self.type_there(id, resource_type.clone(), false),
                Err(failure) => self.type_missing(id, failure.clone().into_diagnostics()),
            }
        }
        self.try_movers();
    }

    /// Whether no answer is awaited that may say that a resource is a state handler: one that no
    /// component names may still remember something.
    pub(crate) fn types_told(&self) -> bool {
        let waits = |provider: &ProviderNode| {
            let asked = |status: &TypeStatus| matches!(status, TypeStatus::Asked(_));
            !provider.waiting.is_empty() || provider.types.values().any(asked)
        };
        !self.providers.iter().any(waits)
    }

    fn type_missing(&mut self, id: NodeId, mut diagnostics: Diagnostics) {
        let node = &mut self.nodes[id];
        node.status = Status::Failed;
        for diagnostic in &mut diagnostics.0 {
            if diagnostic.position.is_none() {
                diagnostic.position.clone_from(&node.position);
            }
        }
        let subject = Subject::Type(node.path.clone());
        self.complain_all(&subject, diagnostics);
    }

    /// Goes on with a resource whose type is known. Whether some are state handlers shows only
    /// when every component has been told of: `told` says so.
    pub(crate) fn type_there(&mut self, id: NodeId, resource_type: Arc<ResourceType>, told: bool) {
        if !self.nodes[id].status.is_open() {
            return;
        }
        let may_handle = resource_type.state_handler;
        let if_named = resource_type.stateless_unless_named;
        let named = self.is_named_handler(&self.nodes[id].path);
        self.resource_mut(id).resource_type = Some(resource_type);
        self.mark_secrets(id);
        if may_handle && (named || !if_named) {
            return self.is_handler(id);
        }
        if named || (self.destroy && is_managed(self.resource(id))) {
            return self.is_no_handler(id);
        }
        if may_handle && !told {
            self.unplaced.push(id);
            return;
        }
        if !is_managed(self.resource(id)) {
            return self.maybe_plan(id);
        }
        match self.choose_store(id) {
            Ok(Some(store)) => {
                self.resource_mut(id).store = Some(store);
                self.need_store(id, store);
            }
            Ok(None) => self.no_state(id),
            // Where it is kept is for a component to say that has not been told of yet.
            Err(ancestor) => {
                self.ask(&ancestor);
                self.unplaced.push(id);
            }
        }
    }

    /// Marks the inputs that the type says are secret, and those that it says are never stored.
    pub(crate) fn mark_secrets(&mut self, id: NodeId) {
        let resource = self.resource_mut(id);
        if let Some(resource_type) = resource.resource_type.clone() {
            for path in &resource_type.sensitive_inputs {
                mark_sensitive(Arc::make_mut(&mut resource.inputs), &path.0);
            }
            for path in &resource_type.write_only_inputs {
                mark_ephemeral(Arc::make_mut(&mut resource.inputs), &path.0);
            }
        }
    }

    fn no_state(&mut self, id: NodeId) {
        let resource = self.resource_mut(id);
        let of_type = resource
            .resource_type
            .as_ref()
            .is_some_and(|t| t.require_state);
        if resource.declared.require_state || of_type {
            let type_name = resource.declared.type_name.clone();
            let text = format!("a resource of type `{type_name}` cannot do without state");
            let hint = "name a state handler: `state = members.state;`";
            return self.fail(id, Diagnostic::error(text).hint(hint));
        }
        resource.prior = Prior::Known(None);
        self.maybe_plan(id);
    }

    /// Looks up what is remembered of a resource.
    pub(crate) fn store_there(&mut self, id: NodeId, store: StoreId) {
        if !self.nodes[id].status.is_open() {
            return;
        }
        let StoreStatus::Ready(contents) = &self.stores[store].status else {
            return;
        };
        let path = &self.nodes[id].path;
        if let Some(doubt) = contents.in_doubt.get(path) {
            let doubt = doubt.clone();
            self.nodes[id].status = Status::Held(HoldReason::InDoubt(doubt));
            return;
        }
        let entry = contents.snapshot.resource(path).cloned();
        let current = entry.as_ref().and_then(|entry| entry.current.clone());
        let nowhere_else = self.evaluated && self.stores.len() == 1 && self.types_told();
        let taken_over = self.import.as_ref().map(|(member, _)| member);
        if let (Some(current), true) = (&current, taken_over == Some(path)) {
            let text = format!(
                "{path} has an object already, a {}",
                current.state.type_name
            );
            return self.fail(id, Diagnostic::error(text));
        }
        let resource = self.resource_mut(id);
        resource.entry = entry;
        resource.object = current;
        match (&resource.object, resource.declared.formerly.is_empty()) {
            (Some(_), _) => self.read_prior(id),
            // Another state may have it, as long as not all are known.
            (None, true) if nowhere_else => self.no_prior(id),
            (None, _) => self.movers.push(id),
        }
    }

    /// Nothing is remembered of it.
    pub(crate) fn no_prior(&mut self, id: NodeId) {
        let resource = self.resource_mut(id);
        // An import is told the inputs, and so comes after them.
        resource.prior = match resource.import {
            None => Prior::Known(None),
            Some(_) => Prior::ToImport,
        };
        self.maybe_plan(id);
    }

    /// Has what is remembered of a resource read again, or brought up to date.
    pub(crate) fn read_prior(&mut self, id: NodeId) {
        let resource = self.resource(id);
        let Some(object) = resource.object.clone() else {
            return self.no_prior(id);
        };
        let orphan = matches!(self.nodes[id].kind, NodeKind::Orphan);
        if resource.copy {
            self.resource_mut(id).prior = Prior::Known(None);
            return self.maybe_plan(id);
        }
        let other = !orphan && is_other_type(&object, resource, &self.providers[resource.provider]);
        let becomes = (other && self.was_other(id)).then(|| resource.declared.type_name.clone());
        if other && becomes.is_none() {
            // What there is, is deleted by who made it, and what is wanted is planned as new.
            let store = resource.store;
            let path = self.nodes[id].path.clone();
            self.resource_mut(id).object = None;
            self.add_orphan(&path, store, object, None);
            return self.no_prior(id);
        }
        let Some(ready) = self.ready(id).cloned() else {
            return;
        };
        self.resource_mut(id).prior = Prior::Asked;
        self.work.push_back(Work::Read(ReadPrior {
            node: id,
            ready,
            object,
            refresh: self.refresh,
            becomes,
        }));
    }

    /// What there is of a resource has been read.
    pub(crate) fn prior_read(
        &mut self,
        id: NodeId,
        result: Result<Diagnosed<Option<ResourceState>>, Failure>,
    ) {
        match result {
            Ok(Diagnosed { value, warnings }) => {
                let subject = Subject::Inputs(self.nodes[id].path.clone());
                self.complain_all(&subject, warnings);
                self.resource_mut(id).prior = Prior::Known(value.map(Arc::new));
                self.maybe_plan(id);
            }
            Err(failure) => {
                let mut diagnostics = failure.into_diagnostics();
                let resource = self.resource(id);
                let provider = &self.providers[resource.provider];
                let object = resource.object.as_deref();
                let orphan = matches!(self.nodes[id].kind, NodeKind::Orphan);
                if !orphan && object.is_some_and(|o| is_other_type(o, resource, provider)) {
                    diagnostics = self.cannot_become(id, diagnostics);
                }
                self.fail(id, diagnostics);
            }
        }
    }
}

/// Whether what is remembered is of another type than what is wanted, or another kind of provider
/// made it, so that the one cannot become the other.
fn is_other_type(object: &StoredObject, resource: &ResourceNode, provider: &ProviderNode) -> bool {
    use nixops4_proto::evaluator::ProviderProgram as Program;
    if object.state.type_name != resource.declared.type_name {
        return true;
    }
    let Some(record) = &object.provider else {
        return false;
    };
    match (&record.program, &provider.instance.program) {
        (Program::Local {}, Program::Local {}) | (Program::Stdio { .. }, Program::Stdio { .. }) => {
            false
        }
        (Program::Tfplugin { source: a, .. }, Program::Tfplugin { source: b, .. }) => {
            a.is_some() && b.is_some() && a != b
        }
        _ => true,
    }
}
