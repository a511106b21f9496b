//! Documents as Markdown, each with an example that can be pasted into a deployment.

use std::fmt::Write as _;

use nixops4_core::provider::document::{Contents, Document, DocumentKind, FieldDocument};

use super::{Named, deprecation, example, in_order, remarks, type_words};

/// One thing that a provider has.
pub fn markdown(provider: &Named, document: &Document) -> String {
    let mut text = match document.kind {
        DocumentKind::Provider => format!("# Provider `{}`\n", provider.name),
        kind => format!("# {} `{}`\n", capitalised(kind.singular()), document.name),
    };
    if let Some(message) = &document.deprecated {
        let _ = write!(text, "\n**{}**\n", deprecation(message));
    }
    if !document.description.is_empty() {
        let _ = write!(text, "\n{}\n", document.description);
    }
    if let Some(example) = example::example(provider, document) {
        let _ = write!(text, "\n```nix\n{example}```\n");
    }
    if let Some(function) = &document.function {
        text.push_str("\n## Parameters\n\n");
        for parameter in &function.parameters {
            let null = if parameter.nullable { " or null" } else { "" };
            item(
                &mut text,
                0,
                &parameter.name,
                &format!("{}{null}", parameter.shape),
                &parameter.description,
            );
        }
        if let Some(parameter) = &function.variadic {
            let words = format!("{}, any number of times", parameter.shape);
            item(
                &mut text,
                0,
                &parameter.name,
                &words,
                &parameter.description,
            );
        }
        let _ = write!(text, "\nReturns {}.\n", function.returns);
    }
    for (title, fields) in in_order(&document.fields) {
        section(&mut text, title, &fields);
    }
    if document.open {
        text.push_str("\nThere may be others.\n");
    }
    section(
        &mut text,
        "Identity",
        &document.identity.iter().collect::<Vec<_>>(),
    );
    text
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

fn section(text: &mut String, title: &str, fields: &[&FieldDocument]) {
    if fields.is_empty() {
        return;
    }
    let _ = write!(text, "\n## {title}\n\n");
    for field in fields {
        self::field(text, field, 0);
    }
}

fn field(text: &mut String, field: &FieldDocument, depth: usize) {
    let mut words = vec![type_words(field)];
    words.extend(remarks(field).into_iter().filter(|remark| {
        // Those of the top level stand under a heading that says so.
        depth > 0 || !matches!(remark.as_str(), "required" | "optional")
    }));
    let said = [
        field.deprecated.as_deref().map(deprecation),
        Some(field.description.clone()),
    ];
    let said: Vec<_> = said
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    item(
        text,
        depth,
        &field.name,
        &words.join(", "),
        &said.join("\n"),
    );
    if let Some(nested) = &field.nested {
        for (_, fields) in in_order(&nested.fields) {
            for inner in fields {
                self::field(text, inner, depth + 1);
            }
        }
    }
}

fn item(text: &mut String, depth: usize, name: &str, words: &str, said: &str) {
    let indent = depth * 2;
    let _ = writeln!(text, "{:indent$}- `{name}` ({words})", "");
    for line in said.lines() {
        let _ = match line.trim_end() {
            "" => writeln!(text),
            line => writeln!(text, "{:width$}{line}", "", width = indent + 2),
        };
    }
}

/// What a provider has, by name.
pub fn markdown_contents(contents: &Contents) -> String {
    let mut text = String::new();
    for (kind, names) in contents {
        let _ = write!(text, "\n## {}\n\n", capitalised(&kind.plural()));
        for name in names {
            let _ = writeln!(text, "- `{name}`");
        }
    }
    text
}
