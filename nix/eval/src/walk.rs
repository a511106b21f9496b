//! Describes components: what they are, which provider instance they need, what their inputs are.

use std::collections::HashSet;

use nixops4_lang::{EvalError, Evaluator, Taint, Value};
use nixops4_proto::evaluator::{
    Component, ComponentKind, Composite, Position, StateChoice, Walk, WalkItem,
};
use nixops4_proto::path::MemberPath;

use crate::error::{self, WireError};
use crate::read;
use crate::session::{ComponentError, Session};
use crate::tree::Refs;

/// A component still to be described.
struct Next {
    path: MemberPath,
    component: Result<Value, EvalError>,
    position: Option<Position>,
}

/// Why a component cannot be described: `what` names the part that is unknown or in error.
pub(crate) struct Failure {
    what: &'static str,
    pub(crate) error: EvalError,
    pub(crate) taint: Taint,
}

pub(crate) type Described<T> = Result<T, Failure>;

impl Session {
    /// Describes components, parents before members.
    pub fn walk(&mut self, walk: &Walk, mut emit: impl FnMut(WalkItem)) -> Result<(), WireError> {
        let mut providers = HashSet::new();
        for path in &walk.paths {
            let component = match self.component(path) {
                Ok(component) => Ok(component),
                Err(ComponentError::Eval(error)) => Err(error),
                Err(ComponentError::Wire(error)) => return Err(error),
            };
            let mut stack = vec![Next {
                path: path.clone(),
                component,
                position: self.position_of(path),
            }];
            while let Some(next) = stack.pop() {
                if self.evaluator.is_cancelled() {
                    return Ok(());
                }
                let members = self.visit(next, walk, &mut providers, &mut emit);
                stack.extend(members.into_iter().rev());
            }
        }
        Ok(())
    }

    /// Describes one component and gives the members to go on with.
    fn visit(
        &mut self,
        next: Next,
        walk: &Walk,
        providers: &mut HashSet<String>,
        emit: &mut impl FnMut(WalkItem),
    ) -> Vec<Next> {
        let mut refs = Refs::default();
        let mut members = Vec::new();
        let described = self.describe(&next, walk, &mut refs, providers, emit, &mut members);
        let kind = match described {
            Ok(kind) => kind,
            Err(failure) => self.failed(&failure, &mut refs),
        };
        emit(WalkItem::Component(Component {
            path: next.path,
            kind,
            refs: refs.into_list(),
            position: next.position,
        }));
        members
    }

    fn failed(&mut self, failure: &Failure, refs: &mut Refs) -> ComponentKind {
        if !failure.error.is_suspended() {
            let error = *self.error(&failure.error);
            return ComponentKind::Failed { error };
        }
        let awaited = failure.error.awaited();
        let taint = self.evaluator.taint_union(failure.taint, awaited);
        ComponentKind::Unknown {
            what: failure.what.to_owned(),
            from: refs.of(&self.evaluator, &self.outputs, taint),
        }
    }

    fn describe(
        &mut self,
        next: &Next,
        walk: &Walk,
        refs: &mut Refs,
        providers: &mut HashSet<String>,
        emit: &mut impl FnMut(WalkItem),
        members: &mut Vec<Next>,
    ) -> Described<ComponentKind> {
        let component = match &next.component {
            Ok(component) => component,
            Err(error) => return Err(Failure::new("kind", error.clone())),
        };
        let (is_resource, existence) = self.part("kind", |evaluator| {
            let value = evaluator.select(component, "isResource")?;
            evaluator.bool_of(&value)
        })?;
        if let Some(error) = self.failed_assertions(component)? {
            return Ok(ComponentKind::Failed { error: *error });
        }
        if !is_resource {
            return self.composite(next, component, existence, walk, refs, members);
        }
        let (mut resource, instance) = self.resource(component, existence, refs)?;
        if providers.insert(resource.provider.clone()) {
            emit(WalkItem::Provider(
                self.provider(&resource.provider, &instance)?,
            ));
            self.instances.insert(resource.provider.clone(), instance);
        }
        if walk.inputs {
            self.inputs(component, &mut resource, refs);
        }
        Ok(ComponentKind::Resource(Box::new(resource)))
    }

