//! Finds the deployment: `--file`, else `nixops4.nix` in the current directory, else the flake there.

use std::path::{Path, PathBuf, absolute};

use nixops4_proto::evaluator::{LockFlags, RootSource};

use crate::args::{LockArgs, RootArgs};
use crate::command_error::CommandError;

/// The name of the file that is looked for.
pub const ROOT_FILE: &str = "nixops4.nix";
/// The name of a flake's file.
const FLAKE_FILE: &str = "flake.nix";
/// The output of a flake that is the root.
const FLAKE_OUTPUT: &str = "nixops4";

/// A deployment, found.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// What the evaluator loads.
    pub source: RootSource,
    /// The folder that relative paths of local resources and the default state are relative to.
    pub base: PathBuf,
}

/// Whether there is a deployment: one that was named, or one here.
pub fn is_there(args: &RootArgs, cwd: &Path) -> bool {
    args.is_given() || cwd.join(ROOT_FILE).exists() || cwd.join(FLAKE_FILE).exists()
}

/// Finds the root from what was typed and the current directory.
pub fn find(args: &RootArgs, cwd: &Path) -> Result<Root, CommandError> {
    if let Some(source) = args.saved.clone() {
        let base = match &source {
            RootSource::File { path } => path.parent().unwrap_or(path).to_owned(),
            RootSource::Flake { dir, reference, .. } => match reference {
                Some(reference) => base_of_reference(reference, dir),
                None => dir.clone(),
            },
        };
        return Ok(Root { source, base });
    }
    let mut root = match &args.flake {
        Some(reference) => of_reference(reference, cwd),
        None => find_file(args.file.as_deref(), cwd)?,
    };
    if let RootSource::Flake { lock, .. } = &mut root.source {
        *lock = lock_flags(&args.lock);
    }
    Ok(root)
}

/// What is kept beside a local flake is kept in its directory, else in the current one.
fn base_of_reference(flake: &str, cwd: &Path) -> PathBuf {
    let path = flake.strip_prefix("path:").unwrap_or(flake);
    let path = cwd.join(path.split('?').next().unwrap_or_default());
    match path.is_dir() {
        true => path,
        false => cwd.to_owned(),
    }
}

/// A flake by its reference.
fn of_reference(reference: &str, cwd: &Path) -> Root {
    let (flake, attr) = reference.split_once('#').unwrap_or((reference, ""));
    Root {
        base: base_of_reference(flake, cwd),
        source: RootSource::Flake {
            dir: cwd.to_owned(),
            reference: Some(flake.to_owned()),
            lock: LockFlags::default(),
            attr: match attr {
                "" => FLAKE_OUTPUT.to_owned(),
                attr => attr.to_owned(),
            },
        },
    }
}

fn lock_flags(args: &LockArgs) -> LockFlags {
    let pairs = |values: &[String]| {
        let pairs = values.chunks_exact(2);
        pairs
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect()
    };
    LockFlags {
        override_inputs: pairs(&args.override_input),
        update_inputs: args.update_input.clone(),
        override_flakes: pairs(&args.override_flake),
        recreate: args.recreate_lock_file,
        no_update: args.no_update_lock_file,
        no_write: args.no_write_lock_file,
    }
}

fn find_file(file: Option<&Path>, cwd: &Path) -> Result<Root, CommandError> {
    let path = match file {
        Some(file) => cwd.join(file),
        None if cwd.join(ROOT_FILE).exists() => cwd.join(ROOT_FILE),
        None if cwd.join(FLAKE_FILE).exists() => return Ok(flake(cwd)),
        None => {
            return Err(CommandError::user(format!(
                "There is no deployment here: neither {ROOT_FILE} nor flake.nix is in {}",
                cwd.display()
            ))
            .hint(format!(
                "`nixops4 init` writes a commented {ROOT_FILE} to start from"
            ))
            .hint("`--file PATH` names a file elsewhere"));
        }
    };
    if path.is_dir() {
        return match (
            path.join(ROOT_FILE).is_file(),
            path.join(FLAKE_FILE).is_file(),
        ) {
            (true, _) => of_file(&path.join(ROOT_FILE)),
            (false, true) => Ok(flake(&path)),
            (false, false) => Err(CommandError::user(format!(
                "{} is a folder without {ROOT_FILE} or flake.nix",
                path.display()
            ))),
        };
    }
    of_file(&path)
}

fn of_file(path: &Path) -> Result<Root, CommandError> {
    let path = absolute(path)
        .map_err(|error| CommandError::user(format!("{}: {error}", path.display())))?;
    if !path.exists() {
        return Err(CommandError::user(format!(
            "{} does not exist",
            path.display()
        )));
    }
    let base = path.parent().unwrap_or(&path).to_owned();
    if path.file_name().is_some_and(|name| name == FLAKE_FILE) {
        return Ok(flake(&base));
    }
    Ok(Root {
        source: RootSource::File { path },
        base,
    })
}

fn flake(dir: &Path) -> Root {
    Root {
        source: RootSource::Flake {
            dir: dir.to_owned(),
            reference: None,
            lock: LockFlags::default(),
            attr: FLAKE_OUTPUT.to_owned(),
        },
        base: dir.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_before_a_flake() {
        let dir = tempfile::tempdir().expect("folder");
        let missing = find(&RootArgs::default(), dir.path()).expect_err("nothing there");
        assert!(
            missing
                .to_string()
                .starts_with("There is no deployment here")
        );
        std::fs::write(dir.path().join(FLAKE_FILE), "{}").expect("write");
        let root = find(&RootArgs::default(), dir.path()).expect("flake");
        assert!(matches!(root.source, RootSource::Flake { .. }));
        std::fs::write(dir.path().join(ROOT_FILE), "{}").expect("write");
        let root = find(&RootArgs::default(), dir.path()).expect("file");
        assert_eq!(
            root.source,
            RootSource::File {
                path: dir.path().join(ROOT_FILE)
            }
        );
        assert_eq!(root.base, dir.path());
        let missing = find_file(Some(Path::new("no.nix")), dir.path()).expect_err("missing");
        assert!(missing.to_string().ends_with("no.nix does not exist"));
    }
}
