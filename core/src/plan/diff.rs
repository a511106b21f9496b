//! The leaf-level difference of a [`Change`], as data: front ends only print it.
//!
//! Inputs are compared with the inputs that were last applied, outputs with those that were last
//! read. An output that repeats an input at the same path is left out, and so is a leaf that does
//! not change.

use std::collections::BTreeMap;

use super::model::{Change, LeafChange, Plan, Shown, Side};
use crate::provider::Action;
use crate::value::{Kind, Marks, Provenance, Value};
use crate::{AttrPath, OutputRef, Step};

/// The leaves of one value, with the marks and provenance that they have from around them.
type Leaves = BTreeMap<AttrPath, Leaf>;

struct Leaf {
    value: Value,
    marks: Marks,
    provenance: Provenance,
}

impl Plan {
    /// The leaves of one of the changes, inputs first, by path. Of an unknown leaf only those
    /// outputs are named that this plan does not know, not everything it was made from.
    pub fn leaves(&self, change: &Change) -> Vec<LeafChange> {
        let mut leaves = change.leaves();
        for leaf in &mut leaves {
            for shown in [&mut leaf.before, &mut leaf.after] {
                if let Shown::Unknown(outputs) = shown
                    && outputs.iter().any(|output| self.leaves_open(output))
                {
                    outputs.retain(|output| self.leaves_open(output));
                }
            }
        }
        leaves
    }

    /// Whether an output, or a part of it, is unknown by what is planned.
    fn leaves_open(&self, output: &OutputRef) -> bool {
        let start = self
            .changes
            .partition_point(|change| change.member < output.member);
        let of_member = self.changes[start..]
            .iter()
            .take_while(|c| c.member == output.member);
        let mut current = of_member.filter(|change| change.deposed.is_none());
        current.any(|change| {
            let planned = change.planned.outputs.get(&output.path);
            planned.is_none_or(|value| !value.is_wholly_known())
        })
    }
}

impl Change {
    /// The leaves that change, inputs first, by path.
    pub fn leaves(&self) -> Vec<LeafChange> {
        let null = Value::null();
        let (inputs_before, outputs_before) = match &self.before {
            Some(state) => (&state.inputs, &state.outputs),
            None => (&null, &null),
        };
        let inputs = changes(Side::Input, inputs_before, &self.inputs);
        let outputs = match self.action {
            // What a data source says now is not compared with anything.
            Action::Read => Vec::new(),
            _ => changes(Side::Output, outputs_before, &self.planned.outputs),
        };
        let told: BTreeMap<_, _> = inputs
            .iter()
            .map(|input| (without_lists_of_one(&input.path), &input.after))
            .collect();
        let echoes = |output: &LeafChange| match told.get(&without_lists_of_one(&output.path)) {
            Some(input) => same_shown(input, &output.after),
            // The input stays as it is, and the output becomes like it: drift is put right, which
            // is worth showing.
            None => false,
        };
        let more: Vec<_> = outputs.into_iter().filter(|leaf| !echoes(leaf)).collect();
        drop(told);
        let mut leaves = inputs;
        leaves.extend(more);
        let replacing = self.planned.replace_paths.iter();
        let replacing: Vec<_> = replacing.map(without_lists_of_one).collect();
        if replacing.is_empty() {
            return leaves;
        }
        for leaf in &mut leaves {
            let here = without_lists_of_one(&leaf.path);
            leaf.forces_replacement = replacing
                .iter()
                .any(|path| here.is_within(path) || path.is_within(&here));
        }
        leaves
    }
}

/// A path as it is where each first block of a list stands without the list: one block may be
/// written so, and what the provider says of it has the list.
fn without_lists_of_one(path: &AttrPath) -> AttrPath {
    let steps = path
        .0
        .iter()
        .zip(path.0.iter().skip(1).map(Some).chain([None]));
    let of_a_block = |(step, next): &(&Step, Option<&Step>)| {
        **step != Step::Index(0) || !matches!(next, Some(Step::Name(_)))
    };
    AttrPath(
        steps
            .filter(of_a_block)
            .map(|(step, _)| step.clone())
            .collect(),
    )
}

fn same_shown(input: &Shown, output: &Shown) -> bool {
    match (input, output) {
        (Shown::Unknown(_), Shown::Unknown(_)) | (Shown::Sensitive, _) => true,
        (Shown::Value(a), Shown::Value(b)) => a.kind == b.kind,
        (a, b) => a == b,
    }
}

fn changes(side: Side, before: &Value, after: &Value) -> Vec<LeafChange> {
    let before = leaves(before);
    let after = leaves(after);
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter_map(|path| change(side, path, before.get(path), after.get(path)))
        .collect()
}

fn change(
    side: Side,
    path: &AttrPath,
    before: Option<&Leaf>,
    after: Option<&Leaf>,
) -> Option<LeafChange> {
    let same = match (before, after) {
        (Some(a), Some(b)) => {
            a.value.kind == b.value.kind && !a.value.is_unknown() && a.marks == b.marks
        }
        (Some(leaf), None) | (None, Some(leaf)) => leaf.value.is_null(),
        (None, None) => true,
    };
    if same {
        return None;
    }
    // What has been secret on one side would tell the secret on the other, were it unchanged.
    let sensitive = [before, after]
        .into_iter()
        .flatten()
        .any(|leaf| leaf.marks.sensitive || leaf.marks.ephemeral);
    Some(LeafChange {
        side,
        path: path.clone(),
        before: show(before, sensitive),
        after: show(after, sensitive),
        forces_replacement: false,
    })
}

fn show(leaf: Option<&Leaf>, sensitive: bool) -> Shown {
    match leaf {
        None => Shown::Absent,
        Some(leaf) => match leaf.value.kind {
            Kind::Null => Shown::Absent,
            _ if sensitive => Shown::Sensitive,
            Kind::Unknown => Shown::Unknown(leaf.provenance.iter().cloned().collect()),
            _ => Shown::Value(leaf.value.clone()),
        },
    }
}

fn leaves(value: &Value) -> Leaves {
    let mut leaves = Leaves::new();
    value.visit(&mut |path, value, provenance, marks| {
        let root = path.0.is_empty() && matches!(value.kind, Kind::Null);
        // An attribute set without attributes has no leaves at all.
        let empty = path.0.is_empty() && value.as_attrs().is_some();
        if !root && !empty {
            let leaf = Leaf {
                value: Value::from(value.kind.clone()),
                marks,
                provenance: provenance.clone(),
            };
            leaves.insert(path.clone(), leaf);
        }
    });
    leaves
}

#[cfg(test)]
mod tests;
