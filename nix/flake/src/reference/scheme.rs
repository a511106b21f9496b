//! The kinds of sources: which attributes each has, and how they make up a URL.

use nixops4_lang::{
    SourceAttr, SourceAttrs,
    content::{Algorithm, Hash},
};

use super::{
    Input,
    names::{is_flake_id, is_ref_name, is_revision},
};
use crate::{error::FlakeError, url::Url};

/// The attributes that each kind knows, beside `type`.
const ATTRS: &[(&str, &[&str])] = &[
    (
        "path",
        &["path", "rev", "revCount", "lastModified", "narHash"],
    ),
    (
        "git",
        &[
            "url",
            "ref",
            "rev",
            "shallow",
            "submodules",
            "lfs",
            "exportIgnore",
            "lastModified",
            "revCount",
            "narHash",
            "allRefs",
            "name",
            "dirtyRev",
            "dirtyShortRev",
        ],
    ),
    ("tarball", CURL),
    ("file", CURL),
    ("github", FORGE),
    ("gitlab", FORGE),
    ("sourcehut", FORGE),
    ("indirect", &["id", "ref", "rev", "narHash"]),
];
const CURL: &[&str] = &[
    "url",
    "narHash",
    "name",
    "unpack",
    "rev",
    "revCount",
    "lastModified",
];
const FORGE: &[&str] = &[
    "owner",
    "repo",
    "ref",
    "rev",
    "narHash",
    "lastModified",
    "host",
    "treeHash",
];
const GIT_FLAGS: &[&str] = &["shallow", "submodules", "lfs", "exportIgnore", "allRefs"];

fn bad(message: String) -> FlakeError {
    FlakeError::BadReference(message)
}

/// Checks the attributes of an input against its kind.
pub(super) fn check(mut input: Input) -> Result<Input, FlakeError> {
    let kind = match input.attrs.get("type") {
        Some(SourceAttr::Text(kind)) => kind.clone(),
        _ => {
            let message = "'type' attribute to specify input scheme is required but not provided";
            return Err(bad(message.into()));
        }
    };
    let Some((_, allowed)) = ATTRS.iter().find(|(name, _)| *name == kind) else {
        // A lock file may pin what is never asked for; fetching it is what fails.
        return Ok(input);
    };
    for name in input.attrs.keys() {
        if name != "type" && !allowed.contains(&name.as_str()) {
            let message = format!("input attribute '{name}' not supported by scheme '{kind}'");
            return Err(bad(message));
        }
    }
    check_types(&input)?;
    match kind.as_str() {
        "path" => drop(required(&input, "path")?),
        "tarball" | "file" => drop(required(&input, "url")?),
        "git" => {
            let url = fix_git_url(required(&input, "url")?)?.to_string();
            input.set("url", url);
            let bad_ref = input.text("ref").filter(|name| !is_ref_name(name));
            if let Some(name) = bad_ref {
                return Err(bad(format!("invalid Git branch/tag name '{name}'")));
            }
        }
        "indirect" => {
            let id = required(&input, "id")?;
            if !is_flake_id(id) {
                return Err(bad(format!("'{id}' is not a valid flake ID")));
            }
        }
        _ => check_forge(&input)?,
    }
    if let Some(rev) = input.text("rev").map(str::to_lowercase) {
        if kind == "git" || kind == "indirect" {
            Hash::parse_any(&rev, Some(Algorithm::Sha1)).map_err(|error| bad(error.to_string()))?;
        }
        input.set("rev", rev);
    }
    Ok(input)
}

fn required<'a>(input: &'a Input, name: &str) -> Result<&'a str, FlakeError> {
    input
        .text(name)
        .ok_or_else(|| bad(format!("input attribute '{name}' is missing")))
}

fn check_types(input: &Input) -> Result<(), FlakeError> {
    for (name, value) in &input.attrs {
        let (wanted, fits) = match name.as_str() {
            "lastModified" | "revCount" => ("an integer", matches!(value, SourceAttr::Int(_))),
            "unpack" => ("a Boolean", matches!(value, SourceAttr::Bool(_))),
            flag if GIT_FLAGS.contains(&flag) => {
                ("a Boolean", matches!(value, SourceAttr::Bool(_)))
            }
            _ => ("a string", matches!(value, SourceAttr::Text(_))),
        };
        if !fits {
            return Err(bad(format!("input attribute '{name}' is not {wanted}")));
        }
    }
    if let Some(hash) = input.text("narHash") {
        Hash::parse_any(hash, Some(Algorithm::Sha256)).map_err(|error| bad(error.to_string()))?;
    }
    Ok(())
}

