//! What a new lock file changes, for people.

use super::{Edge, LockFile, print_input_path};
use crate::reference::FlakeRef;

impl LockFile {
    /// The changes from `old` to this, in a line or three for each input.
    pub fn diff(&self, old: &LockFile) -> String {
        let (before, after) = (old.all_inputs(), self.all_inputs());
        let mut text = String::new();
        let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            let name = print_input_path(path);
            match (before.get(path), after.get(path)) {
                (None, Some(now)) => {
                    let now = self.describe(now);
                    text.push_str(&format!("• Added input '{name}':\n    {now}\n"));
                }
                (Some(_), None) => text.push_str(&format!("• Removed input '{name}'\n")),
                (Some(was), Some(now)) => {
                    let (was_text, now_text) = (old.describe(was), self.describe(now));
                    if !same(old, was, self, now) {
                        text.push_str(&format!(
                            "• Updated input '{name}':\n    {was_text}\n  → {now_text}\n"
                        ));
                    }
                }
                (None, None) => {}
            }
        }
        text
    }

    fn describe(&self, edge: &Edge) -> String {
        match edge {
            Edge::Follows(path) => format!("follows '{}'", print_input_path(path)),
            Edge::Node(id) => match &self.nodes[*id].pinned {
                Some(pinned) => describe(&pinned.locked),
                None => "the one that comes with this program".into(),
            },
        }
    }
}

fn same(old: &LockFile, was: &Edge, new: &LockFile, now: &Edge) -> bool {
    let locked = |lock: &LockFile, edge: &Edge| match edge {
        Edge::Node(id) => lock.nodes[*id]
            .pinned
            .as_ref()
            .map(|pinned| pinned.locked.clone()),
        Edge::Follows(_) => None,
    };
    match (was, now) {
        (Edge::Follows(was), Edge::Follows(now)) => was == now,
        (Edge::Node(_), Edge::Node(_)) => locked(old, was) == locked(new, now),
        _ => false,
    }
}

fn describe(reference: &FlakeRef) -> String {
    match reference.input.int("lastModified") {
        Some(seconds) => {
            let (year, month, day, ..) = crate::time::calendar(seconds);
            format!("'{reference}' ({year:04}-{month:02}-{day:02})")
        }
        None => format!("'{reference}'"),
    }
}
