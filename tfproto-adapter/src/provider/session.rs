//! One instance of a provider: the plugin behind it, and what it says of its types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use blake3::Hash;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::provider::{Failure, Limiter, Mode, ProviderError, Secrets};
use nixops4_core::value::Value as Input;
use nixops4_proto::tfplugin::v6;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::{PluginOptions, capabilities};
use crate::cache::{FileHashes, Verdict};
use crate::check::nearest;
use crate::client::{Client, Host, HostedClient, Program, seconds};
use crate::convert::{complaints, from_wire, to_wire};
use crate::cty::{Type, Value};
use crate::launch::Launch;
use crate::schema::{Block, Image, Kind, SchemaError, Schemas, TypeSchema, cache_path};

/// A provider instance: its plugin, with one configuration or none yet.
#[derive(Debug)]
pub(super) struct Session {
    options: Arc<PluginOptions>,
    program: Arc<Program>,
    host: Arc<Host>,
    client: HostedClient,
    /// Set once it is known whether processes have to be asked for their schema.
    prepared: OnceLock<()>,
    /// Whether it no longer needs its process.
    closed: AtomicBool,
    /// The meta arguments, encoded.
    meta: OnceCell<Option<v6::DynamicValue>>,
    /// Functions beyond those of the schema.
    functions: OnceCell<BTreeMap<String, v6::Function>>,
}

impl Session {
    /// One without a configuration.
    pub(super) fn new(options: PluginOptions) -> Self {
        let mut launch = launch(&options);
        let program = options.pool.program(&launch, options.cache_dir.as_ref());
        launch.secrets = program.secrets.clone();
        let host = program.any(|| Host::new(launch, options.pool.clone()));
        let client = Client::from_source(options.name.as_str().into(), host.clone())
            .with_timeouts(&options.settings.timeouts)
            .with_limiter(Limiter::new(&options.settings));
        Self::on(Arc::new(options), program, host, client)
    }

    /// The same instance with a configuration, which no other configuration shares its process
    /// with.
    pub(super) fn configured(&self, configuration: &[u8]) -> Self {
        let make = || {
            let mut launch = launch(&self.options);
            launch.secrets = self.program.secrets.clone();
            Host::new(launch, self.options.pool.clone())
        };
        let host = self.program.configured(configuration, &self.host, make);
        let client = self.client.clone().with_source(host.clone());
        Self::on(self.options.clone(), self.program.clone(), host, client)
    }

    fn on(
        options: Arc<PluginOptions>,
        program: Arc<Program>,
        host: Arc<Host>,
        client: HostedClient,
    ) -> Self {
        host.hold();
        Self {
            options,
            program,
            host,
            client,
            prepared: OnceLock::new(),
            closed: AtomicBool::new(false),
            meta: OnceCell::new(),
            functions: OnceCell::new(),
        }
    }