fn check_forge(input: &Input) -> Result<(), FlakeError> {
    required(input, "owner")?;
    required(input, "repo")?;
    if let (Some(name), Some(rev)) = (input.text("ref"), input.text("rev")) {
        return Err(bad(format!(
            "input '{}' contains both a commit hash ('{rev}') and a branch/tag name ('{name}')",
            crate::json::print_attrs(&input.attrs)
        )));
    }
    if let Some(rev) = input.text("rev") {
        Hash::parse_any(rev, Some(Algorithm::Sha1)).map_err(|error| bad(error.to_string()))?;
    }
    if input.text("ref").is_some_and(|name| !is_ref_name(name)) {
        let shown = crate::json::print_attrs(&input.attrs);
        return Err(bad(format!(
            "input '{shown}' contains an invalid branch/tag name"
        )));
    }
    let host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if input
        .text("host")
        .is_some_and(|name| !name.chars().all(host))
    {
        let shown = crate::json::print_attrs(&input.attrs);
        return Err(bad(format!(
            "input '{shown}' contains an invalid instance host"
        )));
    }
    Ok(())
}

/// A Git URL as Git takes it: paths and `user@host:path` become URLs.
pub fn fix_git_url(text: &str) -> Result<Url, FlakeError> {
    if !text.starts_with('/')
        && let Some((user, rest)) = text.split_once('@')
        && let Some((host, path)) = rest.rsplit_once(':')
        && !user.contains('/')
    {
        return Url::parse(&format!("ssh://{user}@{host}/{path}"));
    }
    if text.starts_with("file:") || text.contains("://") {
        return Url::parse(text);
    }
    Ok(Url::of_path("file", Some(""), text))
}

/// Reads a URL. `tree`: an archive has to be unpacked even if its name does not say it is one.
pub fn input_from_url(url: &Url, tree: bool) -> Result<Input, FlakeError> {
    let (application, transport) = url.split_scheme();
    let curl = matches!(transport, "file" | "http" | "https");
    let attrs = match (application, transport) {
        (None, "path") => path(url)?,
        (None, "flake") => indirect(url)?,
        (None, "github" | "gitlab" | "sourcehut") => forge(url)?,
        (None, "git") | (Some("git"), "http" | "https" | "ssh" | "file" | "git") => git(url),
        (Some("tarball"), _) if curl => download(url, "tarball", transport),
        (Some("file"), _) if curl => download(url, "file", transport),
        (None, _) if curl && (tree || is_archive(&url.path)) => download(url, "tarball", transport),
        (None, _) if curl => download(url, "file", transport),
        (Some("file"), "git") => {
            return Err(bad(format!(
                "input '{url}' is unsupported; did you mean 'git+file' instead of 'file+git'?"
            )));
        }
        _ => return Err(bad(format!("input '{url}' is unsupported"))),
    };
    Input::from_attrs(attrs)
}

fn is_archive(path: &str) -> bool {
    [
        ".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst",
    ]
    .iter()
    .any(|ending| path.ends_with(ending))
}

fn of_kind(kind: &str) -> SourceAttrs {
    SourceAttrs::from([("type".to_owned(), kind.into())])
}

fn path(url: &Url) -> Result<SourceAttrs, FlakeError> {
    if let Some(host) = url.authority.as_deref().filter(|host| !host.is_empty()) {
        let message = format!("path URL '{url}' should not have an authority ('{host}')");
        return Err(bad(message));
    }
    let mut attrs = of_kind("path");
    attrs.insert("path".into(), url.path.clone().into());
    for (name, value) in &url.query {
        let attr = match name.as_str() {
            "rev" | "narHash" => SourceAttr::Text(value.clone()),
            "revCount" | "lastModified" => match value.parse() {
                Ok(number) => SourceAttr::Int(number),
                Err(_) => {
                    let message = format!("path URL '{url}' has invalid parameter '{name}'");
                    return Err(bad(message));
                }
            },
            _ => {
                let message = format!("path URL '{url}' has unsupported parameter '{name}'");
                return Err(bad(message));
            }
        };
        attrs.insert(name.clone(), attr);
    }
    Ok(attrs)
}

fn indirect(url: &Url) -> Result<SourceAttrs, FlakeError> {
    let parts: Vec<&str> = url
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let mut attrs = of_kind("indirect");
    let mut set = |name: &str, value: &str| drop(attrs.insert(name.into(), value.into()));
    match parts[..] {
        [_] => {}
        [_, rev] if is_revision(rev) => set("rev", rev),
        [_, name] if is_ref_name(name) => set("ref", name),
        [_, name] => {
            return Err(bad(format!(
                "in flake URL '{url}', '{name}' is not a commit hash or branch/tag name"
            )));
        }
        [_, name, rev] if is_ref_name(name) && is_revision(rev) => {
            set("ref", name);
            set("rev", rev);
        }
        [_, name, rev] => {
            let (wrong, what) = match is_ref_name(name) {
                true => (rev, "commit hash"),
                false => (name, "branch/tag name"),
            };
            return Err(bad(format!(
                "in flake URL '{url}', '{wrong}' is not a {what}"
            )));
        }
        _ => return Err(bad(format!("flake URL '{url}' is invalid"))),
    }
    set("id", parts[0]);
    Ok(attrs)
}

