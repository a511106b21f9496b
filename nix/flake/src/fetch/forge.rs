//! GitHub, GitLab and SourceHut: a branch is asked for its commit, and the commit's archive fetched.

use std::time::Duration;

use serde::Deserialize;

use super::{
    Found, Sources,
    download::{Downloaded, Form},
};
use crate::{
    error::FlakeError,
    reference::{Input, is_revision},
};

type Headers = Vec<(String, String)>;

/// An input's place on a forge.
struct Place<'a> {
    kind: &'a str,
    host: &'a str,
    owner: &'a str,
    repo: &'a str,
}

impl<'a> Place<'a> {
    fn of(input: &'a Input) -> Place<'a> {
        let kind = input.kind();
        let usual = match kind {
            "github" => "github.com",
            "gitlab" => "gitlab.com",
            _ => "git.sr.ht",
        };
        Place {
            kind,
            host: input.text("host").unwrap_or(usual),
            owner: input.text("owner").unwrap_or_default(),
            repo: input.text("repo").unwrap_or_default(),
        }
    }

    /// What a token says, as the forge wants to hear it.
    fn header(&self, token: &str) -> (String, String) {
        let (name, value) = match (self.kind, token.split_once(':')) {
            ("github", _) => ("Authorization", format!("token {token}")),
            ("gitlab", Some(("OAuth2", token))) => ("Authorization", format!("Bearer {token}")),
            ("gitlab", Some(("PAT", token))) => ("Private-token", token.to_owned()),
            ("gitlab", Some((name, token))) => return (name.to_owned(), token.to_owned()),
            _ => ("Authorization", format!("Bearer {token}")),
        };
        (name.to_owned(), value)
    }

    fn archive(&self, rev: &str, known_to_it: bool) -> String {
        let Place {
            host, owner, repo, ..
        } = self;
        match self.kind {
            "github" if *host != "github.com" => {
                format!("https://{host}/api/v3/repos/{owner}/{repo}/tarball/{rev}")
            }
            // Who has a token asks where private repositories are shown too.
            "github" if known_to_it => {
                format!("https://api.{host}/repos/{owner}/{repo}/tarball/{rev}")
            }
            "github" => format!("https://{host}/{owner}/{repo}/archive/{rev}.tar.gz"),
            "gitlab" => format!(
                "https://{host}/api/v4/projects/{owner}%2F{repo}/repository/archive.tar.gz?sha={rev}"
            ),
            _ => format!("https://{host}/{owner}/{repo}/archive/{rev}.tar.gz"),
        }
    }
}

impl Sources {
    pub(super) fn fetch_forge(&mut self, input: &Input) -> Result<Found, FlakeError> {
        let place = Place::of(input);
        let headers = self.forge_headers(&place);
        let rev = match input.text("rev") {
            Some(rev) => rev.to_owned(),
            None => {
                let name = input.text("ref").unwrap_or("HEAD");
                self.forge_revision(&place, name, &headers, input)?
            }
        };
        let url = place.archive(&rev, !headers.is_empty());
        let Downloaded { at, hash, known } = // A commit never changes.
            self.download(&url, Form::Archive, &headers, Duration::MAX)?;
        let mut found = input.clone();
        found.attrs.remove("ref");
        found.set("rev", rev);
        found.set("lastModified", known.newest);
        Ok(Found {
            input: found,
            at,
            hash,
            origin: None,
        })
    }

    fn forge_headers(&self, place: &Place<'_>) -> Headers {
        let full = format!("{}/{}/{}", place.host, place.owner, place.repo);
        let fits = |key: &str| {
            full.strip_prefix(key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let tokens = &self.settings.access_tokens;
        let best = tokens
            .iter()
            .filter(|(key, _)| fits(key))
            .max_by_key(|(key, _)| key.len());
        best.map(|(_, token)| place.header(token))
            .into_iter()
            .collect()
    }

    /// The commit that a branch or tag stands for.
    fn forge_revision(
        &mut self,
        place: &Place<'_>,
        name: &str,
        headers: &[(String, String)],
        input: &Input,
    ) -> Result<String, FlakeError> {
        let Place {
            host, owner, repo, ..
        } = place;
        let found = match place.kind {
            "github" => {
                let api = match *host {
                    "github.com" => format!("https://api.{host}"),
                    host => format!("https://{host}/api/v3"),
                };
                let url = format!("{api}/repos/{owner}/{repo}/commits/{name}");
                github_commit(&self.ask(&url, headers)?)
            }
            "gitlab" => {
                let url = format!(
                    "https://{host}/api/v4/projects/{owner}%2F{repo}/repository/commits?ref_name={name}"
                );
                gitlab_commit(&self.ask(&url, headers)?)
            }
            _ => {
                let base = format!("https://{host}/{owner}/{repo}");
                let refs = self.ask(&format!("{base}/info/refs"), headers)?;
                match name {
                    "HEAD" => {
                        let head = self.ask(&format!("{base}/HEAD"), headers)?;
                        let target = head.trim().trim_start_matches("ref:").trim();
                        listed_commit(&refs, &[target])
                    }
                    name => {
                        let names = [format!("refs/heads/{name}"), format!("refs/tags/{name}")];
                        listed_commit(&refs, &[&names[0], &names[1]])
                    }
                }
            }
        };
        found
            .filter(|rev| is_revision(rev))
            .ok_or_else(|| FlakeError::other(format!("in '{input}', there is no '{name}'")))
    }
}

fn github_commit(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Commit {
        sha: String,
    }
    let commit: Commit = serde_json::from_str(text).ok()?;
    Some(commit.sha)
}

fn gitlab_commit(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Commit {
        id: String,
    }
    let commits: Vec<Commit> = serde_json::from_str(text).ok()?;
    Some(commits.into_iter().next()?.id)
}

/// The commit of the first of these names in lines of commit and name.
fn listed_commit(lines: &str, names: &[&str]) -> Option<String> {
    let mut lines = lines.lines().filter_map(|line| line.split_once('\t'));
    let (commit, _) = lines.find(|(_, name)| names.contains(&name.trim()))?;
    Some(commit.to_owned())
}
