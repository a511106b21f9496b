//! Tells the evaluator what is remembered, so that expressions can use it without a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixops4_proto::evaluator::{ComponentKind, ProviderInstance, Resource, ResourceOutputs, Walk};

use super::remembered::walked;
use super::{ProviderFactory, Remembered};
use crate::MemberPath;
use crate::diagnostic::{Diagnostics, Severity};
use crate::evaluate::{Evaluate, EvaluateError};
use crate::provider::{Failure, Mode, Provider};
use crate::value::{RefTable, Value};

/// Tells the evaluator of a loaded deployment the outputs that are remembered in `states`. Of a
/// resource of which nothing is remembered it tells the names of the outputs, as far as the
/// declaration or the type fixes them: so an expression is known to wait for one output and not for
/// all. Providers are asked for types then, and nothing else.
///
/// What is behind a member that nothing is known of is asked for as soon as there is something to
/// go on with. Gives warnings, such as about providers that cannot be asked.
///
/// # Errors
/// If the evaluator cannot answer.
pub async fn recall(
    evaluator: &dyn Evaluate,
    providers: &dyn ProviderFactory,
    states: &[Remembered],
) -> Result<Diagnostics, EvaluateError> {
    let mut recall = Recall {
        providers,
        states,
        opened: BTreeMap::new(),
        warnings: Diagnostics::default(),
    };
    let told = recall.tell(evaluator).await;
    for provider in recall.opened.into_values().flatten() {
        provider.close().await;
    }
    told.map(|()| recall.warnings)
}

struct Recall<'a> {
    providers: &'a dyn ProviderFactory,
    states: &'a [Remembered],
    /// By id; `None` where one cannot be started, which has been said.
    opened: BTreeMap<String, Option<Arc<dyn Provider>>>,
    warnings: Diagnostics,
}

impl Recall<'_> {
    async fn tell(&mut self, evaluator: &dyn Evaluate) -> Result<(), EvaluateError> {
        let mut seen: BTreeSet<MemberPath> = BTreeSet::new();
        loop {
            let walk = Walk {
                paths: vec![MemberPath::root()],
                recursive: true,
                inputs: false,
            };
            let walked = walked(evaluator, walk).await?;
            let mut outputs = Vec::new();
            let mut is_new = false;
            for component in walked.components {
                let ComponentKind::Resource(resource) = component.kind else {
                    continue;
                };
                let member = component.path;
                if !seen.insert(member.clone()) {
                    continue;
                }
                is_new = true;
                let known = self.remembered(&member, &resource);
                let value = match known {
                    Some(value) => Some(value),
                    None => self.unknown(&resource, &walked.providers).await,
                };
                if let Some(value) = value {
                    let value = Some(value.to_tree(&mut RefTable::default()));
                    outputs.push(ResourceOutputs { member, value });
                }
            }
            if outputs.is_empty() || !is_new {
                return Ok(());
            }
            evaluator.set_outputs(outputs).await?;
        }
    }

    /// What is remembered of a resource, here or where it was before.
    fn remembered(&self, member: &MemberPath, resource: &Resource) -> Option<Value> {
        if resource.mode != Mode::Managed {
            return None;
        }
        let mut places = std::iter::once(member).chain(&resource.formerly);
        places.find_map(|place| {
            self.states.iter().find_map(|state| {
                let snapshot = state.store.snapshot();
                let object = snapshot.object(place)?;
                Some(object.state.outputs.without_provenance())
            })
        })
    }

    /// The outputs that there will be, by name.
    async fn unknown(
        &mut self,
        resource: &Resource,
        instances: &BTreeMap<String, ProviderInstance>,
    ) -> Option<Value> {
        let names: Vec<String> = match &resource.outputs_skeleton {
            Some(names) => names.clone(),
            None => {
                let instance = instances.get(&resource.provider)?;
                let provider = self.provider(instance).await?;
                let described = provider.resource_type(resource.mode, &resource.type_name);
                match described.await {
                    Ok(described) => described.outputs.iter().flatten().cloned().collect(),
                    Err(failure) => {
                        if matches!(failure, Failure::Provider(_)) {
                            // It would not answer about other types either.
                            provider.close().await;
                            self.opened.insert(instance.id.clone(), None);
                        }
                        self.warn(failure);
                        return None;
                    }
                }
            }
        };
        let names = names.into_iter();
        let value = Value::attrs(names.map(|name| (name, Value::unknown())));
        value
            .as_attrs()
            .is_some_and(|attrs| !attrs.is_empty())
            .then_some(value)
    }

    async fn provider(&mut self, instance: &ProviderInstance) -> Option<Arc<dyn Provider>> {
        if let Some(opened) = self.opened.get(&instance.id) {
            return opened.clone();
        }
        let opened = self
            .providers
            .open(&instance.id, &instance.program, &instance.settings)
            .await;
        let opened = opened.map_err(|failure| self.warn(failure)).ok();
        self.opened.insert(instance.id.clone(), opened.clone());
        opened
    }

    fn warn(&mut self, failure: Failure) {
        for mut diagnostic in failure.into_diagnostics().0 {
            diagnostic.severity = Severity::Warning;
            if !self.warnings.0.contains(&diagnostic) {
                self.warnings.push(diagnostic);
            }
        }
    }
}
