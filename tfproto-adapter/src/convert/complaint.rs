//! A provider's diagnostics.

use nixops4_core::AttrPath;
use nixops4_core::diagnostic::{Diagnostic, Severity};
use nixops4_proto::tfplugin::v6;

use super::path_from_wire;
use crate::cty::Path;

/// What a provider complains about, with the place in its own value.
///
/// Only who made that value from the user's inputs can say which input the place belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Complaint {
    /// How bad it is.
    pub severity: Severity,
    /// One line: what is wrong.
    pub summary: String,
    /// More lines; may be empty.
    pub detail: String,
    /// What it is about, if it is about a part of a value.
    pub place: Option<Path>,
}

impl Complaint {
    /// As a diagnostic about the given input.
    pub fn into_diagnostic(self, path: Option<AttrPath>) -> Diagnostic {
        let diagnostic = match self.severity {
            Severity::Error => Diagnostic::error(self.summary),
            Severity::Warning => Diagnostic::warning(self.summary),
        };
        let diagnostic = diagnostic.detail(self.detail);
        match path {
            Some(path) => diagnostic.at(path),
            None => diagnostic,
        }
    }
}

/// Reads the diagnostics of an answer.
pub fn complaints(diagnostics: &[v6::Diagnostic]) -> Vec<Complaint> {
    diagnostics.iter().map(complaint).collect()
}

fn complaint(diagnostic: &v6::Diagnostic) -> Complaint {
    let (summary, detail) = headline(&diagnostic.summary, &diagnostic.detail);
    let place = diagnostic.attribute.as_ref().map(path_from_wire);
    Complaint {
        severity: match diagnostic.severity() {
            v6::diagnostic::Severity::Warning => Severity::Warning,
            // A provider that cannot say how bad it is must not be taken lightly.
            v6::diagnostic::Severity::Error | v6::diagnostic::Severity::Invalid => Severity::Error,
        },
        summary,
        detail,
        place: place.filter(|place| !place.is_root()),
    }
}

/// Finds a headline where the provider gave none, or one of several lines.
fn headline(summary: &str, detail: &str) -> (String, String) {
    let (summary, detail) = (summary.trim(), detail.trim());
    let (text, rest) = match (summary.is_empty(), detail.is_empty()) {
        (true, true) => {
            return (
                "the provider complains without saying about what".to_owned(),
                String::new(),
            );
        }
        (true, false) => (detail, ""),
        (false, _) => (summary, detail),
    };
    let (first, more) = text.split_once('\n').unwrap_or((text, ""));
    let detail = match (more.trim(), rest) {
        ("", rest) => rest.to_owned(),
        (more, "") => more.to_owned(),
        (more, rest) => format!("{more}\n{rest}"),
    };
    (first.trim_end().to_owned(), detail)
}

/// Reads why a function gave no result; the number is the argument to blame.
pub fn complaints_of_function(error: &v6::FunctionError) -> (Complaint, Option<usize>) {
    let (summary, detail) = headline(&error.text, "");
    let argument = error
        .function_argument
        .and_then(|argument| usize::try_from(argument).ok());
    (
        Complaint {
            severity: Severity::Error,
            summary,
            detail,
            place: None,
        },
        argument,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(severity: i32, summary: &str, detail: &str) -> Complaint {
        complaint(&v6::Diagnostic {
            severity,
            summary: summary.to_owned(),
            detail: detail.to_owned(),
            attribute: Some(v6::AttributePath::default()),
        })
    }

    #[test]
    fn only_what_is_called_a_warning_is_one() {
        assert_eq!(read(2, "s", "").severity, Severity::Warning);
        for severity in [0, 1, 7] {
            assert_eq!(read(severity, "s", "").severity, Severity::Error);
        }
    }

    #[test]
    fn there_is_always_a_headline_of_one_line() {
        let text = |summary, detail| {
            let complaint = read(1, summary, detail);
            (complaint.summary, complaint.detail)
        };
        let pair = |summary: &str, detail: &str| (summary.to_owned(), detail.to_owned());
        assert_eq!(text("a", "b\nc"), pair("a", "b\nc"));
        assert_eq!(text("", "b\nc"), pair("b", "c"));
        assert_eq!(text("a\nb", "c"), pair("a", "b\nc"));
        assert_eq!(
            text(" ", ""),
            pair("the provider complains without saying about what", "")
        );
    }

    #[test]
    fn an_empty_path_is_no_place() {
        assert_eq!(read(1, "s", "").place, None);
    }

    #[test]
    fn functions_may_blame_an_argument() {
        let error = v6::FunctionError {
            text: "bad".to_owned(),
            function_argument: Some(1),
        };
        let (complaint, argument) = complaints_of_function(&error);
        assert_eq!((complaint.summary.as_str(), argument), ("bad", Some(1)));
    }
}
