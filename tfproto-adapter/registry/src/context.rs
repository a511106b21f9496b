//! What all methods share in one run: configuration, client, and what was learnt already.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use nixops4_tfproto::cliconfig::{CliConfig, Method};
use nixops4_tfproto::discovery::{Environment, methods};

use crate::credentials;
use crate::error::{Failures, FetchError, InstallError};
use crate::http::Client;

/// One run.
#[derive(Debug)]
pub struct Context {
    /// The surroundings.
    pub environment: Environment,
    /// The CLI configuration.
    pub config: CliConfig,
    /// The methods to try, in order.
    pub methods: Vec<Method>,
    /// Whether they are implied: then what lies on this machine is not asked for elsewhere.
    pub are_implied: bool,
    /// Asks hosts.
    pub client: Client,
    services: Mutex<BTreeMap<String, String>>,
    warnings: Mutex<Vec<String>>,
}

impl Context {
    /// Reads the configuration, and makes ready to ask.
    pub fn new(environment: &Environment) -> Result<Self, InstallError> {
        let config = CliConfig::load(environment)?;
        config.check_cache()?;
        let client = Client::new(environment, config.access.retries, config.access.timeout)?;
        Ok(Self {
            environment: environment.clone(),
            methods: methods(&config, environment),
            are_implied: config.installation.is_none(),
            warnings: Mutex::new(config.warnings.clone()),
            config,
            client,
            services: Mutex::default(),
        })
    }

    /// The `Authorization` header for a host.
    pub fn bearer(&self, host: &str) -> Result<Option<String>, FetchError> {
        credentials::bearer(&self.config.access, &self.environment, host)
    }

    /// Where a host's registry is; asked for once.
    pub fn service(
        &self,
        host: &str,
        discover: impl FnOnce() -> Result<String, FetchError>,
    ) -> Result<String, FetchError> {
        let services = || self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = services().get(host) {
            return Ok(base.clone());
        }
        let mut base = discover()?;
        if !base.ends_with('/') {
            base.push('/');
        }
        services().insert(host.to_owned(), base.clone());
        Ok(base)
    }

    /// The client, as patient as a method wants it.
    pub fn client_of(&self, method: &Method) -> Client {
        let variable = self.environment.text_variable("TF_PROVIDER_DOWNLOAD_RETRY");
        let retries = variable.and_then(|text| text.parse().ok());
        self.client.with_retries(method.retries.or(retries))
    }

    /// Notes something for the user.
    pub fn warn(&self, warning: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// What went wrong, with what was noted before.
    pub fn with_warnings(&self, mut failures: Failures) -> Failures {
        let mut warnings = self.take_warnings();
        warnings.append(&mut failures.warnings);
        Failures {
            warnings,
            ..failures
        }
    }

    /// What was noted.
    pub fn take_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut warnings)
    }
}
