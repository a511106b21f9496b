//! Provider source addresses: `[host/]namespace/type`.

use std::fmt;

/// The host that an unqualified source means first.
pub const OPENTOFU_HOST: &str = "registry.opentofu.org";
/// The host whose local mirrors an unqualified source falls back to.
pub const TERRAFORM_HOST: &str = "registry.terraform.io";

const DEFAULT_NAMESPACE: &str = "hashicorp";
const MAX_PART: usize = 63;

/// A full provider address, as directories of mirrors and lock files spell it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderSource {
    host: String,
    namespace: String,
    kind: String,
}

/// A source as a person wrote it: the host may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceSpec {
    host: Option<String>,
    namespace: String,
    kind: String,
}

/// Why a text is no provider source address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid provider source \"{text}\": {reason}")]
pub struct SourceError {
    text: String,
    reason: String,
}

impl ProviderSource {
    /// The registry host, lower case, with its port if it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The namespace, usually an organisation.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The provider's own name, which is also the prefix of its resource types.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl fmt::Display for ProviderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.namespace, self.kind)
    }
}

impl SourceSpec {
    /// Reads `type`, `namespace/type` or `host/namespace/type`.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let fail = |reason: String| SourceError {
            text: text.to_owned(),
            reason,
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (host, namespace, kind) = match parts[..] {
            [kind] => (None, DEFAULT_NAMESPACE, kind),
            [namespace, kind] => (None, namespace, kind),
            [host, namespace, kind] => (Some(host), namespace, kind),
            _ => return Err(fail("expected [host/]namespace/type".to_owned())),
        };
        let host = host.map(parse_host).transpose().map_err(fail)?;
        let namespace = parse_part("namespace", namespace).map_err(fail)?;
        let kind = parse_part("type", kind).map_err(fail)?;
        if let Some(rest) = kind.strip_prefix("terraform-") {
            let name = rest.strip_prefix("provider-").unwrap_or(rest);
            return Err(fail(format!(
                "the type is written without \"terraform-provider-\": {namespace}/{name}"
            )));
        }
        Ok(Self {
            host,
            namespace,
            kind,
        })
    }

    /// The full addresses this may mean, the preferred one first.
    ///
    /// Without a host that is OpenTofu's registry and then Terraform's: mirrors on disk were
    /// filled by either tool.
    pub fn candidates(&self) -> Vec<ProviderSource> {
        let on = |host: &str| ProviderSource {
            host: host.to_owned(),
            namespace: self.namespace.clone(),
            kind: self.kind.clone(),
        };
        match &self.host {
            Some(host) => vec![on(host)],
            None => vec![on(OPENTOFU_HOST), on(TERRAFORM_HOST)],
        }
    }

    /// The provider's own name.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        write!(f, "{}/{}", self.namespace, self.kind)
    }
}

/// Checks a host name; `:443` is the default and dropped.
pub(crate) fn parse_host(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let (name, port) = match lower.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (lower.as_str(), None),
    };
    if name.is_empty() || !name.split('.').all(is_label) {
        return Err(format!("\"{text}\" is not a host name"));
    }
    match port {
        None | Some("443") => Ok(name.to_owned()),
        Some(port) if port.parse::<u16>().is_ok_and(|n| n != 0) => Ok(lower),
        Some(port) => Err(format!("\"{port}\" is not a port")),
    }
}

/// Checks a namespace or a type, and folds it to lower case.
pub(crate) fn parse_part(what: &str, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    let lower = text.to_ascii_lowercase();
    if !is_label(&lower) || lower.contains("--") {
        return Err(format!(
            "\"{text}\" is not a {what}: letters, digits and single dashes between them"
        ));
    }
    Ok(lower)
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_PART
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        SourceSpec::parse(text)
            .expect("a source")
            .candidates()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn unqualified_means_opentofu_then_terraform() {
        assert_eq!(
            names("Hashicorp/AWS"),
            [
                "registry.opentofu.org/hashicorp/aws",
                "registry.terraform.io/hashicorp/aws"
            ]
        );
        assert_eq!(names("random")[0], "registry.opentofu.org/hashicorp/random");
    }

    #[test]
    fn a_host_is_taken_as_it_is() {
        assert_eq!(names("Example.com:443/a/b"), ["example.com/a/b"]);
        assert_eq!(names("example.com:8443/a/b"), ["example.com:8443/a/b"]);
    }

    #[test]
    fn bad_sources_say_why() {
        for (text, reason) in [
            ("", "the type is empty"),
            ("a/b/c/d", "expected [host/]namespace/type"),
            ("a//b", "the namespace is empty"),
            ("a/b--c", "single dashes"),
            ("a/b.c", "single dashes"),
            ("bad_host/a/b", "not a host name"),
            ("h.com:0/a/b", "not a port"),
            (
                "hashicorp/terraform-provider-aws",
                "without \"terraform-provider-\": hashicorp/aws",
            ),
        ] {
            let error = match SourceSpec::parse(text) {
                Ok(source) => panic!("{text} parsed as {source}"),
                Err(error) => error.to_string(),
            };
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
