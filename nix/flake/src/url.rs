//! URLs as flake references use them: a little laxer than the standard, and printed in one way.

use std::collections::BTreeMap;

use crate::error::FlakeError;

/// A URL, taken apart and decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `https`, `git+ssh`, `github`, ….
    pub scheme: String,
    /// What stands between `//` and the path, as it was written; `None` without `//`.
    pub authority: Option<String>,
    /// The path.
    pub path: String,
    /// The parameters, by name.
    pub query: BTreeMap<String, String>,
    /// What follows `#`.
    pub fragment: String,
}

/// What stays as it is in paths, beside letters, digits and `-._~`.
const IN_PATH: &str = ":@/";
const IN_QUERY: &str = ":@/?";

impl Url {
    /// A URL with a path and nothing else.
    pub fn of_path(scheme: &str, authority: Option<&str>, path: impl Into<String>) -> Url {
        Url {
            scheme: scheme.into(),
            authority: authority.map(str::to_owned),
            path: path.into(),
            query: BTreeMap::new(),
            fragment: String::new(),
        }
    }

    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Url, FlakeError> {
        let bad = || FlakeError::BadUrl(text.to_owned());
        let (scheme, rest) = text.split_once(':').ok_or_else(bad)?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !is_scheme(scheme) || !all(fragment, "/? \"^") || !all(query, "/? \"") {
            return Err(bad());
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        if !all(path, "/") || !authority.is_none_or(is_authority) {
            return Err(bad());
        }
        let is_file = scheme.rsplit('+').next() == Some("file");
        if let Some(host) = authority.filter(|host| is_file && !host.is_empty()) {
            let message = format!("file:// URL '{text}' has unexpected authority '{host}'");
            return Err(FlakeError::BadReference(message));
        }
        let path = match path {
            "" if is_file => "/",
            path => path,
        };
        Ok(Url {
            scheme: scheme.to_owned(),
            authority: authority.map(str::to_owned),
            path: decode(path).ok_or_else(bad)?,
            query: parse_query(query).ok_or_else(bad)?,
            fragment: decode(fragment).ok_or_else(bad)?,
        })
    }

    /// Takes the application off `git+https`: `(Some("git"), "https")`.
    pub fn split_scheme(&self) -> (Option<&str>, &str) {
        match self.scheme.split_once('+') {
            Some((application, transport)) => (Some(application), transport),
            None => (None, &self.scheme),
        }
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(authority) = &self.authority {
            write!(f, "//{authority}")?;
        }
        f.write_str(&encode(&self.path, IN_PATH))?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let (name, value) = (encode(name, IN_QUERY), encode(value, IN_QUERY));
            write!(f, "{separator}{name}={value}")?;
        }
        if !self.fragment.is_empty() {
            write!(f, "#{}", encode(&self.fragment, ""))?;
        }
        Ok(())
    }
}

fn is_scheme(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(rest)
}

fn is_authority(text: &str) -> bool {
    let host = text.rsplit('@').next().unwrap_or_default();
    if let Some(inner) = host.strip_prefix('[') {
        let Some((address, port)) = inner.split_once(']') else {
            return false;
        };
        let digit = |c: char| c.is_ascii_hexdigit() || ":.%".contains(c) || c.is_alphanumeric();
        return address.chars().all(digit) && is_port(port);
    }
    all(text, "")
        && host
            .split_once(':')
            .is_none_or(|(_, port)| is_port(&format!(":{port}")))
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.chars().all(|c| c.is_ascii_digit()))
}

/// Whether all characters may stand in a URL, or in `more`.
fn all(text: &str, more: &str) -> bool {
    text.chars().all(|c| {
        c.is_ascii_alphanumeric() || "-._~!$&'\"()*+,;=:@%".contains(c) || more.contains(c)
    })
}

/// Resolves `%20` and the like; `None` where that is not text.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Writes everything but letters, digits, `-._~` and `keep` as `%20`.
pub fn encode(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || (c.is_ascii() && keep.contains(c)) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Reads `a=1&b=2`. What has no `=` is left out.
pub fn parse_query(text: &str) -> Option<BTreeMap<String, String>> {
    let mut query = BTreeMap::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        if let Some((name, value)) = part.split_once('=') {
            query.insert(decode(name)?, decode(value)?);
        }
    }
    Some(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_print_as_they_read() {
        for text in [
            "https://example.org/a/b?x=1&y=2#frag",
            "git+ssh://git@example.org:22/x.git",
            "path:./a%20b",
            "github:owner/repo",
            "http://[::1]:80/x",
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
        let url = Url::parse("file:///a%2Fb?q=a%26b").unwrap();
        assert_eq!(
            (url.path.as_str(), url.query["q"].as_str()),
            ("/a/b", "a&b")
        );
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "x",
            "/a/b",
            "A:b",
            "x:a b",
            "http://h:x/",
            "x:%zz",
            "x:a#\\",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let host = Url::parse("file://host/x").unwrap_err().to_string();
        assert!(host.contains("unexpected authority 'host'"), "{host}");
    }
}
