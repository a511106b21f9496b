//! Order, cycles and reachability, on small and on random graphs.

use proptest::prelude::*;

use super::*;

fn graph(len: usize, edges: &[(usize, usize)]) -> Graph {
    let mut graph = Graph::new(len);
    for &(node, other) in edges {
        graph.add_edge(node, other);
    }
    graph
}

#[test]
fn what_is_needed_comes_first() {
    let graph = graph(4, &[(0, 1), (1, 3), (2, 3)]);
    assert_eq!(graph.order().expect("no cycle"), [3, 1, 2, 0]);
}

#[test]
fn a_cycle_is_given_from_node_to_node() {
    let graph = graph(5, &[(0, 1), (1, 2), (2, 3), (3, 1), (4, 0)]);
    let Cycle(path) = graph.find_cycle().expect("cycle");
    assert_eq!(path, [1, 2, 3]);
    assert_eq!(self::graph(1, &[(0, 0)]).find_cycle(), Some(Cycle(vec![0])));
}

#[test]
fn reachability_goes_both_ways() {
    let graph = graph(4, &[(0, 1), (1, 2)]);
    assert_eq!(graph.all_needed([1]), [false, true, true, false]);
    assert_eq!(graph.all_needing([1]), [true, true, false, false]);
}

proptest! {
    #[test]
    fn an_order_or_a_true_cycle(
        edges in prop::collection::vec((0usize..30, 0usize..30), 0..60)
    ) {
        let graph = graph(30, &edges);
        match graph.order() {
            Ok(order) => {
                let mut place = vec![usize::MAX; graph.len()];
                for (i, &node) in order.iter().enumerate() {
                    place[node] = i;
                }
                prop_assert!(place.iter().all(|&p| p != usize::MAX));
                for &(node, other) in &edges {
                    prop_assert!(place[other] < place[node]);
                }
            }
            Err(Cycle(path)) => {
                for (i, &node) in path.iter().enumerate() {
                    let next = path[(i + 1) % path.len()];
                    prop_assert!(edges.contains(&(node, next)), "{node} -> {next}");
                }
            }
        }
    }

    #[test]
    fn reachability_is_what_walking_finds(
        edges in prop::collection::vec((0usize..20, 0usize..20), 0..40),
        start in 0usize..20
    ) {
        let graph = graph(20, &edges);
        let mut slow = [false; 20];
        slow[start] = true;
        for _ in 0..20 {
            for &(node, other) in &edges {
                slow[other] |= slow[node];
            }
        }
        prop_assert_eq!(graph.all_needed([start]), slow);
        let needing: Vec<_> = (0..20).filter(|&n| graph.all_needing([start])[n]).collect();
        for node in needing {
            prop_assert!(graph.all_needed([node])[start]);
        }
    }
}
