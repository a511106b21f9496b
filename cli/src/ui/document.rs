//! What providers say of themselves, as text and Markdown.

mod example;
mod markdown;
mod text;

use nixops4_core::provider::document::{FieldDocument, NestedDocument, Nesting};

pub use markdown::{markdown, markdown_contents};
pub use text::{text, text_contents};

/// A provider as it is written in a deployment.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name of the instance.
    pub name: String,
    /// How the instance is declared, as Nix attributes: `source = "hashicorp/aws";`.
    pub declared: String,
}

/// The fields in the order in which a user wants them: those to be set first.
fn in_order(fields: &[FieldDocument]) -> [(&'static str, Vec<&FieldDocument>); 3] {
    let those = |wanted: fn(&FieldDocument) -> bool| fields.iter().filter(|f| wanted(f)).collect();
    [
        ("Required", those(|field| field.required)),
        ("Optional", those(|field| !field.required && field.optional)),
        (
            "Read-only",
            those(|field| !field.required && !field.optional),
        ),
    ]
}

/// What is to be known of a field beside its type.
fn remarks(field: &FieldDocument) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut remark = |is_so: bool, text: &str| {
        if is_so {
            remarks.push(text.to_owned());
        }
    };
    remark(field.required, "required");
    remark(field.optional, "optional");
    remark(field.computed, "computed");
    remark(field.sensitive, "sensitive");
    remark(field.write_only, "write-only");
    remark(field.replaces, "a change replaces");
    remark(field.deprecated.is_some(), "deprecated");
    remarks
}

/// The type in words; for nested things only how they are nested.
fn type_words(field: &FieldDocument) -> String {
    match &field.nested {
        None => field.shape.to_string(),
        Some(nested) => nesting_words(nested),
    }
}

fn nesting_words(nested: &NestedDocument) -> String {
    let what = if nested.block {
        "block"
    } else {
        "attribute set"
    };
    let words = match nested.nesting {
        Nesting::Single => format!("one {what}"),
        Nesting::Group => format!("one {what}, always there"),
        Nesting::List => format!("list of {what}s"),
        Nesting::Set => format!("set of {what}s"),
        Nesting::Map => format!("attribute set of {what}s"),
    };
    match (nested.min_items, nested.max_items) {
        (0, None) => words,
        (min, None) => format!("{words}, at least {min}"),
        (0, Some(max)) => format!("{words}, at most {max}"),
        (min, Some(max)) if min == max => format!("{words}, exactly {min}"),
        (min, Some(max)) => format!("{words}, {min} to {max}"),
    }
}

/// A deprecation in words.
fn deprecation(message: &str) -> String {
    match message.trim() {
        "" => "Deprecated.".to_owned(),
        message => format!("Deprecated: {message}"),
    }
}
