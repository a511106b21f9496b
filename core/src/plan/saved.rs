//! Plans in files: made into [`PlanFile`]s, and held against plans made later.

use std::collections::BTreeMap;
use std::fmt::Write;

use nixops4_proto::plan::{Basis, PLAN_TYPE, PLAN_VERSION, PlanFile, SavedChange, SavedLeaf};
use sha2::{Digest, Sha256};

use super::model::{Change, Plan};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{Config, Refresh};
use crate::provider::Action;
use crate::report::planned_change;
use crate::state::ResourceEntry;
use crate::value::{Kind, Marks, Value};
use crate::{AttrPath, MemberPath};

/// How many hexadecimal digits of a fingerprint are kept; of a secret's, so few that it cannot be
/// found out by trying.
const DIGITS: usize = 32;
const SECRET_DIGITS: usize = 4;

impl Plan {
    /// As it is written to a file.
    pub fn to_file(&self, config: &Config) -> PlanFile {
        let salt = format!(
            "{:016x}{:016x}",
            crate::state::random(),
            crate::state::random()
        );
        let print = Fingerprints { salt: &salt };
        PlanFile {
            type_: PLAN_TYPE.to_owned(),
            version: PLAN_VERSION,
            nixops_version: env!("CARGO_PKG_VERSION").to_owned(),
            root: config.root.clone(),
            members: match config.selection.is_all() {
                true => Vec::new(),
                false => config.selection.targets(),
            },
            refreshed: config.refresh == Refresh::All,
            destroy: self.destroy,
            basis: self.basis.iter().map(|basis| print.basis(basis)).collect(),
            changes: self.changes.iter().map(|c| print.change(self, c)).collect(),
            deferred: self.deferred.iter().map(|d| d.member.clone()).collect(),
            unchanged: self.unchanged,
            salt,
        }
    }

    /// Whether this plan, made later, is what the file says.
    ///
    /// # Errors
    /// What differs, a diagnostic each.
    pub fn conforms_to(&self, file: &PlanFile) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let print = Fingerprints { salt: &file.salt };
        for stale in stale(&print, self, file) {
            diagnostics.push(about(
                &stale,
                format!("what is remembered of {stale} has changed since the plan was made"),
            ));
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        self.compare(&print, file, &mut diagnostics);
        match diagnostics.has_errors() {
            true => Err(diagnostics),
            false => Ok(()),
        }
    }

    fn compare(&self, print: &Fingerprints<'_>, file: &PlanFile, diagnostics: &mut Diagnostics) {
        let mut saved: BTreeMap<_, _> = file
            .changes
            .iter()
            .map(|change| ((&change.shown.member, change.shown.deposed.clone()), change))
            .collect();
        for change in &self.changes {
            let key = (
                &change.member,
                change.deposed.as_ref().map(ToString::to_string),
            );
            let text = match saved.remove(&key) {
                None => Some(format!(
                    "{}: {} is not in the plan",
                    change.member,
                    word(change.action.into())
                )),
                Some(saved) => print.difference(saved, change),
            };
            diagnostics
                .0
                .extend(text.map(|text| about(&change.member, text)));
        }
        for ((member, _), saved) in saved {
            use nixops4_proto::events::Action as Was;
            let needless = matches!(saved.shown.action, Was::NoOp | Was::Update | Was::Read);
            if !needless {
                let text = format!(
                    "{member}: the plan says {}, which is no longer to be done",
                    word(saved.shown.action)
                );
                diagnostics.push(about(member, text));
            }
        }
        for deferred in &self.deferred {
            let known = file
                .deferred
                .iter()
                .any(|was| deferred.member.is_within(was));
            if !known {
                let text = format!(
                    "{}: it is deferred, and was not in the plan",
                    deferred.member
                );
                diagnostics.push(about(&deferred.member, text));
            }
        }
    }
}

fn about(member: &MemberPath, text: String) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(text).hint("make a new plan, and look at it");
    diagnostic.member = Some(member.clone());
    diagnostic
}

fn word(action: nixops4_proto::events::Action) -> &'static str {
    use nixops4_proto::events::Action as A;
    match action {
        A::NoOp => "leaving it as it is",
        A::Read => "reading it",
        A::Create => "creating it",
        A::Update => "updating it",
        A::Replace => "replacing it",
        A::Delete => "deleting it",
        A::Forget => "forgetting it",
    }
}

