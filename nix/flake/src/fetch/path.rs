//! Local directories.

use std::path::Path;

use super::{Found, Sources};
use crate::{error::FlakeError, reference::Input};

impl Sources {
    pub(super) fn fetch_path(&mut self, input: &Input) -> Result<Found, FlakeError> {
        let text = input.text("path").unwrap_or_default();
        if !text.starts_with('/') {
            let message = format!("cannot fetch input '{input}' because it uses a relative path");
            return Err(FlakeError::other(message));
        }
        let path = Path::new(text);
        // What was fetched before may be named by where it would be in the store.
        let (real, known) = match self.stored(path) {
            Some(real) => (real, true),
            None => (path.to_owned(), false),
        };
        // A path to a link means what the link leads to; links below are copied as they are.
        let real = real
            .canonicalize()
            .map_err(FlakeError::io("cannot read", path))?;
        let (at, hashed) = self.cache.copy(&real, None)?;
        let mut input = input.clone();
        if input.int("lastModified").is_none() {
            input.set("lastModified", if known { 0 } else { hashed.newest });
        }
        Ok(Found {
            input,
            at,
            hash: hashed.hash,
            origin: (!known).then(|| path.to_owned()),
        })
    }
}
