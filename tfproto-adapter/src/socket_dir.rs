//! The private folder in which a plugin makes its socket.
//!
//! It is named after our process, so that what a killed process could not remove is recognised and
//! removed by the next one.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// How the names start.
const PREFIX: &str = "n4-";
/// Where sockets go if the usual folder has too long a path.
const FALLBACK: &str = "/tmp";
/// The longest path of a unix socket, the final zero not counted.
const MAX_SOCKET_PATH: usize = 107;
/// The longest name that a plugin gives its socket: `plugin` and a number.
const MAX_SOCKET_NAME: usize = "/plugin".len() + 20;

/// Makes a folder that only we may enter, with a path short enough for sockets in it.
pub(crate) fn make(temp_dir: &Path) -> io::Result<TempDir> {
    let dir = make_in(temp_dir)?;
    match dir.path().as_os_str().len() + MAX_SOCKET_NAME <= MAX_SOCKET_PATH {
        true => Ok(dir),
        false => make_in(Path::new(FALLBACK)),
    }
}

fn make_in(parent: &Path) -> io::Result<TempDir> {
    remove_stale(parent);
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .rand_bytes(6)
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
}

/// Removes the folders of processes that are gone, as far as they are ours to remove.
fn remove_stale(parent: &Path) {
    for dir in stale(parent) {
        if let Err(e) = std::fs::remove_dir_all(&dir) {
            tracing::debug!("cannot remove {}: {e}", dir.display());
        }
    }
}

fn stale(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let owner = |name: &str| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok();
    let paths = entries.flatten().filter_map(|entry| {
        let pid = owner(entry.file_name().to_str()?)?;
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        (is_dir && is_gone(pid)).then(|| entry.path())
    });
    paths.collect()
}

fn is_gone(pid: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks whether the process is there.
    let result = unsafe { libc::kill(pid, 0) };
    pid > 0 && result != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_private_and_short() {
        let temp = tempfile::tempdir().unwrap();
        let dir = make(temp.path()).unwrap();
        assert_eq!(
            dir.path().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        let long = temp.path().join("x".repeat(90));
        std::fs::create_dir(&long).unwrap();
        let dir = make(&long).unwrap();
        assert!(dir.path().starts_with(FALLBACK));
        assert!(dir.path().as_os_str().len() + MAX_SOCKET_NAME <= MAX_SOCKET_PATH);
        assert_eq!(std::fs::read_dir(&long).unwrap().count(), 0);
    }

    #[test]
    fn folders_of_dead_processes_are_removed_and_no_others() {
        let temp = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let names = [
            format!("n4-{dead}-abc"),
            "n4-1-abc".into(),
            "n4-x-y".into(),
            "other".into(),
        ];
        for name in &names {
            std::fs::create_dir(temp.path().join(name)).unwrap();
        }
        std::fs::write(temp.path().join(&names[0]).join("plugin1"), "").unwrap();
        let ours = make(temp.path()).unwrap();
        let kept: Vec<bool> = names
            .iter()
            .map(|name| temp.path().join(name).exists())
            .collect();
        assert_eq!(kept, [false, true, true, true]);
        make(temp.path()).unwrap();
        assert!(ours.path().exists());
    }
}
