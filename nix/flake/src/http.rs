//! Downloads.

use std::{cell::OnceCell, io::Read, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::FlakeError;

/// What a server is asked.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// Where.
    pub url: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// What was had before: the answer may be that it is still the same.
    pub etag: Option<String>,
}

/// What a server answers.
pub struct HttpResponse {
    /// 200, or 304 for what is still the same.
    pub status: u16,
    /// Its name for this version.
    pub etag: Option<String>,
    /// The `Link` headers.
    pub links: Vec<String>,
    /// The content.
    pub body: Box<dyn Read>,
}

/// Asks servers. A trait, so that tests need none.
pub trait Http {
    /// Asks for a URL, and follows where it leads.
    fn get(&self, request: &HttpRequest) -> Result<HttpResponse, FlakeError>;
}

/// How long to wait for a server to be reached, and for it to begin to answer.
const CONNECT: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(60);

/// The network.
#[derive(Default)]
pub struct Network {
    /// Made when it is first needed: most evaluations download nothing.
    agent: OnceCell<ureq::Agent>,
}

impl Network {
    fn agent(&self) -> &ureq::Agent {
        self.agent.get_or_init(|| {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_connect(Some(CONNECT))
                .timeout_resolve(Some(CONNECT))
                .timeout_recv_response(Some(ANSWER))
                .user_agent(concat!("nixops4/", env!("CARGO_PKG_VERSION")))
                .tls_config(tls())
                .build();
            config.into()
        })
    }
}

/// The certificates that this machine trusts, or those in the file that Nix is told of.
fn tls() -> TlsConfig {
    let own = std::env::var_os("NIX_SSL_CERT_FILE").and_then(|path| {
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .ok()?
            .flatten()
            .collect();
        (!certificates.is_empty()).then_some(certificates)
    });
    let trusted = own.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs);
    let trusted: Vec<Certificate<'static>> = trusted
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build()
}

impl Http for Network {
    fn get(&self, request: &HttpRequest) -> Result<HttpResponse, FlakeError> {
        let failed = |problem: String| FlakeError::Download {
            url: request.url.clone(),
            problem,
        };
        let mut get = self.agent().get(&request.url);
        for (name, value) in &request.headers {
            get = get.header(name, value);
        }
        if let Some(etag) = &request.etag {
            get = get.header("If-None-Match", etag);
        }
        let response = get.call().map_err(|error| failed(error.to_string()))?;
        let status = response.status().as_u16();
        if status != 200 && !(status == 304 && request.etag.is_some()) {
            return Err(failed(format!("the server answers with status {status}")));
        }
        let text = |value: &ureq::http::HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = response.headers();
        Ok(HttpResponse {
            status,
            etag: headers.get("etag").and_then(text),
            links: headers.get_all("link").iter().filter_map(text).collect(),
            body: Box::new(response.into_body().into_reader()),
        })
    }
}
