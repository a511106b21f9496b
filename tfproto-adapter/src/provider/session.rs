//! One process of a plugin, and what it says of its types.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blake3::Hash;
use nixops4_core::diagnostic::Diagnostic;
use nixops4_core::provider::{Failure, Mode, ProviderError};
use nixops4_proto::tfplugin::v6;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::{PluginOptions, capabilities};
use crate::cache::FileHashes;
use crate::check::nearest;
use crate::client::Client;
use crate::convert::{complaints, from_wire, to_wire};
use crate::cty::Value;
use crate::launch::Launch;
use crate::schema::{Block, Image, Kind, SchemaError, Schemas, TypeSchema, cache_path};

/// A plugin's process, started when it is needed.
#[derive(Debug)]
pub(super) struct Session {
    options: Arc<PluginOptions>,
    launched: OnceCell<Client>,
    schemas: OnceCell<Arc<Schemas>>,
    /// Set once the process has been asked for its schema, or need not be.
    described: OnceCell<()>,
}

impl Session {
    pub(super) fn new(options: PluginOptions) -> Self {
        Self {
            options: Arc::new(options),
            launched: OnceCell::new(),
            schemas: OnceCell::new(),
            described: OnceCell::new(),
        }
    }

    /// Another process of the same plugin.
    pub(super) fn another(&self) -> Self {
        Self {
            options: self.options.clone(),
            launched: OnceCell::new(),
            schemas: OnceCell::new_with(self.schemas.get().cloned()),
            described: OnceCell::new(),
        }
    }

    /// The provider's name.
    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    /// The provider, in messages about its configuration.
    pub(super) fn owner(&self) -> String {
        format!("provider {}", self.options.name)
    }

    async fn launched(&self) -> Result<&Client, ProviderError> {
        let launch = || async {
            let mut launch = Launch::new(self.name(), &self.options.executable);
            launch.env = self.options.env.clone();
            Ok(Client::launch(&launch).await?)
        };
        self.launched.get_or_try_init(launch).await
    }

    /// The process, ready for any call.
    pub(super) async fn client(&self) -> Result<&Client, ProviderError> {
        let schemas = self.schemas().await?;
        let client = self.launched().await?;
        let describe = || async {
            if !schemas.capabilities().get_provider_schema_optional {
                // It builds its tables while it answers; the answer is known already.
                client.get_provider_schema(Default::default()).await?;
            }
            Ok::<_, ProviderError>(())
        };
        self.described.get_or_try_init(describe).await?;
        Ok(client)
    }

    /// What the plugin says of its types.
    pub(super) async fn schemas(&self) -> Result<Arc<Schemas>, ProviderError> {
        let schemas = self.schemas.get_or_try_init(|| async {
            match self.cached().await {
                Some(schemas) => Ok(Arc::new(schemas)),
                None => self.fetch().await.map(Arc::new),
            }
        });
        schemas.await.cloned()
    }

    /// What is cached, if the binary is known without reading it.
    async fn cached(&self) -> Option<Schemas> {
        let (cache, executable) = (
            self.options.cache_dir.clone()?,
            self.options.executable.clone(),
        );
        let open = move || {
            let hash = FileHashes::new(&cache).remembered(&executable)?;
            Image::open(&cache_path(&cache, &hash), &hash)
        };
        spawn_blocking(open).await.ok().flatten().map(Schemas::new)
    }

    /// Reads the binary for its hash; nothing where there is no cache.
    async fn hash(&self) -> Option<(Hash, PathBuf)> {
        let (cache, executable) = (
            self.options.cache_dir.clone()?,
            self.options.executable.clone(),
        );
        let read = move || {
            let hash = FileHashes::new(&cache).hash(&executable).ok()?;
            let path = cache_path(&cache, &hash);
            Some((hash, path))
        };
        spawn_blocking(read).await.ok().flatten()
    }

    async fn fetch(&self) -> Result<Schemas, ProviderError> {
        // Reading the binary takes about as long as starting it.
        let (hash, client) = tokio::join!(self.hash(), self.launched());
        if let Some(image) = hash
            .as_ref()
            .and_then(|(hash, path)| Image::open(path, hash))
        {
            return Ok(Schemas::new(image));
        }
        let client = client?;
        let response = client.get_provider_schema(Default::default()).await?;
        if let Some(complaint) = complaints(&response.diagnostics)
            .into_iter()
            .find(|complaint| complaint.severity == nixops4_core::diagnostic::Severity::Error)
        {
            let message = format!("it cannot describe its types: {}", complaint.summary);
            return Err(self.error("GetProviderSchema", message));
        }
        // Most plugins have none, many do not know the call.
        let identities = client
            .get_resource_identity_schemas(Default::default())
            .await;
        let identities = identities
            .map(|answer| answer.identity_schemas)
            .unwrap_or_default();
        let _ = self.described.set(());
        let image = Image::build(&response, &identities);
        drop(response);
        Ok(Schemas::new(match hash {
            Some((hash, path)) => save(image, &path, &hash),
            None => image,
        }))
    }

    /// The schema of the provider's configuration.
    pub(super) async fn provider_schema(&self) -> Result<Arc<TypeSchema>, ProviderError> {
        let schemas = self.schemas().await?;
        let schema = schemas
            .get(Kind::Provider, "")
            .map_err(|error| self.schema_error(&error))?;
        schema.ok_or_else(|| self.error("GetProviderSchema", "it has no schema".to_owned()))
    }

