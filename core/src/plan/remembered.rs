//! [`Contents`]: a state as a run finds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use nixops4_proto::state::{OperationKind, Run};

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
        let busy = store.busy().map(|owner| owner.run.clone());
        let in_doubt = snapshot
            .intents()
            .map(|(_, open)| (open.intent.member.clone(), describe(open, busy.as_ref())))
            .collect();
        Self {
            store,
            snapshot,
            in_doubt,
        }
    }
}

/// What is known of an operation in doubt, or, where its run is still at it, under way.
pub(crate) fn describe(open: &OpenIntent, busy: Option<&Run>) -> String {
    let verb = match open.intent.operation.kind() {
        OperationKind::Create => "creating",
        OperationKind::Update => "updating",
        OperationKind::Delete => "deleting",
    };
    let OpenIntent { intent, time, run } = open;
    let text = format!(
        "{verb} a `{}` was begun at {time} by process {} on {}",
        intent.type_name, run.pid, run.host
    );
    let mut text = match busy.is_some_and(|busy| busy.id == run.id) {
        true => format!("under way: {text}"),
        false => format!("in doubt: {text}, and did not end"),
    };
    if let Some(id) = &intent.planned_id {
        text.push_str(&format!("; its id is or would be {id}"));
    }
    text
}
