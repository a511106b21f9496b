//! Nix archives: the one serialization of a file tree that store hashes are taken of.

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

/// Where the files come from, and which of them to take. Links are not followed.
pub trait FileTree {
    /// What goes wrong while reading.
    type Error: From<NarError>;

    /// What stands at `path`.
    fn kind(&mut self, path: &Path) -> Result<FileKind, Self::Error>;
    /// Copies a regular file's bytes, and returns how many.
    fn copy(&mut self, path: &Path, into: &mut dyn Write) -> Result<u64, Self::Error>;
    /// The names in a directory, in any order.
    fn names(&mut self, path: &Path) -> Result<Vec<Vec<u8>>, Self::Error>;
    /// What a symbolic link points to.
    fn target(&mut self, path: &Path) -> Result<Vec<u8>, Self::Error>;

    /// Whether to take what stands at `path`. Asked about everything below the root, directories
    /// before what they hold.
    fn keep(&mut self, path: &Path, kind: FileKind) -> Result<bool, Self::Error> {
        let _ = (path, kind);
        Ok(true)
    }
}

/// Why an archive cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NarError {
    /// Something that is no file, directory or link.
    #[error("file '{}' has an unsupported type", .0.display())]
    Unsupported(PathBuf),
    /// A file was not as long as it had just been.
    #[error("file '{}' changed while it was read", .0.display())]
    Changed(PathBuf),
    /// The archive could not be written.
    #[error("writing an archive")]
    Write(#[source] io::Error),
}

/// Writes the archive of `path`.
pub fn write_nar<T: FileTree>(
    tree: &mut T,
    path: &Path,
    out: &mut dyn Write,
) -> Result<(), T::Error> {
    let kind = tree.kind(path)?;
    let mut writer = Writer { tree, out };
    writer.string(b"nix-archive-1")?;
    writer.node(path, kind)
}

/// The hash of the archive of `path`.
pub fn hash_path<T: FileTree>(
    tree: &mut T,
    path: &Path,
    algorithm: Algorithm,
) -> Result<Hash, T::Error> {
    let mut hasher = Hasher::new(algorithm);
    write_nar(tree, path, &mut hasher)?;
    Ok(hasher.finish())
}

struct Writer<'a, T> {
    tree: &'a mut T,
    out: &'a mut dyn Write,
}

