//! Directed graphs, as the planner and the scheduler need them: order, cycles, reachability.
//!
//! Nodes are numbers from 0. An edge `a -> b` means that `a` comes after `b` (it *needs* `b`).
//! Nothing here knows what a node stands for, does I/O or is asynchronous.

#[cfg(test)]
mod tests;

/// A directed graph over the nodes `0..len`.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    needs: Vec<Vec<u32>>,
    needed_by: Vec<Vec<u32>>,
}

/// A set of nodes that need each other in a circle, each the one after it, the last the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<usize>);

impl Graph {
    /// A graph of `len` nodes without edges.
    pub fn new(len: usize) -> Self {
        Self {
            needs: vec![Vec::new(); len],
            needed_by: vec![Vec::new(); len],
        }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// Adds a node without edges and gives its number.
    pub fn add_node(&mut self) -> usize {
        self.needs.push(Vec::new());
        self.needed_by.push(Vec::new());
        self.needs.len() - 1
    }

    /// Says that `node` needs `other`. Saying it twice is harmless, and not looked for: a node may
    /// need very many others.
    pub fn add_edge(&mut self, node: usize, other: usize) {
        self.needs[node].push(other as u32);
        self.needed_by[other].push(node as u32);
    }

    /// What `node` needs.
    pub fn needs(&self, node: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.needs[node].iter().map(|&n| n as usize)
    }

    /// What needs `node`.
    pub fn needed_by(&self, node: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.needed_by[node].iter().map(|&n| n as usize)
    }

    /// All nodes, each after everything it needs; among those that may come next, the lowest
    /// number does not have to be first.
    ///
    /// # Errors
    /// A cycle, where there is one.
    pub fn order(&self) -> Result<Vec<usize>, Cycle> {
        let mut open: Vec<usize> = self.needs.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..self.len()).filter(|&n| open[n] == 0).collect();
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            for other in self.needed_by(node) {
                open[other] -= 1;
                if open[other] == 0 {
                    order.push(other);
                }
            }
        }
        match order.len() == self.len() {
            true => Ok(order),
            false => Err(self.cycle_among(&open)),
        }
    }

    /// A cycle, where there is one; the shortest through the lowest node that is in any.
    pub fn find_cycle(&self) -> Option<Cycle> {
        self.order().err()
    }

    /// Finds a cycle among the nodes with a count above zero, of which each needs another such.
    fn cycle_among(&self, open: &[usize]) -> Cycle {
        // Going on to what a node needs must end in a circle: each such node needs another.
        let stuck = |n: usize| self.needs(n).find(|&other| open[other] > 0);
        let mut seen = vec![false; self.len()];
        let mut node = open.iter().position(|&count| count > 0).unwrap_or(0);
        while !seen[node] {
            seen[node] = true;
            match stuck(node) {
                Some(next) => node = next,
                None => break,
            }
        }
        self.shortest_cycle_through(node)
    }

    fn shortest_cycle_through(&self, start: usize) -> Cycle {
        let mut came_from = vec![usize::MAX; self.len()];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for other in self.needs(node) {
                if other == start {
                    let mut path = vec![node];
                    let mut at = node;
                    while at != start {
                        at = came_from[at];
                        path.push(at);
                    }
                    path.reverse();
                    return Cycle(path);
                }
                if came_from[other] == usize::MAX {
                    came_from[other] = node;
                    queue.push_back(other);
                }
            }
        }
        Cycle(vec![start])
    }

    /// Which nodes are `from`, or needed by one of them, directly or not.
    pub fn all_needed(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        reach(&self.needs, from)
    }

    /// Which nodes are `from`, or need one of them, directly or not.
    pub fn all_needing(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        reach(&self.needed_by, from)
    }

    /// For each node that needs one of `from`, directly or not, one of `from` that it needs; the
    /// nodes `from` need themselves.
    pub fn origins(&self, from: impl IntoIterator<Item = usize>) -> Vec<Option<usize>> {
        let mut origins = vec![None; self.len()];
        let mut queue: std::collections::VecDeque<_> = from.into_iter().map(|n| (n, n)).collect();
        while let Some((node, origin)) = queue.pop_front() {
            if origins[node].is_none() {
                origins[node] = Some(origin);
                queue.extend(self.needed_by(node).map(|next| (next, origin)));
            }
        }
        origins
    }
}

fn reach(edges: &[Vec<u32>], from: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    let mut stack: Vec<usize> = from.into_iter().collect();
    while let Some(node) = stack.pop() {
        if !std::mem::replace(&mut reached[node], true) {
            stack.extend(edges[node].iter().map(|&n| n as usize));
        }
    }
    reached
}
