//! Configurations that a plugin has found right, so that it need not look at them again.
//!
//! Frameworks check a whole provider with each configuration (the AWS provider computes 100 ms for
//! it), in each run for the same answer. What a plugin says depends on the configuration and, in the
//! older framework, on defaults from the environment; so a verdict holds for one binary, environment
//! and current directory. Only verdicts without any remark are kept.
//!
//! ```text
//! verdicts/<hash of the binary>    key: 32 bytes, then 16 bytes for each verdict
//! ```
//! A configuration may be secret: what is kept is a keyed hash, in a file that only the user reads.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use rustls::crypto::aws_lc_rs;

use super::write_atomically;

const KEY: usize = 32;
const TAG: usize = 16;
/// A file of this many verdicts starts anew: most are of environments that are gone.
const MOST: usize = 1024;
/// Variables that differ between shells, or between runs in one, and say nothing to plugins.
const NOISE: [&str; 3] = ["_", "OLDPWD", "SHLVL"];

/// What is known of one configuration.
#[derive(Debug)]
pub(crate) struct Verdict {
    path: PathBuf,
    key: [u8; KEY],
    tag: [u8; TAG],
    /// Where the file is there and well-formed: whether the configuration was found right.
    known: Option<bool>,
}

impl Verdict {
    /// Looks up a configuration for the binary with that hash, which is started with `env` beyond
    /// our own environment; nothing where there is no randomness for a key.
    pub fn look_up(
        cache: &Path,
        binary: &Hash,
        env: &[(OsString, OsString)],
        configuration: &[u8],
    ) -> Option<Self> {
        let path = cache.join("verdicts").join(binary.to_hex().as_str());
        let file = fs::read(&path).ok();
        let parts = file.as_deref().and_then(|file| file.split_at_checked(KEY));
        let sound = parts.filter(|(_, tags)| tags.len() % TAG == 0 && tags.len() / TAG < MOST);
        let key = match sound {
            Some((key, _)) => key.try_into().ok()?,
            None => fresh_key()?,
        };
        let tag = tag(&key, env, configuration);
        let known = sound.map(|(_, tags)| tags.chunks_exact(TAG).any(|known| known == tag));
        Some(Self {
            path,
            key,
            tag,
            known,
        })
    }

    /// Tells whether the plugin has found the configuration right before.
    pub fn holds(&self) -> bool {
        self.known == Some(true)
    }

    /// Keeps that the plugin has found the configuration right. Without a writable cache it is
    /// asked again in the next run.
    pub fn keep(&self) {
        let kept = match self.known {
            Some(true) => Ok(()),
            // One write of a few bytes, at the end: runs at the same time do not disturb each other.
            Some(false) => OpenOptions::new()
                .append(true)
                .open(&self.path)
                .and_then(|mut file| file.write_all(&self.tag)),
            None => write_atomically(&self.path, &[&self.key[..], &self.tag].concat()),
        };
        if let Err(error) = kept {
            tracing::debug!(path = %self.path.display(), %error, "a verdict is not kept");
        }
    }
}

fn fresh_key() -> Option<[u8; KEY]> {
    let mut key = [0; KEY];
    let random = aws_lc_rs::default_provider().secure_random;
    random.fill(&mut key).ok()?;
    Some(key)
}

fn tag(key: &[u8; KEY], env: &[(OsString, OsString)], configuration: &[u8]) -> [u8; TAG] {
    let mut hasher = Hasher::new_keyed(key);
    let mut add = |part: &[u8]| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    };
    add(configuration);
    let directory = std::env::current_dir().unwrap_or_default();
    add(directory.as_os_str().as_bytes());
    let mut variables: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| NOISE.iter().all(|noise| name != noise))
        .chain(env.iter().cloned())
        .collect();
    // Stable: of two of one name, the plugin's own still comes last.
    variables.sort_by(|one, other| one.0.cmp(&other.0));
    for (name, value) in &variables {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    let mut tag = [0; TAG];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: [u8; 32] = [7; 32];

    fn look_up(cache: &Path, env: &[(&str, &str)], configuration: &str) -> Verdict {
        let env: Vec<_> = env.iter().map(|(k, v)| (k.into(), v.into())).collect();
        let hash = Hash::from_bytes(BINARY);
        Verdict::look_up(cache, &hash, &env, configuration.as_bytes()).unwrap()
    }

    #[test]
    fn what_was_kept_holds_for_just_that() {
        let cache = tempfile::tempdir().unwrap();
        let env = [("REGION", "here")];
        assert!(!look_up(cache.path(), &env, "one").holds());
        look_up(cache.path(), &env, "one").keep();
        look_up(cache.path(), &env, "two").keep();
        assert!(look_up(cache.path(), &env, "one").holds());
        assert!(look_up(cache.path(), &env, "two").holds());
        assert!(!look_up(cache.path(), &env, "three").holds());
        assert!(!look_up(cache.path(), &[("REGION", "there")], "one").holds());
        assert!(!look_up(cache.path(), &[], "one").holds());
        let other = Hash::from_bytes([8; 32]);
        let other = Verdict::look_up(cache.path(), &other, &[], b"one").unwrap();
        assert!(!other.holds());
    }

    #[test]
    fn the_file_tells_nothing_and_only_to_the_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let verdicts = [one.path(), other.path()].map(|cache| look_up(cache, &[], "secret"));
        verdicts.iter().for_each(Verdict::keep);
        let [one, other] = verdicts.map(|verdict| verdict.path);
        assert_ne!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
        assert_eq!(
            fs::metadata(&one).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_damaged_or_full_file_starts_anew() {
        let cache = tempfile::tempdir().unwrap();
        look_up(cache.path(), &[], "one").keep();
        let path = look_up(cache.path(), &[], "one").path;
        let sound = fs::read(&path).unwrap();
        let full = [&sound[..KEY], &[0; TAG * MOST]].concat();
        for bad in [&sound[..KEY - 1], &sound[..KEY + 3], &full] {
            fs::write(&path, bad).unwrap();
            assert!(!look_up(cache.path(), &[], "one").holds());
            look_up(cache.path(), &[], "one").keep();
            assert!(look_up(cache.path(), &[], "one").holds());
            assert_eq!(fs::read(&path).unwrap().len(), KEY + TAG);
        }
    }
}