    /// The schema of a type.
    pub(super) async fn type_schema(
        &self,
        mode: Mode,
        name: &str,
    ) -> Result<Arc<TypeSchema>, Failure> {
        let schemas = self.schemas().await?;
        let schema = schemas
            .get(kind_of(mode), name)
            .map_err(|error| self.schema_error(&error))?;
        schema.ok_or_else(|| self.no_such_type(&schemas, mode, name).into())
    }

    fn no_such_type(&self, schemas: &Schemas, mode: Mode, name: &str) -> Diagnostic {
        let what = what(mode);
        let diagnostic =
            Diagnostic::error(format!("provider {} has no {what} \"{name}\"", self.name()));
        let others = [Mode::Managed, Mode::Data, Mode::Ephemeral].into_iter();
        let other = others
            .filter(|other| *other != mode)
            .find(|other| schemas.image().contains(kind_of(*other), name));
        match (other, nearest(name, schemas.names(kind_of(mode)))) {
            (Some(other), _) => {
                diagnostic.hint(format!("there is a {} of that name", self::what(other)))
            }
            (None, Some(near)) => diagnostic.hint(format!("did you mean \"{near}\"?")),
            (None, None) => diagnostic,
        }
    }

    /// Has the plugin check a configuration.
    pub(super) async fn validate(
        &self,
        mode: Mode,
        type_name: &str,
        schema: &TypeSchema,
        value: &Value,
    ) -> Result<Vec<v6::Diagnostic>, ProviderError> {
        let client = self.client().await?;
        let config = Some(self.encode("ValidateResourceConfig", &schema.block, value)?);
        let type_name = type_name.to_owned();
        Ok(match mode {
            Mode::Managed => {
                let client_capabilities = Some(capabilities(false));
                let request = v6::validate_resource_config::Request {
                    type_name,
                    config,
                    client_capabilities,
                };
                client.validate_resource_config(request).await?.diagnostics
            }
            Mode::Data => {
                let request = v6::validate_data_resource_config::Request { type_name, config };
                client
                    .validate_data_resource_config(request)
                    .await?
                    .diagnostics
            }
            Mode::Ephemeral => {
                let request = v6::validate_ephemeral_resource_config::Request { type_name, config };
                client
                    .validate_ephemeral_resource_config(request)
                    .await?
                    .diagnostics
            }
        })
    }

    /// What to send as meta arguments, which nothing sets: only where the provider takes any.
    pub(super) async fn provider_meta(&self) -> Result<Option<v6::DynamicValue>, ProviderError> {
        let null = || v6::DynamicValue {
            msgpack: vec![0xc0],
            json: Vec::new(),
        };
        Ok(self.schemas().await?.has_provider_meta().then(null))
    }

    /// Encodes a value for a call.
    pub(super) fn encode(
        &self,
        call: &str,
        block: &Block,
        value: &Value,
    ) -> Result<v6::DynamicValue, ProviderError> {
        to_wire(&block.object_type(), value)
            .map_err(|error| self.error(call, format!("cannot encode the request: {error}")))
    }

    /// Decodes a value from an answer.
    pub(super) fn decode(
        &self,
        call: &str,
        block: &Block,
        value: Option<&v6::DynamicValue>,
    ) -> Result<Value, ProviderError> {
        from_wire(&block.object_type(), value).map_err(|error| {
            let message = format!("its answer does not follow its own schema: {error}");
            let hints =
                vec!["this is a fault in the provider; its maker would like to know".to_owned()];
            ProviderError {
                hints,
                ..self.error(call, message)
            }
        })
    }

    /// An error of the provider's in a call.
    pub(super) fn error(&self, call: &str, message: String) -> ProviderError {
        ProviderError {
            provider: self.options.name.clone(),
            call: call.to_owned(),
            message,
            hints: Vec::new(),
            in_doubt: false,
        }
    }

    fn schema_error(&self, error: &SchemaError) -> ProviderError {
        self.error("GetProviderSchema", error.to_string())
    }

    /// Asks running calls to come to an early end.
    pub(super) async fn stop(&self) {
        if let Some(client) = self.launched.get()
            && let Err(error) = client.stop().await
        {
            tracing::debug!(provider = self.name(), %error, "the plugin could not be asked to stop");
        }
    }

    /// Ends the process, if there is one.
    pub(super) async fn close(&self) {
        if let Some(client) = self.launched.get() {
            client.shutdown().await;
        }
    }
}

/// Saves an image and goes on with the file, which needs less memory; or without it.
fn save(image: Image, path: &Path, hash: &Hash) -> Image {
    if let Err(error) = image.save(path, hash) {
        tracing::debug!(path = %path.display(), %error, "the schema is not cached");
        return image;
    }
    Image::open(path, hash).unwrap_or(image)
}

fn kind_of(mode: Mode) -> Kind {
    match mode {
        Mode::Managed => Kind::Resource,
        Mode::Data => Kind::DataSource,
        Mode::Ephemeral => Kind::Ephemeral,
    }
}

fn what(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "resource type",
        Mode::Data => "data source",
        Mode::Ephemeral => "ephemeral resource type",
    }
}
