//! Repositories elsewhere: `git` fetches what is needed into a bare repository in the cache.

use super::{Found, Sources, git_commit::no_ref};
use crate::{error::FlakeError, git::Git, reference::Input};

impl Sources {
    pub(super) fn fetch_remote(&mut self, input: &Input, url: &str) -> Result<Found, FlakeError> {
        let name = match (input.text("ref"), input.text("rev")) {
            (Some(name), _) => name.to_owned(),
            (None, _) => self.remote_head(url)?,
        };
        let shallow = input.flag("shallow");
        let key = match shallow {
            true => format!("{url} shallow"),
            false => url.to_owned(),
        };
        let dir = self.cache.repository(&key)?;
        let lock = self.cache.lock(&key)?;
        if !dir.join("HEAD").exists() {
            let above = dir.parent().unwrap_or(&dir);
            let path = dir.display().to_string();
            Git::new(above, url).run(&["init", "--quiet", "--bare", &path])?;
        }
        let git = Git::new(&dir, url);
        let full = full_name(&name);
        let mut found = input.clone();
        found.set("ref", name.as_str());
        match input.text("rev") {
            Some(rev) => {
                if git.commit(rev)?.is_none() {
                    self.fetch_refs(&git, url, input, &full)?;
                }
                if git.commit(rev)?.is_none() {
                    // Servers may give out commits that are on no branch.
                    let args = fetch_args(url, rev, shallow);
                    drop(git.try_run(&args)?);
                }
            }
            None => {
                let fact = format!("git-ref {key} {full}");
                let known = self.cache.fact::<String>(&fact);
                let known = known.filter(|(_, age)| *age < self.settings.fresh);
                let rev = match known {
                    Some((rev, _)) if git.commit(&rev)?.is_some() => rev,
                    _ => {
                        self.fetch_refs(&git, url, input, &full)?;
                        let rev = git.commit(&full)?.ok_or_else(|| no_ref(input, &name))?;
                        self.cache.set_fact(&fact, &rev)?;
                        rev
                    }
                };
                found.set("rev", rev);
            }
        }
        drop(lock);
        self.take_commit(found, &git)
    }

    fn fetch_refs(
        &mut self,
        git: &Git,
        url: &str,
        input: &Input,
        full: &str,
    ) -> Result<(), FlakeError> {
        let spec = match input.flag("allRefs") {
            true => "refs/*:refs/*".to_owned(),
            false => format!("{full}:{full}"),
        };
        git.run(&fetch_args(url, &spec, input.flag("shallow")))
            .map(drop)
    }

    /// The branch that a repository shows first.
    fn remote_head(&mut self, url: &str) -> Result<String, FlakeError> {
        let key = format!("git-head {url}");
        if let Some((name, age)) = self.cache.fact::<String>(&key)
            && age < self.settings.fresh
        {
            return Ok(name);
        }
        let git = Git::new(&std::env::temp_dir(), url);
        let listed = git.run(&["ls-remote", "--symref", "--", url, "HEAD"])?;
        let listed = String::from_utf8_lossy(&listed);
        let name = listed.lines().find_map(|line| {
            let (target, name) = line.split_once('\t')?;
            let target = target.strip_prefix("ref: ")?;
            (name == "HEAD").then(|| target.to_owned())
        });
        let name = match name {
            Some(name) => name,
            None => {
                self.warn(format!(
                    "could not read HEAD ref from repo at '{url}', using 'master'"
                ));
                "master".into()
            }
        };
        self.cache.set_fact(&key, &name)?;
        Ok(name)
    }
}

fn full_name(name: &str) -> String {
    match name.starts_with("refs/") || name == "HEAD" {
        true => name.to_owned(),
        false => format!("refs/heads/{name}"),
    }
}

fn fetch_args<'a>(url: &'a str, spec: &'a str, shallow: bool) -> Vec<&'a str> {
    let mut args = vec!["fetch", "--quiet", "--force", "--no-tags"];
    if shallow {
        args.push("--depth=1");
    }
    args.extend(["--", url, spec]);
    args
}
