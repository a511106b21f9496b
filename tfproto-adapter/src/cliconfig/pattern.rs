//! Patterns of provider addresses, as `include` and `exclude` list them.

use crate::discovery::{OPENTOFU_HOST, ProviderSource, TERRAFORM_HOST, parse_host, parse_part};

/// `[host/]namespace/type`, where parts from the right may be `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePattern {
    host: HostPattern,
    namespace: Option<String>,
    kind: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// No host written: the default registry, of whichever tool the file was written for.
    Default,
    Exactly(String),
}

impl SourcePattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (host, namespace, kind) = match parts[..] {
            [namespace, kind] => (None, namespace, kind),
            [host, namespace, kind] => (Some(host), namespace, kind),
            _ => return Err(format!("\"{text}\" is not [host/]namespace/type")),
        };
        let part = |what, text| match text {
            "*" => Ok(None),
            text => parse_part(what, text).map(Some),
        };
        let pattern = Self {
            host: match host {
                None => HostPattern::Default,
                Some("*") => HostPattern::Any,
                Some(host) => HostPattern::Exactly(parse_host(host)?),
            },
            namespace: part("namespace", namespace)?,
            kind: part("type", kind)?,
        };
        let wild_then_fixed = (pattern.host == HostPattern::Any && pattern.namespace.is_some())
            || (pattern.namespace.is_none() && pattern.kind.is_some());
        if wild_then_fixed {
            return Err(format!(
                "\"{text}\": what stands right of a \"*\" must be \"*\" too"
            ));
        }
        Ok(pattern)
    }

    /// What a component must be, if the pattern says: 0 is the host, 1 the namespace, 2 the type.
    pub(super) fn part(&self, index: usize) -> Option<&str> {
        match (index, &self.host) {
            (0, HostPattern::Exactly(host)) => Some(host),
            (1, _) => self.namespace.as_deref(),
            (2, _) => self.kind.as_deref(),
            _ => None,
        }
    }

    /// Whether an address fits.
    pub fn matches(&self, source: &ProviderSource) -> bool {
        let host = match &self.host {
            HostPattern::Any => true,
            HostPattern::Default => [OPENTOFU_HOST, TERRAFORM_HOST].contains(&source.host()),
            HostPattern::Exactly(host) => host == source.host(),
        };
        host && self
            .namespace
            .as_deref()
            .is_none_or(|namespace| namespace == source.namespace())
            && self
                .kind
                .as_deref()
                .is_none_or(|kind| kind == source.kind())
    }
}
