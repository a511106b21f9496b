//! Mutual TLS with a plugin: a certificate of our own for each process, and the plugin's pinned.
//!
//! Neither side has an authority: each gives the other its self-signed certificate, ours through
//! the environment, the plugin's through the handshake line.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

/// The name that go-plugin servers expect to be called by.
pub(crate) const SERVER_NAME: &str = "localhost";

/// Our certificate and key for one plugin process. Never written to disk.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Makes a fresh key and certificate.
    pub fn generate() -> Result<Self, rcgen::Error> {
        // Plugins accept any kind of key; this is the quickest to make.
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        })
    }

    /// The certificate as the environment variable wants it.
    pub fn certificate_pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = tail;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// The TLS settings for a server that has exactly the given certificate.
    pub fn client_config(self, server_certificate: Vec<u8>) -> Result<ClientConfig, TlsError> {
        // Of the usual providers only this one can verify P-521, which go-plugin uses.
        let crypto = Arc::new(aws_lc_rs::default_provider());
        let pinned = Pinned {
            certificate: server_certificate.into(),
            algorithms: crypto.signature_verification_algorithms,
        };
        let mut config = builder(crypto)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(pinned))
            .with_client_auth_cert(vec![self.certificate], self.key.into())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn builder(
    crypto: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
}

/// Accepts exactly one certificate.
///
/// The usual verifier cannot be used: the plugin's certificate is marked as an authority and used
/// as an end entity all the same.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match *end_entity == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_fresh_and_readable() {
        let one = Identity::generate().unwrap().certificate_pem();
        let two = Identity::generate().unwrap().certificate_pem();
        assert_ne!(one, two);
        assert!(one.starts_with("-----BEGIN CERTIFICATE-----\nMII"));
        assert!(one.ends_with("\n-----END CERTIFICATE-----\n"));
        assert!(one.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn only_the_pinned_certificate_is_accepted() {
        let [one, two] = [(), ()].map(|()| Identity::generate().unwrap().certificate);
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let pinned = Pinned {
            certificate: one.clone(),
            algorithms,
        };
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let verify =
            |certificate| pinned.verify_server_cert(certificate, &[], &name, &[], UnixTime::now());
        assert!(verify(&one).is_ok());
        assert!(verify(&two).is_err());
        assert!(
            pinned
                .supported_verify_schemes()
                .contains(&SignatureScheme::ECDSA_NISTP521_SHA512)
        );
    }
}
