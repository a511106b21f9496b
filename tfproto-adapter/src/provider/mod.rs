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

mod apply;
mod data;
mod managed;
mod outputs;
mod plan;
mod plan_data;
mod session;
mod state;
mod types;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use nixops4_core::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use nixops4_core::provider::{
    ConfiguredProvider, Failure, Mode, Provider, ProviderError, ProviderResult, ResourceType,
};
use nixops4_core::value::Value as Input;
use nixops4_proto::tfplugin::v6;

use crate::check::{Checked, check, to_input_path};
use crate::convert::complaints;
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
}

/// A provider plugin that has no configuration yet.
#[derive(Debug)]
pub struct TfProvider {
    session: Arc<Session>,
    /// Whether the session belongs to a configured provider, which then also ends it.
    taken: AtomicBool,
}

impl TfProvider {
    /// Prepares a plugin; it is started when it is needed.
    pub fn new(options: PluginOptions) -> Arc<Self> {
        let session = Arc::new(Session::new(options));
        Arc::new(Self {
            session,
            taken: AtomicBool::new(false),
        })
    }

    /// The schemas, from the cache or from the plugin.
    pub async fn schemas(&self) -> Result<Arc<crate::schema::Schemas>, ProviderError> {
        self.session.schemas().await
    }
}

#[async_trait]
impl Provider for TfProvider {
    async fn validate_config(&self, config: &Input) -> Result<Diagnostics, ProviderError> {
        let schema = self.session.provider_schema().await?;
        let checked = match check(&self.session.owner(), &schema.block, config) {
            Ok(checked) => checked,
            Err(diagnostics) => return Ok(diagnostics),
        };
        let config_value =
            self.session
                .encode("ValidateProviderConfig", &schema.block, &checked.value)?;
        let request = v6::validate_provider_config::Request {
            config: Some(config_value),
        };
        let response = self
            .session
            .client()
            .await?
            .validate_provider_config(request)
            .await?;
        let mut diagnostics = checked.warnings;
        diagnostics.extend(about_inputs(config, &response.diagnostics));
        Ok(diagnostics)
    }

    async fn resource_type(&self, mode: Mode, name: &str) -> Result<Arc<ResourceType>, Failure> {
        let schema = self.session.type_schema(mode, name).await?;
        Ok(Arc::new(types::describe(mode, name, &schema.block)))
    }

    async fn validate(
        &self,
        mode: Mode,
        type_name: &str,
        inputs: &Input,
    ) -> Result<Diagnostics, ProviderError> {
        let schema = match self.session.type_schema(mode, type_name).await {
            Ok(schema) => schema,
            Err(Failure::Diagnostics(diagnostics)) => return Ok(diagnostics),
            Err(Failure::Provider(error)) => return Err(error),
        };
        let Checked {
            value, warnings, ..
        } = match check(type_name, &schema.block, inputs) {
            Ok(checked) => checked,
            Err(diagnostics) => return Ok(diagnostics),
        };
        let answer = self
            .session
            .validate(mode, type_name, &schema, &value)
            .await?;
        let mut diagnostics = warnings;
        diagnostics.extend(about_inputs(inputs, &answer));
        Ok(diagnostics)
    }

    async fn configure(
        self: Arc<Self>,
        config: &Input,
    ) -> ProviderResult<Arc<dyn ConfiguredProvider>> {
        let schema = self.session.provider_schema().await?;
        let checked = check(&self.session.owner(), &schema.block, config)?;
        let encoded = self
            .session
            .encode("ConfigureProvider", &schema.block, &checked.value)?;
        // A process takes one configuration; a further one needs a process of its own.
        let first = !self.taken.swap(true, Ordering::SeqCst);
        let session = match first {
            true => self.session.clone(),
            false => Arc::new(self.session.another()),
        };
        let request = v6::configure_provider::Request {
            terraform_version: TERRAFORM_VERSION.to_owned(),
            config: Some(encoded),
            client_capabilities: Some(capabilities(false)),
        };
        let answer = match session.client().await {
            Ok(client) => client
                .configure_provider(request)
                .await
                .map_err(ProviderError::from),
            Err(error) => Err(error),
        };
        let diagnostics = answer.map(|answer| about_inputs(config, &answer.diagnostics));
        match diagnostics {
            Ok(diagnostics) if !diagnostics.has_errors() => {
                let mut warnings = checked.warnings;
                warnings.extend(diagnostics);
                let value: Arc<dyn ConfiguredProvider> = Arc::new(TfInstance::new(session));
                Ok(Diagnosed { value, warnings })
            }
            failed => {
                match first {
                    true => self.taken.store(false, Ordering::SeqCst),
                    false => session.close().await,
                }
                Err(failed.map_or_else(Failure::from, Failure::from))
            }
        }
    }

    async fn close(&self) {
        if !self.taken.load(Ordering::SeqCst) {
            self.session.close().await;
        }
    }
}

/// A provider's diagnostics, placed at the inputs that they are about.
fn about_inputs(inputs: &Input, diagnostics: &[v6::Diagnostic]) -> Diagnostics {
    let placed = complaints(diagnostics).into_iter().map(|complaint| {
        let path = complaint
            .place
            .as_ref()
            .map(|place| to_input_path(inputs, place));
        complaint.into_diagnostic(path)
    });
    Diagnostics(placed.collect())
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
