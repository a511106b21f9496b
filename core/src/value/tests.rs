//! Values keep their unknown leaves, provenance and marks on the wire and on the way through.

use serde_json::json;

use super::*;

fn output(text: &str, attr: &str) -> OutputRef {
    OutputRef {
        member: text.parse().expect("path"),
        path: AttrPath::root().child(attr),
    }
}

#[test]
fn a_tree_round_trips_with_everything_it_carries() {
    let refs = [output("net.vpc", "id")];
    let tree = nixops4_proto::tree::Tree(json!({
        "vpc_id": { "$": "unknown", "from": [0] },
        "secret": { "$": "known", "value": "x", "marks": ["sensitive"] },
        "odd": { "$": "attrs", "value": { "$": 1 } },
        "big": 18446744073709551616u128,
    }));
    let value = Value::from_tree(&tree, &refs).expect("tree");
    let attrs = value.as_attrs().expect("attrs");
    assert!(attrs["vpc_id"].is_unknown());
    assert_eq!(
        attrs["vpc_id"].provenance.iter().collect::<Vec<_>>(),
        [&refs[0]]
    );
    assert!(attrs["secret"].marks.sensitive);
    let mut table = RefTable::default();
    assert_eq!(value.to_tree(&mut table), tree);
    assert_eq!(table.into_refs(), refs);
}

#[test]
fn malformed_trees_are_refused() {
    for bad in [
        json!({ "$": "what" }),
        json!({ "$": "known" }),
        json!({ "$": "unknown", "from": [7] }),
        json!({ "$": "unknown", "marks": ["blue"] }),
    ] {
        let tree = nixops4_proto::tree::Tree(bad.clone());
        assert!(Value::from_tree(&tree, &[]).is_err(), "{bad}");
    }
}

#[test]
fn what_holds_for_a_container_holds_for_its_leaves() {
    let mut tags = Value::attrs([("Name", Value::from("n"))]).sensitive();
    tags.provenance = [output("a", "names")].into_iter().collect();
    let mut seen = Vec::new();
    Value::attrs([("tags", tags)]).visit(&mut |path, _, provenance, marks| {
        seen.push((path.to_string(), provenance.iter().count(), marks.sensitive));
    });
    assert_eq!(seen, [("tags.Name".to_owned(), 1, true)]);
}
