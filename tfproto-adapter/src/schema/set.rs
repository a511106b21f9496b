//! The schemas of one provider, each decoded once, when it is first needed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use blake3::Hash;
use nixops4_proto::tfplugin::v6;

use super::{Image, Kind, SchemaError, TypeSchema};

/// The schemas of one provider.
#[derive(Debug)]
pub struct Schemas {
    image: Image,
    decoded: Mutex<HashMap<(Kind, String), Arc<TypeSchema>>>,
}

impl Schemas {
    /// The schemas of an image.
    pub fn new(image: Image) -> Self {
        Self {
            image,
            decoded: Mutex::default(),
        }
    }

    /// What the plugin can do.
    pub fn capabilities(&self) -> v6::ServerCapabilities {
        self.image
            .read(Kind::Capabilities, "")
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// A schema; `None` if the provider has no such type.
    pub fn get(&self, kind: Kind, name: &str) -> Result<Option<Arc<TypeSchema>>, SchemaError> {
        let key = (kind, name.to_owned());
        let lock = || {
            self.decoded
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
        };
        if let Some(schema) = lock().get(&key) {
            return Ok(Some(schema.clone()));
        }
        let shown = if name.is_empty() {
            "its configuration"
        } else {
            name
        };
        let Some(message) = self.message(kind, name).map_err(|error| SchemaError {
            type_name: shown.to_owned(),
            problem: error.to_string(),
        })?
        else {
            return Ok(None);
        };
        let schema = Arc::new(TypeSchema::from_message(shown, message)?);
        Ok(Some(lock().entry(key).or_insert(schema).clone()))
    }

    pub(super) fn message(&self, kind: Kind, name: &str) -> io::Result<Option<v6::Schema>> {
        match kind {
            Kind::Action => {
                let action: Option<v6::ActionSchema> = self.image.read(kind, name)?;
                Ok(action.map(|action| action.schema.unwrap_or_default()))
            }
            _ => self.image.read(kind, name),
        }
    }

    /// The names of all types of a kind, sorted.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.image.names(kind)
    }

    /// The identity of a managed resource type, where it has one.
    pub fn identity(&self, name: &str) -> io::Result<Option<v6::ResourceIdentitySchema>> {
        self.image.read(Kind::Identity, name)
    }

    /// The image, for documentation and for saving.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

/// Where the schemas of a binary are kept.
pub fn cache_path(cache: &Path, binary: &Hash) -> PathBuf {
    cache
        .join("schemas")
        .join(format!("{}.schema", binary.to_hex()))
}
