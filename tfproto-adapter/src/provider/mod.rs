//! A provider plugin behind core's [`Provider`] trait.
//!
//! ```text
//! TfProvider ──configure──► TfInstance ──► read, plan, apply, import   (managed)
//!     │                         │     └──► read_data                   (data)
//!     └── Session ◄─────────────┘  one process, its schemas
//!
//! core's Value ──check──► cty Value ──► [call] ──► cty Value ──outputs──► core's Value
//! ```
//! The process is started by the first call that needs it; what types there are is answered from
//! the cache without one.

mod action;
mod apply;
mod complaints;
mod data;
mod ephemeral;
mod functions;
mod import;
mod list;
mod managed;
mod moved;
mod outputs;
mod plan;
mod plan_data;
mod session;
mod state;
mod state_store;
mod types;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use nixops4_core::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use nixops4_core::provider::document::{Contents, Document, DocumentKind};
use nixops4_core::provider::{
    ConfiguredProvider, Failure, FunctionSignature, Mode, Provider, ProviderError, ProviderResult,
    ResourceType,
};
use nixops4_core::value::Value as Input;
use nixops4_proto::evaluator::ProviderSettings;
use nixops4_proto::tfplugin::v6;

use crate::cache::Verdict;
use crate::check::Checked;
use crate::client::Pool;
use crate::reattach::Attached;
pub use managed::TfInstance;
use session::Session;

/// What plugins are told our version is: the features they gate on it are those of the protocol.
const TERRAFORM_VERSION: &str = "1.13.0";

/// The plugin behind a provider.
#[derive(Clone, Debug)]
pub struct PluginOptions {
    /// The provider, as the user knows it.
    pub name: String,
    /// The program.
    pub executable: PathBuf,
    /// Variables to set for it beyond our own.
    pub env: Vec<(OsString, OsString)>,
    /// Where what it describes is kept between runs.
    pub cache_dir: Option<PathBuf>,
    /// How it is to be used.
    pub settings: ProviderSettings,
    /// The processes that it shares, and has to share the machine with.
    pub pool: Arc<Pool>,
    /// Whether the connection to it is encrypted.
    pub tls: bool,
    /// The plugin, if it runs already; then `executable` is only its name.
    pub attach: Option<Attached>,
    /// What is to be said of how it was found.
    pub warnings: Vec<String>,
}

impl PluginOptions {
    /// A program with nothing around it.
    pub fn new(name: impl Into<String>, executable: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            executable: executable.into(),
            env: Vec::new(),
            cache_dir: None,
            settings: ProviderSettings::default(),
            pool: Arc::default(),
            tls: true,
            attach: None,
            warnings: Vec::new(),
        }
    }
}

/// A provider plugin that has no configuration yet.
#[derive(Debug)]
pub struct TfProvider {
    current: Mutex<Current>,
}

/// Whom a provider asks.
#[derive(Clone, Debug)]
struct Current {
    session: Arc<Session>,
    /// Whether the session belongs to a configured provider, which then also ends it.
    configured: bool,
}

impl TfProvider {
    /// Prepares a plugin; it is started when it is needed.
    pub fn new(options: PluginOptions) -> Arc<Self> {
        Arc::new(Self {
            current: Mutex::new(Current {
                session: Arc::new(Session::new(options)),
                configured: false,
            }),
        })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Whole values go in and out: no panic can leave it half-written.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> Arc<Session> {
        self.current().session.clone()
    }

    /// The schemas, from the cache or from the plugin.
    pub async fn schemas(&self) -> Result<Arc<crate::schema::Schemas>, ProviderError> {
        self.session().schemas().await
    }

    /// The names of its functions.
    pub(crate) async fn function_names(&self) -> Result<BTreeSet<String>, Failure> {
        functions::names(&self.session()).await
    }
}

#[async_trait]
impl Provider for TfProvider {
    async fn validate_config(&self, config: &Input) -> Result<Diagnostics, ProviderError> {
        let session = self.session();
        // It starts while its schema is read: it will be needed in any case.
        session.start().await?;
        let schema = session.provider_schema().await?;
        let checked = match session.check_rare(&session.owner(), &schema.block, config) {
            Ok(checked) => checked,
            Err(diagnostics) => return Ok(diagnostics),
        };
        let mut diagnostics = session.found_with();
        diagnostics.extend(checked.warnings);
        let config_value =
            session.encode("ValidateProviderConfig", &schema.block, &checked.value)?;
        let verdict = session.verdict(&config_value.msgpack).await;
        if verdict.as_ref().is_some_and(Verdict::holds) {
            return Ok(diagnostics);
        }
        let request = v6::validate_provider_config::Request {
            config: Some(config_value),
        };
        let response = session
            .client()
            .await?
            .validate_provider_config(request)
            .await?;
        if let Some(verdict) = verdict.filter(|_| response.diagnostics.is_empty()) {
            verdict.keep();
        }
        diagnostics.extend(session.about_inputs(config, &response.diagnostics));
        Ok(diagnostics)
    }

