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
use crate::plan::nodes::{Node, NodeId, NodeKind, Status};
use crate::plan::session::Session;
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
    /// The steps are its first nodes. Those after them stand for several steps each, so that what
    /// comes after a whole component takes one edge and not one for each member.
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

impl Of {
    /// Whether what is deleted is made again in the same place.
    fn is_made_again(&self) -> bool {
        self.recreated && self.up.is_some()
    }
}

#[derive(Default)]
struct Builder {
    steps: Steps,
    of: BTreeMap<MemberPath, Of>,
    /// Nodes that stand for several steps: what makes, and what deletes, all below a component.
    made: BTreeMap<MemberPath, usize>,
    deleted: BTreeMap<MemberPath, Deleted>,
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
        // What was of another type under this path makes way first.
        for &down in &steps.down {
            let change = &self.steps.steps[down].change;
            if change.action == Action::Delete && change.deposed.is_none() {
                self.steps.graph.add_edge(up, down);
            }
        }
        let wait_to_delete = steps.recreated && !recreating.contains(member);
        let change = self.steps.steps[up].change.clone();
        for path in members_of(&change.depends_on) {
            for other in self.made(of, member, path) {
                self.steps.graph.add_edge(up, other);
                if wait_to_delete {
                    let downs = steps.down.iter();
                    self.soft.extend(downs.map(|&down| (down, other)));
                }
            }
        }
    }

    /// What makes or changes what is at or below `path`, other than `member`: the steps, or where
    /// there are many, one node that needs them all.
    fn made(
        &mut self,
        of: &BTreeMap<MemberPath, Of>,
        member: &MemberPath,
        path: &MemberPath,
    ) -> Vec<usize> {
        let ups = || below(of, path).filter(|(path, _)| *path != member);
        let ups = || ups().filter_map(|(_, of)| of.up);
        if member.is_within(path) || below(of, path).nth(1).is_none() {
            return ups().collect();
        }
        let graph = &mut self.steps.graph;
        let all = *self.made.entry(path.clone()).or_insert_with(|| {
            let all = graph.add_node();
            ups().for_each(|up| graph.add_edge(all, up));
            all
        });
        vec![all]
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
        for path in members_of(recorded) {
            for deleted in self.deleted(of, member, path) {
                for &dependent in &steps.down {
                    self.steps
                        .graph
                        .add_edge(deleted.after_deletions, dependent);
                }
                let after_changes = deleted.after_changes.into_iter();
                self.soft.extend(after_changes.zip(steps.up));
            }
        }
    }

    /// What deletes what is at or below `path`, other than `member`: the steps, or where there are
    /// many, nodes that they all need.
    fn deleted(
        &mut self,
        of: &BTreeMap<MemberPath, Of>,
        member: &MemberPath,
        path: &MemberPath,
    ) -> Vec<Deleted> {
        let others = || below(of, path).filter(|(path, _)| *path != member);
        let downs = || others().flat_map(|(_, of)| of.down.iter().map(move |&down| (down, of)));
        if member.is_within(path) || below(of, path).nth(1).is_none() {
            let deleted = |(down, of): (StepId, &Of)| Deleted {
                after_deletions: down,
                after_changes: (!of.is_made_again()).then_some(down),
            };
            return downs().map(deleted).collect();
        }
        let graph = &mut self.steps.graph;
        let all = *self.deleted.entry(path.clone()).or_insert_with(|| {
            let after_deletions = graph.add_node();
            let after_changes = graph.add_node();
            for (down, of) in downs() {
                graph.add_edge(down, after_deletions);
                if !of.is_made_again() {
                    graph.add_edge(down, after_changes);
                }
            }
            Deleted {
                after_deletions,
                after_changes: Some(after_changes),
            }
        });
        vec![all]
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
                    let steps = path
                        .into_iter()
                        .filter_map(|step| self.steps.steps.get(step));
                    return Err(steps.map(|step| step.change.member.clone()).collect());
                }
            }
        }
    }

    /// The members that depend, directly or not, on something that is deleted and made again.
    fn depends_on_recreated(&self) -> BTreeSet<MemberPath> {
        let members: Vec<_> = self.of.keys().collect();
        let number: BTreeMap<_, _> = members.iter().enumerate().map(|(i, m)| (*m, i)).collect();
        let mut graph = Graph::new(members.len());
        let mut inside: BTreeMap<MemberPath, usize> = BTreeMap::new();
        for (i, member) in members.iter().enumerate() {
            let Some(up) = self.of[*member].up else {
                continue;
            };
            for path in members_of(&self.steps.steps[up].change.depends_on) {
                let others = || below(&self.of, path).filter(|(path, _)| path != member);
                if member.is_within(path) {
                    others().for_each(|(path, _)| graph.add_edge(i, number[path]));
                    continue;
                }
                let all = *inside.entry(path.clone()).or_insert_with(|| {
                    let all = graph.add_node();
                    others().for_each(|(path, _)| graph.add_edge(all, number[path]));
                    all
                });
                graph.add_edge(i, all);
            }
        }
        let recreated = (0..members.len()).filter(|&i| self.of[members[i]].recreated);
        let direct: Vec<_> = recreated.flat_map(|i| graph.needed_by(i)).collect();
        let needing = graph.all_needing(direct);
        let found = (0..members.len()).filter(|&i| needing[i]);
        found.map(|i| members[i].clone()).collect()
    }
}

/// The nodes that come after the deletion, and the change, of what depended on something that is
/// deleted; they are the deletion itself, or come right before it.
#[derive(Clone, Copy, Debug)]
struct Deleted {
    after_deletions: usize,
    /// None for what is deleted only to be made again: see above.
    after_changes: Option<usize>,
}

/// The members that these outputs are of, each once.
fn members_of<'a>(outputs: impl IntoIterator<Item = &'a OutputRef>) -> BTreeSet<&'a MemberPath> {
    outputs.into_iter().map(|output| &output.member).collect()
}

/// A component and all below it.
fn below<'a>(
    of: &'a BTreeMap<MemberPath, Of>,
    member: &'a MemberPath,
) -> impl Iterator<Item = (&'a MemberPath, &'a Of)> {
    let from = of.range::<MemberPath, _>(member..);
    from.take_while(move |(path, _)| path.is_within(member))
}
