//! `providers mirror`: a directory that is a filesystem mirror, and a network mirror too once a
//! web server shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nixops4_tfproto::discovery::mirror::archives;
use nixops4_tfproto::discovery::{Environment, Platform, ProviderSource, Version, find_executable};
use nixops4_tfproto::lockfile::{LockFile, PackageHash};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::{Failures, FetchError, InstallError};
use crate::fetch::{Wanted, archive, archive_hashes};
use crate::offer::{Location, Offer};
use crate::search::{Search, failed};
use crate::wish::{Wish, merged};

/// A package in the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Whose.
    pub source: ProviderSource,
    /// Of which version.
    pub version: Version,
    /// For which platform.
    pub platform: Platform,
    /// The archive.
    pub path: PathBuf,
    /// Whether it was put there now.
    pub is_new: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What came of it all.
#[derive(Debug)]
pub struct MirrorReport {
    /// The packages, in the order of the wishes.
    pub packages: Vec<Mirrored>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Puts what is asked for into a mirror: the locked versions where there are such.
pub fn run(
    environment: &Environment,
    base: &Path,
    wishes: &[Wish],
    dir: &Path,
    platforms: &[Platform],
) -> Result<MirrorReport, Failures> {
    let context = Context::new(environment)?;
    let lock = LockFile::load(base).map_err(|error| context.with_warnings(error.into()))?;
    let lock = lock.unwrap_or_default();
    let (mut packages, mut failures) = (Vec::new(), Vec::new());
    for wish in merged(wishes, &lock) {
        match put_all(&context, &lock, &wish, dir, platforms) {
            Ok(put) => packages.extend(put),
            Err(error) => failures.push(wish.failed(error)),
        }
    }
    let warnings = context.take_warnings();
    if failures.is_empty() {
        return Ok(MirrorReport { packages, warnings });
    }
    let of_packages = packages.into_iter().flat_map(|package| package.warnings);
    Err(Failures {
        failures,
        warnings: warnings.into_iter().chain(of_packages).collect(),
    })
}

/// Puts the packages of one provider there, with their indexes.
fn put_all(
    context: &Context,
    lock: &LockFile,
    wish: &Wish,
    dir: &Path,
    platforms: &[Platform],
) -> Result<Vec<Mirrored>, InstallError> {
    let candidates = lock.candidates(&wish.source);
    let locked = candidates
        .first()
        .and_then(|source| Some((source, lock.get(source)?)));
    let mut search = Search::new(context, &wish.source, &wish.constraints)
        .for_locked(locked.map(|(_, locked)| &locked.version));
    let (source, version) = match locked {
        Some((source, locked)) => {
            crate::install::check_locked(wish, source, locked)?;
            (source.clone(), locked.version.clone())
        }
        None => search.choose(&candidates, &wish.constraints)?,
    };
    let mut all = Vec::new();
    for platform in platforms {
        let wanted = Wanted {
            source: &source,
            version: &version,
            platform,
            locked: locked.map(|(_, locked)| locked),
        };
        all.push(put(context, &mut search, dir, &wanted)?);
    }
    let provider = directory(dir, &source);
    index(&provider, &source).map_err(|source| InstallError::Mirror {
        path: provider,
        source,
    })?;
    Ok(all)
}

fn directory(dir: &Path, source: &ProviderSource) -> PathBuf {
    let dir = dir.join(source.host()).join(source.namespace());
    dir.join(source.kind())
}

/// Puts one archive there, unless it is there already.
fn put(
    context: &Context,
    search: &mut Search<'_>,
    dir: &Path,
    wanted: &Wanted<'_>,
) -> Result<Mirrored, InstallError> {
    let Wanted {
        source,
        version,
        platform,
        ..
    } = *wanted;
    let (provider, kind) = (directory(dir, source), source.kind());
    let path = provider.join(format!(
        "terraform-provider-{kind}_{version}_{platform}.zip"
    ));
    let mut mirrored = Mirrored {
        source: source.clone(),
        version: version.clone(),
        platform: platform.clone(),
        path: path.clone(),
        is_new: false,
        warnings: Vec::new(),
    };
    let found = search.offer(source, version, platform)?;
    mirrored.warnings.clone_from(&found.offer.warnings);
    let fail = |error| failed(source, version, &found.method.kind, error);
    let known = archive_hashes(&path).unwrap_or_default();
    if !known.is_disjoint(&found.offer.expected) {
        return Ok(mirrored);
    }
    let client = context.client_of(found.method);
    let archive = archive(&client, &context.environment, &found.offer, wanted).map_err(fail)?;
    let write = |source| InstallError::Mirror {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(&provider).map_err(write)?;
    let mut file = tempfile::Builder::new()
        .prefix(".mirroring-")
        .permissions_of_new_files()
        .tempfile_in(&provider)
        .map_err(write)?;
    match archive {
        Some(archive) => {
            let mut content = File::open(&archive.path).map_err(write)?;
            io::copy(&mut content, &mut file).map_err(write)?;
        }
        None => pack(&found.offer, wanted, file.as_file_mut()).map_err(fail)?,
    }
    file.persist(&path).map_err(|error| write(error.error))?;
    mirrored.is_new = true;
    Ok(mirrored)
}

/// Permissions as files get them that are made without further ado.
trait NewFiles {
    fn permissions_of_new_files(&mut self) -> &mut Self;
}

impl NewFiles for tempfile::Builder<'_, '_> {
    fn permissions_of_new_files(&mut self) -> &mut Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            self.permissions(fs::Permissions::from_mode(0o666));
        }
        self
    }
}

