//! [`Host`]: a plugin with its configuration, which has a process for as long as it is needed.
//!
//! ```text
//!            enter                              enter again
//!   (none) ────────► started, described, ──────────────────► the same
//!      ▲             configured  │   │
//!      │                         │   └─ dies: whoever calls next starts another
//!      └── idle, and another ◄───┘
//!          needs the place
//! ```
//! What was in flight when the process died fails, and nobody knows what came of it; everything else
//! goes on with the next process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex as SyncMutex, PoisonError};

use nixops4_proto::tfplugin::v6;
use tokio::sync::{Mutex, watch};

use super::pool::{Pin, Pool, Slot, Users};
use super::{Client, Entered, Source, Started};
use crate::convert::complaints;
use crate::error::{NotStarted, RpcError, RpcFailure};
use crate::launch::{Launch, Plugin};

/// How often a plugin that dies is started again before it is given up.
const MAX_RESTARTS: u32 = 5;

/// A plugin with one configuration, or none yet.
#[derive(Debug)]
pub(crate) struct Host {
    launch: Launch,
    pool: Arc<Pool>,
    users: Users,
    state: Mutex<State>,
    /// The process that there is now, for those who must not wait.
    now: SyncMutex<Option<Started>>,
    /// Whether a process must be asked for its schema before it can be used.
    describe: AtomicBool,
    /// Whether it belongs to a configuration.
    taken: AtomicBool,
    /// One configuration at a time is tried.
    configuring: Mutex<()>,
    /// How many provider instances have this configuration.
    holders: AtomicUsize,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    configured: Option<Configured>,
    /// The state store that every process is configured with too.
    store: Option<v6::configure_state_store::Request>,
    restarts: u32,
    /// Why there is no process, and will be none.
    failed: Option<RpcFailure>,
}

/// What every process is configured with, and what it said the first time.
#[derive(Debug)]
struct Configured {
    request: v6::configure_provider::Request,
    answer: v6::configure_provider::Response,
}

#[derive(Debug)]
struct Running {
    started: Started,
    /// Whether it has been asked for its schema.
    described: bool,
    _slot: Option<Slot>,
}

impl Host {
    pub(crate) fn new(launch: Launch, pool: Arc<Pool>) -> Arc<Self> {
        Arc::new(Self {
            launch,
            pool,
            users: Users::default(),
            state: Mutex::default(),
            now: SyncMutex::default(),
            describe: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            configuring: Mutex::default(),
            holders: AtomicUsize::new(0),
            closed: watch::Sender::new(false),
        })
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn users(&self) -> &Users {
        &self.users
    }

    /// Processes are useless before they have been asked for their schema.
    pub(crate) fn describe_first(&self) {
        self.describe.store(true, Ordering::Release);
    }

    /// The process that there is has just been asked for its schema.
    pub(crate) async fn described(&self) {
        if let Some(running) = &mut self.state.lock().await.running {
            running.described = true;
        }
    }

    /// Gives it to a configuration; tells whether it had none.
    pub(super) fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::AcqRel) && !self.is_closed()
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Gives it its configuration, unless it has it already; says what the plugin said.
    pub(crate) async fn configure(
        self: &Arc<Self>,
        client: &Client<Arc<Self>>,
        request: v6::configure_provider::Request,
    ) -> Result<v6::configure_provider::Response, RpcError> {
        let _alone = self.configuring.lock().await;
        // The second of two instances asks with the same request.
        if let Some(configured) = &self.state.lock().await.configured {
            return Ok(configured.answer.clone());
        }
        let answer = client.configure_provider(request.clone()).await;
        match &answer {
            Ok(said) if first_error(&said.diagnostics).is_none() => {
                let answer = said.clone();
                self.state.lock().await.configured = Some(Configured { request, answer });
            }
            _ => self.taken.store(false, Ordering::Release),
        }
        answer
    }

    /// Gives it the configuration of its state store; says what the plugin said.
    pub(crate) async fn configure_state_store(
        self: &Arc<Self>,
        client: &Client<Arc<Self>>,
        request: v6::configure_state_store::Request,
    ) -> Result<v6::configure_state_store::Response, RpcError> {
        let answer = client.configure_state_store(request.clone()).await?;
        if first_error(&answer.diagnostics).is_none() {
            self.state.lock().await.store = Some(request);
        }
        Ok(answer)
    }

    /// One more provider instance has this configuration.
    pub(crate) fn hold(&self) {
        self.holders.fetch_add(1, Ordering::AcqRel);
    }

    /// One fewer has it; the last ends the process.
    pub(crate) async fn let_go(&self) {
        if self.drop_hold() {
            self.close().await;
        }
    }

