//! Describes components: what they are, which provider instance they need, what their inputs are.

use std::collections::HashSet;

use nix_bindings_expr::value::Value;
use nixops4_proto::evaluator::{
    Component, ComponentKind, Composite, EvalError, Locate, Located, Position, StateChoice,
    Subject, Walk, WalkItem,
};
use nixops4_proto::path::{MemberPath, OutputRef};
use serde::Deserialize;

use super::failure::Failure;
use super::interpreter::Nix;
use super::outputs::Log;
use super::providers::InstanceAt;
use super::resources::Described;
use super::tree::indexes;
use super::{Libnix, resources};
use crate::error::{self, WireError};
use crate::tree::Refs;

/// What was seen of a component in one instantiation.
struct Seen {
    kind: Result<Kind, Unseen>,
    /// The messages of assertions that do not hold, or why they cannot be told.
    assertions: Result<Vec<String>, Failure>,
    position: Option<Position>,
}

enum Kind {
    Composite {
        names: Vec<String>,
        state: StateChoice,
        log: Log,
    },
    Resource(Box<Described>),
}

/// Why a component cannot be described: `what` names the part that is unknown or in error.
pub(super) struct Unseen {
    pub what: &'static str,
    pub failure: Failure,
    pub log: Box<Log>,
}

/// Names the part that a failure is about, and notes what had been looked at by then.
pub(super) fn part<R>(
    nix: &Nix,
    what: &'static str,
    result: Result<R, Failure>,
) -> Result<R, Unseen> {
    result.map_err(|failure| Unseen {
        what,
        failure,
        log: Box::new(nix.shared.log()),
    })
}

/// A member's path, in the forms that modules may write it in.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum PathForm {
    Names(Vec<String>),
    Text(String),
    Below {
        base: Box<PathForm>,
        rest: Vec<String>,
    },
}

impl PathForm {
    pub fn path(self) -> Result<MemberPath, Failure> {
        match self {
            PathForm::Names(names) => Ok(MemberPath::from_names(names)),
            PathForm::Text(text) => text
                .parse()
                .map_err(|wrong| error::plain("value", format!("{wrong}")).into()),
            PathForm::Below { base, rest } => {
                let base = base.path()?;
                Ok(rest.into_iter().fold(base, |path, name| path.child(name)))
            }
        }
    }
}

/// The component at a path.
pub(super) fn find(nix: &mut Nix, root: &Value, path: &MemberPath) -> Result<Value, Failure> {
    let mut component = root.clone();
    let mut at = MemberPath::root();
    for name in path.names() {
        let members = nix.select(&component, "members")?;
        let child = at.child(name);
        let Some(member) = nix.select_opt(&members, name)? else {
            return Err(no_member(nix, &members, &at, &child));
        };
        component = nix.select(&member, "_component")?;
        at = child;
    }
    Ok(component)
}

fn no_member(nix: &mut Nix, members: &Value, parent: &MemberPath, child: &MemberPath) -> Failure {
    let mut error = error::plain("missingMember", format!("there is no member `{child}`"));
    let names = nix.names(members).unwrap_or_default().into_iter();
    let names: Vec<String> = names.map(|name| parent.child(name).to_string()).collect();
    if !names.is_empty() {
        error.hints.push(format!("there are: {}", names.join(", ")));
    }
    Failure::NoMember(error)
}

/// Whether a component is a resource.
pub(super) fn is_resource(nix: &mut Nix, component: &Value) -> Result<bool, Failure> {
    let value = nix.select(component, "isResource")?;
    nix.bool_of(&value)
}

/// The names of the members of a composite, without those whose definitions came to nothing.
pub(super) fn member_names(nix: &mut Nix, component: &Value) -> Result<Vec<String>, Failure> {
    let members = nix.select(component, "members")?;
    let mut names = nix.names(&members)?;
    names.retain(|name| !is_absent(nix, &members, name));
    Ok(names)
}

