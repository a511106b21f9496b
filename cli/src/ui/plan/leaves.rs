//! The leaves of one change: inputs one a line, what only the provider decides in one line.

use std::fmt::Write as _;

use nixops4_core::plan::{Change, LeafChange, Plan, Shown, Side};
use nixops4_core::provider::Action;
use similar::{ChangeTag, TextDiff};

use super::words;
use crate::ui::style::{CREATE, DELETE, DIM, REPLACE, UPDATE, paint};
use crate::ui::value::{SECRET, scalar};

/// Longest path that values are still lined up after.
const WIDEST: usize = 32;
/// Longest value that is shown whole beside another.
const LONGEST: usize = 120;
/// How many outputs are named of those that only the provider decides.
const NAMED: usize = 8;
/// How many lines around a changed line of a text are shown.
const CONTEXT: usize = 2;

/// Writes the leaves below the line of their change.
pub fn render(text: &mut String, plan: &Plan, change: &Change) {
    let leaves = plan.leaves(change);
    let (decided, shown): (Vec<_>, Vec<_>) = leaves.into_iter().partition(is_decided_by_provider);
    let width = shown
        .iter()
        .map(|leaf| label(leaf).chars().count())
        .max()
        .unwrap_or(0);
    for leaf in &shown {
        render_leaf(
            text,
            leaf,
            width.min(WIDEST),
            change.action == Action::Create,
        );
    }
    let mut names: Vec<_> = decided.iter().map(|leaf| leaf.path.to_string()).collect();
    if let [only] = names.as_mut_slice()
        && only.is_empty()
    {
        *only = "all its outputs".to_owned();
    }
    names.dedup();
    if !names.is_empty() {
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let mut line = format!("known after apply: {}", names.join(", "));
        if more > 0 {
            let _ = write!(line, ", and {more} more");
        }
        let _ = writeln!(text, "        {}", paint(DIM, line));
    }
}

/// Whether nothing can be said of the leaf but that the provider will decide it.
fn is_decided_by_provider(leaf: &LeafChange) -> bool {
    leaf.side == Side::Output
        && matches!(&leaf.after, Shown::Unknown(from) if from.is_empty())
        && !leaf.forces_replacement
}

fn label(leaf: &LeafChange) -> String {
    leaf.path.to_string()
}

fn render_leaf(text: &mut String, leaf: &LeafChange, width: usize, creating: bool) {
    let (sign, style) = match (&leaf.before, &leaf.after) {
        (Shown::Absent, _) => ("+", CREATE),
        (_, Shown::Absent) => ("-", DELETE),
        _ => ("~", UPDATE),
    };
    let forces = match leaf.forces_replacement && !creating {
        true => format!("  {}", paint(REPLACE, "forces replacement")),
        false => String::new(),
    };
    let label = label(leaf);
    let start = format!("      {} {label:<width$}  ", paint(style, sign));
    if let Some((before, after)) = texts(leaf) {
        let _ = writeln!(text, "{}{forces}", start.trim_end());
        render_text(text, before, after);
        return;
    }
    let value = match (&leaf.before, &leaf.after) {
        (Shown::Absent, Shown::Value(value)) | (Shown::Value(value), Shown::Absent) => {
            scalar(value)
        }
        (Shown::Absent, after) => show(after),
        (before, Shown::Absent) => show(before),
        (Shown::Sensitive, Shown::Sensitive) => format!("{SECRET}, another"),
        (before, after) => format!("{} {} {}", show(before), paint(DIM, "->"), show(after)),
    };
    let _ = writeln!(text, "{start}{value}{forces}");
}

/// Both sides of a leaf, where at least one of them is a text of several lines.
fn texts(leaf: &LeafChange) -> Option<(&str, &str)> {
    let before = text_of(&leaf.before)?;
    let after = text_of(&leaf.after)?;
    let lines = |text: &str| text.trim_end_matches('\n').contains('\n');
    (lines(before) || lines(after)).then_some((before, after))
}

fn text_of(shown: &Shown) -> Option<&str> {
    match shown {
        Shown::Absent => Some(""),
        Shown::Value(value) => value.as_str(),
        _ => None,
    }
}

fn render_text(text: &mut String, before: &str, after: &str) {
    let diff = TextDiff::from_lines(before, after);
    for (i, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if i > 0 {
            let _ = writeln!(text, "          {}", paint(DIM, "…"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches('\n');
            let line = match change.tag() {
                ChangeTag::Insert => paint(CREATE, format!("+ {line}")),
                ChangeTag::Delete => paint(DELETE, format!("- {line}")),
                ChangeTag::Equal => format!("  {line}"),
            };
            let _ = writeln!(text, "          {line}");
        }
    }
}

fn show(shown: &Shown) -> String {
    match shown {
        Shown::Absent => paint(DIM, "null"),
        Shown::Sensitive => SECRET.to_owned(),
        Shown::Unknown(from) if from.is_empty() => paint(DIM, "known after apply"),
        Shown::Unknown(from) => paint(
            DIM,
            format!("known after apply, from {}", words::list(from)),
        ),
        Shown::Value(value) => shorten(scalar(value)),
    }
}

/// A long text in a line with others is cut; where it is alone it is shown whole.
fn shorten(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
