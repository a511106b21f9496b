//! [`Secrets`]: what was given to a provider in confidence, and must not come back in what it says.

use std::sync::{Arc, PoisonError, RwLock};

use nixops4_proto::native::Complaint;

use crate::AttrPath;
use crate::value::{Kind, Value};

/// Texts that are shorter are in everything.
const MIN_LEN: usize = 4;
/// Lines of a longer secret that are shorter say nothing about it.
const MIN_LINE_LEN: usize = 8;
/// What is shown in place of one.
const HIDDEN: &str = "(sensitive)";

/// The secrets that a provider has been given so far.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<RwLock<Vec<Box<str>>>>);

impl Secrets {
    /// Takes note of every marked leaf of `value`: what must not be shown, and what must not be
    /// stored, which is as confidential.
    pub fn learn(&self, value: &Value) {
        value.visit(&mut |_, leaf, _, marks| {
            if marks.sensitive || marks.ephemeral {
                self.learn_leaf(leaf);
            }
        });
    }

    /// Takes note of every leaf at or below `paths`.
    pub fn learn_at(&self, value: &Value, paths: &[AttrPath]) {
        for secret in paths.iter().filter_map(|path| value.get(path)) {
            secret.visit(&mut |_, leaf, _, _| self.learn_leaf(leaf));
        }
    }

    fn learn_leaf(&self, leaf: &Value) {
        let Kind::String(text) = &leaf.kind else {
            return;
        };
        let text = text.trim();
        self.learn_text(text, MIN_LEN);
        // What is quoted from a key or certificate is often one line of it.
        if text.contains('\n') {
            for line in text.lines() {
                self.learn_text(line.trim(), MIN_LINE_LEN);
            }
        }
    }

    fn learn_text(&self, text: &str, min_len: usize) {
        if text.len() < min_len || self.knows(text) {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Longest first, so that a secret in which another one begins is hidden whole.
        let place = known.partition_point(|other| other.len() >= text.len());
        known.insert(place, text.into());
    }

    fn knows(&self, text: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|other| **other == *text)
    }

    /// The text without them.
    pub fn hide(&self, text: String) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .fold(text, |text, secret| match text.contains(&**secret) {
                true => text.replace(&**secret, HIDDEN),
                false => text,
            })
    }

    /// The complaint without them.
    pub(in crate::provider) fn hide_in(&self, complaint: Complaint) -> Complaint {
        Complaint {
            message: self.hide(complaint.message),
            detail: self.hide(complaint.detail),
            path: complaint.path,
            hints: complaint.hints.into_iter().map(|h| self.hide(h)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_whole_and_line_by_line() {
        let secrets = Secrets::default();
        let key = "-----BEGIN-----\nAAAABBBBCCCC\nx\n-----END-----\n";
        secrets.learn(&Value::attrs([
            ("password", Value::from("hunter22").sensitive()),
            ("longer", Value::from("hunter22-and-more").sensitive()),
            ("key", Value::from(key).sensitive()),
            ("short", Value::from("no").sensitive()),
            ("public", "everyone knows".into()),
        ]));
        secrets.learn_at(
            &Value::attrs([("token", Value::list(["t0ken".into()]))]),
            &[
                AttrPath::root().child("token"),
                AttrPath::root().child("absent"),
            ],
        );
        let hide = |text: &str| secrets.hide(text.to_owned());
        assert_eq!(
            hide("hunter22-and-more, hunter22, no, everyone knows, t0ken"),
            "(sensitive), (sensitive), no, everyone knows, (sensitive)"
        );
        assert_eq!(
            hide(&format!("bad key: {}", key.trim())),
            "bad key: (sensitive)"
        );
        assert_eq!(hide("line 2: AAAABBBBCCCC"), "line 2: (sensitive)");
    }
}
