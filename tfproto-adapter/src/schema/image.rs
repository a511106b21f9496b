//! Everything a provider describes, as one file from which single types can be read.
//!
//! ```text
//! header: magic, hash of the binary, protocol, length of the index, hash of the index
//! index:  per entry its kind, name, where it lies, and the hash of what lies there
//! body:   the entries, each a message as the provider sent it
//! ```
//! Not compressed: the largest schema in use (AWS, 3,000 types) is 5 MB, of which a run reads the
//! index and a few entries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Mutex;

use blake3::Hash;
use nixops4_proto::tfplugin::prost::Message;
use nixops4_proto::tfplugin::{Description, v5, v6};

use crate::cache::write_atomically;
use crate::handshake::Protocol;
use crate::v5::Convert;

/// What an entry describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// What the plugin can do (`ServerCapabilities`).
    Capabilities,
    /// The provider's configuration.
    Provider,
    /// The provider's meta arguments.
    ProviderMeta,
    /// A managed resource type.
    Resource,
    /// A data source.
    DataSource,
    /// An ephemeral resource type.
    Ephemeral,
    /// A resource type that can be listed.
    List,
    /// A state store.
    StateStore,
    /// An action (`ActionSchema`).
    Action,
    /// A function (`Function`).
    Function,
    /// The identity of a managed resource type (`ResourceIdentitySchema`).
    Identity,
}

const KINDS: [Kind; 11] = [
    Kind::Capabilities,
    Kind::Provider,
    Kind::ProviderMeta,
    Kind::Resource,
    Kind::DataSource,
    Kind::Ephemeral,
    Kind::List,
    Kind::StateStore,
    Kind::Action,
    Kind::Function,
    Kind::Identity,
];

/// What an entry can be read as.
pub trait Entry: Message + Default {
    /// The message that plugins of protocol 5 send for it.
    type Old: Message + Default + Convert<Self>;
}

macro_rules! entries {
    ($($message:ident)*) => {$(
        impl Entry for v6::$message {
            type Old = v5::$message;
        }
    )*};
}

entries! { ServerCapabilities Schema ActionSchema Function ResourceIdentitySchema }

/// A provider's description, in memory or on disk.
#[derive(Debug)]
pub struct Image {
    /// What the entries are written in.
    protocol: Protocol,
    index: BTreeMap<(Kind, Box<str>), Extent>,
    body: Body,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    offset: u64,
    length: u32,
    check: u64,
}

#[derive(Debug)]
enum Body {
    Memory(Vec<u8>),
    /// The file and where the body begins in it.
    Disk(Mutex<File>, u64),
}

const MAGIC: &[u8; 16] = b"nixops4-schema2\n";
const HEADER: usize = MAGIC.len() + 32 + 1 + 4 + 8;
const MAX_INDEX: u32 = 256 << 20;

impl Image {
    /// Files what a plugin of that protocol says of its types. `identities` is empty where it has
    /// none.
    pub fn build(
        protocol: Protocol,
        description: &Description,
        identities: &BTreeMap<String, v6::ResourceIdentitySchema>,
    ) -> Self {
        let mut image = Self {
            protocol,
            index: BTreeMap::new(),
            body: Body::Memory(Vec::new()),
        };
        let one = |message: &Option<Vec<u8>>| message.clone().unwrap_or_default();
        let capabilities = one(&description.server_capabilities);
        image.add(Kind::Capabilities, "", &capabilities);
        image.add(Kind::Provider, "", &one(&description.provider));
        if let Some(meta) = &description.provider_meta {
            image.add(Kind::ProviderMeta, "", meta);
        }
        for (kind, messages) in [
            (Kind::Resource, &description.resource_schemas),
            (Kind::DataSource, &description.data_source_schemas),
            (Kind::Ephemeral, &description.ephemeral_resource_schemas),
            (Kind::List, &description.list_resource_schemas),
            (Kind::StateStore, &description.state_store_schemas),
            (Kind::Action, &description.action_schemas),
            (Kind::Function, &description.functions),
        ] {
            messages
                .iter()
                .for_each(|(name, message)| image.add(kind, name, message));
        }
        // The same message in both protocols.
        identities.iter().for_each(|(name, identity)| {
            image.add(Kind::Identity, name, &identity.encode_to_vec())
        });
        image
    }

    fn add(&mut self, kind: Kind, name: &str, entry: &[u8]) {
        let Body::Memory(bytes) = &mut self.body else {
            return;
        };
        let extent = Extent {
            offset: bytes.len() as u64,
            length: entry.len() as u32,
            check: check(entry),
        };
        bytes.extend_from_slice(entry);
        self.index.insert((kind, name.into()), extent);
    }

