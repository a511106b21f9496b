//! Plugins that someone else has started, usually in a debugger, and that we only connect to:
//! `TF_REATTACH_PROVIDERS`.
//!
//! ```json
//! { "registry.terraform.io/acme/thing": { "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 7,
//!   "Test": true, "Addr": { "Network": "unix", "String": "/tmp/plugin7" } } }
//! ```
//! Such a plugin needs no installation, no version and no lock; it speaks without encryption, and is
//! not ended by us.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::discovery::{SourceError, SourceSpec};
use crate::handshake::{Address, Protocol};

/// The variable that names them.
pub const VARIABLE: &str = "TF_REATTACH_PROVIDERS";

/// A plugin that runs already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attached {
    /// The protocol version it speaks.
    pub protocol: Protocol,
    /// Its process.
    pub pid: u32,
    /// Where it listens.
    pub address: Address,
}

/// The plugins that run already, by source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reattach(Vec<(SourceSpec, Attached)>);

/// Why the variable cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE}: {0}")]
pub struct ReattachError(String);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    protocol: String,
    #[serde(default)]
    protocol_version: u32,
    #[serde(default)]
    pid: u32,
    addr: EntryAddress,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryAddress {
    network: String,
    string: String,
}

impl Reattach {
    /// Reads the variable's value.
    pub fn parse(text: &str) -> Result<Self, ReattachError> {
        let entries: BTreeMap<String, Entry> =
            serde_json::from_str(text).map_err(|error| ReattachError(error.to_string()))?;
        let entries = entries.into_iter().map(|(source, entry)| {
            let spec = SourceSpec::parse(&source)
                .map_err(|error: SourceError| ReattachError(error.to_string()))?;
            let attached = entry
                .read()
                .map_err(|problem| ReattachError(format!("{source}: {problem}")))?;
            Ok((spec, attached))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// The plugin of a source, if it runs already.
    pub fn get(&self, source: &SourceSpec) -> Option<&Attached> {
        let wanted = source.candidates();
        let same = |spec: &SourceSpec| spec.candidates().iter().any(|one| wanted.contains(one));
        let found = self.0.iter().find(|(spec, _)| same(spec));
        found.map(|(_, attached)| attached)
    }
}

impl Entry {
    fn read(self) -> Result<Attached, String> {
        if self.protocol != "grpc" {
            return Err(format!(
                "the protocol \"{}\" is not \"grpc\"",
                self.protocol
            ));
        }
        let protocol = match self.protocol_version {
            // Those that do not say are old.
            0 | 5 => Protocol::V5,
            6 => Protocol::V6,
            other => return Err(format!("there is no version {other} of the protocol")),
        };
        let EntryAddress { network, string } = self.addr;
        let address = match network.as_str() {
            "unix" => Address::Unix(string.into()),
            "tcp" => Address::Tcp(string),
            other => return Err(format!("\"{other}\" is no network; there are unix and tcp")),
        };
        Ok(Attached {
            protocol,
            pid: self.pid,
            address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_match_in_all_their_forms() {
        let text = r#"{
            "acme/thing": { "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 7, "Test": true,
                "Addr": { "Network": "unix", "String": "/tmp/plugin7" } },
            "example.com/acme/other": { "Protocol": "grpc",
                "Addr": { "Network": "tcp", "String": "127.0.0.1:1234" } }
        }"#;
        let reattach = Reattach::parse(text).unwrap();
        let get = |text: &str| reattach.get(&SourceSpec::parse(text).unwrap());
        for source in ["acme/thing", "registry.terraform.io/acme/thing"] {
            let attached = get(source).expect(source);
            assert_eq!((attached.protocol, attached.pid), (Protocol::V6, 7));
            assert_eq!(attached.address, Address::Unix("/tmp/plugin7".into()));
        }
        let other = get("example.com/acme/other").expect("found");
        assert_eq!(other.protocol, Protocol::V5);
        assert_eq!(other.address, Address::Tcp("127.0.0.1:1234".into()));
        assert_eq!(get("acme/other"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |text: &str| Reattach::parse(text).unwrap_err().to_string();
        assert!(refused("nothing").starts_with("TF_REATTACH_PROVIDERS: "));
        let entry = r#"{"a/b": {"Protocol": "P", "ProtocolVersion": V,
            "Addr": {"Network": "N", "String": "s"}}}"#;
        let netrpc = entry.replace("\"P\"", "\"netrpc\"").replace(" V,", " 5,");
        assert!(refused(&netrpc).contains("is not \"grpc\""));
        let seven = entry.replace("\"P\"", "\"grpc\"").replace(" V,", " 7,");
        assert!(refused(&seven).contains("no version 7"));
        let pipe = entry.replace("\"P\"", "\"grpc\"").replace(" V,", " 5,");
        assert!(refused(&pipe.replace("\"N\"", "\"pipe\"")).contains("\"pipe\" is no network"));
    }
}
