//! A directory that is filled by the word of strangers: nothing is written outside of it, through a
//! link, or without bound.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Component, Path, PathBuf},
};

use crate::disk;

/// How much may be written.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in all files together.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 16 << 30,
            entries: 10_000_000,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
}

/// Where things are written, and what was written so far.
pub(crate) struct SafeDir {
    root: PathBuf,
    kinds: HashMap<PathBuf, Kind>,
    left: Limits,
}

/// Why something is not written.
pub(crate) fn refuse(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("'{}' {why}", path.display()))
}

impl SafeDir {
    /// Writes below `root`, which is there and empty.
    pub(crate) fn new(root: &Path, limits: Limits) -> SafeDir {
        SafeDir {
            root: root.to_owned(),
            kinds: HashMap::new(),
            left: limits,
        }
    }

    /// The path inside the root; everything above it is a directory that was made here.
    fn inside(&mut self, path: &Path) -> io::Result<PathBuf> {
        let mut inside = PathBuf::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => inside.push(name),
                Component::CurDir | Component::RootDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(refuse(path, "leads out of the archive"));
                }
            }
        }
        let mut above: Vec<PathBuf> = inside
            .ancestors()
            .skip(1)
            .filter(|dir| !dir.as_os_str().is_empty())
            .map(Path::to_owned)
            .collect();
        above.reverse();
        for dir in above {
            self.make_directory(&dir)?;
        }
        Ok(inside)
    }

    fn make_directory(&mut self, dir: &Path) -> io::Result<()> {
        match self.kinds.get(dir) {
            Some(Kind::Directory) => Ok(()),
            Some(_) => Err(refuse(dir, "is a directory, and something else before")),
            None => {
                self.count()?;
                fs::create_dir(self.root.join(dir))?;
                self.kinds.insert(dir.to_owned(), Kind::Directory);
                Ok(())
            }
        }
    }

    fn count(&mut self) -> io::Result<()> {
        let left = self.left.entries.checked_sub(1);
        self.left.entries = left.ok_or_else(|| io::Error::other("it holds too many files"))?;
        Ok(())
    }

    /// Makes a directory.
    pub(crate) fn directory(&mut self, path: &Path) -> io::Result<()> {
        let inside = self.inside(path)?;
        match inside.as_os_str().is_empty() {
            true => Ok(()),
            false => self.make_directory(&inside),
        }
    }

    /// Makes room for a file or link; a later entry takes the place of an earlier one.
    fn place(&mut self, path: &Path, kind: Kind) -> io::Result<PathBuf> {
        self.count()?;
        let inside = self.inside(path)?;
        if inside.as_os_str().is_empty() {
            return Err(refuse(path, "has no name"));
        }
        let place = self.root.join(&inside);
        match self.kinds.insert(inside, kind) {
            Some(Kind::Directory) => Err(refuse(path, "was a directory before")),
            Some(_) => fs::remove_file(&place).map(|()| place),
            None => Ok(place),
        }
    }

    /// Writes a file.
    pub(crate) fn file(
        &mut self,
        path: &Path,
        executable: bool,
        content: &mut impl Read,
    ) -> io::Result<()> {
        let place = self.place(path, Kind::File)?;
        let left = self.left.bytes;
        let mut written = 0;
        disk::write_file(&place, executable, |file| {
            written = io::copy(&mut content.take(left.saturating_add(1)), file)?;
            Ok(())
        })
        .map_err(io::Error::other)?;
        let left = left.checked_sub(written);
        self.left.bytes = left.ok_or_else(|| io::Error::other("it holds too much"))?;
        Ok(())
    }

    /// Makes a link; nothing is ever written through it.
    pub(crate) fn symlink(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let place = self.place(path, Kind::Link)?;
        symlink(target, place)
    }

    /// Another name of a file that came before: a copy of it.
    pub(crate) fn hard_link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let source = self.inside(target)?;
        if self.kinds.get(&source) != Some(&Kind::File) {
            return Err(refuse(path, "is another name of a file that is not there"));
        }
        let mut file = fs::File::open(self.root.join(&source))?;
        let executable = file.metadata()?.permissions().mode() & 0o100 != 0;
        self.file(path, executable, &mut file)
    }
}
