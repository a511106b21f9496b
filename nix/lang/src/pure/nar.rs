//! Nix archives: the one serialization of a file tree that store hashes are taken of.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::hash::{Algorithm, Hash, Hasher};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular {
        /// Whether its owner may run it; no other permission matters.
        executable: bool,
        /// Its length in bytes.
        length: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe, which no archive can hold.
    Other,
}

impl FileKind {
    /// The word for it that filter functions are given.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regular { .. } => "regular",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Other => "unknown",
        }
    }
}

/// Where the files come from. Links are not followed.
pub trait FileTree {
    /// What stands at `path`.
    fn kind(&self, path: &Path) -> io::Result<FileKind>;
    /// Copies a regular file's bytes, and returns how many.
    fn copy(&self, path: &Path, into: &mut dyn Write) -> io::Result<u64>;
    /// The names in a directory, in any order.
    fn names(&self, path: &Path) -> io::Result<Vec<Vec<u8>>>;
    /// What a symbolic link points to.
    fn target(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskTree;

impl FileTree for DiskTree {
    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = fs::symlink_metadata(path)?;
        let executable = metadata.permissions().mode() & 0o100 != 0;
        Ok(match metadata.file_type() {
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_symlink() => FileKind::Symlink,
            kind if kind.is_file() => FileKind::Regular {
                executable,
                length: metadata.len(),
            },
            _ => FileKind::Other,
        })
    }

    fn copy(&self, path: &Path, into: &mut dyn Write) -> io::Result<u64> {
        io::copy(&mut fs::File::open(path)?, into)
    }

    fn names(&self, path: &Path) -> io::Result<Vec<Vec<u8>>> {
        use std::os::unix::ffi::OsStringExt as _;
        fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().into_vec()))
            .collect()
    }

    fn target(&self, path: &Path) -> io::Result<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt as _;
        Ok(fs::read_link(path)?.into_os_string().into_vec())
    }
}

/// Why an archive cannot be made. `E` is what a filter fails with.
#[derive(Debug, thiserror::Error)]
pub enum NarError<E> {
    /// A file could not be read.
    #[error("reading '{}'", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is no file, directory or link.
    #[error("file '{}' has an unsupported type", .0.display())]
    Unsupported(PathBuf),
    /// A file was not as long as it had just been.
    #[error("file '{}' changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The archive could not be written.
    #[error("writing an archive")]
    Write(#[source] io::Error),
    /// The filter failed.
    #[error(transparent)]
    Filter(E),
}

/// Writes the archive of `path`. `keep` is asked about everything below it, directories before
/// what they hold.
pub fn write_nar<E>(
    tree: &dyn FileTree,
    path: &Path,
    keep: &mut dyn FnMut(&Path, FileKind) -> Result<bool, E>,
    out: &mut dyn Write,
) -> Result<(), NarError<E>> {
    let mut writer = Writer { tree, keep, out };
    writer.string(b"nix-archive-1")?;
    let kind = tree.kind(path).map_err(|source| read_error(path, source))?;
    writer.node(path, kind)
}

/// The hash of the archive of `path`.
pub fn hash_path<E>(
    tree: &dyn FileTree,
    path: &Path,
    algorithm: Algorithm,
    keep: &mut dyn FnMut(&Path, FileKind) -> Result<bool, E>,
) -> Result<Hash, NarError<E>> {
    let mut hasher = Hasher::new(algorithm);
    write_nar(tree, path, keep, &mut hasher)?;
    Ok(hasher.finish())
}

fn read_error<E>(path: &Path, source: io::Error) -> NarError<E> {
    NarError::Read {
        path: path.to_owned(),
        source,
    }
}

struct Writer<'a, E> {
    tree: &'a dyn FileTree,
    keep: &'a mut dyn FnMut(&Path, FileKind) -> Result<bool, E>,
    out: &'a mut dyn Write,
}

