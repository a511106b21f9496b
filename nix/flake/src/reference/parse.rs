//! Flake references as people write them: short names, URLs, paths.

use std::path::{Component, Path, PathBuf};

use super::{
    FlakeRef,
    names::{is_flake_id, is_plain_ref, is_revision},
    scheme::input_from_url,
};
use crate::{
    error::FlakeError,
    url::{Url, decode, parse_query},
};

/// How to read a reference.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions<'a> {
    /// Where relative paths start. With it, a path stands for the repository it is in.
    pub base: Option<&'a Path>,
    /// Whether a directory without `flake.nix` will do.
    pub allow_missing: bool,
    /// Whether it is to be a flake, not any file or tree.
    pub is_flake: bool,
    /// Whether relative paths stay relative.
    pub keep_relative: bool,
}

impl ParseOptions<'_> {
    /// For text that stands by itself: nothing is looked up.
    pub const PLAIN: ParseOptions<'static> = ParseOptions {
        base: None,
        allow_missing: true,
        is_flake: true,
        keep_relative: false,
    };
}

/// Reads a reference.
pub fn parse(text: &str, options: ParseOptions<'_>) -> Result<FlakeRef, FlakeError> {
    let (reference, fragment) = parse_with_fragment(text, options)?;
    match fragment.as_str() {
        "" => Ok(reference),
        _ => Err(FlakeError::BadReference(format!(
            "unexpected fragment '{fragment}' in flake reference '{text}'"
        ))),
    }
}

/// Reads a reference, and what follows `#`.
pub fn parse_with_fragment(
    text: &str,
    options: ParseOptions<'_>,
) -> Result<(FlakeRef, String), FlakeError> {
    if let Some(found) = short_name(text)? {
        return Ok(found);
    }
    match Url::parse(text) {
        Ok(mut url) => {
            if let Some(base) = options.base
                && (url.scheme == "path" || url.scheme == "git+file")
                && !url.path.starts_with('/')
            {
                url.path = in_text(&absolute(base, &url.path));
            }
            from_url(url, options.is_flake)
        }
        Err(FlakeError::BadUrl(_)) => path(text, options),
        Err(error) => Err(error),
    }
}

fn from_url(mut url: Url, is_flake: bool) -> Result<(FlakeRef, String), FlakeError> {
    let dir = url.query.remove("dir").unwrap_or_default();
    let fragment = std::mem::take(&mut url.fragment);
    let input = input_from_url(&url, is_flake)?;
    Ok((FlakeRef { input, dir }, fragment))
}

