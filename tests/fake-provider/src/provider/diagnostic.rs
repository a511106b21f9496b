//! Complaints, from the provider itself and from the script.

use nixops4_proto::tfplugin::v6;
use serde_json::Value as Json;
use v6::attribute_path::{Step, step::Selector};
use v6::diagnostic::Severity;

use crate::script::Complaint;

/// An error about a part of a value.
pub fn error(path: &[Json], summary: &str, detail: &str) -> v6::Diagnostic {
    v6::Diagnostic {
        severity: Severity::Error.into(),
        summary: summary.to_owned(),
        detail: detail.to_owned(),
        attribute: Some(self::path(path)),
    }
}

/// A warning about nothing in particular.
pub fn warning(summary: &str) -> v6::Diagnostic {
    v6::Diagnostic {
        severity: Severity::Warning.into(),
        summary: summary.to_owned(),
        ..v6::Diagnostic::default()
    }
}

/// A complaint that the script wants.
pub fn scripted(complaint: &Complaint) -> v6::Diagnostic {
    let severity = if complaint.warning {
        Severity::Warning
    } else {
        Severity::Error
    };
    let attribute = (!complaint.path.is_empty()).then(|| path(&complaint.path));
    v6::Diagnostic {
        severity: severity.into(),
        summary: complaint.summary.clone(),
        detail: complaint.detail.clone(),
        attribute,
    }
}

/// A path: texts are attribute names, numbers are indices, `["key"]` is the key of a map.
pub fn path(steps: &[Json]) -> v6::AttributePath {
    let selector = |step: &Json| match step {
        Json::String(name) => Some(Selector::AttributeName(name.clone())),
        Json::Number(index) => index.as_i64().map(Selector::ElementKeyInt),
        Json::Array(key) => key
            .first()
            .and_then(Json::as_str)
            .map(|key| Selector::ElementKeyString(key.to_owned())),
        _ => None,
    };
    v6::AttributePath {
        steps: steps
            .iter()
            .map(|step| Step {
                selector: selector(step),
            })
            .collect(),
    }
}