impl<E> Writer<'_, E> {
    fn raw(&mut self, bytes: &[u8]) -> Result<(), NarError<E>> {
        self.out.write_all(bytes).map_err(NarError::Write)
    }

    /// Everything in an archive is a string: its length, its bytes, zeros up to a multiple of 8.
    fn string(&mut self, text: &[u8]) -> Result<(), NarError<E>> {
        self.raw(&(text.len() as u64).to_le_bytes())?;
        self.raw(text)?;
        self.padding(text.len() as u64)
    }

    fn strings(&mut self, texts: &[&[u8]]) -> Result<(), NarError<E>> {
        texts.iter().try_for_each(|text| self.string(text))
    }

    fn padding(&mut self, length: u64) -> Result<(), NarError<E>> {
        let missing = (8 - length % 8) % 8;
        self.raw(&[0; 8][..missing as usize])
    }

    fn node(&mut self, path: &Path, kind: FileKind) -> Result<(), NarError<E>> {
        self.string(b"(")?;
        match kind {
            FileKind::Regular { executable, length } => self.regular(path, executable, length)?,
            FileKind::Directory => self.directory(path)?,
            FileKind::Symlink => {
                let target = self
                    .tree
                    .target(path)
                    .map_err(|error| read_error(path, error))?;
                self.strings(&[b"type", b"symlink", b"target", &target])?;
            }
            FileKind::Other => return Err(NarError::Unsupported(path.to_owned())),
        }
        self.string(b")")
    }

    fn regular(&mut self, path: &Path, executable: bool, length: u64) -> Result<(), NarError<E>> {
        self.strings(&[b"type", b"regular"])?;
        if executable {
            self.strings(&[b"executable", b""])?;
        }
        self.string(b"contents")?;
        self.raw(&length.to_le_bytes())?;
        let copied = self
            .tree
            .copy(path, self.out)
            .map_err(|error| read_error(path, error))?;
        if copied != length {
            return Err(NarError::Changed(path.to_owned()));
        }
        self.padding(length)
    }

    fn directory(&mut self, path: &Path) -> Result<(), NarError<E>> {
        use std::os::unix::ffi::OsStrExt as _;
        self.strings(&[b"type", b"directory"])?;
        let mut names = self
            .tree
            .names(path)
            .map_err(|error| read_error(path, error))?;
        names.sort_unstable();
        for name in names {
            let below = path.join(std::ffi::OsStr::from_bytes(&name));
            let kind = self
                .tree
                .kind(&below)
                .map_err(|error| read_error(&below, error))?;
            if !(self.keep)(&below, kind).map_err(NarError::Filter)? {
                continue;
            }
            self.strings(&[b"entry", b"(", b"name", &name, b"node"])?;
            self.node(&below, kind)?;
            self.string(b")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn keep_all(_: &Path, _: FileKind) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn sample() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("t/sub")).unwrap();
        fs::write(at("t/b.txt"), "hello").unwrap();
        fs::write(at("t/sub/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("t/sub/run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(at("t/b.txt"), fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink("../nowhere", at("t/a-link")).unwrap();
        folder
    }

    #[test]
    fn hashes_are_those_that_nix_computes() {
        let folder = sample();
        let hash = |path: &str| {
            let path = folder.path().join(path);
            let hash = hash_path(&DiskTree, &path, Algorithm::Sha256, &mut keep_all).unwrap();
            hash.format(super::super::hash::Format::Nix32)
        };
        assert_eq!(
            hash("t"),
            "1nv8cs1gci6pwh1pan9jph8457gr88xq41k0yhxdcamgwwfaljk2"
        );
        assert_eq!(
            hash("t/b.txt"),
            "0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa"
        );
        assert_eq!(
            hash("t/sub/run"),
            "0m35wabrvlzjvv71f2xvca3vd91gh9mwvh4mm38h7yb0h9kc30v2"
        );
        assert_eq!(
            hash("t/a-link"),
            "06rn9hcxchrda0252ssm1aa5fixn2sxg0kg4xwynqhiwvcf3bckm"
        );
    }

    #[test]
    fn the_filter_decides_below_the_root() {
        let folder = sample();
        let root = folder.path().join("t");
        let mut asked = Vec::new();
        let mut keep = |path: &Path, kind: FileKind| {
            asked.push(format!(
                "{} {}",
                path.strip_prefix(&root).unwrap().display(),
                kind.word()
            ));
            Ok::<_, Infallible>(kind != FileKind::Directory)
        };
        let mut out = Vec::new();
        write_nar(&DiskTree, &root, &mut keep, &mut out).unwrap();
        assert_eq!(asked, ["a-link symlink", "b.txt regular", "sub directory"]);
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains("b.txt") && !text.contains("#!/bin/sh"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut out = Vec::new();
        let missing = write_nar(
            &DiskTree,
            Path::new("/nonexistent/x"),
            &mut keep_all,
            &mut out,
        );
        assert!(missing.unwrap_err().to_string().contains("/nonexistent/x"));
    }
}
