//! The states of a deployment, opened without planning anything: for looking at what is remembered,
//! and for repairing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixops4_proto::evaluator::{
    Component, ComponentKind, ProviderInstance, ProviderProgram, Resource, StateChoice, Walk,
    WalkItem,
};
use nixops4_proto::path::OutputRef;
use tokio::sync::mpsc;

use super::{ProviderFactory, StateAccess, StateFactory, StateHandler};
use crate::MemberPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::evaluate::{Evaluate, EvaluateError, from_eval_error};
use crate::plan::work::state_diagnostics;
use crate::provider::{ConfiguredProvider, Failure, Mode, StateHandle};
use crate::state::StateStore;
use crate::value::Value;

/// A state that the deployment uses.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// The resource that handles it; `None` for the default state.
    pub handler: Option<MemberPath>,
    /// What it holds.
    pub store: Arc<dyn StateStore>,
}

/// Opens the states that a loaded deployment uses.
///
/// What cannot be evaluated is a warning: to look at the rest must still be possible.
///
/// # Errors
/// Diagnostics of states that cannot be opened.
pub async fn remembered(
    evaluator: &dyn Evaluate,
    providers: &dyn ProviderFactory,
    states: &dyn StateFactory,
    access: StateAccess,
) -> Result<Diagnosed<Vec<Remembered>>, Diagnostics> {
    let mut warnings = Diagnostics::default();
    let walk = Walk {
        paths: vec![MemberPath::root()],
        recursive: true,
        inputs: false,
    };
    let wanted = match walked(evaluator, walk).await {
        Ok(walked) => Wanted::of(&walked.components, &mut warnings),
        Err(error) => return Err(error.to_diagnostic().into()),
    };
    let mut found = Vec::new();
    let opened = open_all(
        evaluator,
        providers,
        states,
        access,
        wanted,
        &mut found,
        &mut warnings,
    )
    .await;
    match opened {
        Ok(()) => Ok(Diagnosed {
            value: found,
            warnings,
        }),
        Err(mut diagnostics) => {
            // Whoever comes next is not to find them locked.
            for state in found {
                if let Err(error) = state.store.close().await {
                    diagnostics.extend(state_diagnostics(&error));
                }
            }
            Err(diagnostics)
        }
    }
}

async fn open_all(
    evaluator: &dyn Evaluate,
    providers: &dyn ProviderFactory,
    states: &dyn StateFactory,
    access: StateAccess,
    wanted: Wanted,
    found: &mut Vec<Remembered>,
    warnings: &mut Diagnostics,
) -> Result<(), Diagnostics> {
    if wanted.default || wanted.handlers.is_empty() {
        let opened = states.open_default(access).await?;
        warnings.extend(opened.warnings);
        let store = opened.value;
        found.push(Remembered {
            handler: None,
            store,
        });
    }
    for (mut handler, config) in handlers(evaluator, &wanted.handlers, warnings).await? {
        let member = handler.member.clone();
        // A file of ours needs no provider; any other handler is spoken to through its own.
        if handler.program != (ProviderProgram::Local {}) {
            let started = start(providers, &handler, &config).await;
            handler.configured = Some(started.map_err(Failure::into_diagnostics)?);
        }
        let opened = states.open(handler, access).await?;
        warnings.extend(opened.warnings);
        let store = opened.value;
        found.push(Remembered {
            handler: Some(member),
            store,
        });
    }
    Ok(())
}

