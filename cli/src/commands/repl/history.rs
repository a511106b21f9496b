//! Where the lines that were typed are kept, for the user alone.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// In the user's state directory.
const FILE: &str = "nixops4/repl-history";

/// The file, if the user has a place for it.
pub fn path() -> Option<PathBuf> {
    file(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))
}

/// As the XDG Base Directory Specification says: relative paths are ignored.
fn file(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state_home = state_home.and_then(absolute);
    let in_home = || Some(home.and_then(absolute)?.join(".local/state"));
    Some(state_home.or_else(in_home)?.join(FILE))
}

/// Makes the file, or sees to it that nobody else can read one that is there.
pub fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_that_of_the_specification() {
        let at = |state: Option<&str>, home: Option<&str>| {
            file(state.map(OsString::from), home.map(OsString::from))
        };
        let in_home = Some("/h/.local/state/nixops4/repl-history".into());
        assert_eq!(
            at(Some("/s"), Some("/h")),
            Some("/s/nixops4/repl-history".into())
        );
        assert_eq!(at(None, Some("/h")), in_home);
        assert_eq!(at(Some("rel"), Some("/h")), in_home);
        assert_eq!(at(None, None), None);
    }

    #[test]
    fn nobody_else_can_read_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a/b/history");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        prepare(&path).expect("made");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("a folder")), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        fs::write(&path, "x").expect("written");
        prepare(&path).expect("seen to");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_to_string(&path).expect("read"), "x");
    }
}
