//! Who we are to an OCI registry: configured here, or stored for Docker and Podman.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nixops4_tfproto::cliconfig::{OciCredentials, Secret};
use serde::Deserialize;

use crate::context::Context;
use crate::credentials::ask;
use crate::error::FetchError;
use crate::http::{Client, HttpError};

/// What is known of us.
#[derive(Debug, Default)]
pub struct Login {
    basic: Option<(String, Secret)>,
    token: Option<Secret>,
}

impl Login {
    /// The header to send without being asked, which a token of ours is for.
    pub fn direct(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        Some(format!("Bearer {}", token.reveal()))
    }

    fn basic(&self) -> Option<String> {
        let (user, password) = self.basic.as_ref()?;
        let pair = format!("{user}:{}", password.reveal());
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }
}

/// A configuration file as Docker writes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: String,
}

#[derive(Deserialize)]
struct DockerAuth {
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Finds what is stored for a repository; the nearest prefix wins.
pub fn stored(context: &Context, host: &str, repository: &str) -> Result<Login, FetchError> {
    let access = &context.config.access;
    let whole = format!("{host}/{repository}");
    let configured = prefixes(&whole).find_map(|prefix| access.oci.get(prefix));
    if let Some(credentials) = configured {
        return of_configuration(credentials, host);
    }
    let defaults = &access.oci_defaults;
    for path in docker_files(context) {
        let Ok(text) = std::fs::read(&path) else {
            continue;
        };
        let config: DockerConfig = serde_json::from_slice(&text)
            .map_err(|error| FetchError::Configuration(format!("{}: {error}", path.display())))?;
        if let Some(login) = of_docker(&config, host, &whole)? {
            return Ok(login);
        }
    }
    match &defaults.helper {
        Some(helper) => of_helper(helper, host),
        None => Ok(Login::default()),
    }
}

/// A path, and what is left of it as its last parts go.
fn prefixes(whole: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(whole), |rest| Some(rest.rsplit_once('/')?.0))
}

fn of_configuration(credentials: &OciCredentials, host: &str) -> Result<Login, FetchError> {
    match &credentials.helper {
        Some(helper) => of_helper(helper, host),
        None => Ok(Login {
            basic: credentials.basic.clone(),
            token: credentials.access_token.clone(),
        }),
    }
}

fn docker_files(context: &Context) -> Vec<PathBuf> {
    let (environment, defaults) = (&context.environment, &context.config.access.oci_defaults);
    if let Some(files) = &defaults.files {
        return files
            .iter()
            .map(|file| environment.absolute(file))
            .collect();
    }
    if !defaults.discover {
        return Vec::new();
    }
    let home = environment.home();
    let below = |name: &str| home.as_ref().map(|home| home.join(name));
    let podman = environment.path_variable("XDG_RUNTIME_DIR");
    let docker = environment.path_variable("DOCKER_CONFIG");
    let files = [
        podman.map(|dir| dir.join("containers/auth.json")),
        below(".config/containers/auth.json"),
        docker.map(|dir| dir.join("config.json")),
        below(".docker/config.json"),
    ];
    files.into_iter().flatten().collect()
}

fn of_docker(config: &DockerConfig, host: &str, whole: &str) -> Result<Option<Login>, FetchError> {
    if let Some(helper) = config.cred_helpers.get(host) {
        return of_helper(helper, host).map(Some);
    }
    let stored = prefixes(whole).find_map(|prefix| config.auths.get(prefix));
    let pair = stored
        .and_then(|stored| STANDARD.decode(&stored.auth).ok())
        .and_then(|pair| String::from_utf8(pair).ok());
    if let Some((user, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) {
        return Ok(Some(Login {
            basic: Some((user.to_owned(), Secret::new(password))),
            token: None,
        }));
    }
    match (stored, config.creds_store.as_str()) {
        // An entry without content says that the store has it.
        (Some(_), store) if !store.is_empty() => of_helper(store, host).map(Some),
        _ => Ok(None),
    }
}

fn of_helper(name: &str, host: &str) -> Result<Login, FetchError> {
    let program = PathBuf::from(format!("docker-credential-{name}"));
    let answer: HelperAnswer = ask(&program, &["get"], host)?;
    Ok(Login {
        basic: Some((answer.username, Secret::new(answer.secret))),
        token: None,
    })
}

/// Does as a registry's challenge says; gives the header for the next request.
pub fn login(
    client: &Client,
    challenge: &str,
    login: &Login,
) -> Result<Option<String>, FetchError> {
    let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Ok(login.basic());
    }
    let parameters = parameters(rest);
    let Some(realm) = parameters.get("realm") else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    if !realm.starts_with("https://") {
        return Err(FetchError::Configuration(format!(
            "the registry sends logins to {realm}, which is no https address"
        )));
    }
    let query: Vec<_> = ["service", "scope"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}", escaped(parameters.get(*name)?))))
        .collect();
    let separator = if realm.contains('?') { "&" } else { "?" };
    let url = format!("{realm}{separator}{}", query.join("&"));
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer = client.json(&url, login.basic());
    let (url, answer): (_, Answer) = answer.map_err(FetchError::Login)?;
    match answer.token.or(answer.access_token) {
        Some(token) => Ok(Some(format!("Bearer {token}"))),
        None => Err(FetchError::Login(HttpError::nonsense(
            &url,
            "it holds no token",
        ))),
    }
}

/// Reads `name="value",…`.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else {
            break;
        };
        let name = name.trim_start_matches([',', ' ']).to_ascii_lowercase();
        found.insert(name, value.to_owned());
        rest = after;
    }
    found
}

/// A text in the query of an address.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b',' => escaped.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => escaped.push(byte.into()),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let found = parameters("realm=\"https://a/t\",service=\"s\", Scope=\"repository:x:pull\"");
        assert_eq!(found["realm"], "https://a/t");
        assert_eq!(found["scope"], "repository:x:pull");
        assert_eq!(escaped("a b&c:d"), "a%20b%26c:d");
    }

    #[test]
    fn the_nearest_prefix_wins() {
        let prefixes: Vec<_> = prefixes("h:1/a/b").collect();
        assert_eq!(prefixes, ["h:1/a/b", "h:1/a", "h:1"]);
        let config: DockerConfig =
            serde_json::from_str(r#"{"auths": {"h": {"auth": "dTpw"}, "h/a": {"auth": "eDpw"}}}"#)
                .expect("a configuration");
        let login = of_docker(&config, "h", "h/a/b")
            .expect("no error")
            .expect("a login");
        assert_eq!(login.basic.expect("a pair").0, "x");
        assert!(of_docker(&config, "o", "o/a").expect("no error").is_none());
    }
}
