//! Commits: their trees as Git has them, without filters, with submodules where they are wanted.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    io::Read as _,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use nixops4_lang::content::{Format, Hash};

use super::{Found, Sources};
use crate::{
    disk,
    error::FlakeError,
    git::{EntryKind, Git, TreeEntry},
    reference::Input,
    safe_dir::SafeDir,
    url::Url,
};

/// The longest target of a link.
const LONGEST_LINK: u64 = 64 * 1024;

impl Sources {
    /// A commit of a repository on this machine.
    pub(super) fn fetch_local_commit(
        &mut self,
        input: &Input,
        path: &Path,
    ) -> Result<Found, FlakeError> {
        let git = Git::new(path, input.to_string());
        let name = match input.text("ref") {
            Some(name) => name.to_owned(),
            None => git
                .try_line(&["symbolic-ref", "--quiet", "HEAD"])?
                .unwrap_or_else(|| "HEAD".into()),
        };
        let mut found = input.clone();
        found.set("ref", name.as_str());
        if input.text("rev").is_none() {
            let rev = git.commit(&name)?.ok_or_else(|| no_ref(input, &name))?;
            found.set("rev", rev);
        }
        self.take_commit(found, &git)
    }

    /// The tree of the commit that `input` names by its `rev`.
    pub(super) fn take_commit(&mut self, mut input: Input, git: &Git) -> Result<Found, FlakeError> {
        let rev = input.text("rev").unwrap_or_default().to_owned();
        let commit = git.commit(&rev)?.ok_or_else(|| {
            let name = input.text("ref").unwrap_or("HEAD");
            FlakeError::other(format!(
                "Cannot find Git revision '{rev}' in ref '{name}' of repository '{}'! Please make \
                 sure that the rev exists on the ref you've specified or add `allRefs = true;`.",
                input.text("url").unwrap_or_default()
            ))
        })?;
        if input.int("lastModified").is_none() {
            input.set("lastModified", git.last_modified(&commit)?);
        }
        if !input.flag("shallow") && input.int("revCount").is_none() {
            input.set("revCount", self.revision_count(git, &commit)?);
        }
        let (at, hash) = self.commit_tree(&input, git, &commit)?;
        Ok(Found {
            input,
            at,
            hash,
            origin: None,
        })
    }

    fn commit_tree(
        &mut self,
        input: &Input,
        git: &Git,
        commit: &str,
    ) -> Result<(PathBuf, Hash), FlakeError> {
        let (submodules, export) = (input.flag("submodules"), input.flag("exportIgnore"));
        let key = format!("git-tree {commit} {submodules} {export}");
        if let Some((hash, _)) = self.cache.fact::<String>(&key)
            && let Ok(hash) = Hash::parse_any(&hash, None)
            && let Some(at) = self.cache.tree(&hash)
        {
            return Ok((at, hash));
        }
        let mut entries = git.tree(commit)?;
        if export {
            leave_out(git, commit, &mut entries)?;
        }
        let aside = self.cache.aside()?;
        let made = aside.at("tree");
        std::fs::create_dir(&made).map_err(FlakeError::io("cannot make", &made))?;
        self.write_entries(git, &entries, &made).map_err(|error| {
            FlakeError::other(format!("cannot read commit '{commit}': {error}"))
        })?;
        if submodules {
            self.add_submodules(input, git, commit, &entries, &made)?;
        }
        let (at, hash) = self.cache.keep(&made)?;
        self.cache.set_fact(&key, &hash.format(Format::Sri))?;
        Ok((at, hash))
    }

