//! [`Ephemerals`]: the ephemeral resources that are open, each with a keeper of its own.
//!
//! ```text
//! keeper: open ──► tell the outputs ──► wait ──renew_at──► renew ─┐
//!                                        ▲ └──end of the run──► close
//!                                        └────────────────────────┘
//! ```
//! A keeper is begun before the provider is asked, and nobody but itself ends it: so what has been
//! opened is closed also where whoever wanted it has gone away, or the run has failed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::MemberPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::provider::{ConfiguredProvider, EphemeralRequest, Lease, ProviderResult};
use crate::value::Value;

/// How long an answer is waited for at the end of a run, to opening or closing.
const PATIENCE: Duration = Duration::from_secs(10);
/// A provider that wants to be asked all the time is not asked more often than that.
const SHORTEST_LEASE: Duration = Duration::from_millis(20);

/// The open ephemeral resources of a run.
pub(crate) struct Ephemerals {
    keepers: Mutex<Vec<JoinHandle<Diagnostics>>>,
    end: watch::Sender<bool>,
}

impl Default for Ephemerals {
    fn default() -> Self {
        Self {
            keepers: Mutex::default(),
            end: watch::Sender::new(false),
        }
    }
}

impl fmt::Debug for Ephemerals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ephemerals")
    }
}

/// What is to be opened.
#[derive(Debug)]
pub(crate) struct ToOpen {
    pub(crate) member: MemberPath,
    pub(crate) configured: Arc<dyn ConfiguredProvider>,
    pub(crate) type_name: String,
    pub(crate) inputs: Arc<Value>,
}

impl Ephemerals {
    /// Opens a resource and keeps it open until the end of the run; gives its outputs, marked.
    pub(crate) async fn open(&self, to_open: ToOpen) -> ProviderResult<Value> {
        let (tell, told) = oneshot::channel();
        let keeper = Keeper {
            to_open,
            end: self.end.subscribe(),
        };
        self.keepers().push(tokio::spawn(keeper.keep(tell)));
        match told.await {
            Ok(opened) => opened,
            Err(_) => Err(Diagnostic::error("the run ended while it was being opened").into()),
        }
    }

    /// Closes all that are open; gives what went wrong with them since they were opened.
    pub(crate) async fn close(&self) -> Diagnostics {
        self.end.send_replace(true);
        let mut diagnostics = Diagnostics::default();
        let keepers = std::mem::take(&mut *self.keepers());
        for keeper in keepers {
            match keeper.await {
                Ok(said) => diagnostics.extend(said),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
        diagnostics
    }

    fn keepers(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<Diagnostics>>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Keeper {
    to_open: ToOpen,
    end: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self, tell: oneshot::Sender<ProviderResult<Value>>) -> Diagnostics {
        let opened = match self.open().await {
            Some(opened) => opened,
            None => return self.said("did not answer when it was to be opened").into(),
        };
        let (result, lease) = match opened {
            Ok(Diagnosed { value, warnings }) => {
                let (mut value, lease) = value;
                value.marks.ephemeral = true;
                (Ok(Diagnosed { value, warnings }), Some(lease))
            }
            Err(failure) => (Err(failure), None),
        };
        // Whoever asked may have gone away.
        let _ = tell.send(result);
        let Some(mut lease) = lease else {
            return Diagnostics::default();
        };
        let mut diagnostics = self.renew(&mut lease).await;
        diagnostics.extend(self.close(&lease).await);
        for diagnostic in &mut diagnostics.0 {
            diagnostic.member = Some(self.to_open.member.clone());
        }
        diagnostics
    }

    /// `None` where the run ends and there is still no answer.
    async fn open(&mut self) -> Option<ProviderResult<(Value, Lease)>> {
        let ToOpen {
            configured,
            type_name,
            inputs,
            ..
        } = &self.to_open;
        let request = EphemeralRequest { type_name, inputs };
        let mut opening = configured.open_ephemeral(request);
        tokio::select! {
            opened = &mut opening => return Some(opened),
            () = ended(&mut self.end) => {}
        }
        configured.stop().await;
        tokio::time::timeout(PATIENCE, opening).await.ok()
    }

    /// Renews whenever it is time, until the run ends or renewing fails; gives how it failed.
    async fn renew(&mut self, lease: &mut Lease) -> Diagnostics {
        loop {
            let time = async {
                match lease.renew_at {
                    Some(at) => {
                        let left = at.duration_since(SystemTime::now()).unwrap_or_default();
                        tokio::time::sleep(left.max(SHORTEST_LEASE)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended(&mut self.end) => return Diagnostics::default(),
                () = time => {}
            }
            let ToOpen {
                configured,
                type_name,
                ..
            } = &self.to_open;
            let renewing = configured.renew_ephemeral(type_name, lease.private.as_deref());
            match renewing.await {
                Ok(renewed) => *lease = renewed.value,
                Err(failure) => {
                    let hint = "what was made with it after that may have failed for this reason";
                    let said = self
                        .said("could not be renewed, and is no longer valid")
                        .hint(hint);
                    let mut diagnostics = Diagnostics::from(said);
                    diagnostics.extend(failure.into_diagnostics());
                    ended(&mut self.end).await;
                    return diagnostics;
                }
            }
        }
    }

    async fn close(&self, lease: &Lease) -> Diagnostics {
        let ToOpen {
            configured,
            type_name,
            ..
        } = &self.to_open;
        let closing = configured.close_ephemeral(type_name, lease.private.as_deref());
        let said = match tokio::time::timeout(PATIENCE, closing).await {
            Ok(Ok(diagnostics)) => diagnostics,
            Ok(Err(error)) => crate::provider::Failure::from(error).into_diagnostics(),
            Err(_) => return self.said("did not answer when it was to be closed").into(),
        };
        match said.has_errors() {
            false => said,
            true => {
                let mut diagnostics = Diagnostics::from(self.said("could not be closed"));
                diagnostics.extend(said);
                diagnostics
            }
        }
    }

    fn said(&self, what: &str) -> Diagnostic {
        let ToOpen {
            member, type_name, ..
        } = &self.to_open;
        let mut diagnostic =
            Diagnostic::error(format!("the ephemeral {type_name} {member} {what}"));
        diagnostic.member = Some(member.clone());
        diagnostic
    }
}

async fn ended(end: &mut watch::Receiver<bool>) {
    // Where nobody can say it any more, it has ended too.
    let _ = end.wait_for(|end| *end).await;
}