/// Breaks the lock of a state store, by the id that the store gave to who holds it.
///
/// # Errors
/// Diagnostics where the member is no state store, and what the store says if it has no such lock.
pub async fn break_lock(
    evaluator: &dyn Evaluate,
    providers: &dyn ProviderFactory,
    member: &MemberPath,
    lock: &str,
) -> Result<Diagnostics, Diagnostics> {
    let mut problems = Diagnostics::default();
    let members = BTreeSet::from([member.clone()]);
    let found = handlers(evaluator, &members, &mut problems).await?;
    let Some((handler, config)) = found.into_iter().next() else {
        // What was a warning to others is why this cannot be done.
        for problem in &mut problems.0 {
            problem.severity = crate::diagnostic::Severity::Error;
        }
        return Err(problems);
    };
    if handler.program == (ProviderProgram::Local {}) {
        let text = format!("{member} has no locks that have ids");
        let hint = "a state file whose owner is dead is unlocked by itself";
        return Err(Diagnostic::error(text).hint(hint).into());
    }
    let unlock = async {
        let configured = start(providers, &handler, &config).await?;
        let handle = StateHandle {
            type_name: &handler.type_name,
            inputs: &handler.inputs,
            outputs: &Value::null(),
        };
        let unlocked = configured.state_unlock(handle, lock).await;
        configured.close().await;
        unlocked
    };
    let unlocked = unlock.await.map_err(Failure::into_diagnostics)?;
    Ok(unlocked.warnings)
}

async fn start(
    providers: &dyn ProviderFactory,
    handler: &StateHandler,
    config: &Value,
) -> Result<Arc<dyn ConfiguredProvider>, Failure> {
    let provider = providers
        .open(&handler.provider, &handler.program, &handler.settings)
        .await?;
    Ok(provider.configure(config).await?.value)
}

/// The states that components name.
#[derive(Debug, Default, PartialEq)]
struct Wanted {
    handlers: BTreeSet<MemberPath>,
    /// Whether a resource is remembered in the default state.
    default: bool,
}

impl Wanted {
    fn of(components: &[Component], warnings: &mut Diagnostics) -> Self {
        let mut wanted = Self::default();
        // Parents come before members.
        let mut inherited: BTreeMap<MemberPath, StateChoice> = BTreeMap::new();
        for component in components {
            let outer = component
                .path
                .parent()
                .and_then(|parent| inherited.get(&parent).cloned());
            let own = match &component.kind {
                ComponentKind::Composite(composite) => &composite.state,
                ComponentKind::Resource(resource) => &resource.state,
                ComponentKind::Unknown { .. } => continue,
                ComponentKind::Failed { error } => {
                    warnings.push(warning(&component.path, from_eval_error(error)));
                    continue;
                }
            };
            let choice = match own {
                StateChoice::Inherit => outer.unwrap_or_default(),
                other => other.clone(),
            };
            if let StateChoice::Member(handler) = &choice {
                wanted.handlers.insert(handler.clone());
            }
            inherited.insert(component.path.clone(), choice);
        }
        // A state handler that is itself remembered nowhere does not bring the default into use.
        wanted.default = components.iter().any(|component| {
            let managed = matches!(&component.kind, ComponentKind::Resource(resource)
                if resource.mode == Mode::Managed);
            managed
                && !wanted.handlers.contains(&component.path)
                && inherited.get(&component.path) == Some(&StateChoice::Inherit)
        });
        wanted
    }
}

fn warning(member: &MemberPath, mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.severity = crate::diagnostic::Severity::Warning;
    diagnostic.member = Some(member.clone());
    diagnostic
}

/// What a walk told.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) components: Vec<Component>,
    pub(super) providers: BTreeMap<String, ProviderInstance>,
}

pub(super) async fn walked(evaluator: &dyn Evaluate, walk: Walk) -> Result<Walked, EvaluateError> {
    let (items, mut received) = mpsc::unbounded_channel();
    evaluator.walk(walk, items).await?;
    let mut walked = Walked::default();
    while let Some(item) = received.recv().await {
        match item {
            WalkItem::Component(component) => walked.components.push(component),
            WalkItem::Provider(provider) => {
                walked.providers.insert(provider.id.clone(), provider);
            }
        }
    }
    Ok(walked)
}