    /// What the provider was given in confidence, by this instance and others.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.program.secrets
    }

    /// The provider's name.
    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    /// What is to be said of how the plugin was found.
    pub(super) fn found_with(&self) -> Diagnostics {
        let warnings = self.options.warnings.iter().cloned();
        Diagnostics(warnings.map(Diagnostic::warning).collect())
    }

    /// The provider, in messages about its configuration.
    pub(super) fn owner(&self) -> String {
        format!("provider {}", self.options.name)
    }

    /// The plugin, ready for any call.
    pub(super) async fn client(&self) -> Result<&HostedClient, ProviderError> {
        let schemas = self.schemas().await?;
        self.prepared.get_or_init(|| {
            if !schemas.capabilities().get_provider_schema_optional {
                self.host.describe_first();
            }
        });
        Ok(&self.client)
    }

    /// Starts the plugin, and reads what it says of its types meanwhile.
    pub(super) async fn start(&self) -> Result<(), ProviderError> {
        // That it cannot be started is said by the call that needs it.
        let (_, schemas) = tokio::join!(self.client.ready(), self.schemas());
        schemas.map(drop)
    }

    /// Gives the plugin its configuration; says what it said.
    pub(super) async fn configure(
        &self,
        request: v6::configure_provider::Request,
    ) -> Result<v6::configure_provider::Response, ProviderError> {
        Ok(self.host.configure(self.client().await?, request).await?)
    }

    /// Gives the plugin the configuration of a state store, of which it has one; says what it said.
    pub(super) async fn configure_state_store(
        &self,
        request: v6::configure_state_store::Request,
    ) -> Result<v6::configure_state_store::Response, ProviderError> {
        let client = self.client().await?;
        Ok(self.host.configure_state_store(client, request).await?)
    }

    /// Nobody is to share the process of a configuration that was refused.
    pub(super) fn refused(&self, configuration: &[u8]) {
        self.program.refused(configuration);
    }

    /// What the plugin says of its types.
    pub(super) async fn schemas(&self) -> Result<Arc<Schemas>, ProviderError> {
        let schemas = self.program.schemas.get_or_try_init(|| async {
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

    /// What the plugin found of a configuration in earlier runs; nothing where that is not known.
    pub(super) async fn verdict(&self, configuration: &[u8]) -> Option<Verdict> {
        let options = self.options.clone();
        let configuration = configuration.to_vec();
        let look_up = move || {
            // Whoever attached us to a plugin may be changing it.
            let cache = options
                .cache_dir
                .as_ref()
                .filter(|_| options.attach.is_none())?;
            let binary = FileHashes::new(cache).remembered(&options.executable)?;
            Verdict::look_up(cache, &binary, &options.env, &configuration)
        };
        spawn_blocking(look_up).await.ok().flatten()
    }

    async fn fetch(&self) -> Result<Schemas, ProviderError> {
        // Reading the binary takes as long as starting it and having it describe itself, and may
        // show that another file with the same content has done that.
        let (mut hash, mut described) = (pin!(self.hash()), pin!(self.describe()));
        let (hash, described) = tokio::select! {
            hash = &mut hash => {
                let known = hash.as_ref().and_then(|(hash, path)| Image::open(path, hash));
                match known {
                    Some(image) => return Ok(Schemas::new(image)),
                    None => (hash, described.await?),
                }
            }
            described = &mut described => {
                let described = described?;
                (hash.await, described)
            }
        };
        Ok(Schemas::new(match hash {
            Some((hash, path)) => save(described, &path, &hash),
            None => described,
        }))
    }

    /// Starts the plugin and asks it for its types.
    async fn describe(&self) -> Result<Image, ProviderError> {
        let client = &self.client;
        let (protocol, description) = client.get_provider_schema().await?;
        if let Some(complaint) = complaints(&description.diagnostics)
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
        self.host.described().await;
        Ok(Image::build(protocol, &description, &identities))
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

    /// The schema of something that is no object: an action, a search, a state store.
    ///
    /// # Errors
    /// Diagnostics for one that the provider does not have, with the nearest name as a hint.
    pub(super) async fn schema_of(
        &self,
        kind: Kind,
        what: &str,
        name: &str,
    ) -> Result<Arc<TypeSchema>, Failure> {
        let schemas = self.schemas().await?;
        let schema = schemas
            .get(kind, name)
            .map_err(|error| self.schema_error(&error))?;
        schema.ok_or_else(|| {
            let text = format!("provider {} has no {what} \"{name}\"", self.name());
            let diagnostic = Diagnostic::error(text);
            match nearest(name, schemas.names(kind)) {
                Some(near) => diagnostic.hint(format!("did you mean \"{near}\"?")).into(),
                None => diagnostic.into(),
            }
        })
    }

    fn no_such_type(&self, schemas: &Schemas, mode: Mode, name: &str) -> Diagnostic {
        let what = what(mode);
        let diagnostic =
            Diagnostic::error(format!("provider {} has no {what} \"{name}\"", self.name()));
        let others = [Mode::Managed, Mode::Data, Mode::Ephemeral, Mode::StateStore].into_iter();
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
            Mode::StateStore => {
                let request = v6::validate_state_store::Request { type_name, config };
                client
                    .validate_state_store_config(request)
                    .await?
                    .diagnostics
            }
        })
    }

    /// The functions that the process offers beyond those of its schema; most have none, many do
    /// not know the call.
    pub(super) async fn functions(&self) -> &BTreeMap<String, v6::Function> {
        let ask = || async {
            let Ok(client) = self.client().await else {
                return BTreeMap::new();
            };
            let answer = client.get_functions(Default::default()).await;
            answer.map(|answer| answer.functions).unwrap_or_default()
        };
        self.functions.get_or_init(ask).await
    }

    /// The type of a part of a function.
    pub(super) fn type_of(
        &self,
        function: &str,
        part: &str,
        json: &[u8],
    ) -> Result<Type, ProviderError> {
        Type::parse(json).map_err(|error| {
            let message = format!("the type of {part} of the function {function}: {error}");
            self.error("GetProviderSchema", message)
        })
    }

    /// What to send as meta arguments: null where nothing is set, and nothing at all where the
    /// provider takes none. Invariant: what is set has been found right by [`Self::check_meta`].
    pub(super) async fn provider_meta(&self) -> Result<Option<v6::DynamicValue>, ProviderError> {
        let encoded = self.meta.get_or_try_init(|| async {
            let Some(schema) = self.meta_schema().await? else {
                return Ok(None);
            };
            let checked = self.meta_value(&schema).map_err(|_| {
                let message = "its meta arguments do not follow its schema".to_owned();
                self.error("GetProviderSchema", message)
            })?;
            self.encode("ConfigureProvider", &schema.block, &checked)
                .map(Some)
        });
        encoded.await.cloned()
    }

    /// Checks the meta arguments that are set.
    pub(super) async fn check_meta(&self) -> Result<(), Failure> {
        match self.meta_schema().await? {
            Some(schema) => self.meta_value(&schema).map(drop).map_err(Failure::from),
            None if self.options.settings.meta.is_none() => Ok(()),
            None => {
                let text = format!("provider {} takes no `meta`", self.name());
                Err(Diagnostic::error(text).into())
            }
        }
    }

    async fn meta_schema(&self) -> Result<Option<Arc<TypeSchema>>, ProviderError> {
        let schemas = self.schemas().await?;
        schemas
            .get(Kind::ProviderMeta, "")
            .map_err(|error| self.schema_error(&error))
    }

    fn meta_value(&self, schema: &TypeSchema) -> Result<Value, Diagnostics> {
        let Some(meta) = &self.options.settings.meta else {
            return Ok(Value::Null);
        };
        let owner = format!("meta of provider {}", self.name());
        let meta = Input::from_plain_json(meta)
            .map_err(|error| Diagnostic::error(format!("{owner}: {error}")))?;
        Ok(self.check_rare(&owner, &schema.block, &meta)?.value)
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
        if let Err(error) = self.host.stop().await {
            tracing::debug!(provider = self.name(), %error, "the plugin could not be asked to stop");
        }
    }

    /// Needs its process no longer, which ends unless others do.
    pub(super) async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.host.let_go().await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            // The process ends with the last who knows the host.
            self.host.drop_hold();
        }
    }
}

fn launch(options: &PluginOptions) -> Launch {
    let mut launch = Launch::new(options.name.as_str(), &options.executable);
    launch.env.clone_from(&options.env);
    launch.tls = options.tls;
    launch.attach.clone_from(&options.attach);
    if let Some(limit) = seconds(options.settings.timeouts.start) {
        launch.start_timeout = limit;
    }
    launch
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
        Mode::StateStore => Kind::StateStore,
    }
}

fn what(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "resource type",
        Mode::Data => "data source",
        Mode::Ephemeral => "ephemeral resource type",
        Mode::StateStore => "state store",
    }
}
