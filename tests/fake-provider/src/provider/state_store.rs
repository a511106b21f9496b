//! A state store: states by name, in chunks.

use std::sync::PoisonError;

use nixops4_proto::tfplugin::v6;

use super::{Answered, Provider, diagnostic};

/// The size of chunks that the store settles on, unless the caller wants smaller ones.
const CHUNK: i64 = 16;

impl Provider {
    /// Accepts any configuration.
    pub fn validate_state_store(
        &self,
        _: v6::validate_state_store::Request,
    ) -> Answered<v6::validate_state_store::Response> {
        Ok(v6::validate_state_store::Response::default())
    }

    /// Settles on a size of chunks.
    pub fn configure_state_store(
        &self,
        request: v6::configure_state_store::Request,
    ) -> Answered<v6::configure_state_store::Response> {
        let wanted = request
            .capabilities
            .map_or(CHUNK, |capabilities| capabilities.chunk_size);
        let chunk_size = wanted.clamp(1, CHUNK);
        *self.chunks() = Some(chunk_size);
        Ok(v6::configure_state_store::Response {
            diagnostics: Vec::new(),
            capabilities: Some(v6::StateStoreServerCapabilities { chunk_size }),
        })
    }

    fn chunks(&self) -> std::sync::MutexGuard<'_, Option<i64>> {
        self.chunk_size
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The size of chunks, of which every process has to be told anew.
    fn configured(&self) -> Answered<usize> {
        let size = self.chunks().and_then(|size| usize::try_from(size).ok());
        size.ok_or_else(|| (9, "the state store is not configured".to_owned()))
    }

    /// Reads a state in chunks; one that is not there has none.
    pub fn read_state(
        &self,
        request: v6::read_state_bytes::Request,
    ) -> Answered<Vec<v6::read_state_bytes::Response>> {
        let size = self.configured()?;
        let state = self
            .store
            .with(|world| world.states.get(&request.state_id).cloned());
        let bytes = state.unwrap_or_default().into_bytes();
        let total_length = length(bytes.len());
        let mut start = 0;
        let chunk = |piece: &[u8]| {
            let end = start + length(piece.len());
            let range = v6::StateRange {
                start,
                end: end - 1,
            };
            start = end;
            v6::read_state_bytes::Response {
                bytes: piece.to_vec(),
                total_length,
                range: Some(range),
                diagnostics: Vec::new(),
            }
        };
        Ok(bytes.chunks(size).map(chunk).collect())
    }

    /// Puts chunks together.
    pub fn write_state(
        &self,
        chunks: Vec<v6::write_state_bytes::RequestChunk>,
    ) -> Answered<v6::write_state_bytes::Response> {
        let Some(meta) = chunks.first().and_then(|chunk| chunk.meta.clone()) else {
            return Err((3, "the first chunk says nothing about the state".to_owned()));
        };
        let total = chunks.first().map_or(0, |chunk| chunk.total_length);
        let pieces: Vec<_> = chunks.iter().map(|chunk| chunk.bytes.len()).collect();
        let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
        let size = self.configured()?;
        let last = pieces.len().saturating_sub(1);
        let odd = |(at, piece): (usize, &usize)| *piece > size || (at < last && *piece != size);
        let mut diagnostics = Vec::new();
        if let Some((at, piece)) = pieces.iter().enumerate().find(|piece| odd(*piece)) {
            let detail = format!("Chunk {at} has {piece} bytes, not {size}.");
            diagnostics.push(diagnostic::error(&[], "Odd chunks", &detail));
        } else if length(bytes.len()) == total {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.store
                .with(|world| world.states.insert(meta.state_id, text));
        } else {
            let detail = format!("{total} bytes were announced, {} came.", bytes.len());
            diagnostics.push(diagnostic::error(&[], "Incomplete state", &detail));
        }
        Ok(v6::write_state_bytes::Response { diagnostics })
    }

    /// Locks a state for one.
    pub fn lock_state(
        &self,
        request: v6::lock_state::Request,
    ) -> Answered<v6::lock_state::Response> {
        self.configured()?;
        let mut answer = v6::lock_state::Response::default();
        self.store
            .with(|world| match world.locks.get(&request.state_id) {
                Some(operation) => {
                    let id = lock_id(&request.state_id);
                    let detail = format!("It is locked for {operation} ({id}).");
                    answer
                        .diagnostics
                        .push(diagnostic::error(&[], "Locked", &detail));
                }
                None => {
                    world
                        .locks
                        .insert(request.state_id.clone(), request.operation.clone());
                    answer.lock_id = lock_id(&request.state_id);
                }
            });
        Ok(answer)
    }

    /// Unlocks a state.
    pub fn unlock_state(
        &self,
        request: v6::unlock_state::Request,
    ) -> Answered<v6::unlock_state::Response> {
        self.configured()?;
        let mut diagnostics = Vec::new();
        let id = lock_id(&request.state_id);
        let unlocked = self
            .store
            .with(|world| request.lock_id == id && world.locks.remove(&request.state_id).is_some());
        if !unlocked {
            diagnostics.push(diagnostic::error(
                &[],
                "Not locked",
                "Nobody holds this lock.",
            ));
        }
        Ok(v6::unlock_state::Response { diagnostics })
    }

    /// Lists the states.
    pub fn states(&self, _: v6::get_states::Request) -> Answered<v6::get_states::Response> {
        let state_id = self
            .store
            .with(|world| world.states.keys().cloned().collect());
        Ok(v6::get_states::Response {
            state_id,
            diagnostics: Vec::new(),
        })
    }

    /// Deletes a state.
    pub fn delete_state(
        &self,
        request: v6::delete_state::Request,
    ) -> Answered<v6::delete_state::Response> {
        self.store
            .with(|world| world.states.remove(&request.state_id));
        Ok(v6::delete_state::Response::default())
    }
}

fn length(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

fn lock_id(state: &str) -> String {
    format!("lock of {state}")
}
