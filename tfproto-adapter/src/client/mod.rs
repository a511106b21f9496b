//! Calls to a plugin, in protocol 6 whatever the plugin speaks.
//!
//! A call ends in one of three ways: with the plugin's answer (which may hold diagnostics), with a
//! failure of the plugin, or with the plugin's death, of which all running calls learn at once.

mod events;
mod rpcs;

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use nixops4_proto::tfplugin::v5::provider_client::ProviderClient as ClientV5;
use nixops4_proto::tfplugin::v6::provider_client::ProviderClient as ClientV6;
use tokio::time::{sleep, timeout};
use tonic::{Code, Response, Status};

pub use events::Events;

use crate::connection::{Connection, ORIGIN};
use crate::error::{LaunchError, RpcError, RpcFailure};
use crate::handshake::Protocol;
use crate::launch::{Launch, Plugin};
use crate::log::Tail;
use crate::process::Exit;

/// The largest answer that is read: what plugins themselves are limited to.
pub const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// How long calls may take that only compute: schemas, validation, upgrades, functions.
///
/// The others may wait for a cloud for hours.
pub const PURE_CALL_TIMEOUT: Duration = Duration::from_secs(300);
/// How long an answer that was sent before the plugin died may take to arrive.
const ANSWER_LAG: Duration = Duration::from_millis(500);

/// A plugin to be called. Clones share it; it is killed when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    plugin: Arc<Plugin>,
    service: Service,
    pure_call_timeout: Duration,
}

#[derive(Debug, Clone)]
enum Service {
    V5(ClientV5<Connection>),
    V6(ClientV6<Connection>),
}

/// Whether a call may take as long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only computes.
    Pure,
    /// It talks to the world.
    Effectful,
}

impl Client {
    /// Starts a plugin.
    pub async fn launch(launch: &Launch) -> Result<Self, LaunchError> {
        Ok(Self::new(launch.start().await?))
    }

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
            pure_call_timeout: PURE_CALL_TIMEOUT,
        }
    }

    /// Changes how long calls may take that only compute.
    #[must_use]
    pub fn with_pure_call_timeout(mut self, limit: Duration) -> Self {
        self.pure_call_timeout = limit;
        self
    }

    /// The provider, for messages.
    pub fn provider(&self) -> &Arc<str> {
        self.plugin.provider()
    }

    /// The protocol version that the plugin speaks.
    pub fn protocol(&self) -> Protocol {
        self.plugin.protocol()
    }

    /// The process id of the plugin.
    pub fn pid(&self) -> u32 {
        self.plugin.pid()
    }

    /// The last lines of the plugin's log.
    pub fn log_tail(&self) -> Tail {
        self.plugin.tail()
    }

    /// Ends the plugin: asks it, waits, kills it. Running calls fail.
    pub async fn shutdown(&self) -> Exit {
        self.plugin.shutdown().await
    }

    /// Makes one call.
    async fn call<T>(
        &self,
        rpc: &'static str,
        kind: Kind,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, RpcError> {
        if let Some(failure) = self.plugin.unusable().await {
            return Err(self.error(rpc, failure, false));
        }
        let limit = self.pure_call_timeout;
        let too_late = async {
            match kind {
                Kind::Pure => sleep(limit).await,
                Kind::Effectful => pending().await,
            }
        };
        tokio::pin!(call);
        let answer = tokio::select! {
            biased;
            answer = &mut call => answer,
            failure = self.plugin.ended() => match timeout(ANSWER_LAG, call).await {
                Ok(Ok(answer)) => Ok(answer),
                _ => return Err(self.error(rpc, failure, true)),
            },
            () = too_late => {
                let failure = RpcFailure::Timeout { limit, tail: self.plugin.tail() };
                return Err(self.error(rpc, failure, true));
            }
        };
        match answer {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(self.error(rpc, explain(&self.plugin, &status).await, true)),
        }
    }

    fn error(&self, rpc: &'static str, failure: RpcFailure, sent: bool) -> RpcError {
        RpcError {
            provider: self.plugin.provider().clone(),
            rpc,
            failure,
            sent,
        }
    }
}

/// Finds out what a status means: a fault of the plugin, or the end of it.
async fn explain(plugin: &Plugin, status: &Status) -> RpcFailure {
    let message = status.message().to_owned();
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
