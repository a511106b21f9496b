//! From the text of a lock file to what it says.

use std::collections::BTreeSet;

use super::{LockFile, LockedProvider, Maintainer, PackageHash};
use crate::cliconfig::SyntaxError;
use crate::cliconfig::syntax::{Body, Item, Value};
use crate::discovery::{Constraints, ProviderSource, SourceSpec, Version};

impl LockFile {
    /// Reads the text of a lock file.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut lock = Self::default();
        if text.starts_with(Maintainer::OpenTofu.header()) {
            lock.maintainer = Maintainer::OpenTofu;
        }
        for item in &Body::parse_native(text)?.items {
            match item.name.as_str() {
                "provider" => lock.add(item)?,
                "module" => lock.warnings.push(format!(
                    "line {}: locked modules are not supported, and passed over",
                    item.line
                )),
                other => {
                    let message = format!("\"{other}\" does not belong into a lock file");
                    return Err(SyntaxError::new(item.line, message));
                }
            }
        }
        Ok(lock)
    }

    fn add(&mut self, item: &Item) -> Result<(), SyntaxError> {
        let ([label], Value::Object(body)) = (item.labels.as_slice(), &item.value) else {
            let message = "a provider is written as: provider \"host/namespace/type\" { … }";
            return Err(SyntaxError::new(item.line, message));
        };
        let source = address(label).map_err(|message| SyntaxError::new(item.line, message))?;
        let locked = entry(item.line, body)?;
        if self.providers.insert(source, locked).is_some() {
            let message = format!("{label} is locked twice");
            return Err(SyntaxError::new(item.line, message));
        }
        Ok(())
    }
}

/// Reads a full address in its one spelling.
fn address(text: &str) -> Result<ProviderSource, String> {
    let sources = SourceSpec::parse(text)
        .map_err(|error| error.to_string())?
        .candidates();
    match <[_; 1]>::try_from(sources) {
        Ok([source]) if source.to_string() == text => Ok(source),
        Ok([source]) => Err(format!("\"{text}\" must be written as \"{source}\"")),
        Err(_) => Err(format!("\"{text}\" must be written with its registry host")),
    }
}

fn entry(line: usize, body: &Body) -> Result<LockedProvider, SyntaxError> {
    let (mut version, mut constraints, mut hashes) = (None, None, None);
    for item in &body.items {
        let again = match item.name.as_str() {
            "version" => version.replace(exact_version(item)?).is_some(),
            "constraints" => constraints.replace(conditions(item)?).is_some(),
            "hashes" => hashes.replace(hash_set(item)?).is_some(),
            other => {
                let message = format!("\"{other}\" does not belong to a locked provider");
                return Err(SyntaxError::new(item.line, message));
            }
        };
        if again {
            let message = format!("\"{}\" is set twice", item.name);
            return Err(SyntaxError::new(item.line, message));
        }
    }
    Ok(LockedProvider {
        version: version.ok_or_else(|| SyntaxError::new(line, "\"version\" is missing"))?,
        constraints: constraints.unwrap_or_default(),
        hashes: hashes.unwrap_or_default(),
    })
}

fn exact_version(item: &Item) -> Result<Version, SyntaxError> {
    let text = item.text()?;
    Version::parse(text).map_err(|error| {
        SyntaxError::new(item.line, format!("\"{text}\" is not a version: {error}"))
    })
}

fn conditions(item: &Item) -> Result<Constraints, SyntaxError> {
    Constraints::parse(item.text()?).map_err(|error| SyntaxError::new(item.line, error.to_string()))
}

fn hash_set(item: &Item) -> Result<BTreeSet<PackageHash>, SyntaxError> {
    let texts = item.texts()?;
    if texts.is_empty() {
        let message = "\"hashes\" is empty; without hashes it is left out";
        return Err(SyntaxError::new(item.line, message));
    }
    let parse = |text: &str| {
        PackageHash::parse(text).ok_or_else(|| {
            let message = format!("\"{}\" is not a hash", text.escape_debug());
            SyntaxError::new(item.line, message)
        })
    };
    texts.into_iter().map(parse).collect()
}
