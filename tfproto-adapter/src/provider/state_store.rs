//! State stores: named states that a plugin keeps, each as a whole, in chunks.
//!
//! A plugin has one configured store in a process at a time, so every store has an instance of its
//! own: the configuration of the provider and that of the store together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nixops4_core::diagnostic::{Diagnosed, Diagnostics};
use nixops4_core::provider::{Failure, ProviderError, ProviderResult, StateHandle};
use nixops4_proto::state::LockOwner;
use nixops4_proto::tfplugin::v6;

use super::managed::TfInstance;
use super::session::Session;

use crate::schema::Kind;

/// The name of the one state that we keep in a store. That of Terraform is `default`: a store that
/// both are pointed at is not mistaken by either.
const STATE_ID: &str = "nixops4";

/// The size of chunks that is proposed, which the store may lower. Messages may be longer.
const CHUNK_SIZE: i64 = 8 << 20;

/// The stores that are in use, by type and configuration.
pub(super) type Stores = tokio::sync::Mutex<HashMap<(String, Vec<u8>), Arc<Store>>>;

/// A configured state store.
#[derive(Debug)]
pub(super) struct Store {
    session: Arc<Session>,
    type_name: String,
    chunk_size: usize,
    /// What it said when it was configured, until somebody is told.
    warnings: Mutex<Diagnostics>,
}

impl TfInstance {
    /// The store of a resource, configured at the first call.
    pub(super) async fn store(&self, handle: StateHandle<'_>) -> Result<Arc<Store>, Failure> {
        let call = "ConfigureStateStore";
        let (type_name, session) = (handle.type_name, &self.session);
        let kind = (Kind::StateStore, "state store");
        let schema = session.schema_of(kind.0, kind.1, type_name).await?;
        let checked = session.check_rare(type_name, &schema.block, handle.inputs)?;
        let config = session.encode(call, &schema.block, &checked.value)?;
        let key = (type_name.to_owned(), config.msgpack.clone());
        // Others wait: there is one process for it, and one configuration.
        let mut stores = self.stores.lock().await;
        if let Some(store) = stores.get(&key) {
            return Ok(store.clone());
        }
        let request = v6::configure_state_store::Request {
            type_name: type_name.to_owned(),
            config: Some(config),
            capabilities: Some(v6::StateStoreClientCapabilities {
                chunk_size: CHUNK_SIZE,
            }),
        };
        let session = self.session_of_store(&request).await?;
        let answer = session.configure_state_store(request).await;
        let answer = answer.map_err(Failure::Provider)?;
        let mut warnings = session.about_inputs(handle.inputs, &answer.diagnostics);
        if warnings.has_errors() {
            session.close().await;
            return Err(warnings.into());
        }
        let settled = answer.capabilities.map_or(0, |settled| settled.chunk_size);
        let chunk_size = match usize::try_from(settled) {
            Ok(size) if size > 0 && settled <= CHUNK_SIZE => size,
            _ => {
                session.close().await;
                let text = format!("it settles on chunks of {settled} bytes");
                return Err(session.error(call, text).into());
            }
        };
        warnings.extend(checked.warnings);
        let store = Arc::new(Store {
            session,
            type_name: type_name.to_owned(),
            chunk_size,
            warnings: Mutex::new(warnings),
        });
        stores.insert(key, store.clone());
        Ok(store)
    }

    /// An instance of the provider for one store alone, with the configuration that this one has.
    async fn session_of_store(
        &self,
        store: &v6::configure_state_store::Request,
    ) -> Result<Arc<Session>, Failure> {
        let mut key = self
            .configuration
            .config
            .clone()
            .unwrap_or_default()
            .msgpack;
        key.extend_from_slice(store.type_name.as_bytes());
        key.push(0);
        key.extend_from_slice(&store.config.clone().unwrap_or_default().msgpack);
        let session = Arc::new(self.session.configured(&key));
        let answer = session.configure(self.configuration.clone()).await;
        let said = answer.map(|answer| session.about_nothing(&answer.diagnostics));
        match said {
            Ok(said) if !said.has_errors() => Ok(session),
            failed => {
                session.refused(&key);
                session.close().await;
                Err(failed.map_or_else(Failure::from, Failure::from))
            }
        }
    }