/// The members of which something else is remembered than when the plan was made.
fn stale(print: &Fingerprints<'_>, plan: &Plan, file: &PlanFile) -> Vec<MemberPath> {
    let now: BTreeMap<_, _> = plan
        .basis
        .iter()
        .map(|basis| ((basis.handler.clone(), basis.member.clone()), basis))
        .collect();
    let differs = |was: &&Basis| {
        let now = now.get(&(was.handler.clone(), was.member.clone()));
        let now = now.and_then(|basis| print.basis(basis).fingerprint);
        now != was.fingerprint
    };
    file.basis
        .iter()
        .filter(differs)
        .map(|basis| basis.member.clone())
        .collect()
}

struct Fingerprints<'a> {
    salt: &'a str,
}

impl Fingerprints<'_> {
    fn of(&self, text: &str, digits: usize) -> String {
        let mut hash = Sha256::new();
        hash.update(self.salt.as_bytes());
        hash.update(text.as_bytes());
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex.truncate(digits);
        hex
    }

    fn basis(&self, basis: &super::Basis) -> Basis {
        Basis {
            handler: basis.handler.clone(),
            member: basis.member.clone(),
            fingerprint: basis.entry.as_deref().map(|entry| self.entry(entry)),
        }
    }

    /// Of everything that is remembered of a resource. Secrets go in, but one fingerprint of so
    /// much tells nothing of any of it.
    fn entry(&self, entry: &ResourceEntry) -> String {
        let mut text = String::new();
        for (key, object) in entry
            .current
            .iter()
            .map(|object| (String::new(), object))
            .chain(entry.deposed.iter().map(|(key, o)| (key.to_string(), o)))
        {
            let state = &object.state;
            let _ = writeln!(
                text,
                "{key:?} {:?} {} {} {} {:?} {} {:?} {} {:?}",
                object.mode,
                state.type_name,
                state.inputs.to_plain_json(),
                state.outputs.to_plain_json(),
                state.private,
                state.schema_version,
                state.identity,
                state.tainted,
                object.dependencies,
            );
        }
        self.of(&text, DIGITS)
    }

    fn change(&self, plan: &Plan, change: &Change) -> SavedChange {
        SavedChange {
            shown: planned_change(plan, change),
            inputs: self.leaves(&change.inputs),
            outputs: self.leaves(&change.planned.outputs),
        }
    }

    fn leaves(&self, value: &Value) -> Vec<SavedLeaf> {
        let mut leaves = Vec::new();
        value.visit(&mut |path, value, provenance, marks| {
            if marks.ephemeral || value.is_null() {
                return;
            }
            let known = !value.is_unknown();
            leaves.push(SavedLeaf {
                path: path.clone(),
                fingerprint: known.then(|| self.leaf(value, marks)),
                unknown: (!known).then(|| provenance.iter().cloned().collect()),
            });
        });
        leaves
    }

    fn leaf(&self, value: &Value, marks: Marks) -> String {
        let digits = match marks.sensitive {
            true => SECRET_DIGITS,
            false => DIGITS,
        };
        self.of(&value.to_plain_json().to_string(), digits)
    }

    /// What is planned now and was not saved, if anything.
    fn difference(&self, saved: &SavedChange, now: &Change) -> Option<String> {
        let (was, is) = (saved.shown.action, now.action.into());
        if was != is {
            return Some(format!(
                "{}: the plan says {}, but now it would be {}",
                now.member,
                word(was),
                word(is)
            ));
        }
        let inputs = self.leaf_difference(&saved.inputs, &now.inputs);
        if let Some(path) = inputs {
            return Some(format!(
                "{}: the input `{path}` is not what it was when the plan was made",
                now.member
            ));
        }
        // Deleting has nothing to plan.
        if now.action == Action::Delete {
            return None;
        }
        let path = self.leaf_difference(&saved.outputs, &now.planned.outputs)?;
        Some(format!(
            "{}: the output `{path}` is planned otherwise than before",
            now.member
        ))
    }

    /// The first leaf that was known and is not the same now. What was unknown may be known now,
    /// and may have become a whole subtree.
    fn leaf_difference(&self, saved: &[SavedLeaf], now: &Value) -> Option<AttrPath> {
        let mut unknown = Vec::new();
        let mut known = BTreeMap::new();
        for leaf in saved {
            match &leaf.fingerprint {
                Some(fingerprint) => drop(known.insert(&leaf.path, fingerprint)),
                None => unknown.push(&leaf.path),
            }
        }
        let mut found = None;
        now.visit(&mut |path, value, _, marks| {
            let exempt = marks.ephemeral
                || value.is_null()
                || unknown.iter().any(|unknown| path.is_within(unknown));
            if exempt || found.is_some() {
                return;
            }
            let print = (!matches!(value.kind, Kind::Unknown)).then(|| self.leaf(value, marks));
            if known.remove(path) != print.as_ref() {
                found = Some(path.clone());
            }
        });
        found.or_else(|| known.into_keys().next().cloned())
    }
}
