//! The end of a wave: when nothing goes on any more, says of everything that is still open why it
//! is: an error elsewhere, an operation in doubt, a later wave, or a dependency cycle.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::model::{Change, DeferReason, HoldReason};
use super::nodes::{NodeId, NodeKind, ProviderStatus, Status, StoreStatus};
use super::session::Session;
use crate::MemberPath;
use crate::diagnostic::Diagnostic;
use crate::graph::{Cycle, Graph};
use crate::provider::Action;

impl Session {
    /// Takes the next step that is left when no answer is awaited. Gives whether there was one that
    /// makes new work.
    pub(crate) fn advance(&mut self) -> bool {
        self.place();
        self.try_stores();
        if self.destroy {
            self.supply_recorded();
        }
        self.resolve_movers();
        self.unpark();
        if self.has_more() {
            return true;
        }
        self.want_configurations();
        if self.has_more() {
            return true;
        }
        self.find_deletions();
        self.has_more()
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.work.is_empty() || !self.batch.asks_nothing()
    }

    /// Settles everything that is still open.
    pub(crate) fn settle(&mut self) {
        self.settle_targets();
        self.settle_absent();
        self.settle_untold();
        self.settle_unwanted();
        loop {
            self.settle_by_others();
            if self.open_nodes().next().is_none() || !self.settle_cycle() {
                break;
            }
        }
    }

