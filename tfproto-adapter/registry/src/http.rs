//! Requests over HTTP: patient where it helps, and careful with whom they trust.
//!
//! `ureq`, because fetching a handful of files needs no asynchronous client: it is small, uses the
//! TLS library that is there already, and speaks to proxies. Retries and redirects are done here,
//! since a token must not follow a redirect to another host.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nixops4_tfproto::discovery::Environment;
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::certificate::Refused;

/// Metadata is small; what is not is no metadata.
const MAX_DOCUMENT: u64 = 4 << 20;
const MAX_REDIRECTS: usize = 5;
/// Names a file with certificate authorities beyond the system's.
pub const EXTRA_CA: &str = "NIXOPS4_EXTRA_CA_FILE";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_RETRIES: u32 = 2;
/// A server may ask for more patience than this; it does not get it.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Speaks to all hosts of a run.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    /// Why nobody can be trusted, where that is so.
    no_roots: Option<String>,
    retries: u32,
    timeout: Duration,
    pause: Duration,
}

/// A request that did not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {problem}")]
pub struct HttpError {
    /// What was asked for.
    pub url: String,
    /// What came of it.
    pub problem: Problem,
}

/// What may come of a request.
#[derive(Debug)]
pub enum Problem {
    /// An answer, but no good one.
    Status {
        /// Which.
        status: StatusCode,
        /// How to say who is asking (`WWW-Authenticate`).
        challenge: String,
        /// How long to wait before the next try (`Retry-After`).
        pause: Option<Duration>,
    },
    /// No answer.
    NoAnswer(String),
    /// The server's certificate is refused.
    Certificate(Refused),
    /// An answer that makes no sense.
    Nonsense(String),
    /// A setting that cannot be followed; its name is in place of the address.
    Setting(String),
    /// A file could not be written.
    File(PathBuf, io::Error),
}

/// A document, and the address it came from in the end.
#[derive(Debug)]
pub struct Document {
    /// The last address, after redirects.
    pub url: String,
    /// The content.
    pub body: Vec<u8>,
    /// `Content-Type`, without parameters.
    pub content_type: String,
    /// Where the rest is (`Link`), for lists in several parts.
    pub link: String,
}

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// The `Authorization` header, for the first host only.
    pub authorization: Option<String>,
    /// Kinds of content that will do.
    pub accept: &'a str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "the server answered {status}"),
            Self::NoAnswer(why) => write!(f, "no answer: {why}"),
            Self::Certificate(refused) => f.write_str(&refused.sentence()),
            Self::Nonsense(why) => write!(f, "the answer makes no sense: {why}"),
            Self::Setting(why) => f.write_str(why),
            Self::File(path, error) => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}

impl HttpError {
    /// An answer that makes no sense.
    pub fn nonsense(url: &str, why: impl Into<String>) -> Self {
        Self {
            url: url.to_owned(),
            problem: Problem::Nonsense(why.into()),
        }
    }

    /// Whether the server says that there is no such thing.
    pub fn is_absent(&self) -> bool {
        self.status() == Some(StatusCode::NOT_FOUND)
    }