    /// Ends the processes of all stores.
    pub(super) async fn close_stores(&self) {
        for (_, store) in self.stores.lock().await.drain() {
            store.session.close().await;
        }
    }
}

impl Store {
    /// Locks the state; gives the id of the lock, if the store has locks.
    pub(super) async fn lock(&self, owner: &LockOwner) -> ProviderResult<Option<String>> {
        let request = v6::lock_state::Request {
            type_name: self.type_name.clone(),
            state_id: STATE_ID.to_owned(),
            operation: owner.to_string(),
        };
        let answer = self.session.client().await?.lock_state(request).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let mut warnings = self.told_once();
        warnings.extend(self.said(&answer.diagnostics)?);
        let value = Some(answer.lock_id).filter(|lock| !lock.is_empty());
        Ok(Diagnosed { value, warnings })
    }

    /// Unlocks the state.
    pub(super) async fn unlock(&self, lock: &str) -> ProviderResult<()> {
        let request = v6::unlock_state::Request {
            type_name: self.type_name.clone(),
            state_id: STATE_ID.to_owned(),
            lock_id: lock.to_owned(),
        };
        let answer = self.session.client().await?.unlock_state(request).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let warnings = self.said(&answer.diagnostics)?;
        Ok(Diagnosed {
            value: (),
            warnings,
        })
    }

    /// Reads the state; empty if there is none.
    pub(super) async fn read(&self) -> ProviderResult<Vec<u8>> {
        let request = v6::read_state_bytes::Request {
            type_name: self.type_name.clone(),
            state_id: STATE_ID.to_owned(),
        };
        let client = self.session.client().await?;
        let chunks = client.read_state_bytes(request).await;
        let mut chunks = chunks.map_err(|error| Failure::Provider(error.into()))?;
        let (mut state, mut warnings, mut total) = (Vec::new(), self.told_once(), 0);
        while let Some(chunk) = chunks.next().await.map_err(ProviderError::from)? {
            warnings.extend(self.said(&chunk.diagnostics)?);
            let start = chunk.range.map_or(length(&state), |range| range.start);
            if start != length(&state) {
                let (at, text) = (state.len(), "a chunk of the state begins at");
                return Err(self.broken("ReadStateBytes", format!("{text} {start}, not at {at}")));
            }
            total = chunk.total_length;
            state.extend_from_slice(&chunk.bytes);
        }
        if total != length(&state) {
            let text = format!("{total} bytes were announced, {} came", state.len());
            return Err(self.broken("ReadStateBytes", text));
        }
        Ok(Diagnosed {
            value: state,
            warnings,
        })
    }

    /// Writes the state, all of it.
    pub(super) async fn write(&self, state: &[u8]) -> ProviderResult<()> {
        let total_length = length(state);
        let mut start = 0;
        let chunks = state.chunks(self.chunk_size).map(|bytes| {
            let end = start + length(bytes);
            let range = v6::StateRange {
                start,
                end: end - 1,
            };
            // Only the first says what it is about.
            let meta = (start == 0).then(|| v6::RequestChunkMeta {
                type_name: self.type_name.clone(),
                state_id: STATE_ID.to_owned(),
            });
            start = end;
            v6::write_state_bytes::RequestChunk {
                meta,
                bytes: bytes.to_vec(),
                total_length,
                range: Some(range),
            }
        });
        let chunks = chunks.collect();
        let client = self.session.client().await?;
        let answer = client.write_state_bytes(chunks).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let warnings = self.said(&answer.diagnostics)?;
        Ok(Diagnosed {
            value: (),
            warnings,
        })
    }

    fn told_once(&self) -> Diagnostics {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Warnings, or errors with whatever was said beside them.
    fn said(&self, diagnostics: &[v6::Diagnostic]) -> Result<Diagnostics, Failure> {
        let said = self.session.about_nothing(diagnostics);
        match said.has_errors() {
            true => Err(said.into()),
            false => Ok(said),
        }
    }

    fn broken(&self, call: &str, message: String) -> Failure {
        self.session.error(call, message).into()
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}