/// Describes state handlers whose inputs are known; those of others are told of.
async fn handlers(
    evaluator: &dyn Evaluate,
    members: &BTreeSet<MemberPath>,
    warnings: &mut Diagnostics,
) -> Result<Vec<(StateHandler, Value)>, Diagnostics> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let walk = Walk {
        paths: members.iter().cloned().collect(),
        recursive: false,
        inputs: true,
    };
    let Walked {
        components,
        providers,
    } = walked(evaluator, walk)
        .await
        .map_err(|error| error.to_diagnostic())?;
    let mut handlers = Vec::new();
    for component in components {
        let Component {
            path,
            kind,
            refs,
            position,
        } = component;
        let problem = match kind {
            ComponentKind::Resource(resource) => {
                match describe(&path, &resource, &providers, &refs) {
                    Ok(handler) => {
                        handlers.push(handler);
                        continue;
                    }
                    Err(problem) => *problem,
                }
            }
            ComponentKind::Failed { error } => from_eval_error(&error),
            ComponentKind::Composite(_) | ComponentKind::Unknown { .. } => {
                Diagnostic::error("this is no state handler, or not yet")
            }
        };
        let mut problem = warning(&path, problem);
        problem.position = problem.position.or(position);
        warnings.push(problem);
    }
    Ok(handlers)
}

fn describe(
    member: &MemberPath,
    resource: &Resource,
    providers: &BTreeMap<String, ProviderInstance>,
    refs: &[OutputRef],
) -> Result<(StateHandler, Value), Box<Diagnostic>> {
    if let Some(error) = &resource.inputs_error {
        return Err(Box::new(from_eval_error(error)));
    }
    let malformed = |error: crate::value::WireError| Box::new(Diagnostic::error(error.to_string()));
    let inputs = match &resource.inputs {
        Some(tree) => Value::from_tree(tree, refs).map_err(malformed)?,
        None => Value::null(),
    };
    if !inputs.is_wholly_known() {
        let text = "what this state handler remembers cannot be looked at";
        let detail = "Its inputs need outputs that have to be planned first.";
        return Err(Box::new(Diagnostic::error(text).detail(detail)));
    }
    let provider = providers.get(&resource.provider).ok_or_else(|| {
        let text = format!("no provider is called {}", resource.provider);
        Box::new(Diagnostic::error(text))
    })?;
    let config = Value::from_tree(&provider.config, &provider.refs).map_err(malformed)?;
    let handler = StateHandler {
        member: member.clone(),
        provider: provider.id.clone(),
        program: provider.program.clone(),
        settings: provider.settings.clone(),
        configured: None,
        mode: resource.mode,
        type_name: resource.type_name.clone(),
        inputs,
    };
    Ok((handler, config))
}

#[cfg(test)]
mod tests {
    use nixops4_proto::evaluator::Composite;

    use super::*;

    fn component(path: &str, kind: ComponentKind) -> Component {
        Component {
            path: path.parse().expect("path"),
            kind,
            refs: vec![],
            position: None,
        }
    }

    fn resource(path: &str, state: StateChoice) -> Component {
        let resource = Resource {
            state,
            ..Resource::default()
        };
        component(path, ComponentKind::Resource(Box::new(resource)))
    }

    fn composite(path: &str, state: StateChoice) -> Component {
        component(
            path,
            ComponentKind::Composite(Composite {
                state,
                ..Composite::default()
            }),
        )
    }

    #[test]
    fn the_nearest_choice_holds() {
        let handler = |path: &str| StateChoice::Member(path.parse().expect("path"));
        let mut warnings = Diagnostics::default();
        let wanted = Wanted::of(
            &[
                composite("", handler("state")),
                resource("state", StateChoice::Stateless),
                resource("a", StateChoice::Inherit),
                composite("web", handler("web.own")),
                resource("web.b", StateChoice::Inherit),
            ],
            &mut warnings,
        );
        let handlers = ["state", "web.own"].map(|path| path.parse().expect("path"));
        assert_eq!(
            wanted,
            Wanted {
                handlers: handlers.into(),
                default: false
            }
        );
        let wanted = Wanted::of(&[resource("a", StateChoice::Inherit)], &mut warnings);
        assert!(wanted.default);
    }
}
