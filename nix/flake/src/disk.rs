//! Trees on disk: hashing them as archives, and copying them.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::{
        ffi::OsStringExt as _,
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
};

use nixops4_lang::content::{Algorithm, FileKind, FileTree, Hash, NarError, hash_path};

use crate::error::FlakeError;

/// A tree as it is hashed.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) hash: Hash,
    /// When the newest part of it was changed, in seconds since 1970.
    pub(crate) newest: u64,
}

/// Hashes what is at `path`; only what `only` names, where it is given.
pub(crate) fn hash(path: &Path, only: Option<&Selection>) -> Result<Hashed, FlakeError> {
    let mut disk = Disk {
        root: path,
        only,
        newest: 0,
    };
    let hash = hash_path(&mut disk, path, Algorithm::Sha256)?;
    Ok(Hashed {
        hash,
        newest: disk.newest,
    })
}

/// Some files of a tree: their paths from its root, with all directories on the way.
#[derive(Debug, Default)]
pub(crate) struct Selection(BTreeSet<PathBuf>);

impl Selection {
    /// Takes a file, or a directory without what is in it.
    pub(crate) fn insert(&mut self, path: &Path) {
        let new = path
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .take_while(|path| !self.0.contains(*path))
            .map(Path::to_owned)
            .collect::<Vec<_>>();
        self.0.extend(new);
    }

    fn contains(&self, path: &Path) -> bool {
        self.0.contains(path)
    }
}

struct Disk<'a> {
    root: &'a Path,
    only: Option<&'a Selection>,
    newest: u64,
}

impl FileTree for Disk<'_> {
    type Error = FlakeError;

    fn kind(&mut self, path: &Path) -> Result<FileKind, FlakeError> {
        let metadata =
            fs::symlink_metadata(path).map_err(FlakeError::io("cannot look at", path))?;
        self.newest = self
            .newest
            .max(u64::try_from(metadata.mtime()).unwrap_or(0));
        Ok(kind_of(&metadata))
    }

    fn copy(&mut self, path: &Path, into: &mut dyn Write) -> Result<u64, FlakeError> {
        let mut file = fs::File::open(path).map_err(FlakeError::io("cannot read", path))?;
        io::copy(&mut file, into).map_err(FlakeError::io("cannot read", path))
    }

    fn names(&mut self, path: &Path) -> Result<Vec<Vec<u8>>, FlakeError> {
        let failed = || FlakeError::io("cannot list", path);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed())? {
            names.push(entry.map_err(failed())?.file_name().into_vec());
        }
        if let Some(only) = self.only {
            // What is left out is not even looked at: it may be unreadable.
            let inside = path.strip_prefix(self.root).unwrap_or(path).to_owned();
            names.retain(|name| {
                only.contains(&inside.join(std::ffi::OsString::from_vec(name.clone())))
            });
        }
        Ok(names)
    }

    fn target(&mut self, path: &Path) -> Result<Vec<u8>, FlakeError> {
        let target = fs::read_link(path).map_err(FlakeError::io("cannot read", path))?;
        Ok(target.into_os_string().into_vec())
    }
}

fn kind_of(metadata: &fs::Metadata) -> FileKind {
    let kind = metadata.file_type();
    if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else if kind.is_file() {
        FileKind::Regular {
            executable: metadata.permissions().mode() & 0o100 != 0,
            length: metadata.len(),
        }
    } else {
        FileKind::Other
    }
}

/// Copies a tree, of which only what `only` names. Nobody may write to the copy's files.
pub(crate) fn copy(from: &Path, to: &Path, only: Option<&Selection>) -> Result<(), FlakeError> {
    let mut todo = vec![PathBuf::new()];
    while let Some(inside) = todo.pop() {
        let (source, target) = (join(from, &inside), join(to, &inside));
        let metadata =
            fs::symlink_metadata(&source).map_err(FlakeError::io("cannot look at", &source))?;
        match kind_of(&metadata) {
            FileKind::Directory => {
                fs::create_dir(&target).map_err(FlakeError::io("cannot make", &target))?;
                let failed = || FlakeError::io("cannot list", &source);
                for entry in fs::read_dir(&source).map_err(failed())? {
                    let below = inside.join(entry.map_err(failed())?.file_name());
                    if only.is_none_or(|only| only.contains(&below)) {
                        todo.push(below);
                    }
                }
            }
            FileKind::Symlink => {
                let link = fs::read_link(&source);
                let link = link.map_err(FlakeError::io("cannot read", &source))?;
                symlink(link, &target).map_err(FlakeError::io("cannot make", &target))?;
            }
            FileKind::Regular { executable, .. } => {
                let mut file =
                    fs::File::open(&source).map_err(FlakeError::io("cannot read", &source))?;
                write_file(&target, executable, |out| {
                    io::copy(&mut file, out).map(drop)
                })?;
            }
            FileKind::Other => return Err(NarError::Unsupported(source).into()),
        }
    }
    Ok(())
}

/// Joining nothing would add a slash, which the path of a file must not end with.
fn join(base: &Path, inside: &Path) -> PathBuf {
    match inside.as_os_str().is_empty() {
        true => base.to_owned(),
        false => base.join(inside),
    }
}

/// Makes a file that nobody may write to again.
pub(crate) fn write_file(
    path: &Path,
    executable: bool,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> Result<(), FlakeError> {
    let failed = || FlakeError::io("cannot write", path);
    let mut file = fs::File::create_new(path).map_err(failed())?;
    write(&mut file).map_err(failed())?;
    let mode = if executable { 0o555 } else { 0o444 };
    file.set_permissions(fs::Permissions::from_mode(mode))
        .map_err(failed())
}
