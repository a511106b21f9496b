//! What is kept on disk between runs and can be made again at any time.
//!
//! Every file appears by a rename, is checked when read, and is ignored when it does not check
//! out: a cache may cost time, never a failure.

mod filehash;
mod verdicts;

pub use filehash::FileHashes;
pub(crate) use filehash::sha256_of;
pub(crate) use verdicts::Verdict;

use std::io::{self, Write};
use std::path::Path;

/// Writes a file so that others see either nothing or all of it.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(dir)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