/// Packs a package that lies unpacked in another mirror.
fn pack(offer: &Offer, wanted: &Wanted<'_>, file: &mut File) -> Result<(), FetchError> {
    let Location::Directory(dir) = &offer.location else {
        return Ok(());
    };
    let failed = || FetchError::file("pack", dir);
    let hash = PackageHash::of_directory(dir, None).map_err(failed())?;
    if let Some(locked) = wanted.locked
        && !locked.accepts([&hash])
    {
        return Err(FetchError::Refused(format!(
            "the package is not the one that is locked: its hash is {hash}"
        )));
    }
    find_executable(dir, wanted.source.kind())?;
    let mut archive = zip::ZipWriter::new(file);
    add(&mut archive, dir, "").map_err(failed())?;
    archive
        .finish()
        .map_err(io::Error::other)
        .map_err(failed())?;
    Ok(())
}

fn add(archive: &mut zip::ZipWriter<&mut File>, dir: &Path, prefix: &str) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = fs::metadata(&path)?;
        if metadata.is_dir() {
            add(archive, &path, &format!("{name}/"))?;
            continue;
        }
        let options = zip::write::SimpleFileOptions::default()
            .unix_permissions(if is_executable(&metadata) {
                0o755
            } else {
                0o644
            })
            .large_file(metadata.len() >= u64::from(u32::MAX));
        archive
            .start_file(name, options)
            .map_err(io::Error::other)?;
        io::copy(&mut File::open(&path)?, archive)?;
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    true
}

/// Writes the indexes of the network mirror protocol over all archives that are there.
fn index(provider: &Path, source: &ProviderSource) -> io::Result<()> {
    let mut versions: BTreeMap<Version, Map<String, Value>> = BTreeMap::new();
    for (version, platform, path) in archives(provider, source.kind())? {
        let hash = PackageHash::of_archive_content(&path)?;
        let zip = PackageHash::of_archive(&path)?;
        let hashes = BTreeSet::from([hash, zip]);
        let hashes: Vec<_> = hashes.iter().map(PackageHash::as_str).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let archive = json!({ "hashes": hashes, "url": name });
        let platforms = versions.entry(version).or_default();
        platforms.insert(platform, archive);
    }
    let list: Map<_, _> = versions
        .keys()
        .map(|version| (version.to_string(), json!({})))
        .collect();
    for (version, archives) in versions {
        let content = json!({ "archives": archives });
        write_json(&provider.join(format!("{version}.json")), &content)?;
    }
    write_json(&provider.join("index.json"), &json!({ "versions": list }))
}

fn write_json(path: &Path, content: &Value) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".mirroring-")
        .permissions_of_new_files()
        .tempfile_in(dir)?;
    let text = serde_json::to_string_pretty(content)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