fn forge(url: &Url) -> Result<SourceAttrs, FlakeError> {
    let parts: Vec<&str> = url
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let mut attrs = of_kind(&url.scheme);
    let [owner, repo, rest @ ..] = &parts[..] else {
        return Err(bad(format!("URL '{url}' is invalid")));
    };
    match rest {
        [] => {}
        [rev] if is_revision(rev) => drop(attrs.insert("rev".into(), (*rev).into())),
        rest => drop(attrs.insert("ref".into(), rest.join("/").into())),
    }
    for (name, value) in &url.query {
        let what = match name.as_str() {
            "rev" => "commit hashes",
            "ref" => "branch/tag names",
            "host" | "narHash" => "",
            _ => {
                let message = format!("URL '{url}' contains unknown parameter '{name}'");
                return Err(bad(message));
            }
        };
        let before = attrs.insert(name.clone(), value.clone().into());
        if before.is_some() {
            return Err(bad(format!("URL '{url}' contains multiple {what}")));
        }
    }
    attrs.insert("owner".into(), (*owner).into());
    attrs.insert("repo".into(), (*repo).into());
    Ok(attrs)
}

fn git(url: &Url) -> SourceAttrs {
    let mut attrs = of_kind("git");
    let mut plain = url.clone();
    if let (Some(_), transport) = url.split_scheme() {
        plain.scheme = transport.to_owned();
    }
    plain.query.clear();
    for (name, value) in &url.query {
        match name.as_str() {
            "rev" | "ref" => drop(attrs.insert(name.clone(), value.clone().into())),
            flag if GIT_FLAGS.contains(&flag) => {
                attrs.insert(name.clone(), SourceAttr::Bool(value == "1"));
            }
            _ => drop(plain.query.insert(name.clone(), value.clone())),
        }
    }
    attrs.insert("url".into(), plain.to_string().into());
    attrs
}

fn download(url: &Url, kind: &str, transport: &str) -> SourceAttrs {
    let mut attrs = of_kind(kind);
    let mut plain = url.clone();
    plain.scheme = transport.to_owned();
    for name in CURL {
        let Some(value) = plain.query.remove(*name) else {
            continue;
        };
        match *name {
            "narHash" | "rev" => drop(attrs.insert((*name).into(), value.into())),
            "revCount" | "lastModified" => {
                if let Ok(number) = value.parse::<u64>() {
                    attrs.insert((*name).into(), number.into());
                }
            }
            _ => {}
        }
    }
    attrs.insert("url".into(), plain.to_string().into());
    attrs
}

/// Writes an input as a URL.
pub(super) fn to_url(input: &Input) -> Url {
    let text = |name: &str| input.text(name).map(str::to_owned);
    let mut query = std::collections::BTreeMap::new();
    let mut url = match input.kind() {
        "path" => {
            for (name, value) in &input.attrs {
                if name != "path" && name != "type" {
                    query.insert(name.clone(), query_text(value));
                }
            }
            Url::of_path("path", None, text("path").unwrap_or_default())
        }
        "indirect" => {
            let parts = ["id", "ref", "rev"].map(text);
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            Url::of_path("flake", None, parts.join("/"))
        }
        kind @ ("github" | "gitlab" | "sourcehut") => {
            let parts = ["owner", "repo", "ref", "rev"].map(text);
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            query.extend(text("host").map(|host| ("host".into(), host)));
            query.extend(hash_parameter(input));
            Url::of_path(kind, None, parts.join("/"))
        }
        "git" => {
            let mut url = source_url(input);
            if url.scheme != "git" {
                url.scheme = format!("git+{}", url.scheme);
            }
            for name in ["rev", "ref"] {
                query.extend(text(name).map(|value| (name.to_owned(), value)));
            }
            for name in ["shallow", "lfs", "submodules", "exportIgnore"] {
                if input.flag(name) {
                    query.insert(name.into(), "1".into());
                }
            }
            url
        }
        _ => {
            query.extend(hash_parameter(input));
            source_url(input)
        }
    };
    url.query.extend(query);
    url
}

fn hash_parameter(input: &Input) -> Option<(String, String)> {
    let hash = input.nar_hash()?;
    let text = hash.format(nixops4_lang::content::Format::Sri);
    Some(("narHash".into(), text))
}

fn source_url(input: &Input) -> Url {
    let text = input.text("url").unwrap_or_default();
    Url::parse(text).unwrap_or_else(|_| Url::of_path("file", None, text))
}

fn query_text(value: &SourceAttr) -> String {
    match value {
        SourceAttr::Text(text) => text.clone(),
        SourceAttr::Int(number) => number.to_string(),
        SourceAttr::Bool(flag) => u8::from(*flag).to_string(),
    }
}
