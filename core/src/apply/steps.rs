//! What a plan comes to: [`Step`]s and their order.
//!
//! | step | comes after |
//! |---|---|
//! | making or changing `m` | the same for what `m` depends on |
//! | deleting `d` | deleting or changing what depended on `d` when it was last applied |
//! | making the new `m`, if it is deleted first | deleting the old `m` |
//! | deleting the old `m`, if it is created first | making the new `m`, and changing what depended on `m` |
//!
//! What is deleted only to be made again is changed by no one in between, so its dependents are not
//! waited for; where nothing that it depends on is in the same position it waits for that, so that
//! it is not deleted in vain.
//!
//! Where all that cannot be had at once, what is only better so gives way: that something is changed
//! before what it no longer depends on is deleted, and that nothing is deleted in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixops4_proto::events::Operation;

use crate::graph::{Cycle, Graph};
use crate::plan::Change;
use crate::plan::session::{Node, NodeId, NodeKind, Session, Status};
use crate::provider::{Action, Mode};
use crate::state::DeposedKey;
use crate::{MemberPath, OutputRef};

/// Number of a step in [`Steps::steps`].
pub(crate) type StepId = usize;

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) node: NodeId,
    pub(crate) operation: Operation,
    pub(crate) change: Arc<Change>,
    /// The key under which the old object is set aside, for a replacement that creates first.
    pub(crate) depose: Option<DeposedKey>,
}

/// All operations of a wave, and which comes after which.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pub(crate) steps: Vec<Step>,
    pub(crate) graph: Graph,
}

/// Which steps a member has.
#[derive(Clone, Debug, Default)]
struct Of {
    /// Making, changing, reading, remembering.
    up: Option<StepId>,
    /// Deleting: the old object, and objects left over from earlier.
    down: Vec<StepId>,
    /// Whether the old object is deleted before the new one is made.
    recreated: bool,
}

impl Steps {
    /// The steps of what a session has planned.
    ///
    /// # Errors
    /// A cycle, by members: recorded dependencies and those of now contradict each other.
    pub(crate) fn of(session: &Session) -> Result<Self, Vec<MemberPath>> {
        let mut builder = Builder::default();
        for (id, node) in session.nodes.iter().enumerate() {
            if let Status::Planned(change) = &node.status {
                builder.add(session, id, node, change);
            }
        }
        builder.order(session);
        builder.build()
    }
}

#[derive(Default)]
struct Builder {
    steps: Steps,
    of: BTreeMap<MemberPath, Of>,
    /// Edges that give way where there would be a cycle.
    soft: Vec<(StepId, StepId)>,
}

impl Builder {
    fn add(&mut self, session: &Session, id: NodeId, node: &Node, change: &Arc<Change>) {
        let orphan = matches!(node.kind, NodeKind::Orphan);
        let operation = match change.action {
            Action::Create => Operation::Create,
            Action::Update => Operation::Update,
            Action::Delete => Operation::Delete,
            Action::Forget => Operation::Forget,
            Action::Read => Operation::Read,
            Action::Replace => return self.add_replacement(id, change),
            Action::NoOp if change.mode == Mode::Managed && session.is_to_remember(id) => {
                Operation::Remember
            }
            Action::NoOp => return,
        };
        let step = self.push(id, operation, change, None);
        let of = self.of.entry(change.member.clone()).or_default();
        match orphan {
            true => of.down.push(step),
            false => of.up = Some(step),
        }
    }

    fn add_replacement(&mut self, id: NodeId, change: &Arc<Change>) {
        let first = change.create_before_destroy;
        let depose = first.then(DeposedKey::random);
        let up = self.push(id, Operation::Create, change, depose.clone());
        let down = self.push(id, Operation::Delete, change, depose);
        match first {
            true => self.steps.graph.add_edge(down, up),
            false => self.steps.graph.add_edge(up, down),
        }
        let of = self.of.entry(change.member.clone()).or_default();
        of.up = Some(up);
        of.down.push(down);
        of.recreated = !first;
    }

    fn push(
        &mut self,
        node: NodeId,
        operation: Operation,
        change: &Arc<Change>,
        depose: Option<DeposedKey>,
    ) -> StepId {
        self.steps.steps.push(Step {
            node,
            operation,
            change: change.clone(),
            depose,
        });
        self.steps.graph.add_node()
    }

    fn order(&mut self, session: &Session) {
        let recreating = self.depends_on_recreated();
        let of = std::mem::take(&mut self.of);
        for (member, steps) in &of {
            self.order_up(&of, member, steps, &recreating);
            self.order_down(&of, session, member, steps);
        }
    }

