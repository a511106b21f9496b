//! The network mirror protocol: an index of versions, an index of archives, archives.

use std::collections::{BTreeMap, BTreeSet};

use nixops4_tfproto::discovery::{Platform, ProviderSource, Version};
use nixops4_tfproto::lockfile::PackageHash;
use serde::Deserialize;
use serde_json::Value;

use crate::context::Context;
use crate::error::FetchError;
use crate::http::{HttpError, resolve};
use crate::offer::{Location, Offer};

#[derive(Deserialize)]
struct Index {
    versions: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Archives {
    archives: BTreeMap<String, Archive>,
}

#[derive(Deserialize)]
struct Archive {
    url: String,
    #[serde(default)]
    hashes: Vec<String>,
}

/// The versions that a mirror has; `None` if it has nothing of the provider.
pub fn versions(
    context: &Context,
    mirror: &str,
    source: &ProviderSource,
) -> Result<Option<BTreeSet<Version>>, FetchError> {
    let url = address(mirror, source, "index")?;
    match context.client.json::<Index>(&url, bearer(context, mirror)?) {
        Ok((_, index)) => {
            let names = index.versions.keys();
            Ok(Some(
                names.filter_map(|name| Version::parse(name).ok()).collect(),
            ))
        }
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The platforms that a mirror has a version for, as far as it says.
pub fn platforms(
    context: &Context,
    mirror: &str,
    source: &ProviderSource,
    version: &Version,
) -> Vec<String> {
    let index = || -> Result<Archives, FetchError> {
        let url = address(mirror, source, &version.to_string())?;
        Ok(context.client.json(&url, bearer(context, mirror)?)?.1)
    };
    let archives = index().map(|index| index.archives).unwrap_or_default();
    archives.into_keys().collect()
}

/// What a mirror offers for a platform.
pub fn offer(
    context: &Context,
    mirror: &str,
    trust_all_hashes: bool,
    source: &ProviderSource,
    version: &Version,
    platform: &Platform,
) -> Result<Option<Offer>, FetchError> {
    let url = address(mirror, source, &version.to_string())?;
    let answer = context
        .client
        .json::<Archives>(&url, bearer(context, mirror)?);
    let (url, index) = match answer {
        Ok(found) => found,
        Err(error) if error.is_absent() => {
            // A locked version may be one that this mirror never had.
            let listed = versions(context, mirror, source)?;
            if listed.is_some_and(|listed| listed.contains(version)) {
                let why = format!("there is no such file, though index.json lists {version}");
                return Err(HttpError::nonsense(&url, why).into());
            }
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(archive) = index.archives.get(&platform.to_string()) else {
        return Ok(None);
    };
    let hashes = |archive: &Archive| -> BTreeSet<_> {
        let hashes = archive.hashes.iter();
        hashes.filter_map(|hash| PackageHash::parse(hash)).collect()
    };
    let vouched = match trust_all_hashes {
        true => index.archives.values().flat_map(hashes).collect(),
        false => BTreeSet::new(),
    };
    Ok(Some(Offer {
        location: Location::Remote {
            url: resolve(&url, &archive.url)?,
            authorization: None,
        },
        is_vouched: trust_all_hashes && !archive.hashes.is_empty(),
        expected: hashes(archive),
        vouched,
        size: None,
        warnings: Vec::new(),
    }))
}

fn address(mirror: &str, source: &ProviderSource, name: &str) -> Result<String, FetchError> {
    let (host, namespace, kind) = (source.host(), source.namespace(), source.kind());
    let is_secure = mirror.starts_with("https://");
    if !is_secure {
        return Err(FetchError::Configuration(format!(
            "the network mirror {mirror} must have an https address"
        )));
    }
    let slash = if mirror.ends_with('/') { "" } else { "/" };
    Ok(format!(
        "{mirror}{slash}{host}/{namespace}/{kind}/{name}.json"
    ))
}

/// The token is that of the mirror's host, with its port.
fn bearer(context: &Context, mirror: &str) -> Result<Option<String>, FetchError> {
    let rest = mirror.strip_prefix("https://").unwrap_or(mirror);
    let host = rest.split('/').next().unwrap_or_default();
    context.bearer(host.trim_end_matches(":443"))
}
