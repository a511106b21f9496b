//! Documents as text for the terminal.

use std::fmt::Write as _;

use nixops4_core::provider::document::{Contents, Document, DocumentKind, FieldDocument};

use super::{Named, deprecation, in_order, remarks, type_words};
use crate::ui::style::{BOLD, DIM, WARNING, paint};

/// One thing that a provider has.
pub fn text(provider: &Named, document: &Document) -> String {
    let mut text = String::new();
    let title = match document.kind {
        DocumentKind::Provider => format!("provider {}", provider.name),
        kind => format!("{} {}", kind.singular(), document.name),
    };
    let _ = writeln!(text, "{}", paint(BOLD, title));
    if let Some(message) = &document.deprecated {
        let _ = writeln!(text, "  {}", paint(WARNING, deprecation(message)));
    }
    paragraph(&mut text, &document.description, 2);
    if let Some(function) = &document.function {
        let mut call: Vec<_> = function.parameters.iter().collect();
        call.extend(&function.variadic);
        for (index, parameter) in call.iter().enumerate() {
            let more = match index < function.parameters.len() {
                true => "",
                false => ", any number of times",
            };
            let null = if parameter.nullable { " or null" } else { "" };
            let _ = writeln!(
                text,
                "  {}: {}{null}{more}",
                parameter.name, parameter.shape
            );
            paragraph(&mut text, &parameter.description, 6);
        }
        let _ = writeln!(text, "  returns {}", function.returns);
    }
    fields(&mut text, &document.fields, 2, true);
    if document.open {
        let _ = writeln!(text, "  … and whatever else there is");
    }
    if !document.identity.is_empty() {
        let _ = writeln!(text, "  {}", paint(DIM, "Identity"));
        for one in &document.identity {
            field(&mut text, one, 4);
        }
    }
    text
}

fn fields(text: &mut String, all: &[FieldDocument], indent: usize, headed: bool) {
    for (title, fields) in in_order(all) {
        if headed && !fields.is_empty() {
            let _ = writeln!(text, "{:indent$}{}", "", paint(DIM, title));
        }
        for one in fields {
            field(text, one, indent + 2);
        }
    }
}

fn field(text: &mut String, field: &FieldDocument, indent: usize) {
    let remarks = remarks(field).join(", ");
    let _ = writeln!(
        text,
        "{:indent$}{}  {}  {}",
        "",
        paint(BOLD, &field.name),
        type_words(field),
        paint(DIM, format!("({remarks})")),
    );
    if let Some(message) = &field.deprecated {
        let _ = writeln!(
            text,
            "{:width$}{}",
            "",
            deprecation(message),
            width = indent + 4
        );
    }
    paragraph(text, &field.description, indent + 4);
    if let Some(nested) = &field.nested {
        fields(text, &nested.fields, indent, false);
    }
}

fn paragraph(text: &mut String, description: &str, indent: usize) {
    for line in description.lines() {
        let _ = match line.trim_end() {
            "" => writeln!(text),
            line => writeln!(text, "{:indent$}{line}", ""),
        };
    }
}

/// What a provider has, by name.
pub fn text_contents(contents: &Contents) -> String {
    let mut text = String::new();
    for (kind, names) in contents {
        let title = format!(
            "{} {}",
            names.len(),
            match names.len() {
                1 => kind.singular().to_owned(),
                _ => kind.plural(),
            }
        );
        let _ = writeln!(text, "{}", paint(BOLD, title));
        for name in names {
            let _ = writeln!(text, "  {name}");
        }
    }
    text
}