impl<T: FileTree> Writer<'_, T> {
    fn raw(&mut self, bytes: &[u8]) -> Result<(), T::Error> {
        Ok(self.out.write_all(bytes).map_err(NarError::Write)?)
    }

    /// Everything in an archive is a string: its length, its bytes, zeros up to a multiple of 8.
    fn string(&mut self, text: &[u8]) -> Result<(), T::Error> {
        self.raw(&(text.len() as u64).to_le_bytes())?;
        self.raw(text)?;
        self.padding(text.len() as u64)
    }

    fn strings(&mut self, texts: &[&[u8]]) -> Result<(), T::Error> {
        texts.iter().try_for_each(|text| self.string(text))
    }

    fn padding(&mut self, length: u64) -> Result<(), T::Error> {
        let missing = (8 - length % 8) % 8;
        self.raw(&[0; 8][..missing as usize])
    }

    fn node(&mut self, path: &Path, kind: FileKind) -> Result<(), T::Error> {
        self.string(b"(")?;
        match kind {
            FileKind::Regular { executable, length } => self.regular(path, executable, length)?,
            FileKind::Directory => self.directory(path)?,
            FileKind::Symlink => {
                let target = self.tree.target(path)?;
                self.strings(&[b"type", b"symlink", b"target", &target])?;
            }
            FileKind::Other => return Err(NarError::Unsupported(path.to_owned()).into()),
        }
        self.string(b")")
    }

    fn regular(&mut self, path: &Path, executable: bool, length: u64) -> Result<(), T::Error> {
        self.strings(&[b"type", b"regular"])?;
        if executable {
            self.strings(&[b"executable", b""])?;
        }
        self.string(b"contents")?;
        self.raw(&length.to_le_bytes())?;
        let copied = self.tree.copy(path, self.out)?;
        if copied != length {
            return Err(NarError::Changed(path.to_owned()).into());
        }
        self.padding(length)
    }

    fn directory(&mut self, path: &Path) -> Result<(), T::Error> {
        use std::os::unix::ffi::OsStrExt as _;
        self.strings(&[b"type", b"directory"])?;
        let mut names = self.tree.names(path)?;
        names.sort_unstable();
        for name in names {
            let below = path.join(std::ffi::OsStr::from_bytes(&name));
            let kind = self.tree.kind(&below)?;
            if !self.tree.keep(&below, kind)? {
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
    use std::fs;
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[derive(Default)]
    struct Disk {
        without_directories: bool,
        asked: Vec<String>,
    }

    impl FileTree for Disk {
        type Error = Box<dyn std::error::Error>;

        fn kind(&mut self, path: &Path) -> Result<FileKind, Self::Error> {
            let metadata = fs::symlink_metadata(path)?;
            let executable = metadata.permissions().mode() & 0o100 != 0;
            Ok(match metadata.file_type() {
                kind if kind.is_dir() => FileKind::Directory,
                kind if kind.is_symlink() => FileKind::Symlink,
                _ => FileKind::Regular {
                    executable,
                    length: metadata.len(),
                },
            })
        }

        fn copy(&mut self, path: &Path, into: &mut dyn Write) -> Result<u64, Self::Error> {
            Ok(io::copy(&mut fs::File::open(path)?, into)?)
        }

        fn names(&mut self, path: &Path) -> Result<Vec<Vec<u8>>, Self::Error> {
            let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().into_vec()));
            names.collect()
        }

        fn target(&mut self, path: &Path) -> Result<Vec<u8>, Self::Error> {
            Ok(fs::read_link(path)?.into_os_string().into_vec())
        }

        fn keep(&mut self, path: &Path, kind: FileKind) -> Result<bool, Self::Error> {
            let name = path.file_name().unwrap_or_default().display();
            self.asked.push(format!("{name} {}", kind.word()));
            Ok(!self.without_directories || kind != FileKind::Directory)
        }
    }

    fn sample() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("t/sub")).unwrap();
        fs::write(at("t/b.txt"), "hello").unwrap();
        fs::write(at("t/sub/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("t/sub/run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(at("t/b.txt"), fs::Permissions::from_mode(0o644)).unwrap();
        symlink("../nowhere", at("t/a-link")).unwrap();
        folder
    }

    #[test]
    fn hashes_are_those_that_nix_computes() {
        let folder = sample();
        for (path, expected) in [
            ("t", "1nv8cs1gci6pwh1pan9jph8457gr88xq41k0yhxdcamgwwfaljk2"),
            (
                "t/b.txt",
                "0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa",
            ),
            (
                "t/sub/run",
                "0m35wabrvlzjvv71f2xvca3vd91gh9mwvh4mm38h7yb0h9kc30v2",
            ),
            (
                "t/a-link",
                "06rn9hcxchrda0252ssm1aa5fixn2sxg0kg4xwynqhiwvcf3bckm",
            ),
        ] {
            let path = folder.path().join(path);
            let hash = hash_path(&mut Disk::default(), &path, Algorithm::Sha256).unwrap();
            assert_eq!(hash.format(super::super::hash::Format::Nix32), expected);
        }
    }

    #[test]
    fn the_filter_decides_below_the_root() {
        let folder = sample();
        let mut disk = Disk {
            without_directories: true,
            asked: Vec::new(),
        };
        let mut out = Vec::new();
        write_nar(&mut disk, &folder.path().join("t"), &mut out).unwrap();
        assert_eq!(
            disk.asked,
            ["a-link symlink", "b.txt regular", "sub directory"]
        );
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains("b.txt") && !text.contains("#!/bin/sh"));
    }
}