fn is_absent(nix: &mut Nix, members: &Value, name: &str) -> bool {
    let absent = nix
        .select(members, name)
        .and_then(|member| nix.select_opt(&member, "_absent"));
    matches!(absent, Ok(Some(_)))
}

/// Which state handler a component names.
pub(super) fn state_of(nix: &mut Nix, component: &Value) -> Result<StateChoice, Failure> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Member { member: Option<PathForm> },
        Inherit(#[allow(dead_code, reason = "the only word there is")] String),
    }
    match nix.ask("state", &[], component)? {
        Form::Inherit(_) => Ok(StateChoice::Inherit),
        Form::Member { member: None } => Ok(StateChoice::Stateless),
        Form::Member { member: Some(form) } => form.path().map(StateChoice::Member),
    }
}

/// Everything about a component that one instantiation tells. Each part comes after those whose log
/// is wanted, for from then on what it read may be read again unnoticed.
fn look(nix: &mut Nix, root: &Value, path: &MemberPath, inputs: bool) -> Result<Seen, Failure> {
    let component = match find(nix, root, path) {
        Err(failure @ Failure::NoMember(_)) => return Err(failure),
        found => part(nix, "kind", found),
    };
    let (kind, assertions) = match component {
        Ok(component) => {
            let kind = kind(nix, &component, inputs);
            let failed = nix
                .select(&component, "failedAssertions")
                .and_then(|failed| nix.ask("list", &[], &failed));
            (kind, failed)
        }
        Err(unseen) => (Err(unseen), Ok(Vec::new())),
    };
    Ok(Seen {
        kind,
        assertions,
        position: position_of(nix, root, path),
    })
}

fn kind(nix: &mut Nix, component: &Value, inputs: bool) -> Result<Kind, Unseen> {
    let is_resource = is_resource(nix, component);
    if part(nix, "kind", is_resource)? {
        let described = resources::describe(nix, component, inputs)?;
        return Ok(Kind::Resource(Box::new(described)));
    }
    let members = nix
        .select(component, "members")
        .and_then(|members| nix.names(&members).map(|names| (members, names)));
    let (members, mut names) = part(nix, "members", members)?;
    let log = nix.shared.log();
    // What leaves a member out is not said of the whole set: it would tie every other member to it.
    names.retain(|name| !is_absent(nix, &members, name));
    let state = state_of(nix, component);
    let state = part(nix, "kind", state)?;
    Ok(Kind::Composite { names, state, log })
}

/// Where a component is defined; a position is a help, so that there is none is no error.
fn position_of(nix: &mut Nix, root: &Value, path: &MemberPath) -> Option<Position> {
    let parent = find(nix, root, &path.parent()?).ok()?;
    let sets = nix.select(&parent, "memberSets").ok()?;
    nix.written(path.name()?, &sets)
}

impl Libnix {
    /// Describes components, parents before members.
    pub(super) fn walk_components(
        &mut self,
        walk: &Walk,
        emit: &mut dyn FnMut(WalkItem),
    ) -> Result<(), WireError> {
        let mut providers = HashSet::new();
        for path in &walk.paths {
            let mut stack = vec![path.clone()];
            while let Some(next) = stack.pop() {
                if self.shared.is_cancelled() {
                    return Ok(());
                }
                let (seen, log) = self.at(&next, |nix, root| look(nix, root, &next, walk.inputs));
                let seen = match seen {
                    Ok(seen) => seen,
                    Err(Failure::NoMember(error)) => return Err(error),
                    // There is not even a root.
                    Err(failure) => Seen {
                        kind: Err(Unseen {
                            what: "kind",
                            failure,
                            log: Box::new(log),
                        }),
                        assertions: Ok(Vec::new()),
                        position: None,
                    },
                };
                if self.root.is_none() {
                    return Err(error::protocol("no root is loaded"));
                }
                let members = self.tell(&next, seen, &mut providers, emit);
                if walk.recursive {
                    stack.extend(members.into_iter().rev().map(|name| next.child(name)));
                }
            }
        }
        Ok(())
    }