    /// Whether the server wants to know who is asking.
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.status(),
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        )
    }

    /// Whether the server says that the one who asks is at fault.
    pub fn is_refusal(&self) -> bool {
        self.status().is_some_and(|status| status.is_client_error())
    }

    /// Whether the server is one that we do not trust.
    pub fn is_untrusted(&self) -> bool {
        matches!(self.problem, Problem::Certificate(Refused::Authority))
    }

    /// How the server wants to be told who is asking.
    pub fn challenge(&self) -> Option<&str> {
        match &self.problem {
            Problem::Status { challenge, .. } if self.is_unauthorized() => Some(challenge)
                .filter(|text| !text.is_empty())
                .map(String::as_str),
            _ => None,
        }
    }

    fn pause(&self) -> Option<Duration> {
        match &self.problem {
            Problem::Status { pause, .. } => *pause,
            _ => None,
        }
    }

    fn status(&self) -> Option<StatusCode> {
        match &self.problem {
            Problem::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl Client {
    /// A client with the system's certificate authorities, and those that a variable names.
    pub fn new(
        environment: &Environment,
        retries: Option<u32>,
        timeout: Option<Duration>,
    ) -> Result<Self, HttpError> {
        let mut roots = system_roots();
        if let Some(path) = environment.path_variable(EXTRA_CA) {
            roots.extend(roots_of(&environment.absolute(path))?);
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .build();
        let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout.max(Duration::from_secs(1)) * 3))
            .user_agent(concat!("nixops4/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            no_roots: missing_roots(environment),
            retries: retries.unwrap_or(DEFAULT_RETRIES),
            timeout,
            pause: Duration::from_millis(500),
        })
    }

    /// The same with another number of retries.
    pub fn with_retries(&self, retries: Option<u32>) -> Self {
        Self {
            retries: retries.unwrap_or(self.retries),
            ..self.clone()
        }
    }

    /// Fetches a small document.
    pub fn document(&self, url: &str, ask: &Ask<'_>) -> Result<Document, HttpError> {
        self.patiently(url, || {
            let (url, mut response) = self.follow(url, ask, Some(self.timeout_of_documents()))?;
            let content_type = text_header(response.headers(), &header::CONTENT_TYPE);
            let link = text_header(response.headers(), &header::LINK);
            let content_type = content_type.split(';').next().unwrap_or_default();
            let body = response
                .body_mut()
                .with_config()
                .limit(MAX_DOCUMENT)
                .read_to_vec();
            Ok(Document {
                body: body.map_err(|error| self.no_answer(&url, &error))?,
                content_type: content_type.trim().to_ascii_lowercase(),
                link,
                url,
            })
        })
    }

    /// Fetches a JSON document.
    pub fn json<T: serde::de::DeserializeOwned>(
        &self,
        url: &str,
        authorization: Option<String>,
    ) -> Result<(String, T), HttpError> {
        let ask = Ask {
            authorization,
            accept: "application/json",
        };
        let document = self.document(url, &ask)?;
        if document.content_type != "application/json" {
            let why = match document.content_type.as_str() {
                "" => "it does not say that it is JSON (Content-Type)".to_owned(),
                other => format!("it is not JSON, but \"{other}\""),
            };
            return Err(HttpError::nonsense(&document.url, why));
        }
        let value = serde_json::from_slice(&document.body)
            .map_err(|error| HttpError::nonsense(&document.url, error.to_string()))?;
        Ok((document.url, value))
    }

    /// Fetches a file of any size, at most `limit` bytes if that is known.
    pub fn download(
        &self,
        url: &str,
        ask: &Ask<'_>,
        path: &Path,
        limit: Option<u64>,
    ) -> Result<(), HttpError> {
        self.patiently(url, || {
            let (url, mut response) = self.follow(url, ask, None)?;
            let limit = limit.unwrap_or(u64::MAX - 1);
            let mut reader = response
                .body_mut()
                .with_config()
                .limit(u64::MAX)
                .reader()
                .take(limit + 1);
            let length = copy(&mut reader, path, &url)?;
            if length > limit {
                let why = format!("it is larger than the {limit} bytes that were announced");
                return Err(HttpError::nonsense(&url, why));
            }
            Ok(())
        })
    }

    /// Tries again what may only have failed for now.
    fn patiently<T>(
        &self,
        url: &str,
        mut attempt: impl FnMut() -> Result<T, HttpError>,
    ) -> Result<T, HttpError> {
        let mut pause = self.pause;
        for tries_left in (0..=self.retries).rev() {
            match attempt() {
                Err(error) if tries_left > 0 && is_for_now(&error.problem) => {
                    tracing::debug!("{error}; trying again");
                    let asked = error.pause().unwrap_or_default();
                    std::thread::sleep(jittered(pause).max(asked).min(MAX_PAUSE));
                    pause *= 2;
                }
                result => return result,
            }
        }
        Err(HttpError::nonsense(url, "it was not asked for"))
    }

    /// Makes a request, and those that the answers redirect to; `whole` is how long the content
    /// may take.
    fn follow(
        &self,
        url: &str,
        ask: &Ask<'_>,
        whole: Option<Duration>,
    ) -> Result<(String, Response<Body>), HttpError> {
        if let Some(why) = &self.no_roots {
            return Err(HttpError {
                url: SSL_CERT_FILE.to_owned(),
                problem: Problem::Setting(why.clone()),
            });
        }
        let mut at = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.agent.get(&at).config();
            let mut request = request.timeout_recv_body(whole).build();
            if !ask.accept.is_empty() {
                request = request.header(header::ACCEPT, ask.accept);
            }
            if let Some(authorization) = &ask.authorization
                && authority(url) == authority(&at)
            {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            let began = Instant::now();
            let response = request
                .call()
                .map_err(|error| self.no_answer(&at, &error))?;
            tracing::debug!("{at}: {} after {:?}", response.status(), began.elapsed());
            if !response.status().is_redirection() {
                return match response.status().is_success() {
                    true => Ok((at, response)),
                    false => Err(HttpError {
                        url: at,
                        problem: Problem::Status {
                            status: response.status(),
                            challenge: text_header(response.headers(), &header::WWW_AUTHENTICATE),
                            pause: pause_of(response.headers()),
                        },
                    }),
                };
            }
            let location = text_header(response.headers(), &header::LOCATION);
            let next = resolve(&at, &location)?;
            if at.starts_with("https:") && !next.starts_with("https:") {
                return Err(HttpError::nonsense(&at, "it redirects away from https"));
            }
            at = next;
        }
        Err(HttpError::nonsense(url, "it redirects too often"))
    }

    /// How long a small document may take, so that one that trickles in has an end.
    fn timeout_of_documents(&self) -> Duration {
        self.timeout.max(Duration::from_secs(1)) * 6
    }

    /// Why there was no answer, with the proxy that may be to blame.
    fn no_answer(&self, url: &str, error: &ureq::Error) -> HttpError {
        let proxy = self.agent.config().proxy();
        let is_used = |uri: &Uri| proxy.filter(|proxy| !proxy.is_no_proxy(uri));
        let proxy = url.parse().ok().as_ref().and_then(is_used);
        let through = match proxy {
            Some(proxy) => format!(" (through the proxy {}:{})", proxy.host(), proxy.port()),
            None => String::new(),
        };
        HttpError {
            url: url.to_owned(),
            problem: match Refused::behind(error) {
                Some(refused) => Problem::Certificate(refused),
                None => Problem::NoAnswer(format!("{error}{through}")),
            },
        }
    }

    /// How long an answer may take to begin.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn copy(reader: &mut impl Read, path: &Path, url: &str) -> Result<u64, HttpError> {
    let failed = |error| HttpError {
        url: url.to_owned(),
        problem: Problem::File(path.to_owned(), error),
    };
    let mut file = File::create(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        let length = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(HttpError {
                    url: url.to_owned(),
                    problem: Problem::NoAnswer(format!("it broke off: {error}")),
                });
            }
        };
        file.write_all(&buffer[..length]).map_err(failed)?;
        total += length as u64;
    }
    file.sync_all().map_err(failed)?;
    Ok(total)
}