    fn open_nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let destroy = self.destroy;
        let open = move |(_, node): &(NodeId, &super::nodes::Node)| {
            let bystander = match node.kind {
                NodeKind::Unheard | NodeKind::Absent => true,
                // Of a destruction, what is in the deployment is no part.
                NodeKind::Orphan => false,
                _ => destroy,
            };
            node.status.is_open() && !bystander
        };
        self.nodes.iter().enumerate().filter(open).map(|(id, _)| id)
    }

    /// What the user asked for and neither the deployment nor the state has.
    fn settle_targets(&mut self) {
        for (path, diagnostic) in std::mem::take(&mut self.missing_targets) {
            let remembered = self
                .contents()
                .any(|(_, contents)| contents.snapshot.within(&path).next().is_some());
            if !remembered {
                self.complain(None, diagnostic);
            }
        }
    }

    fn settle_absent(&mut self) {
        for node in &mut self.nodes {
            let orphan = matches!(node.kind, NodeKind::Orphan);
            if self.destroy && !orphan && matches!(node.status, Status::Deferred(_)) {
                // What never came to be has nothing to be destroyed.
                node.status = Status::Settled;
            }
            if matches!(node.kind, NodeKind::Absent) && node.status.is_open() {
                node.status = Status::Settled;
            }
        }
    }

    /// What cannot tell yet what it is has made nothing but what the state knows of, and that is
    /// deleted from there.
    fn settle_untold(&mut self) {
        if !self.destroy {
            return;
        }
        for node in &mut self.nodes {
            if matches!(node.kind, NodeKind::Unknown) && node.status.is_open() {
                node.status = Status::Settled;
            }
        }
    }

    /// What each open node waits for; nodes first, then providers, then states, then whatever
    /// stands for several nodes at once.
    fn waiting_graph(&self) -> Graph {
        let (nodes, providers) = (self.nodes.len(), self.providers.len());
        let mut graph = Graph::new(nodes + providers + self.stores.len());
        for (id, node) in self.nodes.iter().enumerate() {
            if node.status.is_open() {
                for member in &node.waits_for {
                    graph.add_edge(id, self.nearest(member));
                }
            }
        }
        self.add_parked(&mut graph);
        for (id, provider) in self.providers.iter().enumerate() {
            for &node in &provider.waiting {
                graph.add_edge(node, nodes + id);
            }
            if matches!(provider.status, ProviderStatus::Open) {
                for member in &provider.waits_for {
                    graph.add_edge(nodes + id, self.nearest(member));
                }
            }
        }
        for (id, store) in self.stores.iter().enumerate() {
            for &node in &store.waiting {
                graph.add_edge(node, nodes + providers + id);
            }
            if let (StoreStatus::Open, Some(handler)) = (&store.status, &store.handler) {
                graph.add_edge(nodes + providers + id, self.nearest(handler));
            }
        }
        graph
    }

    /// Data sources come after all that is in the components they name; for each of those
    /// components there is one node more, which needs that, and which the data sources need.
    fn add_parked(&self, graph: &mut Graph) {
        let after = |id: NodeId| &self.resource(id).declared.depends_on;
        let named: BTreeSet<_> = self.parked.iter().flat_map(|&id| after(id)).collect();
        for path in named {
            let inside = |id: NodeId| self.nodes[id].path.is_within(path);
            let members = || (0..self.nodes.len()).filter(|&id| inside(id));
            let all = graph.add_node();
            members().for_each(|id| graph.add_edge(all, id));
            for &id in self.parked.iter().filter(|&&id| after(id).contains(path)) {
                match inside(id) {
                    false => graph.add_edge(id, all),
                    // What is around it comes before it but for itself.
                    true => members()
                        .filter(|&other| other != id)
                        .for_each(|other| graph.add_edge(id, other)),
                }
            }
        }
    }

    /// The node of a member, or of the nearest component around it that has been told of.
    fn nearest(&self, member: &MemberPath) -> NodeId {
        let mut at = member.clone();
        loop {
            match self.by_path.get(&at) {
                Some(&id) if !matches!(self.nodes[id].kind, NodeKind::Unheard) => return id,
                _ => match at.parent() {
                    Some(parent) => at = parent,
                    None => return 0,
                },
            }
        }
    }

    /// Settles what waits for something that will not come in this wave.
    fn settle_by_others(&mut self) {
        let graph = self.waiting_graph();
        for pass in [Pass::Failed, Pass::Held, Pass::Deferred] {
            let from: Vec<_> = (0..self.nodes.len())
                .filter(|&id| pass.starts_at(&self.nodes[id].status))
                .collect();
            let origins = graph.origins(from);
            for (id, origin) in origins.into_iter().take(self.nodes.len()).enumerate() {
                let because = origin.map(|origin| &self.nodes[origin].path);
                if let Some(because) = because
                    && self.nodes[id].status.is_open()
                {
                    self.nodes[id].status = pass.status(because);
                }
            }
        }
    }

    /// Names a dependency cycle, and fails what is in it. Gives whether there was something.
    fn settle_cycle(&mut self) -> bool {
        let Some(Cycle(path)) = self.open_cycle() else {
            return self.settle_rest();
        };
        let names: Vec<_> = path.iter().map(|&n| self.name_in_cycle(n)).collect();
        let mut text = names.join(" -> ");
        text.push_str(" -> ");
        text.push_str(&names[0]);
        let positions: Vec<_> = path
            .iter()
            .zip(&names)
            .filter_map(|(&n, name)| {
                let at = self.position_in_cycle(n)?;
                Some(format!(
                    "{name} is defined at {}:{}:{}",
                    at.file, at.line, at.column
                ))
            })
            .collect();
        let mut diagnostic = Diagnostic::error(format!("dependency cycle: {text}"))
            .detail(positions.join("\n"))
            .hint("let one of them do without the other's outputs");
        diagnostic.position = path.iter().find_map(|&n| self.position_in_cycle(n));
        diagnostic.member = path
            .iter()
            .find_map(|&n| Some(self.nodes.get(n)?.path.clone()));
        self.complain(None, diagnostic);
        let nodes = self.nodes.len();
        for n in path {
            match n.checked_sub(nodes) {
                None => self.nodes[n].status = Status::Failed,
                Some(provider) if provider < self.providers.len() => {
                    self.provider_failed(provider);
                }
                Some(_) => {}
            }
        }
        true
    }

    fn open_cycle(&self) -> Option<Cycle> {
        let Cycle(mut path) = self.waiting_graph().find_cycle()?;
        let named = self.nodes.len() + self.providers.len() + self.stores.len();
        path.retain(|&n| n < named);
        Some(Cycle(path))
    }

    fn name_in_cycle(&self, n: usize) -> String {
        let nodes = self.nodes.len();
        let providers = self.providers.len();
        match n.checked_sub(nodes) {
            None => self.nodes[n].path.to_string(),
            Some(id) if id < providers => format!("provider {}", self.providers[id].instance.id),
            Some(id) => {
                let handler = self.stores[id - providers].handler.as_ref();
                format!("state {}", handler.cloned().unwrap_or_default())
            }
        }
    }

    fn position_in_cycle(&self, n: usize) -> Option<nixops4_proto::evaluator::Position> {
        match n.checked_sub(self.nodes.len()) {
            None => self.nodes[n].position.clone(),
            Some(id) => self.providers.get(id)?.instance.position.clone(),
        }
    }

    /// What waits and is in no cycle waits for something that nobody gives: an evaluator that
    /// contradicts itself. It is an error, said once for each.
    fn settle_rest(&mut self) -> bool {
        let open: Vec<_> = self.open_nodes().collect();
        for &id in &open {
            let node = &self.nodes[id];
            let waits: Vec<_> = node.waits_for.iter().map(ToString::to_string).collect();
            let text = match waits.is_empty() {
                true => format!("{} cannot be planned", node.path),
                false => format!(
                    "{} waits for {}, which has no outputs",
                    node.path,
                    waits.join(", ")
                ),
            };
            let mut diagnostic = Diagnostic::error(text);
            diagnostic.member = Some(node.path.clone());
            diagnostic.position = node.position.clone();
            self.complain(None, diagnostic);
            self.nodes[id].status = Status::Failed;
        }
        !open.is_empty()
    }

    /// Takes back what was planned to come after something that is not going to happen in this
    /// wave, although no input waits for that: dependencies whose outputs are known, and the order
    /// that the user asks for. Deletions come after what depended on them.
    pub(crate) fn settle_planned(&mut self) {
        let graph = self.planned_graph();
        for pass in [Pass::Failed, Pass::Held, Pass::Deferred] {
            let from: Vec<_> = (0..self.nodes.len())
                .filter(|&id| pass.starts_at(&self.nodes[id].status))
                .collect();
            let origins = graph.origins(from);
            for (id, origin) in origins.into_iter().enumerate() {
                let because = origin.map(|origin| &self.nodes[origin].path);
                let status = &self.nodes[id].status;
                let changes = |change: &Change| change.action != Action::NoOp;
                if let (Some(because), Status::Planned(change)) = (because, status)
                    && changes(change)
                {
                    self.nodes[id].status = pass.status(because);
                }
            }
        }
    }

    /// What comes after what, by what is planned and by what was.
    fn planned_graph(&self) -> Graph {
        let mut graph = Graph::new(self.nodes.len());
        let mut orphans: HashMap<&MemberPath, Vec<NodeId>> = HashMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if matches!(node.kind, NodeKind::Orphan) {
                orphans.entry(&node.path).or_default().push(id);
            }
        }
        let mut composites = HashSet::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if let Status::Planned(change) = &node.status {
                for output in &change.depends_on {
                    if let Some(&other) = self.by_path.get(&output.member) {
                        graph.add_edge(id, other);
                        if matches!(self.nodes[other].kind, NodeKind::Composite(_)) {
                            composites.insert(&output.member);
                        }
                    } else if let Some(orphans) = orphans.get(&output.member) {
                        orphans.iter().for_each(|&other| graph.add_edge(id, other));
                    }
                }
            }
            let object = node.resource.as_ref().and_then(|r| r.object.as_ref());
            for output in object.iter().flat_map(|object| &object.dependencies) {
                for &orphan in orphans.get(&output.member).into_iter().flatten() {
                    graph.add_edge(orphan, id);
                }
            }
        }
        self.add_members(&mut graph, &composites);
        graph
    }

    /// Lets these composites come after what is in them: whoever comes after a composite comes
    /// after all that, by one edge rather than by one for each.
    fn add_members(&self, graph: &mut Graph, composites: &HashSet<&MemberPath>) {
        if composites.is_empty() {
            return;
        }
        for (id, node) in self.nodes.iter().enumerate() {
            let mut around = std::iter::successors(node.path.parent(), MemberPath::parent);
            if let Some(nearest) = around.find(|path| composites.contains(path)) {
                graph.add_edge(self.by_path[&nearest], id);
            }
        }
    }
}

/// Which reason is spread to what depends on it; the earlier ones win.
#[derive(Clone, Copy)]
enum Pass {
    Failed,
    Held,
    Deferred,
}

impl Pass {
    fn starts_at(self, status: &Status) -> bool {
        match self {
            Self::Failed => matches!(status, Status::Failed | Status::Blocked(_)),
            Self::Held => matches!(status, Status::Held(_)),
            Self::Deferred => matches!(status, Status::Deferred(_)),
        }
    }

    fn status(self, because: &MemberPath) -> Status {
        let because = because.clone();
        match self {
            Self::Failed => Status::Blocked(because),
            Self::Held => Status::Held(HoldReason::Because(because)),
            Self::Deferred => Status::Deferred(DeferReason::Dependency(because)),
        }
    }
}
