//! The world that the provider manages: in memory, or in a file so that it outlives the process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Everything there is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct World {
    /// How many objects were ever made.
    pub made: u64,
    /// The objects by id.
    pub objects: BTreeMap<String, Object>,
    /// The states in the state store.
    pub states: BTreeMap<String, String>,
    /// Who has locked which state.
    pub locks: BTreeMap<String, String>,
}

/// One object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    /// Its type.
    pub type_name: String,
    /// Its attributes.
    pub value: Json,
}

/// Where the world is kept.
#[derive(Debug)]
pub struct Store {
    path: Option<PathBuf>,
    world: Mutex<World>,
}

impl Store {
    /// Opens the file that the environment names, or starts an empty world.
    pub fn open() -> Self {
        let path = std::env::var_os("FAKE_PROVIDER_STORE").map(PathBuf::from);
        Self {
            path,
            world: Mutex::default(),
        }
    }

    /// Looks at the world, or changes it.
    pub fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else {
            return work(&mut world);
        };
        // Other processes may have the same world. The lock goes with the file's handle.
        let lock = std::fs::File::create(path.with_extension("lock"));
        if let Err(e) = lock.as_ref().map_or(Ok(()), std::fs::File::lock) {
            eprintln!("[ERROR] {}: {e}", path.display());
        }
        let text = std::fs::read(path).unwrap_or_default();
        *world = serde_json::from_slice(&text).unwrap_or_default();
        let result = work(&mut world);
        let text = serde_json::to_vec_pretty(&*world).unwrap_or_default();
        let part = path.with_extension("part");
        let saved = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
        if let Err(e) = saved {
            eprintln!("[ERROR] {}: {e}", path.display());
        }
        result
    }
}
