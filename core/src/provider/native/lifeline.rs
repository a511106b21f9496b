//! [`Lifeline`]: the running program of a provider, started again when it has died.
//!
//! What the program was asked when it died fails, and what it was to change is in doubt. What is
//! asked later goes to a new process, which gets the configuration that the old one had. A program
//! that cannot even be started is not started again.

use std::sync::{Mutex as Lock, PoisonError};

use nixops4_proto::native::{Configure, Stop};
use tokio::sync::Mutex;

use super::connection::CallError;
use super::link::{self, Link};
use super::process::NativeProgram;
use crate::provider::ProviderError;
use crate::provider::Secrets;

/// How often a program that dies is started again in one run.
const RESTARTS: u32 = 5;
/// How long a program is waited for that is asked to stop.
const STOP_PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

/// A program, from its first start to its last end.
#[derive(Debug, Default)]
pub(super) struct Lifeline {
    state: Mutex<State>,
    /// The newest link, for those who cannot wait for a start.
    current: Lock<Option<Link>>,
}

#[derive(Debug, Default)]
struct State {
    link: Option<Result<Link, ProviderError>>,
    restarts: u32,
    /// What it was configured with.
    config: Option<Configure>,
    closed: bool,
}

impl Lifeline {
    /// The running program; how starting it failed is remembered.
    pub(super) async fn link(
        &self,
        program: &NativeProgram,
        secrets: &Secrets,
    ) -> Result<Link, ProviderError> {
        let mut state = self.state.lock().await;
        if state.closed {
            return Err(program.error("", "it has been closed"));
        }
        match &state.link {
            None => {}
            Some(Ok(Link::V1(connection))) if connection.is_lost() && state.restarts < RESTARTS => {
                state.restarts += 1;
                tracing::info!(provider = program.name, "starting the program again");
            }
            Some(link) => return link.clone(),
        }
        let mut link = link::start(program, secrets).await;
        if let (Ok(Link::V1(connection)), Some(config)) = (&link, &state.config) {
            let configured = connection.call(config).await;
            if let Err(error) = configured {
                link = Err(program.error("configure", reason(error)));
            }
        }
        *self.current() = link.clone().ok();
        state.link = Some(link.clone());
        link
    }

    /// Notes what the program was configured with.
    pub(super) async fn configured(&self, config: Configure) {
        self.state.lock().await.config = Some(config);
    }

    /// Asks what runs to come to an early end.
    pub(super) async fn stop(&self) {
        let current = self.current().clone();
        if let Some(Link::V1(connection)) = current {
            // A program that works on one request at a time answers when it is done; the request
            // has been written all the same.
            let _ = tokio::time::timeout(STOP_PATIENCE, connection.call(&Stop {})).await;
        }
    }

    /// Ends the program; whoever asks after this finds it closed.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.closed = true;
        match state.link.take() {
            Some(Ok(Link::V1(connection))) => connection.close().await,
            Some(Ok(Link::V0(connection))) => connection.close().await,
            Some(Err(_)) | None => {}
        }
        *self.current() = None;
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Link>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason(error: CallError) -> String {
    match error {
        CallError::Refused(refused) => format!(
            "it was started again and refused its configuration: {}",
            refused.value.complaint.message
        ),
        CallError::Lost(lost) | CallError::NotSent(lost) => lost.message,
    }
}