    /// Tells of a component, and gives the names of its members.
    fn tell(
        &mut self,
        path: &MemberPath,
        seen: Seen,
        providers: &mut HashSet<String>,
        emit: &mut dyn FnMut(WalkItem),
    ) -> Vec<String> {
        let mut refs = Refs::default();
        let mut members = Vec::new();
        let failed = failed_assertions(&seen);
        let kind = match (failed, seen.kind) {
            (Some(error), _) => ComponentKind::Failed { error },
            (None, Err(unseen)) => unseen.told(&mut refs),
            (None, Ok(Kind::Composite { names, state, log })) => {
                members = names.clone();
                ComponentKind::Composite(Composite {
                    members: names,
                    from: indexes(log.seen(), &mut refs),
                    state,
                })
            }
            (None, Ok(Kind::Resource(described))) => self
                .resource(path, *described, &mut refs, providers, emit)
                .unwrap_or_else(|unseen| unseen.told(&mut refs)),
        };
        emit(WalkItem::Component(Component {
            path: path.clone(),
            kind,
            refs: refs.into_list(),
            position: seen.position,
        }));
        members
    }

    fn resource(
        &mut self,
        path: &MemberPath,
        described: Described,
        refs: &mut Refs,
        providers: &mut HashSet<String>,
        emit: &mut dyn FnMut(WalkItem),
    ) -> Result<ComponentKind, Unseen> {
        let id = described.provider.clone();
        let mut resource = self.settle(path, described, refs)?;
        if providers.insert(id.clone()) {
            let at = InstanceAt::Resource(path.clone());
            let instance = self.provider(&id, &at).map_err(|failure| Unseen {
                what: "provider",
                failure,
                log: Box::default(),
            })?;
            emit(WalkItem::Provider(instance));
            self.instances.insert(id.clone(), at);
        }
        resource.provider = id;
        Ok(ComponentKind::Resource(Box::new(resource)))
    }

    /// The position of a leaf, or of the nearest thing around it that has one.
    pub(super) fn locate_subject(&mut self, ask: &Locate) -> Result<Located, WireError> {
        let path = &ask.path;
        let (position, _) = match &ask.subject {
            Subject::Inputs(member) => self.fresh(|nix, root| {
                let component = find(nix, root, member)?;
                let resource = nix.select(&component, "resource")?;
                Ok(nix.locate(path, &resource))
            }),
            Subject::Type(member) => self.fresh(|nix, root| {
                let component = find(nix, root, member)?;
                let resource = nix.select(&component, "resource")?;
                let places = nix.select(&resource, "typePlaces")?;
                Ok(nix.position(&places))
            }),
            Subject::ProviderConfig(id) => {
                let at = self.instance(id)?;
                self.fresh(|nix, root| {
                    let instance = at.find(nix, root)?;
                    Ok(nix.locate(path, &instance))
                })
            }
            Subject::Operation(step) => {
                let (located, log) = self.locate_step(step, path);
                (located, log)
            }
        };
        Ok(Located {
            position: position.map_err(Failure::into_wire)?,
        })
    }
}

fn failed_assertions(seen: &Seen) -> Option<EvalError> {
    // A component that is in error or unknown says so itself, unless it is known to be a resource or
    // composite and only some other part is missing.
    if matches!(&seen.kind, Err(unseen) if unseen.what == "kind") {
        return None;
    }
    match &seen.assertions {
        Ok(messages) if messages.is_empty() => None,
        Ok(messages) => Some(*error::plain("assertion", messages.join("\n"))),
        // Those that wait for outputs are left for later.
        Err(failure) => failure.clone().into_error(),
    }
}

impl Unseen {
    /// What is said of the component.
    fn told(self, refs: &mut Refs) -> ComponentKind {
        match self.failure {
            Failure::Waits(outputs) => {
                let all: Vec<OutputRef> = self.log.seen().cloned().chain(outputs).collect();
                ComponentKind::Unknown {
                    what: self.what.to_owned(),
                    from: indexes(all.iter(), refs),
                }
            }
            other => ComponentKind::Failed {
                error: *other.into_wire(),
            },
        }
    }
}
