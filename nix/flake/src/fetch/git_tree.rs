//! Git work trees: the files that Git tracks, as they are now.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use super::{Found, Sources, in_text};
use crate::{
    disk::Selection,
    error::FlakeError,
    git::Git,
    reference::{Input, NULL_REVISION, is_bare},
    url::Url,
};

/// Where a repository is.
pub(super) enum Place {
    /// A work tree on this machine.
    Local(PathBuf),
    /// What `git` fetches from.
    Remote(String),
}

impl Place {
    pub(super) fn of(input: &Input) -> Result<Place, FlakeError> {
        let mut url = Url::parse(input.text("url").unwrap_or_default())?;
        if url.scheme != "file" {
            // Old lock files have the flake's directory in the URL as well.
            url.query.remove("dir");
            return Ok(Place::Remote(url.to_string()));
        }
        let path = PathBuf::from(&url.path);
        if path.is_relative() {
            let message = format!("'{input}' names a repository by a relative path");
            return Err(FlakeError::other(message));
        }
        // Git would take parameters for a part of the name.
        url.query.clear();
        Ok(match is_bare(&path) {
            true => Place::Remote(url.to_string()),
            false => Place::Local(path),
        })
    }
}

impl Sources {
    pub(super) fn fetch_git(&mut self, input: &Input) -> Result<Found, FlakeError> {
        if input.flag("exportIgnore") && input.flag("submodules") {
            return Err(FlakeError::other(
                "exportIgnore and submodules are not supported together",
            ));
        }
        if input.flag("lfs") {
            let message = format!("Git LFS files of '{input}' cannot be fetched here");
            return Err(FlakeError::other(message));
        }
        let is_plain = input.text("ref").is_none() && input.text("rev").is_none();
        match Place::of(input)? {
            Place::Local(path) if is_plain => self.fetch_work_tree(input, &path),
            Place::Local(path) => self.fetch_local_commit(input, &path),
            Place::Remote(url) => self.fetch_remote(input, &url),
        }
    }

    fn fetch_work_tree(&mut self, input: &Input, path: &Path) -> Result<Found, FlakeError> {
        if !path.exists() {
            let message = format!("repository '{}' does not exist", path.display());
            return Err(FlakeError::other(message));
        }
        let git = Git::new(path, input.to_string());
        let submodules = input.flag("submodules");
        let files = tracked(&git, path, submodules, input.flag("exportIgnore"))?;
        let head = git.commit("HEAD")?;
        let dirty = is_dirty(&git, submodules)?;
        let (at, hashed) = self.cache.copy(path, Some(&files))?;
        let mut found = input.clone();
        let modified = match &head {
            Some(head) => git.last_modified(head)?,
            None => 0,
        };
        found.set("lastModified", modified);
        if dirty {
            if self.settings.warn_dirty {
                self.warn(format!("Git tree '{}' is dirty", path.display()));
            }
            if let Some(head) = &head {
                let short = head.get(..7).unwrap_or(head);
                found.set("dirtyRev", format!("{head}-dirty"));
                found.set("dirtyShortRev", format!("{short}-dirty"));
            }
        } else {
            if let Some(name) = git.try_line(&["symbolic-ref", "--quiet", "HEAD"])? {
                found.set("ref", name);
            }
            if !input.flag("shallow") {
                let count = match &head {
                    Some(head) => self.revision_count(&git, head)?,
                    None => 0,
                };
                found.set("revCount", count);
            }
            found.set("rev", head.unwrap_or_else(|| NULL_REVISION.into()));
        }
        Ok(Found {
            input: found,
            at,
            hash: hashed.hash,
            origin: Some(PathBuf::from(in_text(path))),
        })
    }

    /// How many commits lead to a commit; counting takes a while in large repositories.
    pub(super) fn revision_count(&mut self, git: &Git, commit: &str) -> Result<u64, FlakeError> {
        let key = format!("git-count {commit}");
        if let Some((count, _)) = self.cache.fact(&key) {
            return Ok(count);
        }
        let count = git.revision_count(commit)?;
        self.cache.set_fact(&key, &count)?;
        Ok(count)
    }
}

fn is_dirty(git: &Git, submodules: bool) -> Result<bool, FlakeError> {
    let ignore = match submodules {
        true => "--ignore-submodules=none",
        false => "--ignore-submodules=all",
    };
    let args = ["status", "--porcelain", "--untracked-files=no", ignore];
    Ok(!git.run(&args)?.is_empty())
}

/// The files that Git tracks and that are there.
fn tracked(
    git: &Git,
    root: &Path,
    submodules: bool,
    export: bool,
) -> Result<Selection, FlakeError> {
    let mut args = vec!["ls-files", "-z", "--cached"];
    if submodules {
        args.push("--recurse-submodules");
    }
    let listed = git.run(&args)?;
    let mut paths: Vec<PathBuf> = listed
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(OsString::from_vec(name.to_vec())))
        .collect();
    // Submodules are listed like files.
    let is_file = |path: &PathBuf| {
        std::fs::symlink_metadata(root.join(path)).is_ok_and(|metadata| !metadata.is_dir())
    };
    paths.retain(is_file);
    if export {
        let ignored = export_ignored(git, &paths)?;
        paths.retain(|path| !path.ancestors().any(|above| ignored.contains(above)));
    }
    let mut selection = Selection::default();
    for path in paths {
        selection.insert(&path);
    }
    Ok(selection)
}

/// The files and directories that archives leave out.
fn export_ignored(
    git: &Git,
    paths: &[PathBuf],
) -> Result<std::collections::HashSet<PathBuf>, FlakeError> {
    let has_attributes = |path: &PathBuf| path.ends_with(".gitattributes");
    if !paths.iter().any(has_attributes) {
        return Ok(Default::default());
    }
    let all: std::collections::BTreeSet<&Path> = paths
        .iter()
        .flat_map(|path| path.ancestors())
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let mut input = Vec::new();
    for path in all {
        input.extend_from_slice(path.as_os_str().as_bytes());
        input.push(0);
    }
    let args = ["check-attr", "-z", "--stdin", "export-ignore"];
    let output = git.run_with(&args, &input)?;
    let fields: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
    let set = fields.chunks_exact(3).filter(|fields| fields[2] == b"set");
    Ok(set
        .map(|fields| PathBuf::from(OsString::from_vec(fields[0].to_vec())))
        .collect())
}
