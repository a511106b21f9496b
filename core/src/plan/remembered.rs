//! [`Contents`]: a state as a run finds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use nixops4_proto::state::OperationKind;

use crate::MemberPath;
use crate::state::{OpenIntent, Snapshot, StateStore};

/// A state, as it was when the wave began.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Members with operations of earlier runs of which no one knows how they ended, and what is
    /// known of those.
    pub(crate) in_doubt: BTreeMap<MemberPath, String>,
}

impl Contents {
    /// Looks at a state.
    pub(crate) fn of(store: Arc<dyn StateStore>) -> Self {
        let snapshot = store.snapshot();
        let in_doubt = snapshot
            .intents()
            .map(|(_, open)| (open.intent.member.clone(), describe(open)))
            .collect();
        Self {
            store,
            snapshot,
            in_doubt,
        }
    }
}

/// What is known of an operation in doubt.
pub(crate) fn describe(open: &OpenIntent) -> String {
    let verb = match open.intent.operation.kind() {
        OperationKind::Create => "creating",
        OperationKind::Update => "updating",
        OperationKind::Delete => "deleting",
    };
    let mut text = format!(
        "{verb} a `{}` was begun at {} by process {} on {}, and did not end",
        open.intent.type_name, open.time, open.run.pid, open.run.host
    );
    if let Some(id) = &open.intent.planned_id {
        text.push_str(&format!("; its id is or would be {id}"));
    }
    text
}