/// `nixpkgs`, `nixpkgs/branch`, `nixpkgs/branch/revision`.
fn short_name(text: &str) -> Result<Option<(FlakeRef, String)>, FlakeError> {
    let (name, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (id, rest) = match name.split_once('/') {
        Some((id, rest)) => (id, Some(rest)),
        None => (name, None),
    };
    let fits = |rest: &str| match rest.rsplit_once('/') {
        _ if is_revision(rest) => true,
        Some((branch, rev)) if is_revision(rev) => is_plain_ref(branch),
        _ => is_plain_ref(rest),
    };
    if !is_flake_id(id) || !rest.is_none_or(fits) {
        return Ok(None);
    }
    let Some(fragment) = decode(fragment) else {
        return Ok(None);
    };
    let input = input_from_url(&Url::of_path("flake", None, name), true)?;
    let dir = String::new();
    Ok(Some((FlakeRef { input, dir }, fragment)))
}

fn bad(message: String) -> FlakeError {
    FlakeError::BadReference(message)
}

fn path(text: &str, options: ParseOptions<'_>) -> Result<(FlakeRef, String), FlakeError> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let invalid = || bad(format!("invalid flakeref '{text}'"));
    let mut url = Url::of_path("path", None, path);
    url.query = parse_query(query).ok_or_else(invalid)?;
    url.fragment = decode(fragment).ok_or_else(invalid)?;
    match options.base {
        Some(base) => {
            let path = absolute(base, path);
            let path = match options.is_flake {
                true => flake_dir(path, options.allow_missing)?,
                false => path,
            };
            url.path = in_text(&path);
            if options.is_flake && in_repository(&mut url, &path).is_some() {
                let message = format!("flake URL '{text}' has an inconsistent 'dir' parameter");
                return Err(bad(message));
            }
        }
        None if !options.keep_relative && !path.starts_with('/') => {
            let message = format!("flake reference '{text}' is not an absolute path");
            return Err(bad(message));
        }
        None => {}
    }
    from_url(url, options.is_flake)
}

/// The flake in a directory, whatever characters its name has.
pub(super) fn local(dir: &Path) -> Result<FlakeRef, FlakeError> {
    let dir = flake_dir(absolute(Path::new("/"), &in_text(dir)), false)?;
    let mut url = Url::of_path("path", None, in_text(&dir));
    in_repository(&mut url, &dir);
    Ok(from_url(url, true)?.0)
}

/// Makes the URL of a directory one of the repository that it is in, and gives where in it.
fn in_repository(url: &mut Url, path: &Path) -> Option<String> {
    let (root, dir) = repository(path)?;
    url.scheme = "git+file".into();
    url.authority = Some(String::new());
    url.path = in_text(&root);
    if root.join(".git/shallow").exists() {
        url.query.insert("shallow".into(), "1".into());
    }
    if dir.is_empty() {
        return None;
    }
    url.query.insert("dir".into(), dir)
}

/// The directory with `flake.nix` at or above `path`, within its repository.
fn flake_dir(path: PathBuf, allow_missing: bool) -> Result<PathBuf, FlakeError> {
    let shown = path.display().to_string();
    let metadata = std::fs::metadata(&path).map_err(FlakeError::io("cannot look at", &path))?;
    let path = match path.parent() {
        _ if metadata.is_dir() => path,
        Some(parent) if path.ends_with("flake.nix") => parent.to_owned(),
        _ => {
            let message = format!("path '{shown}' is not a flake (because it's not a directory)");
            return Err(bad(message));
        }
    };
    if allow_missing {
        return Ok(path);
    }
    for dir in path.ancestors() {
        if dir.join("flake.nix").exists() {
            return Ok(dir.to_owned());
        }
        if dir.join(".git").exists() {
            break;
        }
    }
    Err(bad(format!(
        "path '{shown}' is not part of a flake (neither it nor its parent directories contain a \
         'flake.nix' file)"
    )))
}

/// The repository that a directory is in, and where in it.
fn repository(path: &Path) -> Option<(PathBuf, String)> {
    let root = path
        .ancestors()
        .filter(|dir| dir.parent().is_some())
        .find(|dir| dir.join(".git").exists())?;
    let dir = path.strip_prefix(root).ok()?;
    Some((root.to_owned(), in_text(dir)))
}

fn in_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `path` seen from `base`, normalised; links are resolved where the path exists.
fn absolute(base: &Path, path: &str) -> PathBuf {
    let joined = base.join(path);
    let mut normal = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal.canonicalize().unwrap_or(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_print_as_they_are_understood() {
        const REV: &str = "a3a3dda3bacf61e8a39258a0ed9c924eeca8e293";
        for (text, printed) in [
            ("nixpkgs", "flake:nixpkgs"),
            (
                &format!("nixpkgs/b/{REV}"),
                &format!("flake:nixpkgs/b/{REV}"),
            ),
            ("github:o/r/pull/1/head", "github:o/r/pull/1/head"),
            ("github:o/r?dir=d&ref=b", "github:o/r/b?dir=d"),
            ("git+https://h/x?ref=b&foo=1", "git+https://h/x?foo=1&ref=b"),
            ("https://h/x.tar.gz?rev=1&a=b", "https://h/x.tar.gz?a=b"),
            ("/a/b?dir=c", "path:/a/b?dir=c"),
            ("path:./sub", "path:./sub"),
        ] {
            let reference = parse(text, ParseOptions::PLAIN).unwrap();
            assert_eq!(reference.to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "./x",
            "x y",
            "github:a",
            "github:a/b/c~d",
            "path://h/x",
            "weird:x",
        ] {
            assert!(parse(text, ParseOptions::PLAIN).is_err(), "{text}");
        }
    }
}
