//! Packages, and how registries and mirrors of each kind offer them.

use std::io::{Cursor, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Reply, Server, SigningKey};

/// A package for one platform.
#[derive(Clone, Debug)]
pub struct Package {
    /// `linux`, …
    pub os: String,
    /// `amd64`, …
    pub arch: String,
    /// The archive.
    pub zip: Vec<u8>,
}

/// A version of a provider.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its namespace.
    pub namespace: String,
    /// Its type.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// Its packages.
    pub packages: Vec<Package>,
}

/// The platform of this machine, in Go's names.
pub fn platform() -> (String, String) {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    (os.to_owned(), arch.to_owned())
}

impl Release {
    /// A version without packages.
    pub fn new(namespace: &str, kind: &str, version: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            version: version.to_owned(),
            packages: Vec::new(),
        }
    }

    /// With a package that holds `program` for this machine, and one that differs for another.
    pub fn with_program(self, program: &[u8]) -> Self {
        let (os, arch) = platform();
        let name = format!("terraform-provider-{}_v{}", self.kind, self.version);
        let zip = archive(&[(&name, program), ("LICENSE", b"free")]);
        let elsewhere = archive(&[(&name, b"for another system")]);
        self.with_package(&os, &arch, zip)
            .with_package("plan9", "386", elsewhere)
    }

    /// With a package.
    pub fn with_package(mut self, os: &str, arch: &str, zip: Vec<u8>) -> Self {
        let (os, arch) = (os.to_owned(), arch.to_owned());
        self.packages.push(Package { os, arch, zip });
        self
    }

    /// The file name of a package's archive.
    pub fn filename(&self, package: &Package) -> String {
        let (kind, version) = (&self.kind, &self.version);
        let (os, arch) = (&package.os, &package.arch);
        format!("terraform-provider-{kind}_{version}_{os}_{arch}.zip")
    }

    /// The list of checksums.
    pub fn checksums(&self) -> String {
        let line =
            |package: &Package| format!("{}  {}\n", sha256(&package.zip), self.filename(package));
        self.packages.iter().map(line).collect()
    }

    fn path(&self) -> String {
        format!("/{}/{}", self.namespace, self.kind)
    }

    /// The path of the description of a package in the registry.
    pub fn download_path(&self, package: &Package) -> String {
        let (os, arch) = (&package.os, &package.arch);
        format!(
            "/v1/providers{}/{}/download/{os}/{arch}",
            self.path(),
            self.version
        )
    }

    /// The path of an archive in the registry.
    pub fn archive_path(&self, package: &Package) -> String {
        format!("/files{}/{}", self.path(), self.filename(package))
    }

    /// The path of the list of checksums.
    pub fn checksums_path(&self) -> String {
        format!("/files{}/{}/SHA256SUMS", self.path(), self.version)
    }

    /// The description of a package as a registry gives it.
    pub fn description(&self, package: &Package, keys: &[&SigningKey]) -> Value {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| json!({ "key_id": "0", "ascii_armor": key.public() }))
            .collect();
        json!({
            "protocols": ["5.0", "6.0"],
            "os": package.os,
            "arch": package.arch,
            "filename": self.filename(package),
            "download_url": self.archive_path(package),
            "shasum": sha256(&package.zip),
            "shasums_url": self.checksums_path(),
            "shasums_signature_url": format!("{}.sig", self.checksums_path()),
            "signing_keys": { "gpg_public_keys": keys },
        })
    }
}

/// Offers versions as a provider registry does, signed with `key`.
pub fn registry(server: &Server, releases: &[Release], key: &SigningKey) {
    let services = json!({ "providers.v1": "/v1/providers/" });
    server.set("/.well-known/terraform.json", Reply::json(&services));
    for release in releases {
        let same = releases
            .iter()
            .filter(|other| other.path() == release.path());
        let versions: Vec<_> = same.map(described).collect();
        let path = format!("/v1/providers{}/versions", release.path());
        server.set(&path, Reply::json(&json!({ "versions": versions })));
        let checksums = release.checksums();
        let signature = key.sign(checksums.as_bytes());
        server.set(&release.checksums_path(), Reply::file(checksums));
        server.set(
            &format!("{}.sig", release.checksums_path()),
            Reply::file(signature),
        );
        for package in &release.packages {
            let description = release.description(package, &[key]);
            server.set(&release.download_path(package), Reply::json(&description));
            server.set(
                &release.archive_path(package),
                Reply::file(package.zip.clone()),
            );
        }
    }
}