    /// The messages of assertions that do not hold. Those that wait for outputs are left for later.
    fn failed_assertions(&mut self, component: &Value) -> Described<Option<WireError>> {
        let read = self.part("kind", |evaluator| {
            let failed = evaluator.select(component, "failedAssertions")?;
            read::strings(evaluator, &failed)
        });
        match read {
            Ok((messages, _)) if messages.is_empty() => Ok(None),
            Ok((messages, _)) => Ok(Some(error::plain("assertion", messages.join("\n")))),
            Err(failure) if failure.error.is_suspended() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn composite(
        &mut self,
        next: &Next,
        component: &Value,
        existence: Taint,
        walk: &Walk,
        refs: &mut Refs,
        members: &mut Vec<Next>,
    ) -> Described<ComponentKind> {
        let ((mut names, set), taint) = self.part("members", |evaluator| {
            let set = evaluator.select(component, "members")?;
            let attrs = evaluator.attrs_of(&set)?;
            let names: Vec<String> = evaluator
                .sorted_attrs(&attrs)
                .into_iter()
                .map(|attr| evaluator.symbol_name(attr.name))
                .collect();
            Ok((names, set))
        })?;
        names.retain(|name| !self.is_absent(&set, name));
        let state = self.state(component)?;
        let all = self.evaluator.taint_union(existence, taint);
        if walk.recursive {
            for name in &names {
                members.push(self.member(&next.path, component, &set, name));
            }
        }
        Ok(ComponentKind::Composite(Composite {
            members: names,
            from: refs.of(&self.evaluator, &self.outputs, all),
            state: state.0,
        }))
    }

    /// Whether a member's definitions came to nothing (`mkIf false`). What that depended on is not
    /// said of the whole set: it would tie every other member to it.
    fn is_absent(&mut self, members: &Value, name: &str) -> bool {
        let (absent, _) = self.evaluator.with_taint(|evaluator| {
            let member = evaluator.select(members, name)?;
            evaluator.select_opt(&member, "_absent")
        });
        matches!(absent, Ok(Some(_)))
    }

    fn member(
        &mut self,
        parent: &MemberPath,
        component: &Value,
        members: &Value,
        name: &str,
    ) -> Next {
        let own = self
            .evaluator
            .select(members, name)
            .and_then(|member| self.evaluator.select(&member, "_component"));
        Next {
            path: parent.child(name),
            component: own,
            position: self.member_position(component, name),
        }
    }

    /// Where a member is defined; a position is a help, so that there is none is no error.
    fn member_position(&mut self, component: &Value, name: &str) -> Option<Position> {
        let (position, _) = self.evaluator.with_taint(|evaluator| {
            let sets = evaluator.select(component, "memberSets")?;
            for set in evaluator.list_of(&sets)?.iter() {
                if let Some(position) = read::attr_position(evaluator, set, name)? {
                    return Ok(Some(position));
                }
            }
            Ok::<_, EvalError>(None)
        });
        position.ok().flatten()
    }

    /// Where the component at a path is defined.
    fn position_of(&mut self, path: &MemberPath) -> Option<Position> {
        let parent = self.component(&path.parent()?).ok()?;
        self.member_position(&parent, path.name()?)
    }

    pub(crate) fn state(&mut self, component: &Value) -> Described<(StateChoice, Taint)> {
        self.part("kind", |evaluator| {
            let state = evaluator.select(component, "state")?;
            read::state_choice(evaluator, &state)
        })
    }

    /// Evaluates one part of a component's description.
    pub(crate) fn part<R>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Evaluator) -> Result<R, EvalError>,
    ) -> Described<(R, Taint)> {
        let (result, taint) = self.evaluator.with_taint(read);
        match result {
            Ok(value) => Ok((value, taint)),
            Err(error) => Err(Failure { what, error, taint }),
        }
    }
}

impl Failure {
    fn new(what: &'static str, error: EvalError) -> Failure {
        Failure {
            what,
            error,
            taint: Taint::NONE,
        }
    }
}
