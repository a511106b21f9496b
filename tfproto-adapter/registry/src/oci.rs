//! OCI mirrors: a repository per provider, an index per version, an image per platform.
//!
//! Everything below the index is named by its digest, and checked against it.

use std::collections::BTreeSet;

use nixops4_tfproto::cliconfig::Method;
use nixops4_tfproto::discovery::{Platform, ProviderSource, Version};
use nixops4_tfproto::lockfile::PackageHash;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::FetchError;
use crate::http::{Ask, Document, HttpError, resolve};
use crate::oci_login::{login, stored};
use crate::offer::{Location, Offer};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const PROVIDER: &str = "application/vnd.opentofu.provider";
const TARGET: &str = "application/vnd.opentofu.provider-target";
const LAYER: &str = "archive/zip";

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    #[serde(default)]
    artifact_type: String,
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    #[serde(default)]
    artifact_type: String,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    artifact_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
    platform: Option<ImagePlatform>,
}

#[derive(Deserialize)]
struct ImagePlatform {
    os: String,
    architecture: String,
    #[serde(default, rename = "os.version")]
    os_version: String,
}

/// A repository on a registry.
pub struct Repository<'a> {
    context: &'a Context,
    host: String,
    name: String,
    authorization: Option<String>,
}

impl<'a> Repository<'a> {
    /// The repository that a method's template names for a provider.
    pub fn of(
        context: &'a Context,
        method: &Method,
        template: &str,
        source: &ProviderSource,
    ) -> Result<Self, FetchError> {
        let path = expand(template, method.fixed(), source).map_err(FetchError::Configuration)?;
        let Some((host, name)) = path.split_once('/') else {
            return Err(FetchError::Configuration(format!(
                "the repository \"{path}\" is not written as registry/name"
            )));
        };
        Ok(Self {
            context,
            host: host.to_owned(),
            name: name.to_owned(),
            authorization: stored(context, host, name)?.direct(),
        })
    }

    /// The versions it has, which are its tags; `None` if there is no such repository.
    pub fn versions(&mut self) -> Result<Option<BTreeSet<Version>>, FetchError> {
        let mut url = self.url("tags/list");
        let mut versions = BTreeSet::new();
        loop {
            let document = match self.document(&url, "application/json") {
                Ok(document) => document,
                Err(FetchError::Http(error)) if error.is_absent() => return Ok(None),
                Err(error) => return Err(error),
            };
            let tags: Tags = parse(&document)?;
            let tags = tags.tags.unwrap_or_default();
            // A plus is not for tags.
            let parsed = tags
                .iter()
                .map(|tag| Version::parse(&tag.replace('_', "+")));
            versions.extend(parsed.filter_map(Result::ok));
            match next(&document.link) {
                Some(link) => url = resolve(&document.url, link)?,
                None => return Ok(Some(versions)),
            }
        }
    }

    /// What it offers for a platform.
    pub fn offer(
        &mut self,
        version: &Version,
        platform: &Platform,
    ) -> Result<Option<Offer>, FetchError> {
        let tag = version.to_string().replace('+', "_");
        let document = match self.document(&self.url(&format!("manifests/{tag}")), INDEX) {
            Ok(document) => document,
            Err(FetchError::Http(error)) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let index: Index = parse(&document)?;
        let refused = |why: &str| FetchError::Refused(format!("{}: {why}", document.url));
        if document.content_type != INDEX || index.artifact_type != PROVIDER {
            return Err(refused("it is no index of a provider's packages"));
        }
        let mut fitting = index.manifests.iter().filter(|m| m.is_for(platform));
        let Some(manifest) = fitting.next() else {
            return Ok(None);
        };
        if fitting.next().is_some() {
            return Err(refused("it has several packages for one platform"));
        }
        self.image(&manifest.digest).map(Some)
    }

    fn image(&mut self, digest: &str) -> Result<Offer, FetchError> {
        let url = self.url(&format!("manifests/{digest}"));
        let document = self.document(&url, MANIFEST)?;
        let refused = |why: &str| FetchError::Refused(format!("{url}: {why}"));
        let found: [u8; 32] = Sha256::digest(&document.body).into();
        if archive_hash(digest) != Some(PackageHash::of_archive_digest(&found)) {
            return Err(refused("its content is not what its digest says"));
        }
        let image: Image = parse(&document)?;
        let mut layers = image.layers.iter().filter(|l| l.media_type == LAYER);
        let (Some(layer), None) = (layers.next(), layers.next()) else {
            return Err(refused("it does not have one archive"));
        };
        let hash = archive_hash(&layer.digest);
        let hash = hash.ok_or_else(|| refused("its archive is not named by a SHA-256 digest"))?;
        if image.artifact_type != TARGET {
            return Err(refused("it is no provider's package"));
        }
        Ok(Offer {
            location: Location::Remote {
                url: self.url(&format!("blobs/{}", layer.digest)),
                authorization: self.authorization.clone(),
            },
            expected: BTreeSet::from([hash.clone()]),
            vouched: BTreeSet::from([hash]),
            is_vouched: true,
            size: Some(layer.size),
            warnings: Vec::new(),
        })
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}/v2/{}/{path}", self.host, self.name)
    }