    fn write_entries(&self, git: &Git, entries: &[TreeEntry], root: &Path) -> std::io::Result<()> {
        let mut target = SafeDir::new(root, self.settings.limits);
        let mut objects = git.objects().map_err(std::io::Error::other)?;
        for entry in entries {
            match entry.kind {
                EntryKind::File { executable } => objects.read(&entry.object, |content| {
                    target.file(&entry.path, executable, content)
                })?,
                EntryKind::Symlink => {
                    let link = objects.read(&entry.object, |content| {
                        let mut link = Vec::new();
                        content.take(LONGEST_LINK).read_to_end(&mut link)?;
                        Ok(link)
                    })?;
                    let link = PathBuf::from(OsString::from_vec(link));
                    target.symlink(&entry.path, &link)?;
                }
                EntryKind::Submodule => target.directory(&entry.path)?,
            }
        }
        Ok(())
    }

    fn add_submodules(
        &mut self,
        input: &Input,
        git: &Git,
        commit: &str,
        entries: &[TreeEntry],
        root: &Path,
    ) -> Result<(), FlakeError> {
        let modules = modules(git, commit)?;
        let links = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Submodule);
        for entry in links {
            let Some(url) = modules.get(&entry.path) else {
                continue;
            };
            let mut module = Input {
                attrs: Default::default(),
            };
            module.set("type", "git");
            module.set("url", module_url(input, url)?);
            module.set("rev", entry.object.as_str());
            module.set("submodules", true);
            module.set("allRefs", true);
            let tree = self.fetch(&Input::from_attrs(module.attrs)?, false)?;
            let place = root.join(&entry.path);
            // It is there, empty: nothing can be in a link.
            std::fs::remove_dir(&place).map_err(FlakeError::io("cannot fill", &place))?;
            disk::copy(&tree.at, &place, None)?;
        }
        Ok(())
    }
}

pub(super) fn no_ref(input: &Input, name: &str) -> FlakeError {
    let url = input.text("url").unwrap_or_default();
    FlakeError::other(format!("there is no branch or tag '{name}' in '{url}'"))
}

/// Leaves out what archives leave out.
fn leave_out(git: &Git, commit: &str, entries: &mut Vec<TreeEntry>) -> Result<(), FlakeError> {
    let has_attributes = |entry: &TreeEntry| entry.path.ends_with(".gitattributes");
    if !entries.iter().any(has_attributes) {
        return Ok(());
    }
    let archive = git.run(&["archive", "--format=tar", commit])?;
    let failed = |error: std::io::Error| FlakeError::other(error.to_string());
    let mut kept = HashSet::new();
    for entry in tar::Archive::new(&archive[..]).entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        kept.insert(
            entry
                .path()
                .map_err(failed)?
                .components()
                .collect::<PathBuf>(),
        );
    }
    entries.retain(|entry| kept.contains(&entry.path));
    Ok(())
}

/// The URLs of a commit's submodules, by path.
fn modules(git: &Git, commit: &str) -> Result<BTreeMap<PathBuf, String>, FlakeError> {
    let blob = format!("{commit}:.gitmodules");
    let listed = git.try_run(&["config", "--blob", &blob, "-z", "--list"])?;
    let listed = listed.unwrap_or_default();
    let mut by_name: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for line in String::from_utf8_lossy(&listed).split('\0') {
        let Some((key, value)) = line.split_once('\n') else {
            continue;
        };
        let Some(key) = key.strip_prefix("submodule.") else {
            continue;
        };
        if let Some(name) = key.strip_suffix(".path") {
            by_name.entry(name.into()).or_default().0 = Some(value.into());
        } else if let Some(name) = key.strip_suffix(".url") {
            by_name.entry(name.into()).or_default().1 = Some(value.into());
        }
    }
    let whole = by_name
        .into_values()
        .filter_map(|(path, url)| Some((path?.into(), url?)));
    Ok(whole.collect())
}

/// A submodule's URL; `../x` starts at the repository that names it.
fn module_url(input: &Input, url: &str) -> Result<String, FlakeError> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return Ok(url.to_owned());
    }
    let mut base = Url::parse(input.text("url").unwrap_or_default())?;
    base.query.clear();
    let mut parts: Vec<&str> = base.path.split('/').collect();
    for part in url.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    base.path = parts.join("/");
    Ok(base.to_string())
}
