//! Files and archives, from servers and from disk.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use nixops4_lang::content::Hash;
use serde::{Deserialize, Serialize};

use super::{Found, Sources};
use crate::{
    cache::Aside,
    disk,
    error::FlakeError,
    http::HttpRequest,
    reference::{Input, input_from_url},
    unpack::unpack,
    url::Url,
};

/// What a URL led to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    /// The hash of the tree.
    pub(super) hash: String,
    /// When the newest part of it was changed.
    pub(super) newest: u64,
    /// What the server calls this version.
    etag: Option<String>,
    /// Where the server says that this version will always be.
    immutable: Option<String>,
}

/// What is to be made of what a URL gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    File,
    Archive,
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Form::File => "file",
            Form::Archive => "tarball",
        }
    }
}

/// A tree in the cache, and how it came there.
pub(super) struct Downloaded {
    pub(super) at: PathBuf,
    pub(super) hash: Hash,
    pub(super) known: Known,
}

impl Sources {
    pub(super) fn fetch_tarball(&mut self, input: &Input) -> Result<Found, FlakeError> {
        let url = input.text("url").unwrap_or_default();
        let downloaded = self.download(url, Form::Archive, &[], self.settings.fresh)?;
        let mut input = match &downloaded.known.immutable {
            Some(url) => {
                let immutable = input_from_url(&Url::parse(url)?, true)?;
                if immutable.kind() != "tarball" {
                    return Err(FlakeError::other(
                        "tarball 'Link' headers that redirect to non-tarball URLs are not \
                         supported",
                    ));
                }
                immutable
            }
            None => input.clone(),
        };
        if downloaded.known.newest > 0 && input.int("lastModified").is_none() {
            input.set("lastModified", downloaded.known.newest);
        }
        Ok(Found {
            input,
            at: downloaded.at,
            hash: downloaded.hash,
            origin: None,
        })
    }

    pub(super) fn fetch_file(&mut self, input: &Input) -> Result<Found, FlakeError> {
        let url = input.text("url").unwrap_or_default();
        let downloaded = self.download(url, Form::File, &[], self.settings.fresh)?;
        Ok(Found {
            input: input.clone(),
            at: downloaded.at,
            hash: downloaded.hash,
            origin: None,
        })
    }

    /// What a URL gives, from the cache while what is there is not older than `fresh`.
    pub(super) fn download(
        &mut self,
        url: &str,
        form: Form,
        headers: &[(String, String)],
        fresh: Duration,
    ) -> Result<Downloaded, FlakeError> {
        let parsed = Url::parse(url)?;
        if parsed.scheme == "file" {
            return self.local(&parsed, form);
        }
        let key = format!("{} {url}", form.word());
        let before = self.cache.fact::<Known>(&key).and_then(|(known, age)| {
            let hash = Hash::parse_any(&known.hash, None).ok()?;
            let at = self.cache.tree(&hash)?;
            Some((Downloaded { at, hash, known }, age))
        });
        let before = match before {
            Some((before, age)) if age < fresh => return Ok(before),
            before => before.map(|(before, _)| before),
        };
        let response = self.http.get(&HttpRequest {
            url: url.to_owned(),
            headers: headers.to_vec(),
            etag: before.as_ref().and_then(|before| before.known.etag.clone()),
        })?;
        if let (304, Some(before)) = (response.status, before) {
            self.cache.set_fact(&key, &before.known)?;
            return Ok(before);
        }
        let aside = self.cache.aside()?;
        let file = aside.at("download");
        save(response.body, &file, url, self.settings.limits.bytes)?;
        let mut downloaded = self.take(&aside, &file, url, form)?;
        downloaded.known.etag = response.etag;
        downloaded.known.immutable = response.links.iter().find_map(|link| immutable_link(link));
        self.cache.set_fact(&key, &downloaded.known)?;
        Ok(downloaded)
    }

    fn local(&mut self, url: &Url, form: Form) -> Result<Downloaded, FlakeError> {
        let path = Path::new(&url.path);
        if path.is_dir() {
            let hint = match path.join(".git").exists() {
                true => "a git repository, not a tarball. Please use `git+file` as the scheme",
                false => "a directory, not a file",
            };
            let message = format!("tarball '{}' is {hint}.", path.display());
            return Err(FlakeError::other(message));
        }
        let aside = self.cache.aside()?;
        let file = aside.at("download");
        let source = fs::File::open(path).map_err(FlakeError::io("cannot read", path))?;
        save(source, &file, &url.to_string(), self.settings.limits.bytes)?;
        self.take(&aside, &file, &url.to_string(), form)
    }

    /// Puts a downloaded file into the cache, unpacked if it is to be.
    fn take(
        &mut self,
        aside: &Aside,
        file: &Path,
        url: &str,
        form: Form,
    ) -> Result<Downloaded, FlakeError> {
        let (root, newest) = match form {
            Form::File => (file.to_owned(), 0),
            Form::Archive => {
                let unpacked = unpack(file, &aside.at("unpacked"), url, self.settings.limits)?;
                (unpacked.root, unpacked.newest)
            }
        };
        let (at, hash) = self.cache.keep(&root)?;
        let known = Known {
            hash: hash.format(nixops4_lang::content::Format::Sri),
            newest,
            etag: None,
            immutable: None,
        };
        Ok(Downloaded { at, hash, known })
    }

    /// A short text from a server, which is asked anew when what it said is old.
    pub(crate) fn ask(
        &mut self,
        url: &str,
        headers: &[(String, String)],
    ) -> Result<String, FlakeError> {
        const LONGEST: u64 = 16 << 20;
        let key = format!("text {url}");
        if let Some((text, age)) = self.cache.fact::<String>(&key)
            && age < self.settings.fresh
        {
            return Ok(text);
        }
        let response = self.http.get(&HttpRequest {
            url: url.to_owned(),
            headers: headers.to_vec(),
            etag: None,
        })?;
        let mut text = String::new();
        let read = response.body.take(LONGEST).read_to_string(&mut text);
        read.map_err(|error| FlakeError::Download {
            url: url.to_owned(),
            problem: error.to_string(),
        })?;
        self.cache.set_fact(&key, &text)?;
        Ok(text)
    }
}

fn save(from: impl io::Read, to: &Path, url: &str, limit: u64) -> Result<(), FlakeError> {
    let failed = |problem: String| FlakeError::Download {
        url: url.to_owned(),
        problem,
    };
    let mut broken = None;
    let mut length = 0;
    disk::write_file(to, false, |file| {
        match io::copy(&mut from.take(limit.saturating_add(1)), file) {
            Ok(copied) => length = copied,
            Err(error) => broken = Some(error.to_string()),
        }
        Ok(())
    })?;
    match broken {
        Some(problem) => Err(failed(problem)),
        None if length > limit => Err(failed(format!("it is longer than {limit} bytes"))),
        None => Ok(()),
    }
}

/// The URL of `<url>; rel="immutable"`.
fn immutable_link(header: &str) -> Option<String> {
    let links = header.split(',');
    let link = links.map(str::trim).find(|link| {
        let mut parameters = link.split(';').skip(1).map(str::trim);
        parameters.any(|parameter| matches!(parameter, "rel=\"immutable\"" | "rel=immutable"))
    })?;
    let url = link.split_once('<')?.1.split_once('>')?.0;
    Some(url.to_owned())
}
