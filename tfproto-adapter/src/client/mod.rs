//! Calls to a plugin, in protocol 6 whatever the plugin speaks.
//!
//! A call ends in one of three ways: with the plugin's answer (which may hold diagnostics), with a
//! failure of the plugin, or with the plugin's death, of which all running calls learn at once.
//!
//! ```text
//! Client ──permit──► Limiter      Started: one process, which is there
//!    └────enter────► Source ────► Host: a process for as long as it is needed ──slot──► Pool
//! ```

mod describe;
mod events;
mod host;
mod patience;
mod pool;
mod rpcs;

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use nixops4_core::provider::{Limiter, Permit};
use nixops4_proto::evaluator::Timeouts;
use nixops4_proto::tfplugin::v5::provider_client::ProviderClient as ClientV5;
use nixops4_proto::tfplugin::v6::provider_client::ProviderClient as ClientV6;
use tokio::time::{sleep, timeout};
use tonic::{Code, Response, Status};

pub use events::Events;
pub(crate) use host::Host;
use patience::Patience;
pub(crate) use patience::seconds;
pub use patience::{ASKING_TIMEOUT, PURE_CALL_TIMEOUT};
pub use pool::Pool;
pub(crate) use pool::{Pin, Program};

use crate::connection::{Connection, ORIGIN};
use crate::error::{LaunchError, RpcError, RpcFailure};
use crate::handshake::Protocol;
use crate::launch::{Launch, Plugin};
use crate::log::Tail;
use crate::process::Exit;

/// The largest answer that is read: what plugins themselves are limited to.
pub const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// How long an answer that was sent before the plugin died may take to arrive.
const ANSWER_LAG: Duration = Duration::from_millis(500);

/// A plugin to be called. Clones share it.
#[derive(Debug, Clone)]
pub struct Client<S = Started> {
    provider: Arc<str>,
    source: S,
    patience: Patience,
    limiter: Limiter,
}

/// Calls to a plugin that has a process for as long as it is needed.
pub(crate) type HostedClient = Client<Arc<Host>>;

/// Where the process behind a client comes from.
pub trait Source: Send + Sync {
    /// A process that can be called now.
    fn enter(&self) -> impl Future<Output = Result<Entered, RpcFailure>> + Send;

    /// What becomes of a process that can no longer be talked to.
    fn disconnected(&self, plugin: &Plugin);
}

/// A process that can be called for as long as this exists.
#[derive(Debug)]
pub struct Entered {
    started: Started,
    _pin: Option<Pin>,
}

/// A running plugin, which is killed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Started {
    plugin: Arc<Plugin>,
    service: Service,
}

#[derive(Debug, Clone)]
enum Service {
    V5(ClientV5<Connection>),
    V6(ClientV6<Connection>),
}

/// What a call does, which says how long it may take and whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only computes.
    Pure,
    /// It asks the world.
    Asking,
    /// It changes the world, or us.
    Changing,
}

/// What a call holds on to until it is over.
#[derive(Debug)]
struct Using {
    entered: Entered,
    _permit: Option<Permit>,
}

impl Started {
    /// Takes over a plugin that was started.
    pub fn new(plugin: Plugin) -> Self {
        let origin = Uri::from_static(ORIGIN);
        let service = match plugin.protocol() {
            Protocol::V5 => Service::V5(
                ClientV5::with_origin(plugin.connection(), origin)
                    .max_decoding_message_size(MAX_ANSWER),
            ),
            Protocol::V6 => Service::V6(
                ClientV6::with_origin(plugin.connection(), origin)
                    .max_decoding_message_size(MAX_ANSWER),
            ),
        };
        Self {
            plugin: Arc::new(plugin),
            service,
        }
    }
}

impl Source for Started {
    async fn enter(&self) -> Result<Entered, RpcFailure> {
        match self.plugin.unusable().await {
            Some(failure) => Err(failure),
            None => Ok(Entered {
                started: self.clone(),
                _pin: None,
            }),
        }
    }

    fn disconnected(&self, _: &Plugin) {}
}

impl Client {
    /// Starts a plugin.
    pub async fn launch(launch: &Launch) -> Result<Self, LaunchError> {
        Ok(Self::new(launch.start().await?))
    }

    /// Takes over a plugin that was started.
    pub fn new(plugin: Plugin) -> Self {
        let provider = plugin.provider().clone();
        Self::from_source(provider, Started::new(plugin))
    }

    /// The protocol version that the plugin speaks.
    pub fn protocol(&self) -> Protocol {
        self.source.plugin.protocol()
    }

    /// The process id of the plugin.
    pub fn pid(&self) -> u32 {
        self.source.plugin.pid()
    }

