//! A provider package: its executable, and how an archive becomes a directory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cache::FileHashes;

/// Why a package, or an executable named directly, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file or directory could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The package holds no executable of the expected name.
    #[error("{dir} has no executable named terraform-provider-{kind}…; it holds {found}")]
    NoExecutable {
        /// The package directory.
        dir: PathBuf,
        /// The provider's name.
        kind: String,
        /// What is there instead.
        found: String,
    },
    /// The file is there but cannot be run.
    #[error("{path} {problem}")]
    NotExecutable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The archive is damaged or unsafe.
    #[error("{path} is not a usable archive: {problem}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no directory for unpacked archives.
    #[error("{path} must be unpacked, but neither XDG_CACHE_HOME nor HOME is set")]
    NoCache {
        /// The archive.
        path: PathBuf,
    },
}

/// Finds the executable of an unpacked package.
///
/// The name is the provider's, alone or followed by `_` or `.`; the first in name order counts.
pub fn find_executable(dir: &Path, kind: &str) -> Result<PathBuf, PackageError> {
    let io = |source| PackageError::Io {
        action: "read",
        path: dir.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        names.push(
            entry
                .map_err(io)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    let path = dir.join(executable_among(names, dir, kind)?);
    check_executable(&path)?;
    Ok(path)
}

/// Checks that an archive holds what `find_executable` would find once it is unpacked.
pub fn check_archive(path: &Path, kind: &str) -> Result<(), PackageError> {
    let bad = |error: zip::result::ZipError| PackageError::Archive {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let file = File::open(path).map_err(write_error("open", path))?;
    let mut archive = zip::ZipArchive::new(file).map_err(bad)?;
    let names: BTreeSet<_> = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.split('/').next()?.to_owned()))
        .collect();
    let name = executable_among(names.into_iter().collect(), path, kind)?;
    let fail = |problem| {
        let path = path.join(&name);
        Err(PackageError::NotExecutable { path, problem })
    };
    match archive.by_name(&name) {
        Ok(entry) if !is_executable(&entry) => fail("is not executable"),
        Ok(_) => Ok(()),
        Err(_) => fail("is a directory, not an executable"),
    }
}

/// Which of the names in a package is the executable's.
fn executable_among(
    mut names: Vec<String>,
    package: &Path,
    kind: &str,
) -> Result<String, PackageError> {
    names.sort();
    let prefix = format!("terraform-provider-{kind}");
    let fits = |name: &&String| {
        name.strip_prefix(&prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
    };
    if let Some(name) = names.iter().find(fits) {
        return Ok(name.clone());
    }
    Err(PackageError::NoExecutable {
        dir: package.to_owned(),
        kind: kind.to_owned(),
        found: match names.is_empty() {
            true => "nothing".to_owned(),
            false => names.join(", "),
        },
    })
}

/// Whether an entry becomes an executable; archives from elsewhere do not tell.
fn is_executable(entry: &zip::read::ZipFile<'_, File>) -> bool {
    entry.unix_mode().is_none_or(|mode| mode & 0o111 != 0)
}

/// Checks that a file can be run, as far as its metadata tells.
pub fn check_executable(path: &Path) -> Result<(), PackageError> {
    let fail = |problem| {
        Err(PackageError::NotExecutable {
            path: path.to_owned(),
            problem,
        })
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fail("does not exist"),
        Err(source) => {
            return Err(PackageError::Io {
                action: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    if metadata.is_dir() {
        return fail("is a directory, not an executable");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o111 == 0 {
            return fail("is not executable (chmod +x may be missing)");
        }
    }
    Ok(())
}

/// Unpacks an archive into the cache, once, and returns the directory.
///
/// The directory is named by the archive's content and appears by one rename, so concurrent runs
/// and runs killed half-way never see a part of it.
pub(super) fn unpack(archive: &Path, cache: &Path) -> Result<PathBuf, PackageError> {
    let read = |source| PackageError::Io {
        action: "read",
        path: archive.to_owned(),
        source,
    };
    let hash = FileHashes::new(cache).hash(archive).map_err(read)?;
    let packages = cache.join("packages");
    let target = packages.join(hash.to_hex().as_str());
    if target.is_dir() {
        return Ok(target);
    }
    fs::create_dir_all(&packages).map_err(write_error("write", &packages))?;
    let staging = tempfile::Builder::new()
        .prefix(".unpacking-")
        .tempdir_in(&packages)
        .map_err(write_error("write", &packages))?;
    let content = staging.path().join("content");
    extract(archive, &content)?;
    match fs::rename(&content, &target) {
        Ok(()) => Ok(target),
        // Somebody else was faster; the content is the same.
        Err(_) if target.is_dir() => Ok(target),
        Err(error) => Err(write_error("write", &target)(error)),
    }
}

/// Unpacks an archive into a directory that does not exist yet.
pub fn extract(path: &Path, target: &Path) -> Result<(), PackageError> {
    let bad = |problem: String| PackageError::Archive {
        path: path.to_owned(),
        problem,
    };
    let file = File::open(path).map_err(write_error("open", path))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| bad(error.to_string()))?;
    fs::create_dir_all(target).map_err(write_error("create", target))?;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| bad(error.to_string()))?;
        let Some(name) = entry.enclosed_name() else {
            return Err(bad(format!(
                "the entry {} leads out of the package",
                shown(&entry)
            )));
        };
        if entry.is_symlink() {
            return Err(bad(format!(
                "the entry {} is a symbolic link",
                shown(&entry)
            )));
        }
        let out = target.join(name);
        if entry.is_dir() {
            fs::create_dir_all(&out).map_err(write_error("create", &out))?;
            continue;
        }
        if let Some(parent) = out.parent() {
            fs::create_dir_all(parent).map_err(write_error("create", parent))?;
        }
        let mut file =
            create_file(&out, is_executable(&entry)).map_err(write_error("create", &out))?;
        io::copy(&mut entry, &mut file).map_err(|error| bad(error.to_string()))?;
        // A name in the cache promises the content, also after a power failure.
        file.sync_all().map_err(write_error("write", &out))?;
    }
    Ok(())
}

fn shown(entry: &zip::read::ZipFile<'_, File>) -> String {
    format!("{:?}", String::from_utf8_lossy(entry.name_raw()))
}

#[cfg(unix)]
fn create_file(path: &Path, executable: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if executable { 0o755 } else { 0o644 };
    File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

#[cfg(not(unix))]
fn create_file(path: &Path, _executable: bool) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

fn write_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> PackageError + use<> {
    let path = path.to_owned();
    move |source| PackageError::Io {
        action,
        path: path.clone(),
        source,
    }
}