fn described(release: &Release) -> Value {
    let platform = |package: &Package| json!({ "os": package.os, "arch": package.arch });
    let platforms: Vec<_> = release.packages.iter().map(platform).collect();
    json!({ "version": release.version, "protocols": ["5.0"], "platforms": platforms })
}

/// Offers versions of providers of `host` as a network mirror below `/mirror/` does.
pub fn network_mirror(server: &Server, host: &str, releases: &[Release]) {
    for release in releases {
        let base = format!("/mirror/{host}{}", release.path());
        let same = releases
            .iter()
            .filter(|other| other.path() == release.path());
        let versions: serde_json::Map<_, _> = same
            .map(|release| (release.version.clone(), json!({})))
            .collect();
        let index = json!({ "versions": versions });
        server.set(&format!("{base}/index.json"), Reply::json(&index));
        let mut archives = serde_json::Map::new();
        for package in &release.packages {
            let name = release.filename(package);
            let platform = format!("{}_{}", package.os, package.arch);
            let hash = format!("zh:{}", sha256(&package.zip));
            archives.insert(platform, json!({ "url": name, "hashes": [hash] }));
            server.set(&format!("{base}/{name}"), Reply::file(package.zip.clone()));
        }
        let index = json!({ "archives": archives });
        server.set(
            &format!("{base}/{}.json", release.version),
            Reply::json(&index),
        );
    }
}

/// Offers versions as an OCI registry does, in the repository `mirror/NAMESPACE/TYPE`.
pub fn oci_mirror(server: &Server, releases: &[Release]) {
    for release in releases {
        let base = format!("/v2/mirror{}", release.path());
        let same = releases
            .iter()
            .filter(|other| other.path() == release.path());
        let mut tags: Vec<_> = same
            .map(|release| release.version.replace('+', "_"))
            .collect();
        tags.push("latest".to_owned());
        server.set(
            &format!("{base}/tags/list"),
            Reply::json(&json!({ "tags": tags })),
        );
        let manifests: Vec<_> = release
            .packages
            .iter()
            .map(|package| image(server, &base, package))
            .collect();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "artifactType": "application/vnd.opentofu.provider",
            "manifests": manifests,
        });
        let tag = release.version.replace('+', "_");
        let index = Reply::new(INDEX, index.to_string());
        server.set(&format!("{base}/manifests/{tag}"), index);
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TARGET: &str = "application/vnd.opentofu.provider-target";

/// Publishes the manifest and the layer of a package; gives the descriptor of the manifest.
fn image(server: &Server, base: &str, package: &Package) -> Value {
    let layer = format!("sha256:{}", sha256(&package.zip));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": TARGET,
        "layers": [{ "mediaType": "archive/zip", "digest": layer, "size": package.zip.len() }],
    })
    .to_string();
    let digest = format!("sha256:{}", sha256(manifest.as_bytes()));
    let size = manifest.len();
    server.set(
        &format!("{base}/manifests/{digest}"),
        Reply::new(MANIFEST, manifest),
    );
    server.set(
        &format!("{base}/blobs/{layer}"),
        Reply::file(package.zip.clone()),
    );
    json!({
        "mediaType": MANIFEST,
        "artifactType": TARGET,
        "digest": digest,
        "size": size,
        "platform": { "os": package.os, "architecture": package.arch },
    })
}

/// An archive with these executable files.
///
/// # Panics
/// Where the archive cannot be made.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        archive.start_file(*name, options).expect("an entry");
        archive.write_all(content).expect("an entry");
    }
    archive.finish().expect("an archive").into_inner()
}

/// In hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
