//! Flake references: where a source is, as attributes and as a URL.
//!
//! ```text
//!  "github:o/r?dir=d" ──parse──► FlakeRef { input: { type, owner, repo }, dir } ──print──► text
//! ```

mod names;
mod parse;
mod scheme;

use std::path::{Path, PathBuf};

use nixops4_lang::{
    SourceAttr, SourceAttrs,
    content::{Algorithm, Format, Hash},
};

pub use names::{is_flake_id, is_revision};
pub use parse::{ParseOptions, parse, parse_with_fragment};
pub use scheme::{fix_git_url, input_from_url};

use crate::{error::FlakeError, url::Url};

/// The revision of a repository that has no commit.
pub(crate) const NULL_REVISION: &str = "0000000000000000000000000000000000000000";

/// Where a source tree is: checked attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// By name, with `type`.
    pub attrs: SourceAttrs,
}

/// A source tree, and a directory in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlakeRef {
    /// The tree.
    pub input: Input,
    /// Where in it `flake.nix` is; empty at its top.
    pub dir: String,
}

impl Input {
    /// Checks attributes.
    pub fn from_attrs(attrs: SourceAttrs) -> Result<Input, FlakeError> {
        scheme::check(Input { attrs })
    }

    /// An attribute that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attrs.get(name) {
            Some(SourceAttr::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An attribute that is a number.
    pub fn int(&self, name: &str) -> Option<u64> {
        match self.attrs.get(name) {
            Some(SourceAttr::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// An attribute that is a truth value; false where it is missing.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.attrs.get(name), Some(SourceAttr::Bool(true)))
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: impl Into<SourceAttr>) {
        self.attrs.insert(name.to_owned(), value.into());
    }

    /// What kind of source.
    pub fn kind(&self) -> &str {
        self.text("type").unwrap_or_default()
    }

    /// The hash of the tree, if it is pinned.
    pub fn nar_hash(&self) -> Option<Hash> {
        Hash::parse_any(self.text("narHash")?, Some(Algorithm::Sha256)).ok()
    }

    /// The name of the store object.
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or("source")
    }

    /// For a path inside the tree of the flake that names it.
    pub fn relative(&self) -> Option<&str> {
        let path = self.text("path").filter(|_| self.kind() == "path")?;
        (!path.starts_with('/')).then_some(path)
    }

    /// Whether it has to be looked up in a registry first.
    pub fn is_indirect(&self) -> bool {
        self.kind() == "indirect"
    }

    /// Whether it always means the same content.
    pub fn is_locked(&self) -> bool {
        let rev = self.text("rev");
        match self.kind() {
            "git" => rev.is_some_and(|rev| rev != NULL_REVISION),
            "github" | "gitlab" | "sourcehut" => rev.is_some() && self.nar_hash().is_some(),
            "path" | "file" | "tarball" => self.nar_hash().is_some(),
            _ => false,
        }
    }

    /// The directory of a local source that can be written to.
    pub fn source_path(&self) -> Option<PathBuf> {
        match self.kind() {
            "path" if self.relative().is_none() => self.text("path").map(PathBuf::from),
            "git" => {
                let url = Url::parse(self.text("url")?).ok()?;
                let path = PathBuf::from(url.path);
                let local = url.scheme == "file" && !is_bare(&path);
                local.then_some(path)
            }
            _ => None,
        }
    }

    /// As a URL.
    pub fn to_url(&self) -> Url {
        scheme::to_url(self)
    }

    /// The same source at another branch or revision.
    pub fn with_overrides(&self, rev: Option<&str>, reference: Option<&str>) -> Input {
        let mut input = self.clone();
        if let Some(rev) = rev {
            input.set("rev", rev);
            if matches!(self.kind(), "github" | "gitlab" | "sourcehut") {
                input.attrs.remove("ref");
            }
        }
        if let Some(reference) = reference {
            input.set("ref", reference);
            if matches!(self.kind(), "github" | "gitlab" | "sourcehut") && rev.is_none() {
                input.attrs.remove("rev");
            }
        }
        input
    }

    /// Writes the pinned hash in the usual notation.
    pub(crate) fn normalise_hash(&mut self) {
        if let Some(hash) = self.nar_hash() {
            self.set("narHash", hash.format(Format::Sri));
        }
    }
}

/// Whether a directory is a repository without a work tree.
pub(crate) fn is_bare(path: &Path) -> bool {
    path.exists() && !path.join(".git").exists()
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_url().fmt(f)
    }
}

impl FlakeRef {
    /// A reference from attributes: `dir` is the directory.
    pub fn from_attrs(mut attrs: SourceAttrs) -> Result<FlakeRef, FlakeError> {
        let dir = match attrs.remove("dir") {
            Some(SourceAttr::Text(dir)) => dir,
            None => String::new(),
            Some(_) => {
                let message = "flake reference attribute 'dir' is not a string";
                return Err(FlakeError::BadReference(message.into()));
            }
        };
        Ok(FlakeRef {
            input: Input::from_attrs(attrs)?,
            dir,
        })
    }

    /// The flake in a directory, or in the repository around it.
    pub fn local(dir: &Path) -> Result<FlakeRef, FlakeError> {
        parse::local(dir)
    }

    /// The name of an entry of the registries.
    pub fn indirect(id: &str) -> FlakeRef {
        let mut input = Input {
            attrs: SourceAttrs::new(),
        };
        input.set("type", "indirect");
        input.set("id", id);
        FlakeRef {
            input,
            dir: String::new(),
        }
    }

    /// All attributes.
    pub fn to_attrs(&self) -> SourceAttrs {
        let mut attrs = self.input.attrs.clone();
        if !self.dir.is_empty() {
            attrs.insert("dir".into(), SourceAttr::Text(self.dir.clone()));
        }
        attrs
    }

    /// Old lock files have the directory in the URL as well; this takes it out.
    pub fn canonical(&self) -> FlakeRef {
        let mut canonical = self.clone();
        if let Some(url) = self.input.text("url")
            && let Ok(mut url) = Url::parse(url)
        {
            if !self.dir.is_empty() && url.query.get("dir") == Some(&self.dir) {
                url.query.remove("dir");
            }
            canonical.input.set("url", url.to_string());
        }
        canonical
    }
}

impl std::fmt::Display for FlakeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut url = self.input.to_url();
        if !self.dir.is_empty() {
            url.query
                .entry("dir".into())
                .or_insert_with(|| self.dir.clone());
        }
        url.fmt(f)
    }
}
