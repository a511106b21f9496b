//! An example of something that a provider has: all that must be set, and nothing else.

use nixops4_core::provider::document::{
    Document, DocumentKind, FieldDocument, NestedDocument, Nesting, Shape,
};

use super::Named;

/// Nix text; nothing for what has no place in a deployment.
pub fn example(provider: &Named, document: &Document) -> Option<String> {
    let instance = format!("providers.{}", attribute(&provider.name));
    let declared = |config: &str| {
        let words = [provider.declared.as_str(), config];
        let words: Vec<_> = words.into_iter().filter(|w| !w.is_empty()).collect();
        match words.is_empty() {
            true => format!("{instance} = {{ }};\n"),
            false => format!("{instance} = {{\n{}}};\n", indented(&words.join("\n"))),
        }
    };
    let member = |of: &str| {
        let inputs = set(&document.fields);
        format!(
            "{}members.example = {{\n  type = {instance}{of}.{};\n  inputs = {};\n}};\n",
            declared(""),
            attribute(&document.name),
            shifted(&inputs)
        )
    };
    let inside = match document.kind {
        DocumentKind::Provider => declared(&format!("config = {};", set(&document.fields))),
        DocumentKind::Resource => member(""),
        DocumentKind::DataSource => member(".data"),
        DocumentKind::Ephemeral => member(".ephemeral"),
        DocumentKind::Action => format!(
            "{}operations.example = {{\n  type = {instance}.actions.{};\n  inputs = {};\n}};\n",
            declared(""),
            attribute(&document.name),
            shifted(&set(&document.fields))
        ),
        DocumentKind::Function => format!(
            "{}outputs.example = {instance}.functions.{}{};\n",
            declared(""),
            attribute(&document.name),
            arguments(document)
        ),
        DocumentKind::StateStore => {
            format!("{}state = members.example;\n", member(".stateStores"))
        }
        DocumentKind::List => return None,
    };
    let arguments = match document.kind {
        DocumentKind::StateStore => "members, providers",
        _ => "providers",
    };
    Some(format!(
        "{{ {arguments}, ... }}: {{\n{}}}\n",
        indented(&inside)
    ))
}

/// What a function is called with: further arguments come as a list at the end.
fn arguments(document: &Document) -> String {
    let Some(function) = &document.function else {
        return String::new();
    };
    let parameters = function.parameters.iter();
    let mut words: String = parameters
        .map(|parameter| format!(" {}", shape(&parameter.shape)))
        .collect();
    if let Some(parameter) = &function.variadic {
        words.push_str(&format!(" [ {} ]", shape(&parameter.shape)));
    }
    words
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// All lines but the first, further in.
fn shifted(text: &str) -> String {
    text.replace('\n', "\n  ")
}

/// The required fields as an attribute set.
fn set(fields: &[FieldDocument]) -> String {
    let required = fields.iter().filter(|field| field.required);
    let lines: String = required
        .map(|field| {
            format!(
                "  {} = {};\n",
                attribute(&field.name),
                shifted(&value(field))
            )
        })
        .collect();
    match lines.is_empty() {
        true => "{ }".to_owned(),
        false => format!("{{\n{lines}}}"),
    }
}

fn value(field: &FieldDocument) -> String {
    match &field.nested {
        Some(nested) => nested_value(nested),
        None => shape(&field.shape),
    }
}

fn nested_value(nested: &NestedDocument) -> String {
    let one = set(&nested.fields);
    match nested.nesting {
        Nesting::Single | Nesting::Group => one,
        Nesting::List | Nesting::Set => {
            let count = usize::try_from(nested.min_items.max(1)).unwrap_or(1);
            let elements = vec![one; count].join(" ");
            format!("[ {elements} ]")
        }
        Nesting::Map => format!("{{\n  name = {};\n}}", shifted(&one)),
    }
}

/// A value that could be meant.
fn shape(of: &Shape) -> String {
    match of {
        Shape::Any | Shape::String => "\"example\"".to_owned(),
        Shape::Bool => "true".to_owned(),
        Shape::Integer | Shape::Number => "1".to_owned(),
        Shape::List(of) | Shape::Set(of) => format!("[ {} ]", shape(of)),
        Shape::Map(of) => format!("{{ name = {}; }}", shape(of)),
        Shape::Object(fields) => {
            let fields: String = fields
                .iter()
                .map(|(name, of)| format!("{} = {}; ", attribute(name), shape(of)))
                .collect();
            format!("{{ {fields}}}")
        }
        Shape::Tuple(of) => {
            let elements: String = of.iter().map(|of| format!("{} ", shape(of))).collect();
            format!("[ {elements}]")
        }
        Shape::OneOf(of) => of.first().map_or_else(|| "null".to_owned(), shape),
    }
}

/// A name as an attribute: in quotes where Nix would read something else.
pub fn attribute(name: &str) -> String {
    const KEYWORDS: [&str; 9] = [
        "assert", "else", "if", "in", "inherit", "let", "rec", "then", "with",
    ];
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'');
    match first && name.chars().all(rest) && !KEYWORDS.contains(&name) {
        true => name.to_owned(),
        false => {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{}\"", escaped.replace("${", "\\${"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(attribute("cidr_block"), "cidr_block");
        assert_eq!(attribute("in"), "\"in\"");
        assert_eq!(attribute("1st"), "\"1st\"");
        assert_eq!(attribute("a.b"), "\"a.b\"");
        assert_eq!(attribute("${x}"), "\"\\${x}\"");
    }

    #[test]
    fn only_what_must_be_set_is_in_it() {
        let field = |name: &str, shape, required| FieldDocument {
            name: name.to_owned(),
            shape,
            required,
            ..FieldDocument::default()
        };
        let nested = NestedDocument {
            block: true,
            nesting: Nesting::List,
            min_items: 2,
            max_items: None,
            fields: vec![field("port", Shape::Number, true)],
        };
        let document = Document {
            fields: vec![
                field("name", Shape::String, true),
                field("size", Shape::Number, false),
                FieldDocument {
                    nested: Some(nested),
                    ..field("rule", Shape::Any, true)
                },
            ],
            ..Document::new(DocumentKind::Resource, "acme_thing")
        };
        let provider = Named {
            name: "acme".to_owned(),
            declared: "source = \"acme/acme\";".to_owned(),
        };
        assert_eq!(
            example(&provider, &document).expect("an example"),
            "{ providers, ... }: {
  providers.acme = {
    source = \"acme/acme\";
  };
  members.example = {
    type = providers.acme.acme_thing;
    inputs = {
      name = \"example\";
      rule = [ {
        port = 1;
      } {
        port = 1;
      } ];
    };
  };
}
"
        );
    }
}
