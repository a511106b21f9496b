//! Writing the lock file into a flake's directory.

use std::{fs, path::Path};

use super::{LockFile, LockOptions, Locked};
use crate::{error::FlakeError, fetch::Sources, git::Git, reference::FlakeRef};

impl Sources {
    /// Writes the lock file if it changed and may be written; gives whether it was.
    pub(crate) fn write_lock(
        &mut self,
        reference: &FlakeRef,
        locked: &Locked,
        options: &LockOptions,
    ) -> Result<bool, FlakeError> {
        if !locked.is_changed {
            return Ok(false);
        }
        let old = locked.root.place.lock_file(self)?;
        let diff = locked.lock.diff(&old);
        let diff = diff.trim_end();
        if !options.write {
            self.warn(format!(
                "not writing modified lock file of flake '{reference}':\n{diff}"
            ));
            return Ok(false);
        }
        let Some(root) = reference.input.source_path() else {
            return Err(FlakeError::other(format!(
                "cannot write modified lock file of flake '{reference}' (use \
                 '--no-write-lock-file' to ignore)"
            )));
        };
        if let Some(input) = locked.lock.unlocked() {
            let message = format!(
                "not writing lock file of flake '{reference}' because it has an unlocked input \
                 ('{input}')"
            );
            self.warn(message);
            return Ok(false);
        }
        if !options.may_update {
            return Err(FlakeError::other(format!(
                "flake '{reference}' requires lock file changes but they're not allowed due to \
                 '--no-update-lock-file'"
            )));
        }
        let path = root.join(&reference.dir).join("flake.lock");
        let shown = path.display();
        match path.exists() {
            true => self.warn(format!("updating lock file '{shown}':\n{diff}")),
            false => self.warn(format!("creating lock file '{shown}':\n{diff}")),
        }
        write(&path, &locked.lock)?;
        if reference.input.kind() == "git" {
            track(&root, reference)?;
        }
        self.forget_local();
        Ok(true)
    }
}

/// Writes it whole or not at all. A link stays, and what it leads to is replaced.
fn write(path: &Path, lock: &LockFile) -> Result<(), FlakeError> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let failed = || FlakeError::io("cannot write", &path);
    let aside = path.with_extension(format!("lock.{}", std::process::id()));
    fs::write(&aside, format!("{}\n", lock.print())).map_err(failed())?;
    fs::rename(&aside, &path).map_err(failed())
}

/// Makes Git see the file, unless it is to be ignored.
fn track(root: &Path, reference: &FlakeRef) -> Result<(), FlakeError> {
    let git = Git::new(root, reference.to_string());
    let file = match reference.dir.as_str() {
        "" => "flake.lock".to_owned(),
        dir => format!("{dir}/flake.lock"),
    };
    if git.try_run(&["check-ignore", "--quiet", &file])?.is_err() {
        git.run(&["add", "--intent-to-add", "--", &file])?;
    }
    Ok(())
}
