//! Answers that come in pieces.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Status, Streaming};

use super::{Using, explain, too_late};
use crate::error::{RpcError, RpcFailure};
use crate::v5::Convert;

/// The pieces of one answer. Dropping it cancels the call.
pub struct Events<T> {
    provider: Arc<str>,
    using: Using,
    rpc: &'static str,
    /// How long a piece may take to come.
    limit: Option<Duration>,
    pieces: Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>,
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("rpc", &self.rpc)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> Events<T> {
    /// Takes pieces in the form of protocol 6.
    pub(super) fn new(
        provider: &Arc<str>,
        using: Using,
        rpc: &'static str,
        limit: Option<Duration>,
        pieces: Streaming<T>,
    ) -> Self {
        Self {
            provider: provider.clone(),
            using,
            rpc,
            limit,
            pieces: Box::pin(pieces),
        }
    }

    /// Takes pieces in the form of protocol 5.
    pub(super) fn lifted<P>(
        provider: &Arc<str>,
        using: Using,
        rpc: &'static str,
        limit: Option<Duration>,
        pieces: Streaming<P>,
    ) -> Self
    where
        P: Convert<T> + Send + 'static,
    {
        let pieces = Box::pin(pieces.map(|piece| piece.map(Convert::convert)));
        Self {
            provider: provider.clone(),
            using,
            rpc,
            limit,
            pieces,
        }
    }

    /// Waits for the next piece; nothing after the last.
    pub async fn next(&mut self) -> Result<Option<T>, RpcError> {
        let plugin = &self.using.entered.started.plugin;
        let piece = tokio::select! {
            biased;
            piece = self.pieces.next() => piece,
            failure = plugin.ended() => return Err(self.error(failure)),
            limit = too_late(self.limit) => {
                let tail = plugin.tail();
                return Err(self.error(RpcFailure::Timeout { limit, tail }));
            }
        };
        match piece {
            None => Ok(None),
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(status)) => {
                // Borrowing all of `self` while waiting would ask for streams that can be shared.
                let failure = explain(plugin, &status).await;
                Err(self.error(failure))
            }
        }
    }

    fn error(&self, failure: RpcFailure) -> RpcError {
        RpcError {
            provider: self.provider.clone(),
            rpc: self.rpc,
            failure,
            sent: true,
        }
    }
}
