//! The service behind the plugin: one JSON file an object, in a folder.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The objects of the service. Opened when the provider is configured.
#[derive(Default)]
pub struct Store {
    directory: OnceLock<PathBuf>,
    /// Held while an identifier is being chosen.
    naming: Mutex<()>,
}

impl Store {
    pub fn open(&self, directory: PathBuf) -> io::Result<()> {
        fs::create_dir_all(&directory)?;
        self.directory.get_or_init(|| directory);
        Ok(())
    }

    fn path(&self, id: &str) -> io::Result<PathBuf> {
        let directory = self
            .directory
            .get()
            .ok_or_else(|| io::Error::other("not configured"))?;
        Ok(directory.join(format!("{id}.json")))
    }

    /// The first identifier `KIND-N` that no object has; creates the object's file.
    pub fn create(&self, kind: &str) -> io::Result<(String, u32)> {
        let _naming = self
            .naming
            .lock()
            .map_err(|_| io::Error::other("poisoned"))?;
        for number in 1.. {
            let id = format!("{kind}-{number}");
            match fs::File::create_new(self.path(&id)?) {
                Ok(_) => return Ok((id, number)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("no identifier is left"))
    }

    pub fn write(&self, id: &str, object: &impl Serialize) -> io::Result<()> {
        fs::write(self.path(id)?, serde_json::to_vec_pretty(object)?)
    }

    pub fn read<T: DeserializeOwned>(&self, id: &str) -> io::Result<Option<T>> {
        match fs::read(self.path(id)?) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn delete(&self, id: &str) -> io::Result<()> {
        match fs::remove_file(self.path(id)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
