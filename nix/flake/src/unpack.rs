//! Unpacking archives that strangers made: nothing is written outside, through a link, or without
//! bound.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use crate::{
    error::FlakeError,
    safe_dir::{Limits, SafeDir, refuse},
};

/// What was unpacked.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Its root: the archive's only directory, where there is only one.
    pub(crate) root: PathBuf,
    /// When the newest entry was changed.
    pub(crate) newest: u64,
}

/// Unpacks `archive` into the directory `into`, which is made. `shown` names it in messages.
pub(crate) fn unpack(
    archive: &Path,
    into: &Path,
    shown: &str,
    limits: Limits,
) -> Result<Unpacked, FlakeError> {
    let problem = |problem: String| FlakeError::Archive {
        archive: shown.to_owned(),
        problem,
    };
    fs::create_dir(into).map_err(FlakeError::io("cannot make", into))?;
    let mut target = SafeDir::new(into, limits);
    let mut newest = 0;
    let file = fs::File::open(archive).map_err(FlakeError::io("cannot read", archive))?;
    read(BufReader::new(file), &mut target, &mut newest)
        .map_err(|error| problem(error.to_string()))?;
    let root = only_directory(into)?.unwrap_or_else(|| into.to_owned());
    Ok(Unpacked { root, newest })
}

fn only_directory(dir: &Path) -> Result<Option<PathBuf>, FlakeError> {
    let entries = fs::read_dir(dir).map_err(FlakeError::io("cannot list", dir))?;
    let entries: Vec<_> = entries.flatten().take(2).collect();
    match &entries[..] {
        [only] if only.file_type().is_ok_and(|kind| kind.is_dir()) => Ok(Some(only.path())),
        _ => Ok(None),
    }
}

/// Finds out by the first bytes how it is packed.
fn read(mut file: BufReader<fs::File>, target: &mut SafeDir, newest: &mut u64) -> io::Result<()> {
    let start = file.fill_buf()?;
    let starts = |magic: &[u8]| start.starts_with(magic);
    if starts(&[0x1f, 0x8b]) {
        tar(flate2::bufread::MultiGzDecoder::new(file), target, newest)
    } else if starts(b"\xfd7zXZ\0") {
        tar(lzma_rust2::XzReader::new(file, true), target, newest)
    } else if starts(b"BZh") {
        tar(bzip2::bufread::MultiBzDecoder::new(file), target, newest)
    } else if starts(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(file);
        tar(decoder.map_err(io::Error::other)?, target, newest)
    } else if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        zip(file, target, newest)
    } else {
        tar(file, target, newest)
    }
}

fn tar(stream: impl Read, target: &mut SafeDir, newest: &mut u64) -> io::Result<()> {
    use tar::EntryType;
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let path = entry.path()?.into_owned();
        *newest = (*newest).max(entry.header().mtime()?);
        let executable = entry.header().mode()? & 0o100 != 0;
        match kind {
            EntryType::Directory => target.directory(&path)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                // Very old archives mark directories by a slash alone.
                if entry.path_bytes().ends_with(b"/") {
                    target.directory(&path)?;
                } else {
                    target.file(&path, executable, &mut entry)?;
                }
            }
            EntryType::Symlink | EntryType::Link => {
                let link = entry.link_name()?;
                let link = link.ok_or_else(|| refuse(&path, "is a link to nothing"))?;
                match kind {
                    EntryType::Symlink => target.symlink(&path, &link)?,
                    _ => target.hard_link(&path, &link)?,
                }
            }
            _ => return Err(refuse(&path, "is neither file, directory nor link")),
        }
    }
    Ok(())
}

fn zip(file: impl Read + Seek, target: &mut SafeDir, newest: &mut u64) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(file).map_err(io::Error::other)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(io::Error::other)?;
        let path = PathBuf::from(entry.name().map_err(io::Error::other)?.into_owned());
        let mode = entry.unix_mode().unwrap_or(0o644);
        if let Some(time) = entry.last_modified() {
            *newest = (*newest).max(zip_seconds(&time));
        }
        if entry.is_dir() {
            target.directory(&path)?;
        } else if mode & 0o170_000 == 0o120_000 {
            let mut link = String::new();
            entry.by_ref().take(4096).read_to_string(&mut link)?;
            target.symlink(&path, Path::new(&link))?;
        } else {
            target.file(&path, mode & 0o100 != 0, &mut entry)?;
        }
    }
    Ok(())
}

/// Seconds since 1970 of a date in the archive, taken as universal time.
fn zip_seconds(time: &zip::DateTime) -> u64 {
    let (year, month, day) = (
        i64::from(time.year()),
        i64::from(time.month()),
        i64::from(time.day()),
    );
    // Years begin in March here, so that the day that is added comes last.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let clock =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    u64::try_from((days - 719_468) * 86_400 + clock).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with raw names, as no honest program would write it.
    fn archive(entries: &[(tar::EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (kind, name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            header.set_mtime(7);
            let is_link = kind.is_symlink() || kind.is_hard_link();
            let body = if is_link { "" } else { content };
            if is_link {
                header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
            }
            header.set_size(body.len() as u64);
            header.set_cksum();
            builder.append(&header, body.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn outcome(
        entries: &[(tar::EntryType, &str, &str)],
        limits: Limits,
    ) -> (tempfile::TempDir, Result<Unpacked, FlakeError>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("archive");
        fs::write(&file, archive(entries)).unwrap();
        let into = folder.path().join("into");
        let outcome = unpack(&file, &into, "x.tar", limits);
        (folder, outcome)
    }

    #[test]
    fn the_only_directory_is_the_root() {
        use tar::EntryType::{Link, Regular, Symlink};
        let entries = [
            (Regular, "a/run", "text"),
            (Symlink, "a/link", "run"),
            (Link, "a/again", "a/run"),
            (Regular, "a/sub/later", "1"),
            (Regular, "a/sub/later", "2"),
        ];
        let (_folder, unpacked) = outcome(&entries, Limits::default());
        let unpacked = unpacked.unwrap();
        let read = |name: &str| fs::read_to_string(unpacked.root.join(name)).unwrap();
        assert_eq!(
            (read("link"), read("again")),
            ("text".into(), "text".into())
        );
        assert_eq!((read("sub/later").as_str(), unpacked.newest), ("2", 7));
    }

    #[test]
    fn hostile_archives_are_refused() {
        use tar::EntryType::{Char, Link, Regular, Symlink};
        let small = Limits {
            bytes: 8,
            entries: 3,
        };
        for (entries, problem) in [
            (&[(Regular, "../out", "x")][..], "leads out"),
            (&[(Regular, "a/../../out", "x")], "leads out"),
            (
                &[(Symlink, "l", ".."), (Regular, "l/out", "x")],
                "something else before",
            ),
            (&[(Symlink, "l", "/etc"), (Link, "h", "l")], "not there"),
            (&[(Link, "h", "../archive")], "leads out"),
            (&[(Char, "null", "")], "neither file"),
            (&[(Regular, "long", "123456789")], "too much"),
            (&[(Regular, "a/b/c/d", "")], "too many"),
            (
                &[(Regular, "a", "123456"), (Regular, "b", "123456")],
                "too much",
            ),
        ] {
            let (folder, outcome) = outcome(entries, small);
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(problem), "{entries:?}: {error}");
            assert!(!folder.path().join("out").exists());
        }
    }
}
