//! [`LogFile`]: appends to a file so that what was appended stays, or nothing of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::read::io_error;
use crate::state::StateError;

/// An open file, as far as a log needs one. There to let tests fail what a disk can fail.
pub(super) trait Disk: Send {
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Its length, and whether it still has a name.
    fn status(&self) -> io::Result<(u64, bool)>;
}

impl Disk for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn status(&self) -> io::Result<(u64, bool)> {
        let metadata = self.metadata()?;
        Ok((metadata.len(), metadata.nlink() > 0))
    }
}

/// Opens a file for appending, and makes it first if it is told to.
pub(super) type Opener = Box<dyn Fn(&Path, bool) -> io::Result<Box<dyn Disk>> + Send>;

/// Opens files as they are.
pub(super) fn opener() -> Opener {
    Box::new(|path, create| {
        let file = open_private(path, OpenOptions::new().append(true).create(create))?;
        Ok(Box::new(file))
    })
}

/// Opens a file that nobody else may read if it is made now.
pub(super) fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(0o600).open(path)
}

/// How a file ends, on which a log goes on.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Whether there is a file.
    pub exists: bool,
    /// How much of it is whole events.
    pub good_len: u64,
    /// Whether the last event lacks its newline.
    pub unfinished_line: bool,
    /// The beginning of an event that follows.
    pub torn: Vec<u8>,
}

/// A log that is written to.
pub(super) struct LogFile {
    path: PathBuf,
    opener: Opener,
    disk: Option<Box<dyn Disk>>,
    /// How much of the file counts; what may follow is the rest of a failed write.
    good_len: u64,
    /// Whether something may follow.
    dirty: bool,
    /// Whether the file, or its name in the directory, has yet to be made.
    unnamed: bool,
    unfinished_line: bool,
    torn: Vec<u8>,
}

impl LogFile {
    /// The log that ends as `tail` says. Nothing is opened or made yet.
    pub fn new(path: PathBuf, tail: Tail, opener: Opener) -> Self {
        Self {
            path,
            opener,
            disk: None,
            good_len: tail.good_len,
            dirty: !tail.torn.is_empty(),
            unnamed: !tail.exists,
            unfinished_line: tail.unfinished_line,
            torn: tail.torn,
        }
    }

    /// Appends whole lines and makes them durable. After an error the file holds what it held
    /// before, if the disk lets itself be cut; the next call tries that again.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), StateError> {
        let result = self.try_append(lines);
        if result.is_err() {
            self.cut();
        }
        result
    }

    fn try_append(&mut self, lines: &[u8]) -> Result<(), StateError> {
        self.keep_torn()?;
        let path = self.path.clone();
        let failed = |action| {
            let path = &path;
            move |error| io_error(action, path, error)
        };
        let disk = match &mut self.disk {
            Some(disk) => disk,
            none => none.insert((self.opener)(&path, self.unnamed).map_err(failed("open"))?),
        };
        if self.dirty {
            disk.set_len(self.good_len).map_err(failed("cut"))?;
            self.dirty = false;
        }
        untouched(&**disk, self.good_len).map_err(failed("write to"))?;
        // From here on something may follow what counts.
        self.dirty = true;
        let newline = if self.unfinished_line { "\n" } else { "" };
        let bytes = [newline.as_bytes(), lines].concat();
        disk.append(&bytes).map_err(failed("write to"))?;
        disk.sync().map_err(failed("write to"))?;
        if self.unnamed {
            sync_parent(&path)?;
        }
        self.good_len += bytes.len() as u64;
        (self.dirty, self.unnamed, self.unfinished_line) = (false, false, false);
        Ok(())
    }

    /// Removes what a failed write left.
    fn cut(&mut self) {
        if let Some(disk) = self.disk.as_mut().filter(|_| self.dirty) {
            self.dirty = disk.set_len(self.good_len).is_err();
        }
    }

    /// Keeps the beginning of an event that was never finished beside the file: it may name an
    /// object that a provider made.
    fn keep_torn(&mut self) -> Result<(), StateError> {
        if self.torn.is_empty() {
            return Ok(());
        }
        let path = torn_path(&self.path);
        let keep = || {
            let mut file = open_private(&path, OpenOptions::new().append(true).create(true))?;
            file.write_all(&[&self.torn[..], b"\n"].concat())?;
            file.sync_data()
        };
        keep().map_err(|error| io_error("write to", &path, error))?;
        self.torn.clear();
        Ok(())
    }
}

/// Checks that nobody else changed the file although it is locked.
fn untouched(disk: &dyn Disk, len: u64) -> io::Result<()> {
    let what = match disk.status()? {
        (now, true) if now == len => return Ok(()),
        (_, true) => "changed",
        (_, false) => "removed",
    };
    let reason = format!("it was {what} by another program while it was locked");
    Err(io::Error::other(reason))
}

/// Where the beginnings of unfinished events are kept.
pub(super) fn torn_path(path: &Path) -> PathBuf {
    beside(path, ".torn")
}

/// The file beside `path` whose name goes on with `suffix`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the existence of a new file durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), StateError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|error| io_error("write to", parent, error))
}
