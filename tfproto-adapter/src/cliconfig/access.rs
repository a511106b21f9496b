//! What is needed to speak to hosts: their services, tokens for them, patience with them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::syntax::{Body, Item, SyntaxError};
use crate::discovery::{Environment, parse_host};

/// Hosts and how to speak to them, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Services of hosts that are not to be asked for them.
    pub services: BTreeMap<String, BTreeMap<String, String>>,
    /// Tokens, by host.
    pub tokens: BTreeMap<String, Secret>,
    /// A program that knows tokens, and its arguments.
    pub credentials_helper: Option<(String, Vec<String>)>,
    /// How often a request that failed for now is made again.
    pub retries: Option<u32>,
    /// How long an answer may take to begin.
    pub timeout: Option<Duration>,
    /// Credentials of OCI registries, by `registry` or `registry/prefix`.
    pub oci: BTreeMap<String, OciCredentials>,
    /// Where else OCI credentials may be.
    pub oci_defaults: OciDefaults,
}

/// A text that is not to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// How to log in to an OCI registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OciCredentials {
    /// User name and password.
    pub basic: Option<(String, Secret)>,
    /// A bearer token.
    pub access_token: Option<Secret>,
    /// The name of a Docker credentials helper.
    pub helper: Option<String>,
}

/// Where credentials of OCI registries may be that are not configured here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciDefaults {
    /// Whether Docker's and Podman's configuration files are read.
    pub discover: bool,
    /// These instead of the usual ones.
    pub files: Option<Vec<String>>,
    /// The name of a Docker credentials helper for all registries.
    pub helper: Option<String>,
}

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(sensitive)")
    }
}

impl Default for OciDefaults {
    fn default() -> Self {
        Self {
            discover: true,
            files: None,
            helper: None,
        }
    }
}

/// The prefix of variables that hold tokens.
const TOKEN: &str = "TF_TOKEN_";

impl Access {
    pub(super) fn merge(&mut self, body: &Body) -> Result<(), SyntaxError> {
        for item in body.named("host") {
            for (host, block) in item.labelled() {
                let host = checked(item, host)?;
                for (_, services) in block.blocks("services") {
                    self.services.insert(host.clone(), texts(services)?);
                }
            }
        }
        for item in body.named("credentials") {
            for (host, block) in item.labelled() {
                if let Some(token) = block.named("token").next() {
                    let token = Secret::new(token.text()?);
                    self.tokens.insert(checked(item, host)?, token);
                }
            }
        }
        for item in body.named("credentials_helper") {
            for (name, block) in item.labelled() {
                if self.credentials_helper.is_some() {
                    let message = "there is already a credentials_helper block";
                    return Err(SyntaxError::new(item.line, message));
                }
                let args = block.named("args").next().map(Item::texts).transpose()?;
                let args = args.unwrap_or_default().into_iter().map(str::to_owned);
                self.credentials_helper = Some((name.to_owned(), args.collect()));
            }
        }
        for (_, block) in body.blocks("registry_protocols") {
            let retries = block.named("retry_count").next();
            self.retries = retries.map(Item::count).transpose()?;
            let timeout = block.named("request_timeout_seconds").next();
            let seconds = timeout.map(Item::count).transpose()?;
            self.timeout = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        }
        self.merge_oci(body)
    }

    fn merge_oci(&mut self, body: &Body) -> Result<(), SyntaxError> {
        for item in body.named("oci_credentials") {
            for (prefix, block) in item.labelled() {
                let values = texts(block)?;
                let get = |name: &str| values.get(name).cloned();
                let basic = get("username").zip(get("password").map(Secret::new));
                let credentials = OciCredentials {
                    basic,
                    access_token: get("access_token").map(Secret::new),
                    helper: get("docker_credentials_helper"),
                };
                self.oci.insert(prefix.to_owned(), credentials);
            }
        }
        for (_, block) in body.blocks("oci_default_credentials") {
            for item in &block.items {
                let defaults = &mut self.oci_defaults;
                match item.name.as_str() {
                    "discover_ambient_credentials" => defaults.discover = item.flag()?,
                    "docker_style_config_files" => {
                        let files = item.texts()?.into_iter().map(str::to_owned);
                        defaults.files = Some(files.collect());
                    }
                    "docker_credentials_helper" => defaults.helper = Some(item.text()?.to_owned()),
                    other => {
                        let message = format!("\"{other}\" is not a setting for OCI registries");
                        return Err(SyntaxError::new(item.line, message));
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the tokens and times that variables hold; they win over files.
    pub(super) fn add_tokens(&mut self, environment: &Environment) {
        for (name, token) in environment.variables_named(TOKEN) {
            // Dots and dashes are not for names of variables.
            let host = name.replace("__", "-").replace('_', ".");
            if let Ok(host) = parse_host(&host) {
                self.tokens.insert(host, Secret::new(token));
            }
        }
        let number = |name: &str| environment.text_variable(name)?.parse().ok();
        if let Some(retries) = number("TF_REGISTRY_DISCOVERY_RETRY") {
            self.retries = u32::try_from(retries).ok();
        }
        if let Some(seconds) = number("TF_REGISTRY_CLIENT_TIMEOUT") {
            self.timeout = Some(Duration::from_secs(seconds));
        }
    }
}

fn checked(item: &Item, host: &str) -> Result<String, SyntaxError> {
    parse_host(host).map_err(|error| SyntaxError::new(item.line, error))
}

fn texts(body: &Body) -> Result<BTreeMap<String, String>, SyntaxError> {
    body.items
        .iter()
        .map(|item| Ok((item.name.clone(), item.text()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn merged(name: &str, text: &str) -> Access {
        let body = Body::parse(Path::new(name), text).expect("the syntax is right");
        let mut access = Access::default();
        access.merge(&body).expect("the settings are right");
        access
    }

    #[test]
    fn both_syntaxes_say_the_same() {
        let hcl = merged(
            "rc",
            r#"
            host "Example.com" { services = { "providers.v1" = "https://x.example/" } }
            credentials "example.com:8443" { token = "hush" }
            credentials_helper "vault" { args = ["-a"] }
            registry_protocols { retry_count = 3 request_timeout_seconds = 7 }
            oci_credentials "oci.example/team" { username = "u" password = "hush" }
            oci_default_credentials { discover_ambient_credentials = false }
            "#,
        );
        let json = merged(
            "rc.json",
            r#"{
            "host": {"example.com": {"services": {"providers.v1": "https://x.example/"}}},
            "credentials": {"example.com:8443": {"token": "hush"}},
            "credentials_helper": {"vault": {"args": ["-a"]}},
            "registry_protocols": {"retry_count": 3, "request_timeout_seconds": 7},
            "oci_credentials": {"oci.example/team": {"username": "u", "password": "hush"}},
            "oci_default_credentials": {"discover_ambient_credentials": false}
            }"#,
        );
        assert_eq!(hcl, json);
        let service = &hcl.services["example.com"]["providers.v1"];
        assert_eq!(service, "https://x.example/");
        assert_eq!(hcl.tokens["example.com:8443"].reveal(), "hush");
        assert_eq!(hcl.timeout, Some(Duration::from_secs(7)));
        assert!(!format!("{hcl:?}").contains("hush"));
    }

    #[test]
    fn variables_win() {
        let mut access = merged("rc", "credentials \"a-b.example\" { token = \"file\" }");
        let environment = Environment::new(
            [("TF_TOKEN_a__b_example".into(), "variable".into())],
            "/nowhere",
        );
        access.add_tokens(&environment);
        assert_eq!(access.tokens["a-b.example"].reveal(), "variable");
    }
}
