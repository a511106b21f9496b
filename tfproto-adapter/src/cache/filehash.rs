//! Content hashes of big files, remembered by what `stat` tells of the file.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use blake3::Hash;

use super::write_atomically;

/// Hashes files, reading each only once until it changes.
#[derive(Clone, Debug)]
pub struct FileHashes {
    dir: PathBuf,
}

/// A file changed so recently could change again within the clock's grain, unseen.
const SETTLED: Duration = Duration::from_secs(2);

impl FileHashes {
    /// Remembers hashes below that cache directory.
    pub fn new(cache: &Path) -> Self {
        Self {
            dir: cache.join("hashes"),
        }
    }

    /// The hash of a file's content.
    pub fn hash(&self, path: &Path) -> io::Result<Hash> {
        if let Some(hash) = self.remembered(path) {
            return Ok(hash);
        }
        let file = File::open(path)?;
        let before = file.metadata()?;
        let hash = blake3::Hasher::new().update_reader(&file)?.finalize();
        let after = fs::metadata(path)?;
        if let Some(name) = identity(path, &before)
            .filter(|name| identity(path, &after).as_ref() == Some(name) && is_settled(&before))
        {
            // Without a writable cache the next run reads the file again.
            let _ = write_atomically(&self.dir.join(name), hash.to_hex().as_bytes());
        }
        Ok(hash)
    }

    /// The hash, if it is known without reading the file.
    pub fn remembered(&self, path: &Path) -> Option<Hash> {
        let name = identity(path, &fs::metadata(path).ok()?)?;
        let text = fs::read(self.dir.join(name)).ok()?;
        Hash::from_hex(text).ok()
    }
}

fn is_settled(metadata: &Metadata) -> bool {
    let Ok(modified) = metadata.modified() else {
        return false;
    };
    // Store paths carry times near the epoch; a time in the future is not settled.
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age >= SETTLED)
}

/// A name that changes whenever the file may have changed.
fn identity(path: &Path, metadata: &Metadata) -> Option<String> {
    let path = fs::canonicalize(path).ok()?;
    let modified = metadata.modified().ok()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_os_str().as_encoded_bytes());
    hasher.update(format!("\0{}\0{modified:?}\0{}", metadata.len(), inode(metadata)).as_bytes());
    Some(hasher.finalize().to_hex().to_string())
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    // The change time cannot be set back, unlike the modification time.
    let (seconds, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
    format!(
        "{}:{}:{seconds}.{nanoseconds}",
        metadata.dev(),
        metadata.ino()
    )
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(path: &Path) {
        let file = File::options().append(true).open(path).expect("the file");
        file.set_modified(SystemTime::now() - Duration::from_secs(60))
            .expect("a time");
    }

    #[test]
    fn remembered_until_the_file_changes() {
        let dir = tempfile::tempdir().expect("a directory");
        let (hashes, path) = (FileHashes::new(dir.path()), dir.path().join("file"));
        fs::write(&path, "one").expect("a file");
        age(&path);
        assert_eq!(hashes.remembered(&path), None);
        let one = hashes.hash(&path).expect("a hash");
        assert_eq!(one, blake3::hash(b"one"));
        assert_eq!(hashes.remembered(&path), Some(one));
        fs::write(&path, "two").expect("a file");
        age(&path);
        assert_eq!(hashes.remembered(&path), None);
        assert_eq!(hashes.hash(&path).expect("a hash"), blake3::hash(b"two"));
    }

    #[test]
    fn a_fresh_file_and_a_damaged_memory_are_not_trusted() {
        let dir = tempfile::tempdir().expect("a directory");
        let (hashes, path) = (FileHashes::new(dir.path()), dir.path().join("file"));
        fs::write(&path, "fresh").expect("a file");
        hashes.hash(&path).expect("a hash");
        assert_eq!(hashes.remembered(&path), None);
        age(&path);
        let hash = hashes.hash(&path).expect("a hash");
        for entry in fs::read_dir(dir.path().join("hashes")).expect("the memory") {
            fs::write(entry.expect("an entry").path(), "damaged").expect("a file");
        }
        assert_eq!(hashes.hash(&path).expect("a hash"), hash);
    }
}