fn is_for_now(problem: &Problem) -> bool {
    match problem {
        Problem::Status { status, .. } => {
            status.is_server_error()
                || matches!(
                    *status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                )
        }
        Problem::NoAnswer(_) => true,
        Problem::Certificate(_)
        | Problem::Nonsense(_)
        | Problem::Setting(_)
        | Problem::File(..) => false,
    }
}

/// Between half and all of it, so that many clients do not come back at the same moment.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let share = RandomState::new().hash_one(0) % 512;
    pause.mul_f64((512 + share) as f64 / 1024.0)
}

/// How long a server asks to wait, where it says so in seconds.
fn pause_of(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = text_header(headers, &header::RETRY_AFTER);
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn text_header(headers: &header::HeaderMap, name: &header::HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Scheme, host and port: whom a token is for.
fn authority(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_owned();
    Some((scheme, uri.authority()?.as_str().to_ascii_lowercase()))
}

/// What a reference in a document at `base` means.
pub fn resolve(base: &str, reference: &str) -> Result<String, HttpError> {
    let bad = |why: &str| HttpError::nonsense(base, format!("\"{reference}\" {why}"));
    let absolute = if reference.contains("://") {
        reference.to_owned()
    } else {
        let uri: Uri = base.parse().map_err(|_| bad("has no base"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("has no base"));
        };
        if let Some(rest) = reference.strip_prefix("//") {
            format!("{scheme}://{rest}")
        } else if reference.starts_with('/') {
            format!("{scheme}://{authority}{reference}")
        } else {
            let directory = uri.path().rsplit_once('/').map_or("", |(dir, _)| dir);
            let path = without_dots(&format!("{directory}/{reference}"));
            format!("{scheme}://{authority}{path}")
        }
    };
    let uri: Uri = absolute.parse().map_err(|_| bad("is no address"))?;
    let authority = uri.authority().map(|authority| authority.as_str());
    match (uri.scheme_str(), authority) {
        (Some("http" | "https"), Some(authority)) if !authority.contains('@') => Ok(absolute),
        _ => Err(bad("is no address that can be fetched")),
    }
}

/// Takes `.` and `..` out of a path.
fn without_dots(path: &str) -> String {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (path, String::new()),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 => {
                parts.pop();
            }
            ".." => {}
            part => parts.push(part),
        }
    }
    format!("{}{query}", parts.join("/"))
}