    /// Opens an image on disk; `None` if there is none, or not one of this binary, or damaged.
    pub fn open(path: &Path, binary: &Hash) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (hash, rest) = rest.split_at(32);
        if magic != MAGIC || hash != binary.as_bytes() {
            return None;
        }
        let mut rest = rest;
        let protocol = match take(&mut rest)? {
            [5] => Protocol::V5,
            [6] => Protocol::V6,
            [_] => return None,
        };
        let length = u32::from_le_bytes(take(&mut rest)?);
        let expected = u64::from_le_bytes(take(&mut rest)?);
        if length > MAX_INDEX {
            return None;
        }
        let mut index = vec![0; length as usize];
        file.read_exact(&mut index).ok()?;
        if check(&index) != expected {
            return None;
        }
        let body = Body::Disk(Mutex::new(file), (HEADER + index.len()) as u64);
        Some(Self {
            protocol,
            index: read_index(&index)?,
            body,
        })
    }

    /// Writes an image that was built in memory.
    pub fn save(&self, path: &Path, binary: &Hash) -> io::Result<()> {
        let Body::Memory(body) = &self.body else {
            return Ok(());
        };
        let index = self.write_index();
        let mut file = Vec::with_capacity(HEADER + index.len() + body.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(binary.as_bytes());
        file.push(match self.protocol {
            Protocol::V5 => 5,
            Protocol::V6 => 6,
        });
        file.extend_from_slice(&(index.len() as u32).to_le_bytes());
        file.extend_from_slice(&check(&index).to_le_bytes());
        file.extend_from_slice(&index);
        file.extend_from_slice(body);
        write_atomically(path, &file)
    }

    fn write_index(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for ((kind, name), extent) in &self.index {
            out.push(*kind as u8);
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&extent.offset.to_le_bytes());
            out.extend_from_slice(&extent.length.to_le_bytes());
            out.extend_from_slice(&extent.check.to_le_bytes());
        }
        out
    }

    /// The names of all entries of a kind, sorted.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.index
            .range((kind, "".into())..)
            .map_while(move |((found, name), _)| (*found == kind).then_some(&**name))
    }

    /// Whether there is such an entry.
    pub fn contains(&self, kind: Kind, name: &str) -> bool {
        self.index.contains_key(&(kind, name.into()))
    }

    /// Reads an entry; `None` if there is none.
    ///
    /// # Errors
    /// If it is no such message, or what is on disk was damaged after [`Image::open`].
    pub fn read<M: Entry>(&self, kind: Kind, name: &str) -> io::Result<Option<M>> {
        let Some(extent) = self.index.get(&(kind, name.into())) else {
            return Ok(None);
        };
        let bytes = self.body.read(*extent)?;
        if check(&bytes) != extent.check {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the schema cache is damaged",
            ));
        }
        let message = match self.protocol {
            Protocol::V5 => M::Old::decode(&*bytes).map(Convert::convert),
            Protocol::V6 => M::decode(&*bytes),
        };
        message
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl Body {
    fn read(&self, extent: Extent) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(bytes) => {
                let start = extent.offset as usize;
                Ok(bytes[start..start + extent.length as usize].to_vec())
            }
            Self::Disk(file, base) => {
                let mut bytes = vec![0; extent.length as usize];
                let mut file = file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                file.seek(SeekFrom::Start(base + extent.offset))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

fn read_index(mut bytes: &[u8]) -> Option<BTreeMap<(Kind, Box<str>), Extent>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let [kind] = take(&mut bytes)?;
        let kind = *KINDS.get(usize::from(kind))?;
        let length = u16::from_le_bytes(take(&mut bytes)?);
        let (name, rest) = bytes.split_at_checked(usize::from(length))?;
        bytes = rest;
        let name = std::str::from_utf8(name).ok()?;
        let offset = u64::from_le_bytes(take(&mut bytes)?);
        let length = u32::from_le_bytes(take(&mut bytes)?);
        let check = u64::from_le_bytes(take(&mut bytes)?);
        entries.push((
            (kind, name.into()),
            Extent {
                offset,
                length,
                check,
            },
        ));
    }
    Some(entries.into_iter().collect())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Guards against damage, not against malice: the file lies in the user's own cache.
fn check(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    let (first, _) = hash
        .as_bytes()
        .split_first_chunk()
        .unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests;