    /// Fetches a document, and says who is asking if the registry wants to know.
    fn document(&mut self, url: &str, accept: &str) -> Result<Document, FetchError> {
        let ask = |authorization: &Option<String>| {
            let ask = Ask {
                authorization: authorization.clone(),
                accept,
            };
            self.context.client.document(url, &ask)
        };
        match ask(&self.authorization) {
            Err(error) if error.challenge().is_some() => {
                let challenge = error.challenge().unwrap_or_default();
                let credentials = stored(self.context, &self.host, &self.name)?;
                match login(&self.context.client, challenge, &credentials)? {
                    Some(authorization) => {
                        let answer = ask(&Some(authorization.clone()));
                        self.authorization = Some(authorization);
                        Ok(answer?)
                    }
                    None => Err(error.into()),
                }
            }
            answer => Ok(answer?),
        }
    }
}

impl Descriptor {
    fn is_for(&self, platform: &Platform) -> bool {
        let fits = |found: &ImagePlatform| {
            found.os == platform.os()
                && found.architecture == platform.arch()
                && found.os_version.is_empty()
        };
        self.artifact_type == TARGET
            && self.media_type == MANIFEST
            && self.platform.as_ref().is_some_and(fits)
    }
}

fn parse<T: serde::de::DeserializeOwned>(document: &Document) -> Result<T, HttpError> {
    serde_json::from_slice(&document.body)
        .map_err(|error| HttpError::nonsense(&document.url, error.to_string()))
}

fn archive_hash(digest: &str) -> Option<PackageHash> {
    let hex = digest.strip_prefix("sha256:")?;
    let is_hex = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| PackageHash::parse(&format!("zh:{hex}")))?
}

/// The address of the next part of a list, from `<…>; rel="next"`.
fn next(link: &str) -> Option<&str> {
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    parameters.contains("next").then_some(target)
}

/// Puts a provider's components into a template.
fn expand(template: &str, fixed: [bool; 3], source: &ProviderSource) -> Result<String, String> {
    let values = [
        ("hostname", source.host()),
        ("namespace", source.namespace()),
        ("type", source.kind()),
    ];
    let mut text = template.to_owned();
    for ((name, value), fixed) in values.into_iter().zip(fixed) {
        let place = format!("${{{name}}}");
        if !fixed && !template.contains(&place) {
            return Err(format!(
                "the repository_template \"{template}\" does not tell providers apart by {place}, \
                 and its `include` leaves that open"
            ));
        }
        text = text.replace(&place, value);
    }
    match text.contains("${") {
        true => Err(format!(
            "the repository_template \"{template}\" asks for more than hostname, namespace and type"
        )),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use nixops4_tfproto::discovery::SourceSpec;

    use super::*;

    #[test]
    fn templates_must_tell_providers_apart() {
        let spec = SourceSpec::parse("example.com/acme/x").expect("a source");
        let source = spec.candidates().remove(0);
        let free = [false; 3];
        let whole = "o.example/m/${hostname}/${namespace}/${type}";
        let expanded = expand(whole, free, &source).expect("a repository");
        assert_eq!(expanded, "o.example/m/example.com/acme/x");
        let error = expand("o.example/${type}", free, &source).expect_err("an error");
        assert!(error.contains("by ${hostname}"), "{error}");
        let fixed = [true, true, false];
        let expanded = expand("o.example/${type}", fixed, &source).expect("a repository");
        assert_eq!(expanded, "o.example/x");
        assert!(expand("o.example/${type}/${os}", fixed, &source).is_err());
    }

    #[test]
    fn lists_go_on_where_the_header_says() {
        assert_eq!(next("</v2/x?last=1>; rel=\"next\""), Some("/v2/x?last=1"));
        assert_eq!(next("</v2/x>; rel=\"first\""), None);
        assert_eq!(next(""), None);
    }
}