    fn order_up(
        &mut self,
        of: &BTreeMap<MemberPath, Of>,
        member: &MemberPath,
        steps: &Of,
        recreating: &BTreeSet<MemberPath>,
    ) {
        let Some(up) = steps.up else {
            return;
        };
        let graph = &mut self.steps.graph;
        // What was of another type under this path makes way first.
        for &down in &steps.down {
            let change = &self.steps.steps[down].change;
            if change.action == Action::Delete && change.deposed.is_none() {
                graph.add_edge(up, down);
            }
        }
        let wait_to_delete = steps.recreated && !recreating.contains(member);
        let depends_on = &self.steps.steps[up].change.depends_on;
        for other in below(of, depends_on).filter_map(|(path, of)| of.up.filter(|_| path != member))
        {
            graph.add_edge(up, other);
            if wait_to_delete {
                let downs = steps.down.iter();
                self.soft.extend(downs.map(|&down| (down, other)));
            }
        }
    }

    fn order_down(
        &mut self,
        of: &BTreeMap<MemberPath, Of>,
        session: &Session,
        member: &MemberPath,
        steps: &Of,
    ) {
        // Seen from the dependent: its object's recorded dependencies are deleted after it.
        let mut recorded: BTreeSet<&OutputRef> = BTreeSet::new();
        for step in steps.down.iter().chain(&steps.up) {
            let node = &session.nodes[self.steps.steps[*step].node];
            let object = node.resource.as_ref().and_then(|r| r.object.as_ref());
            recorded.extend(object.iter().flat_map(|object| &object.dependencies));
        }
        let graph = &mut self.steps.graph;
        for (path, other) in below(of, recorded) {
            if path == member {
                continue;
            }
            for &down in &other.down {
                for &dependent in &steps.down {
                    graph.add_edge(down, dependent);
                }
                let in_between = other.recreated && other.up.is_some();
                if let Some(up) = steps.up.filter(|_| !in_between) {
                    self.soft.push((down, up));
                }
            }
        }
    }

    /// Puts the edges that may give way in, as far as they make no cycle.
    fn build(mut self) -> Result<Steps, Vec<MemberPath>> {
        loop {
            let mut graph = self.steps.graph.clone();
            for &(step, other) in &self.soft {
                graph.add_edge(step, other);
            }
            let Some(Cycle(path)) = graph.find_cycle() else {
                self.steps.graph = graph;
                return Ok(self.steps);
            };
            let next = |i: usize| path[(i + 1) % path.len()];
            let edges: BTreeSet<_> = (0..path.len()).map(|i| (path[i], next(i))).collect();
            match self.soft.iter().position(|edge| edges.contains(edge)) {
                Some(index) => drop(self.soft.swap_remove(index)),
                None => {
                    let member = |step: StepId| self.steps.steps[step].change.member.clone();
                    return Err(path.into_iter().map(member).collect());
                }
            }
        }
    }

    /// The members that depend, directly or not, on something that is deleted and made again.
    fn depends_on_recreated(&self) -> BTreeSet<MemberPath> {
        let members: Vec<_> = self.of.keys().collect();
        let number: BTreeMap<_, _> = members.iter().enumerate().map(|(i, m)| (*m, i)).collect();
        let mut graph = Graph::new(members.len());
        for (i, member) in members.iter().enumerate() {
            if let Some(up) = self.of[*member].up {
                let depends_on = &self.steps.steps[up].change.depends_on;
                for (path, _) in below(&self.of, depends_on).filter(|(path, _)| path != member) {
                    graph.add_edge(i, number[path]);
                }
            }
        }
        let recreated: Vec<_> = (0..members.len())
            .filter(|&i| self.of[members[i]].recreated)
            .collect();
        let mut found = BTreeSet::new();
        for &start in &recreated {
            let direct: Vec<_> = graph.needed_by(start).collect();
            let needing = graph.all_needing(direct);
            found.extend((0..members.len()).filter(|&i| needing[i]));
            if found.len() == members.len() {
                break;
            }
        }
        found.into_iter().map(|i| members[i].clone()).collect()
    }
}

/// The members that these outputs are of, and all below those.
fn below<'a, T>(
    of: &'a BTreeMap<MemberPath, T>,
    outputs: impl IntoIterator<Item = &'a OutputRef>,
) -> impl Iterator<Item = (&'a MemberPath, &'a T)> {
    outputs.into_iter().flat_map(move |output| {
        let member = &output.member;
        let from = of.range::<MemberPath, _>(member..);
        from.take_while(move |(path, _)| path.is_within(member))
    })
}
