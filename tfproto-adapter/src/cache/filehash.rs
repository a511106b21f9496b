//! Content hashes of big files, remembered by what `stat` tells of the file.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use blake3::Hash;
use sha2::{Digest, Sha256};

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
        let hash = |file: &File| Ok(blake3::Hasher::new().update_reader(file)?.finalize());
        self.read(path, "", hash, |hash| hash.to_hex().to_string())
    }

    /// The SHA-256 of a file's content, which lock files are made of.
    pub fn sha256(&self, path: &Path) -> io::Result<[u8; 32]> {
        let known = self.recall(path, SHA256);
        match known.and_then(|text| Hash::from_hex(text).ok()) {
            Some(hash) => Ok(hash.into()),
            None => self.read(
                path,
                SHA256,
                |file| sha256_of(file),
                |hash: &[u8; 32]| Hash::from_bytes(*hash).to_hex().to_string(),
            ),
        }
    }

    /// The hash, if it is known without reading the file.
    pub fn remembered(&self, path: &Path) -> Option<Hash> {
        Hash::from_hex(self.recall(path, "")?).ok()
    }

    fn recall(&self, path: &Path, suffix: &str) -> Option<Vec<u8>> {
        let name = identity(path, &fs::metadata(path).ok()?)?;
        fs::read(self.dir.join(name + suffix)).ok()
    }

    fn read<T>(
        &self,
        path: &Path,
        suffix: &str,
        hash: impl FnOnce(&File) -> io::Result<T>,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<T> {
        let file = File::open(path)?;
        let before = file.metadata()?;
        let hash = hash(&file)?;
        let after = fs::metadata(path)?;
        if let Some(name) = identity(path, &before)
            .filter(|name| identity(path, &after).as_ref() == Some(name) && is_settled(&before))
        {
            // Without a writable cache the next run reads the file again.
            let _ = write_atomically(&self.dir.join(name + suffix), text(&hash).as_bytes());
        }
        Ok(hash)
    }
}

/// Sets the SHA-256 of a file apart from its other hash.
const SHA256: &str = ".sha256";

/// Reads everything and hashes it.
pub(crate) fn sha256_of(mut content: impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(length) => hasher.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
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
        let sha256 = hashes.sha256(&path).expect("a hash");
        assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(b"one")));
        assert_eq!(hashes.sha256(&path).expect("a hash"), sha256);
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
