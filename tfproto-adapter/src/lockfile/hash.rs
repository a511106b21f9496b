//! Hashes of provider packages: `zh:` of an archive as it is, `h1:` of what is in it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::cache::{FileHashes, sha256_of};

/// A hash with its scheme, as lock files write it. Unknown schemes are kept, and match nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageHash(String);

impl PackageHash {
    /// Reads `scheme:value`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, value) = text.split_once(':')?;
        // What would have to be escaped in a file is in no scheme.
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"\\$%".contains(&b));
        (!scheme.is_empty() && !value.is_empty() && plain).then(|| Self(text.to_owned()))
    }

    /// Of an archive with that SHA-256.
    pub fn of_archive_digest(sha256: &[u8; 32]) -> Self {
        let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("zh:{hex}"))
    }

    /// Of an archive as it is.
    pub fn of_archive(path: &Path) -> io::Result<Self> {
        Ok(Self::of_archive_digest(&sha256_of(File::open(path)?)?))
    }

    /// Of what is in an archive, without unpacking it.
    pub fn of_archive_content(path: &Path) -> io::Result<Self> {
        let mut archive = zip::ZipArchive::new(File::open(path)?).map_err(io::Error::other)?;
        let mut files = BTreeMap::new();
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(io::Error::other)?;
            let name = entry.name_raw().to_vec();
            files.insert(name, sha256_of(entry)?);
        }
        summary(&files)
    }

    /// Of an unpacked package; file hashes that are remembered are not made again.
    pub fn of_directory(dir: &Path, remembered: Option<&FileHashes>) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        collect(dir, &mut Vec::new(), remembered, &mut files)?;
        summary(&files)
    }

    /// The text before the colon.
    pub fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The text after the colon.
    pub fn value(&self) -> &str {
        self.0
            .split_once(':')
            .map(|(_, value)| value)
            .unwrap_or_default()
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Deeper packages do not exist; a loop of links does.
const MAX_DEPTH: usize = 64;

fn collect(
    dir: &Path,
    prefix: &mut Vec<String>,
    remembered: Option<&FileHashes>,
    files: &mut BTreeMap<Vec<u8>, [u8; 32]>,
) -> io::Result<()> {
    if prefix.len() > MAX_DEPTH {
        return Err(io::Error::other("its folders are too deeply nested"));
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            let shown = path.display();
            return Err(io::Error::other(format!(
                "{shown} has a name that is no text"
            )));
        };
        prefix.push(name.to_owned());
        if fs::metadata(&path)?.is_dir() {
            collect(&path, prefix, remembered, files)?;
        } else {
            let hash = match remembered {
                Some(hashes) => hashes.sha256(&path)?,
                None => sha256_of(File::open(&path)?)?,
            };
            files.insert(prefix.join("/").into_bytes(), hash);
        }
        prefix.pop();
    }
    Ok(())
}

/// One line per file, in byte order of the names, hashed again.
fn summary(files: &BTreeMap<Vec<u8>, [u8; 32]>) -> io::Result<PackageHash> {
    let mut hasher = Sha256::new();
    for (name, hash) in files {
        if name.contains(&b'\n') {
            return Err(io::Error::other("a file's name has a line break in it"));
        }
        for byte in hash {
            hasher.update(format!("{byte:02x}"));
        }
        hasher.update(b"  ");
        hasher.update(name);
        hasher.update(b"\n");
    }
    let text = STANDARD.encode(hasher.finalize());
    Ok(PackageHash(format!("h1:{text}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn an_archive_and_what_it_becomes_have_one_content_hash() {
        let dir = tempfile::tempdir().expect("a directory");
        let (zip, tree) = (dir.path().join("a.zip"), dir.path().join("tree"));
        let mut archive = zip::ZipWriter::new(File::create(&zip).expect("a file"));
        for (name, content) in [("b/c", "two"), ("b-", "three"), ("a", "one")] {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(name, options).expect("an entry");
            archive.write_all(content.as_bytes()).expect("an entry");
            let path = tree.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, content).expect("a file");
        }
        archive.finish().expect("an archive");
        let hash = PackageHash::of_archive_content(&zip).expect("a hash");
        // Made with sha256sum and base64, from the rule.
        assert_eq!(
            hash.as_str(),
            "h1:9ITHr/AIC29hgSmU4Hy2ZgY9U8y6iTp1LJswv4Sk9Tg="
        );
        assert_eq!(
            PackageHash::of_directory(&tree, None).expect("a hash"),
            hash
        );
        let hashes = FileHashes::new(&dir.path().join("cache"));
        let again = PackageHash::of_directory(&tree, Some(&hashes)).expect("a hash");
        assert_eq!(again, hash);
    }

    #[test]
    fn nothing_has_the_hash_of_no_lines() {
        let dir = tempfile::tempdir().expect("a directory");
        let hash = PackageHash::of_directory(dir.path(), None).expect("a hash");
        assert_eq!(
            hash.as_str(),
            "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }

    #[test]
    fn a_hash_has_a_scheme_and_a_value() {
        let hash = PackageHash::parse("zh:00ff").expect("a hash");
        assert_eq!((hash.scheme(), hash.value()), ("zh", "00ff"));
        for text in ["", "zh", "zh:", ":00", "zh:0 0", "zh:\"", "h1:\n", "x:${y}"] {
            assert_eq!(PackageHash::parse(text), None, "{text:?}");
        }
    }
}