    async fn resource_type(&self, mode: Mode, name: &str) -> Result<Arc<ResourceType>, Failure> {
        let schema = self.session().type_schema(mode, name).await?;
        Ok(Arc::new(types::describe(mode, name, &schema.block)))
    }

    async fn validate(
        &self,
        mode: Mode,
        type_name: &str,
        inputs: &Input,
    ) -> Result<Diagnostics, ProviderError> {
        let session = self.session();
        let schema = match session.type_schema(mode, type_name).await {
            Ok(schema) => schema,
            Err(Failure::Diagnostics(diagnostics)) => return Ok(diagnostics),
            Err(Failure::Provider(error)) => return Err(error),
        };
        let Checked {
            value, warnings, ..
        } = match session.check(type_name, &schema.block, inputs) {
            Ok(checked) => checked,
            Err(diagnostics) => return Ok(diagnostics),
        };
        let answer = session.validate(mode, type_name, &schema, &value).await?;
        let mut diagnostics = warnings;
        diagnostics.extend(session.about_inputs(inputs, &answer));
        Ok(diagnostics)
    }

    async fn contents(&self) -> Result<Contents, Failure> {
        Ok(self.session().schemas().await?.contents())
    }

    async fn document(&self, kind: DocumentKind, name: &str) -> Result<Document, Failure> {
        let session = self.session();
        let schemas = session.schemas().await?;
        let document = schemas.document(kind, name);
        let document = document.map_err(|problem| session.error("GetProviderSchema", problem))?;
        document.ok_or_else(|| {
            let (provider, what) = (session.name(), kind.singular());
            Diagnostic::error(format!("provider {provider} has no {what} \"{name}\"")).into()
        })
    }

    async fn configure(
        self: Arc<Self>,
        config: &Input,
    ) -> ProviderResult<Arc<dyn ConfiguredProvider>> {
        let before = self.current().clone();
        let unconfigured = &before.session;
        let schema = unconfigured.provider_schema().await?;
        let checked = unconfigured.check_rare(&unconfigured.owner(), &schema.block, config)?;
        unconfigured.check_meta().await?;
        let encoded = unconfigured.encode("ConfigureProvider", &schema.block, &checked.value)?;
        let key = encoded.msgpack.clone();
        let session = Arc::new(unconfigured.configured(&key));
        let request = v6::configure_provider::Request {
            terraform_version: TERRAFORM_VERSION.to_owned(),
            config: Some(encoded),
            client_capabilities: Some(capabilities(false)),
        };
        let answer = session.configure(request.clone()).await;
        let diagnostics = answer.map(|answer| session.about_inputs(config, &answer.diagnostics));
        match diagnostics {
            Ok(diagnostics) if !diagnostics.has_errors() => {
                *self.current() = Current {
                    session: session.clone(),
                    configured: true,
                };
                if !before.configured {
                    before.session.close().await;
                }
                let mut warnings = checked.warnings;
                warnings.extend(diagnostics);
                let value: Arc<dyn ConfiguredProvider> =
                    Arc::new(TfInstance::new(session, request));
                Ok(Diagnosed { value, warnings })
            }
            failed => {
                session.refused(&key);
                session.close().await;
                Err(failed.map_or_else(Failure::from, Failure::from))
            }
        }
    }

    async fn function(&self, name: &str) -> Result<Arc<FunctionSignature>, Failure> {
        functions::describe(&self.session(), name).await
    }

    async fn call_function(&self, name: &str, arguments: &[Input]) -> Result<Input, Failure> {
        functions::call(&self.session(), name, arguments).await
    }

    async fn close(&self) {
        let Current {
            session,
            configured,
        } = self.current().clone();
        if !configured {
            session.close().await;
        }
    }
}

/// What we understand; a plan may be put off until more is known.
fn capabilities(deferral_allowed: bool) -> v6::ClientCapabilities {
    v6::ClientCapabilities {
        deferral_allowed,
        write_only_attributes_allowed: true,
        ..Default::default()
    }
}

/// A fault of the provider's: what it answered breaks a rule.
fn fault(summary: String) -> Diagnostic {
    Diagnostic::error(summary).hint("this is a fault in the provider; its maker would like to know")
}