/// Names a file with certificate authorities in place of the system's.
const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// Why there are no authorities. Only requests fail for it: builds of Nix name a file that is not there,
/// and install from what lies on the machine.
fn missing_roots(environment: &Environment) -> Option<String> {
    let path = environment.path_variable(SSL_CERT_FILE)?;
    let error = std::fs::metadata(&path).err()?;
    Some(unreadable(&path, &error))
}

fn system_roots() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("certificate authorities of the system: {error}");
    }
    let certificates = found.certs.iter();
    certificates
        .map(|der| Certificate::from_der(der.as_ref()).to_owned())
        .collect()
}

fn unreadable(path: &Path, why: &dyn fmt::Display) -> String {
    format!("cannot read {}: {why}", path.display())
}

fn roots_of(path: &Path) -> Result<Vec<Certificate<'static>>, HttpError> {
    let failed = |why: &dyn fmt::Display| HttpError {
        url: EXTRA_CA.to_owned(),
        problem: Problem::Setting(unreadable(path, why)),
    };
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    if certificates.is_empty() {
        return Err(failed(&"there is no certificate in it"));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_against_where_they_stand() {
        let base = "https://h.example:8443/a/b/index.json?q";
        for (reference, absolute) in [
            ("c.zip", "https://h.example:8443/a/b/c.zip"),
            ("../c.zip", "https://h.example:8443/a/c.zip"),
            (
                "../../../c.zip?x=../y",
                "https://h.example:8443/c.zip?x=../y",
            ),
            ("/c", "https://h.example:8443/c"),
            ("//o.example/c", "https://o.example/c"),
            ("http://o.example/c", "http://o.example/c"),
        ] {
            assert_eq!(resolve(base, reference).expect("an address"), absolute);
        }
        for reference in [
            "file:///etc/passwd",
            "https://u:p@h.example/",
            "a b",
            "https://",
        ] {
            assert!(resolve(base, reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_token_is_for_one_host() {
        let same = |a, b| authority(a) == authority(b);
        assert!(same("https://h.example/a", "https://H.example/b"));
        assert!(!same("https://h.example/a", "http://h.example/a"));
        assert!(!same("https://h.example/a", "https://h.example:8443/a"));
    }

    #[test]
    fn pauses_vary() {
        let pause = Duration::from_secs(1);
        assert!((0..100).all(|_| (pause / 2..=pause).contains(&jittered(pause))));
    }
}