    /// One fewer has it; tells whether it was the last.
    pub(crate) fn drop_hold(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Asks running calls to come to an early end.
    pub(crate) async fn stop(&self) -> Result<(), RpcError> {
        let now = self.now().clone();
        match now {
            Some(started) => self.client(&started).stop().await,
            None => Ok(()),
        }
    }

    /// Ends the process for good. Calls that still run fail.
    pub(crate) async fn close(&self) {
        self.closed.send_replace(true);
        let now = self.now().take();
        if let Some(started) = now {
            started.plugin.shutdown().await;
        }
        // Whoever was starting one has given up, or is about to.
        self.state.lock().await.running = None;
    }

    /// Gives up the process if nobody is using it.
    pub(super) async fn stop_idle(&self) {
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        if !self.users.none() || self.launch.attach.is_some() {
            return;
        }
        if let Some(running) = state.running.take() {
            self.now().take();
            tracing::debug!(provider = %self.launch.provider, "stopped while idle");
            running.started.plugin.shutdown().await;
        }
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Option<Started>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process, started where there is none.
    async fn process(&self, state: &mut State) -> Result<Started, RpcFailure> {
        self.bury(state).await;
        if state.running.is_none() {
            if let Some(failure) = &state.failed {
                return Err(failure.clone());
            }
            // What is not started by us takes no place.
            let slot = match self.launch.attach {
                None => Some(self.pool.slot().await),
                Some(_) => None,
            };
            let started = self
                .start(state.configured.as_ref(), state.store.as_ref())
                .await;
            let started = started.inspect_err(|failure| state.failed = Some(failure.clone()))?;
            self.now().replace(started.clone());
            state.running = Some(Running {
                started,
                described: state.configured.is_some() && self.must_describe(),
                _slot: slot,
            });
        }
        let Some(running) = &mut state.running else {
            return Err(RpcFailure::Stopped);
        };
        if self.must_describe() && !running.described {
            describe(&self.client(&running.started)).await?;
            running.described = true;
        }
        Ok(running.started.clone())
    }

    /// Forgets a process that has died, or cannot be talked to.
    async fn bury(&self, state: &mut State) {
        let Some(running) = state
            .running
            .take_if(|running| running.started.plugin.is_lost())
        else {
            return;
        };
        self.now().take();
        let failure = running.started.plugin.ended().await;
        tracing::warn!(provider = %self.launch.provider, "to be started again: {failure}");
        state.restarts += 1;
        if state.restarts > MAX_RESTARTS {
            state.failed = Some(failure);
        }
    }

    /// Starts a process, with the configuration that earlier ones had.
    async fn start(
        &self,
        configured: Option<&Configured>,
        store: Option<&v6::configure_state_store::Request>,
    ) -> Result<Started, RpcFailure> {
        let plugin = self.launch.start().await;
        let plugin = plugin.map_err(|error| RpcFailure::NotStarted(NotStarted::from(&error)))?;
        let started = Started::new(plugin);
        if let Some(Configured { request, .. }) = configured {
            let client = self.client(&started);
            if self.must_describe() {
                describe(&client).await?;
            }
            let answer = client.configure_provider(request.clone()).await;
            let answer = answer.map_err(|error| error.failure)?;
            accepted("its configuration", &answer.diagnostics)?;
        }
        if let Some(request) = store {
            let answer = self
                .client(&started)
                .configure_state_store(request.clone())
                .await;
            let answer = answer.map_err(|error| error.failure)?;
            accepted("the configuration of its state store", &answer.diagnostics)?;
        }
        Ok(started)
    }

    fn must_describe(&self) -> bool {
        self.describe.load(Ordering::Acquire)
    }

    fn client(&self, started: &Started) -> Client {
        Client::from_source(self.launch.provider.clone(), started.clone())
    }
}

/// Has a plugin build the tables that it builds while it describes itself.
async fn describe(client: &Client) -> Result<(), RpcFailure> {
    let answer = client.get_provider_schema().await;
    answer.map(drop).map_err(|error| error.failure)
}

impl Source for Arc<Host> {
    async fn enter(&self) -> Result<Entered, RpcFailure> {
        let pin = Pin::new(self);
        let mut closed = self.closed.subscribe();
        let process = async {
            let mut state = self.state.lock().await;
            self.process(&mut state).await
        };
        let started = tokio::select! {
            biased;
            // The sender is part of this host, so it is there.
            _ = closed.wait_for(|closed| *closed) => return Err(RpcFailure::Stopped),
            started = process => started?,
        };
        Ok(Entered {
            started,
            _pin: Some(pin),
        })
    }

    fn disconnected(&self, plugin: &Plugin) {
        plugin.give_up();
    }
}

/// A process that is started again is not to complain where the first did not.
fn accepted(what: &str, diagnostics: &[v6::Diagnostic]) -> Result<(), RpcFailure> {
    match first_error(diagnostics) {
        None => Ok(()),
        Some(complaint) => Err(RpcFailure::Refused(format!(
            "{what}, when it was started again: {complaint}"
        ))),
    }
}

fn first_error(diagnostics: &[v6::Diagnostic]) -> Option<String> {
    let error = nixops4_core::diagnostic::Severity::Error;
    complaints(diagnostics)
        .into_iter()
        .find(|complaint| complaint.severity == error)
        .map(|complaint| complaint.summary)
}
