//! One run of the engine: started from what was typed, shown while it goes on, interrupted by
//! Ctrl-C, closed at its end.

use std::sync::Arc;

use nixops4_core::engine::{Config, Engine, EngineError, Interrupt, Refresh, Selection, Tools};
use nixops4_core::report::Reporter;
use nixops4_proto::events::Event;
use nixops4_proto::path::MemberPath;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::args::{RefreshChoice, RunArgs};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::tools::{Providers, States};
use crate::view::View;
use crate::{root, session};

pub use nixops4_core::engine::StateAccess;

/// How often Ctrl-C is meant seriously before the program just ends.
const LAST_INTERRUPT: usize = 3;

/// What a run is to be.
pub struct Options {
    run: RunArgs,
    members: Vec<MemberPath>,
    access: StateAccess,
    show_trace: bool,
    json: bool,
}

impl Options {
    /// A run on all members, told of in words; `show_trace` says whether evaluation traces are
    /// whole.
    pub fn new(run: RunArgs, access: StateAccess, show_trace: bool) -> Self {
        Self {
            run,
            members: Vec::new(),
            access,
            show_trace,
            json: false,
        }
    }

    /// On these members; on all, if there are none.
    pub fn members(self, members: Vec<MemberPath>) -> Self {
        Self { members, ..self }
    }

    /// Told of as JSON lines, if `json`.
    pub fn json(self, json: bool) -> Self {
        Self { json, ..self }
    }
}

/// A run under way.
pub struct Run {
    pub engine: Engine,
    /// What it was told.
    pub config: Config,
    pub view: View,
    events: UnboundedReceiver<Event>,
    interrupts: JoinHandle<()>,
    interrupt: Interrupt,
}

impl Run {
    /// Finds the deployment, starts an evaluator, and makes ready to plan.
    pub async fn start(options: Options) -> Result<Self, CommandError> {
        let Options {
            run,
            members,
            access,
            show_trace,
            json,
        } = options;
        let root = root::find(&run.root, &session::current_dir()?)?;
        let config = Config {
            root: root.source,
            show_trace,
            parallelism: run.parallelism,
            refresh: match run.refresh {
                RefreshChoice::None => Refresh::None,
                RefreshChoice::All => Refresh::All,
            },
            selection: Selection::members(members),
        };
        let providers = Arc::new(Providers::new(&root.base).with_processes(run.processes));
        let tools = Tools {
            evaluator: Arc::new(session::evaluator(providers.clone()).await?),
            providers,
            states: Arc::new(States::new(&root.base)),
            access,
            parallelism: run.parallelism,
        };
        let (reporter, events) = Reporter::channel();
        let interrupt = Interrupt::default();
        let interrupts = tokio::spawn(listen(interrupt.clone()));
        let engine = Engine::new(config.clone(), tools, reporter, interrupt.clone());
        Ok(Self {
            engine,
            config,
            view: View::new(json),
            events,
            interrupts,
            interrupt,
        })
    }

    /// Does something with the engine, and shows what it tells meanwhile.
    pub async fn drive<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Engine) -> Result<T, EngineError>,
    ) -> Result<T, CommandError> {
        let Self {
            engine,
            view,
            events,
            ..
        } = self;
        let mut work = std::pin::pin!(work(engine));
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => view.event(event),
                result = &mut work => break result,
            }
        };
        // What was told in the last moment.
        while let Ok(event) = events.try_recv() {
            view.event(event);
        }
        view.pause();
        result.map_err(|error| match error {
            EngineError::Interrupted => CommandError {
                exit: Exit::Interrupted,
                ..CommandError::from(error.to_diagnostics())
            },
            _ => error.to_diagnostics().into(),
        })
    }

    /// Whether the user has asked for an end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.urgency() != nixops4_core::engine::Urgency::None
    }

    /// Ends providers and gives up states, whatever came of the run.
    pub async fn close<T>(mut self, result: Result<T, CommandError>) -> Result<T, CommandError> {
        let problems = self.engine.close().await;
        self.interrupts.abort();
        match result {
            Ok(_) if problems.has_errors() => Err(problems.into()),
            Ok(value) => Ok(value),
            Err(mut error) => {
                error.diagnostics.extend(problems);
                Err(error)
            }
        }
    }
}

/// Turns signals into wishes for an end; the third one is not discussed.
async fn listen(interrupt: Interrupt) {
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::warn!("signals cannot be listened to: Ctrl-C ends the program at once");
        return;
    };
    for count in 1.. {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        if count == LAST_INTERRUPT {
            std::process::exit(Exit::Interrupted as i32);
        }
        interrupt.escalate();
    }
}
