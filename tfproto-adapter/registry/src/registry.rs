//! The provider registry protocol, with service discovery, checksums and signatures.

use std::collections::{BTreeMap, BTreeSet};

use nixops4_tfproto::discovery::{Platform, ProviderSource, Version};
use nixops4_tfproto::lockfile::PackageHash;
use serde::Deserialize;
use serde_json::Value;

use crate::context::Context;
use crate::error::FetchError;
use crate::http::{Ask, resolve};
use crate::offer::{Location, Offer};
use crate::openpgp;

/// The service that registries of providers offer.
const SERVICE: &str = "providers.v1";

#[derive(Deserialize)]
struct Versions {
    versions: Vec<VersionEntry>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct VersionEntry {
    version: String,
    #[serde(default)]
    platforms: Vec<VersionPlatform>,
}

#[derive(Deserialize)]
struct VersionPlatform {
    os: String,
    arch: String,
}

/// What a registry says of a package.
#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    protocols: Vec<String>,
    os: String,
    arch: String,
    filename: String,
    download_url: String,
    shasum: String,
    #[serde(default)]
    shasums_url: String,
    #[serde(default)]
    shasums_signature_url: String,
    #[serde(default)]
    signing_keys: SigningKeys,
    #[serde(default)]
    packages: BTreeMap<String, PlatformPackage>,
}

#[derive(Default, Deserialize)]
struct SigningKeys {
    #[serde(default)]
    gpg_public_keys: Vec<GpgKey>,
}

#[derive(Deserialize)]
struct GpgKey {
    ascii_armor: String,
}

#[derive(Deserialize)]
struct PlatformPackage {
    #[serde(default)]
    hashes: Vec<String>,
    #[serde(default)]
    package_size: u64,
}

/// The versions that the provider's own registry has; `None` if it does not know the provider.
pub fn versions(
    context: &Context,
    source: &ProviderSource,
) -> Result<Option<BTreeSet<Version>>, FetchError> {
    let versions = match listed_versions(context, source) {
        Ok(versions) => versions,
        Err(FetchError::Http(error)) if error.is_absent() => return Ok(None),
        Err(error) => return Err(error),
    };
    for warning in versions.warnings.iter().flatten() {
        context.warn(format!("{}: {warning}", source.host()));
    }
    let parsed = versions
        .versions
        .iter()
        .filter_map(|entry| Version::parse(&entry.version).ok());
    Ok(Some(parsed.collect()))
}

fn listed_versions(context: &Context, source: &ProviderSource) -> Result<Versions, FetchError> {
    let base = base(context, source.host())?;
    let url = format!("{base}{}/{}/versions", source.namespace(), source.kind());
    let authorization = context.bearer(source.host())?;
    Ok(context.client.json(&url, authorization)?.1)
}

/// The platforms that the registry has a version for, as far as it says.
pub fn platforms(context: &Context, source: &ProviderSource, version: &Version) -> Vec<String> {
    let Ok(versions) = listed_versions(context, source) else {
        return Vec::new();
    };
    let is_it = |entry: &&VersionEntry| Version::parse(&entry.version).is_ok_and(|v| v == *version);
    let entry = versions.versions.iter().find(is_it);
    let platforms = entry.map(|entry| entry.platforms.as_slice());
    let platforms = platforms.unwrap_or_default().iter();
    platforms.map(|p| format!("{}_{}", p.os, p.arch)).collect()
}