    /// The last lines of the plugin's log.
    pub fn log_tail(&self) -> Tail {
        self.source.plugin.tail()
    }

    /// Ends the plugin: asks it, waits, kills it. Running calls fail.
    pub async fn shutdown(&self) -> Exit {
        self.source.plugin.shutdown().await
    }
}

impl<S: Source> Client<S> {
    /// Calls what comes from there; `provider` is for messages.
    pub(crate) fn from_source(provider: Arc<str>, source: S) -> Self {
        Self {
            provider,
            source,
            patience: Patience::default(),
            limiter: Limiter::default(),
        }
    }

    /// Changes how long calls may take that only compute.
    #[must_use]
    pub fn with_pure_call_timeout(mut self, limit: Duration) -> Self {
        self.patience.pure = limit;
        self
    }

    /// Changes how long calls may take, as the deployment says.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: &Timeouts) -> Self {
        self.patience = Patience::new(timeouts);
        self
    }

    /// The same calls to what comes from elsewhere.
    pub(crate) fn with_source(mut self, source: S) -> Self {
        self.source = source;
        self
    }

    /// Waits for a process without calling it.
    pub(crate) async fn ready(&self) -> Result<(), RpcError> {
        self.enter("", Kind::Pure).await.map(drop)
    }

    /// Limits the calls that may reach the world.
    #[must_use]
    pub fn with_limiter(mut self, limiter: Limiter) -> Self {
        self.limiter = limiter;
        self
    }

    /// The provider, for messages.
    pub fn provider(&self) -> &Arc<str> {
        &self.provider
    }

    /// Makes one call.
    async fn call<T, F>(
        &self,
        rpc: &'static str,
        kind: Kind,
        call: impl FnOnce(Service) -> F,
    ) -> Result<T, RpcError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let using = self.enter(rpc, kind).await?;
        self.call_with(&using, rpc, kind, call).await
    }

    /// Waits until a call may be made, and for a process to make it.
    async fn enter(&self, rpc: &'static str, kind: Kind) -> Result<Using, RpcError> {
        let permit = match kind {
            Kind::Asking | Kind::Changing => Some(self.limiter.acquire().await),
            Kind::Pure => None,
        };
        let entered = self.source.enter().await;
        Ok(Using {
            entered: entered.map_err(|failure| self.error(rpc, failure, false))?,
            _permit: permit,
        })
    }

    async fn call_with<T, F>(
        &self,
        using: &Using,
        rpc: &'static str,
        kind: Kind,
        call: impl FnOnce(Service) -> F,
    ) -> Result<T, RpcError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let Started { plugin, service } = &using.entered.started;
        let call = call(service.clone());
        tokio::pin!(call);
        let answer = tokio::select! {
            biased;
            answer = &mut call => answer,
            failure = plugin.ended() => match timeout(ANSWER_LAG, call).await {
                Ok(Ok(answer)) => Ok(answer),
                _ => return Err(self.error(rpc, failure, true)),
            },
            limit = too_late(self.patience.of(kind)) => {
                let failure = RpcFailure::Timeout { limit, tail: plugin.tail() };
                return Err(self.error(rpc, failure, true));
            }
        };
        match answer {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => {
                let failure = explain(plugin, &status).await;
                if matches!(failure, RpcFailure::Disconnected { .. }) {
                    self.source.disconnected(plugin);
                }
                Err(self.error(rpc, failure, true))
            }
        }
    }

    fn error(&self, rpc: &'static str, failure: RpcFailure, sent: bool) -> RpcError {
        RpcError {
            provider: self.provider.clone(),
            rpc,
            failure,
            sent,
        }
    }
}

/// Waits for a limit to pass, and gives it; without one for ever.
async fn too_late(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            sleep(limit).await;
            limit
        }
        None => pending().await,
    }
}

/// Finds out what a status means: a fault of the plugin, or the end of it.
async fn explain(plugin: &Plugin, status: &Status) -> RpcFailure {
    let message = plugin.hide(status.message());
    // A status with a cause was made on our side, because the connection failed.
    if std::error::Error::source(status).is_some() {
        return plugin.broken(chain(status)).await;
    }
    match status.code() {
        Code::Unimplemented => RpcFailure::Unimplemented,
        Code::OutOfRange if message.contains("message length too large") => {
            RpcFailure::TooLarge(message)
        }
        Code::Internal if message.contains("failed to decode Protobuf") => {
            RpcFailure::Malformed(message)
        }
        // Go's server says so when the process is about to end.
        Code::Unavailable => plugin.broken(message).await,
        code => RpcFailure::Status {
            code: format!("{code:?}"),
            message,
            tail: plugin.tail(),
        },
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
