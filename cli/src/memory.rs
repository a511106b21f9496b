//! What is remembered of a deployment, for the commands that only look at it or repair it.

use nixops4_core::MemberPath;
use nixops4_core::engine::{Remembered, StateAccess, StateFactory, remembered};
use nixops4_core::state::{OpenIntent, Snapshot, query};

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::tools::{Providers, States};
use crate::ui::print::{err, errln};
use crate::{root, session, ui};

/// The states of a deployment.
pub struct Memory {
    pub states: Vec<Remembered>,
}

impl Memory {
    /// Opens them. Where the deployment cannot be evaluated, the default state must do.
    pub async fn open(
        args: &RootArgs,
        access: StateAccess,
        show_trace: bool,
    ) -> Result<Self, CommandError> {
        let root = root::find(args, &session::current_dir()?)?;
        let factory = States::new(&root.base);
        let providers = Providers::new(&root.base);
        let evaluator = match session::load(args, show_trace).await {
            Ok((evaluator, _)) => evaluator,
            Err(error) if error.exit == Exit::Interrupted => return Err(error),
            Err(error) => {
                err!("{}", ui::diagnostics::render_all(&error.diagnostics));
                errln!("Only the default state is looked at.");
                let opened = factory.open_default(access).await?;
                err!("{}", ui::diagnostics::render_all(&opened.warnings));
                let store = opened.value;
                return Ok(Self {
                    states: vec![Remembered {
                        handler: None,
                        store,
                    }],
                });
            }
        };
        let opened = remembered(&*evaluator, &providers, &factory, access).await?;
        err!("{}", ui::diagnostics::render_all(&opened.warnings));
        Ok(Self {
            states: opened.value,
        })
    }

    /// Each state's present content.
    pub fn snapshots(&self) -> impl Iterator<Item = (&Remembered, std::sync::Arc<Snapshot>)> {
        self.states
            .iter()
            .map(|state| (state, state.store.snapshot()))
    }

    /// Operations of which nobody knows what came of them, with the state that holds them.
    pub fn in_doubt(&self) -> Vec<(&Remembered, nixops4_core::state::IntentId, OpenIntent)> {
        let mut found = Vec::new();
        for (state, snapshot) in self.snapshots() {
            for (id, open) in query::in_doubt(&snapshot, &[state.store.run()]) {
                found.push((state, id.clone(), OpenIntent::clone(open)));
            }
        }
        found
    }

    /// Gives the states up.
    pub async fn close(&self) -> Result<(), CommandError> {
        for state in &self.states {
            state
                .store
                .close()
                .await
                .map_err(|error| CommandError::user(error.to_string()))?;
        }
        Ok(())
    }
}

/// Whether a member is one of those asked for, or below one; all are, if none is asked for.
pub fn selected(member: &MemberPath, asked: &[MemberPath]) -> bool {
    asked.is_empty() || asked.iter().any(|path| member.is_within(path))
}
