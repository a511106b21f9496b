//! The line with which a plugin says how it can be reached.
//!
//! `CORE|PROTOCOL|NETWORK|ADDRESS|rpc[|CERTIFICATE[|…]]`, the first line on its stdout.

use std::path::PathBuf;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The version of the handshake itself.
const CORE_VERSION: &str = "1";
/// The longest handshake line that is read.
pub const MAX_LINE: usize = 64 * 1024;
/// What is shown of a line that is no handshake.
const MAX_SHOWN: usize = 200;
/// Older servers put something else where the certificate is; that is always shorter.
const MIN_CERTIFICATE: usize = 50;

/// Written without padding, but padding is tolerated.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A major version of the provider protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `tfplugin5`.
    V5,
    /// `tfplugin6`.
    V6,
}

impl Protocol {
    /// The number of the version.
    pub fn major(self) -> u32 {
        match self {
            Self::V5 => 5,
            Self::V6 => 6,
        }
    }
}

/// Where a plugin listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// A host and port.
    Tcp(String),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// What a plugin said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The protocol version it chose.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: Address,
    /// Its certificate in DER form, if it wants TLS.
    pub certificate: Option<Vec<u8>>,
}

/// A first line that is not the handshake we need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The line is something else; perhaps the program is no plugin at all.
    #[error("its first line of output is not a plugin handshake: {0:?}")]
    Garbage(String),
    /// The handshake itself is of another version.
    #[error("it uses version {0:?} of the plugin handshake; only version 1 is known")]
    CoreVersion(String),
    /// None of the offered protocol versions suits the plugin.
    #[error("it speaks version {0:?} of the provider protocol; versions 5 and 6 are supported")]
    ProtocolVersion(String),
    /// The plugin is from before Terraform 0.12.
    #[error(
        "it does not speak gRPC but {0:?}; providers made for Terraform 0.11 are not supported"
    )]
    Rpc(String),
    /// The network is neither `unix` nor `tcp`, or the address is empty.
    #[error("it listens at an address that cannot be used: {0:?}")]
    Address(String),
    /// The certificate is not base64.
    #[error("its certificate cannot be read: {0}")]
    Certificate(base64::DecodeError),
}

/// Reads a handshake line.
pub fn parse(line: &str) -> Result<Handshake, HandshakeError> {
    let line = line.trim();
    let fields: Vec<&str> = line.split('|').collect();
    let &[core, protocol, network, address, ref rest @ ..] = fields.as_slice() else {
        return Err(HandshakeError::Garbage(shown(line)));
    };
    if core != CORE_VERSION {
        // A number is a version; anything else is some program's own output.
        return Err(match core.parse::<u32>() {
            Ok(_) => HandshakeError::CoreVersion(core.to_owned()),
            Err(_) => HandshakeError::Garbage(shown(line)),
        });
    }
    match rest.first() {
        Some(&"grpc") => {}
        Some(rpc) => return Err(HandshakeError::Rpc(shown(rpc))),
        // Before the field existed there was only this kind.
        None => return Err(HandshakeError::Rpc("netrpc".to_owned())),
    }
    Ok(Handshake {
        protocol: match protocol {
            "5" => Protocol::V5,
            "6" => Protocol::V6,
            other => return Err(HandshakeError::ProtocolVersion(shown(other))),
        },
        address: match (network, address) {
            (_, "") => return Err(HandshakeError::Address(shown(line))),
            ("unix", path) => Address::Unix(path.into()),
            ("tcp", address) => Address::Tcp(address.to_owned()),
            (network, _) => return Err(HandshakeError::Address(shown(network))),
        },
        certificate: match rest.get(1) {
            Some(text) if text.len() > MIN_CERTIFICATE => {
                Some(BASE64.decode(text).map_err(HandshakeError::Certificate)?)
            }
            _ => None,
        },
    })
}

/// Cuts what a program printed to a length that fits a message.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(line: &str) -> String {
        parse(line).unwrap_err().to_string()
    }

    #[test]
    fn with_and_without_certificate() {
        let text = "QUJD".repeat(20);
        let line = format!("1|5|unix|/tmp/plugin123|grpc|{text}\n");
        let handshake = parse(&line).unwrap();
        assert_eq!(handshake.protocol, Protocol::V5);
        assert_eq!(handshake.address, Address::Unix("/tmp/plugin123".into()));
        assert_eq!(handshake.certificate.unwrap(), b"ABC".repeat(20));

        let handshake = parse("1|6|tcp|127.0.0.1:4000|grpc|\n").unwrap();
        assert_eq!(handshake.protocol, Protocol::V6);
        assert_eq!(handshake.address, Address::Tcp("127.0.0.1:4000".to_owned()));
        assert_eq!(handshake.certificate, None);
        assert!(parse("1|6|unix|/tmp/s|grpc").is_ok());
        assert!(parse("1|6|unix|/tmp/s|grpc||true").is_ok());
    }

    #[test]
    fn certificates_may_be_padded_or_not() {
        for end in ["QQ", "QQ=="] {
            let line = format!("1|6|unix|/s|grpc|{}{end}", "QUJD".repeat(20));
            assert_eq!(parse(&line).unwrap().certificate.unwrap().len(), 61);
        }
        assert_eq!(parse("1|6|unix|/s|grpc|short").unwrap().certificate, None);
    }

    #[test]
    fn other_lines_are_refused_with_a_reason() {
        for line in ["", "hello", "Usage: x [a|b|c|d]", "|||"] {
            assert!(
                error(line).starts_with("its first line of output is not a plugin"),
                "{line}"
            );
        }
        assert!(error("2|5|unix|/s|grpc").contains("version \"2\" of the plugin handshake"));
        assert!(error("1|4|unix|/s|grpc").contains("version \"4\" of the provider protocol"));
        assert!(error("1|5|unix|/s").contains("does not speak gRPC but \"netrpc\""));
        assert!(error("1|5|unix|/s|netrpc").contains("does not speak gRPC"));
        assert!(error("1|5|unix||grpc").contains("cannot be used"));
        assert!(error("1|5|vsock|3:1|grpc").contains("cannot be used: \"vsock\""));
        let bad = format!("1|5|unix|/s|grpc|{}", "!".repeat(60));
        assert!(error(&bad).starts_with("its certificate cannot be read"));
    }

    #[test]
    fn long_garbage_is_cut() {
        assert!(error(&"ä".repeat(10_000)).len() < 600);
    }

    proptest! {
        #[test]
        fn any_line_is_a_handshake_or_an_error(line in "[-|0-9a-z/=A-Z .]{0,100}|\\PC{0,80}") {
            let _ = parse(&line);
        }
    }
}