/// What the registry offers for a platform, with checksums and signature verified.
pub fn offer(
    context: &Context,
    source: &ProviderSource,
    version: &Version,
    platform: &Platform,
) -> Result<Option<Offer>, FetchError> {
    let base = base(context, source.host())?;
    let (namespace, kind) = (source.namespace(), source.kind());
    let (os, arch) = (platform.os(), platform.arch());
    let url = format!("{base}{namespace}/{kind}/{version}/download/{os}/{arch}");
    let authorization = context.bearer(source.host())?;
    let (url, description): (_, Description) = match context.client.json(&url, authorization) {
        Ok(found) => found,
        Err(error) if error.is_absent() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    check_description(&description, platform)?;
    let zip = archive_hash(&description)?;
    let mut offer = Offer {
        location: Location::Remote {
            url: resolve(&url, &description.download_url)?,
            authorization: None,
        },
        expected: BTreeSet::from([zip.clone()]),
        vouched: BTreeSet::new(),
        is_vouched: true,
        size: None,
        warnings: Vec::new(),
    };
    check_packages(&description, platform, &zip, &mut offer)?;
    check_signature(context, source, &url, &description, &mut offer)?;
    Ok(Some(offer))
}

/// The address that a registry's paths are relative to, with a slash at its end.
fn base(context: &Context, host: &str) -> Result<String, FetchError> {
    context.service(host, || {
        let nothing = |reason: &str| FetchError::NoRegistry {
            host: host.to_owned(),
            reason: reason.to_owned(),
        };
        let document = format!("https://{host}/.well-known/terraform.json");
        if let Some(services) = context.config.access.services.get(host) {
            let base = services.get(SERVICE);
            let base = base.ok_or_else(|| nothing("the CLI configuration lists other services"))?;
            return Ok(resolve(&document, base)?);
        }
        let found = context.client.json(&document, context.bearer(host)?);
        let (url, services): (_, BTreeMap<String, Value>) = match found {
            Ok(found) => found,
            Err(error) if error.is_absent() => {
                return Err(nothing("it has no /.well-known/terraform.json"));
            }
            Err(error) => return Err(error.into()),
        };
        let base = services.get(SERVICE).and_then(Value::as_str);
        Ok(resolve(
            &url,
            base.ok_or_else(|| nothing("it lists other services"))?,
        )?)
    })
}

fn check_description(description: &Description, platform: &Platform) -> Result<(), FetchError> {
    let found = Platform::new(&description.os, &description.arch);
    if found != *platform {
        return Err(FetchError::Refused(format!(
            "the registry was asked for {platform} and answered with {found}"
        )));
    }
    let understood = |protocol: &String| {
        let major = protocol.split('.').next().unwrap_or_default();
        matches!(major, "5" | "6")
    };
    if !description.protocols.is_empty() && !description.protocols.iter().any(understood) {
        return Err(FetchError::Protocol(description.protocols.join(", ")));
    }
    Ok(())
}

fn archive_hash(description: &Description) -> Result<PackageHash, FetchError> {
    checksum(&description.shasum).ok_or_else(|| {
        FetchError::Refused("the registry gives no SHA-256 checksum of the package".to_owned())
    })
}

/// 64 hexadecimal digits as a hash.
fn checksum(text: &str) -> Option<PackageHash> {
    let is_hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex
        .then(|| PackageHash::parse(&format!("zh:{}", text.to_ascii_lowercase())))
        .flatten()
}

/// Some registries list the hashes of all platforms beside the description.
fn check_packages(
    description: &Description,
    platform: &Platform,
    zip: &PackageHash,
    offer: &mut Offer,
) -> Result<(), FetchError> {
    if description.packages.is_empty() {
        return Ok(());
    }
    let refused = |why: &str| Err(FetchError::Refused(format!("the registry's list {why}")));
    let Some(own) = description.packages.get(&platform.to_string()) else {
        return refused("of packages is without this one");
    };
    let is_zip = |hash: &String| hash == zip.as_str();
    let has_zip = own.hashes.iter().any(|hash| hash.starts_with("zh:"));
    if has_zip && !own.hashes.iter().any(is_zip) {
        return refused("of packages has another checksum than the package's description");
    }
    if own.package_size == 0 {
        return refused("of packages gives no size");
    }
    offer.size = Some(own.package_size);
    let hashes = description.packages.values().flat_map(|p| &p.hashes);
    offer
        .vouched
        .extend(hashes.filter_map(|hash| PackageHash::parse(hash)));
    Ok(())
}

/// Checks the list of checksums, and who signed it.
fn check_signature(
    context: &Context,
    source: &ProviderSource,
    url: &str,
    description: &Description,
    offer: &mut Offer,
) -> Result<(), FetchError> {
    let host = source.host();
    let refused = |reason: String| FetchError::Signature {
        host: host.to_owned(),
        reason,
    };
    let is_free = context.config.unsigned_hosts.contains(host);
    if description.shasums_url.is_empty() {
        let error = refused("the registry gives no list of checksums that could be signed".into());
        return excuse(is_free, error, offer);
    }
    let ask = Ask::default();
    let sums = context
        .client
        .document(&resolve(url, &description.shasums_url)?, &ask);
    let sums = match sums {
        Err(error) if error.is_absent() => {
            let error = refused(format!("the list of checksums is not there: {error}"));
            return excuse(is_free, error, offer);
        }
        sums => sums?,
    };
    let listed = listed(&sums.body);
    let expected = offer.expected.first();
    match listed
        .iter()
        .find(|(name, _)| *name == description.filename)
    {
        Some((_, hash)) if Some(hash) == expected => {}
        Some(_) => {
            return Err(FetchError::Refused(format!(
                "the checksum of {} in SHA256SUMS is not the one that the registry gives",
                description.filename
            )));
        }
        None => {
            return Err(FetchError::Refused(format!(
                "SHA256SUMS has no checksum of {}",
                description.filename
            )));
        }
    }
    offer
        .vouched
        .extend(listed.into_iter().map(|(_, hash)| hash));
    let keys = description.signing_keys.gpg_public_keys.iter();
    let keys: Vec<_> = keys.map(|key| key.ascii_armor.as_str()).collect();
    if keys.is_empty() || description.shasums_signature_url.is_empty() {
        return excuse(
            is_free,
            refused("the package is not signed".to_owned()),
            offer,
        );
    }
    let signature_url = resolve(url, &description.shasums_signature_url)?;
    let signature = match context.client.document(&signature_url, &ask) {
        Err(error) if error.is_absent() => {
            let error = refused(format!("the package's signature is not there: {error}"));
            return excuse(is_free, error, offer);
        }
        signature => signature?,
    };
    match openpgp::verify(&sums.body, &signature.body, &keys) {
        Ok(signed) => {
            tracing::debug!("{source}: signed by {}", signed.key);
            offer.warnings.extend(signed.warning);
            Ok(())
        }
        Err(error) => excuse(is_free, refused(error.to_string()), offer),
    }
}

/// Lets a host through that the user trusts without signatures, but not silently.
fn excuse(is_free: bool, error: FetchError, offer: &mut Offer) -> Result<(), FetchError> {
    if !is_free {
        return Err(error);
    }
    offer
        .warnings
        .push(format!("{error}; the host is trusted nevertheless"));
    Ok(())
}

/// The lines of a list of checksums: hexadecimal digits, blanks, a file name.
fn listed(document: &[u8]) -> Vec<(String, PackageHash)> {
    let text = String::from_utf8_lossy(document);
    text.lines()
        .filter_map(|line| {
            let (hash, name) = line.split_once(char::is_whitespace)?;
            // `sha256sum --binary` puts a star before the name.
            let name = name.trim_start().trim_start_matches('*');
            Some((name.trim_end().to_owned(), checksum(hash)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_checksums() {
        let digits = "0F".repeat(32);
        let text = format!("{digits}  a.zip\r\nnoise\n{digits} *b.zip\n0f c.zip\n");
        let listed = listed(text.as_bytes());
        let names: Vec<_> = listed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.zip", "b.zip"]);
        assert_eq!(
            listed[0].1.as_str(),
            format!("zh:{}", digits.to_lowercase())
        );
    }
}
