//! A configuration in Terraform's JSON syntax, written as a deployment.

use std::fmt::Write;

use serde_json::{Map, Value};

/// One `resource` or `data` block.
pub struct Block<'a> {
    /// Whether it is a data source.
    pub data: bool,
    pub type_name: &'a str,
    pub name: &'a str,
    pub body: &'a Map<String, Value>,
}

impl Block<'_> {
    /// Its address in Terraform.
    pub fn address(&self) -> String {
        let prefix = if self.data { "data." } else { "" };
        format!("{prefix}{}.{}", self.type_name, self.name)
    }

    /// Its member name.
    pub fn member(&self) -> String {
        member(self.data, self.type_name, self.name)
    }
}

fn member(data: bool, type_name: &str, name: &str) -> String {
    let prefix = if data { "data_" } else { "" };
    format!("{prefix}{type_name}_{name}")
}

/// The blocks of a configuration.
pub fn blocks(config: &Value) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for (section, data) in [("data", true), ("resource", false)] {
        for (type_name, named) in config[section].as_object().into_iter().flatten() {
            for (name, body) in named.as_object().expect("blocks by name") {
                let body = body.as_object().expect("a block");
                blocks.push(Block {
                    data,
                    type_name,
                    name,
                    body,
                });
            }
        }
    }
    blocks
}

/// The deployment with the same resources. `provider` names the provider in Nix, `settings` is its
/// declaration.
pub fn deployment(config: &Value, provider: &str, settings: &str) -> String {
    let mut text =
        format!("{{ members, providers, ... }}:\n{{\n  providers.{provider} = {settings};\n");
    for block in blocks(config) {
        let mode = if block.data { "data." } else { "" };
        writeln!(
            text,
            "  members.{} = {{\n    type = providers.{provider}.{mode}{};\n    inputs = {};\n  }};",
            block.member(),
            block.type_name,
            object(block.body)
        )
        .expect("a string takes text");
    }
    text.push_str("}\n");
    text
}

fn object(map: &Map<String, Value>) -> String {
    let mut text = "{ ".to_owned();
    for (name, value) in map {
        write!(text, "{} = {}; ", quoted(name), nix(value)).expect("a string takes text");
    }
    text + "}"
}

/// A JSON value, with templates in its strings, as a Nix expression.
pub fn nix(value: &Value) -> String {
    match value {
        Value::String(text) => template(text),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| format!("({})", nix(item)))
                .collect();
            format!("[ {} ]", items.join(" "))
        }
        Value::Object(map) => object(map),
        plain => plain.to_string(),
    }
}

/// A template: text with `${reference}`, where `$${` stands for `${`.
fn template(text: &str) -> String {
    if let Some(whole) = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        && !whole.contains('}')
    {
        return reference(whole);
    }
    let mut nix = String::from("\"");
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            nix.push_str(&escaped(&rest[..at - 1]));
            nix.push_str("\\${");
            rest = &rest[at + 2..];
            continue;
        }
        let end = at + rest[at..].find('}').expect("a template ends");
        nix.push_str(&escaped(&rest[..at]));
        write!(nix, "${{{}}}", reference(&rest[at + 2..end])).expect("a string takes text");
        rest = &rest[end + 1..];
    }
    nix + &escaped(rest) + "\""
}

/// `aws_vpc.main.id`, `data.aws_zones.here.names[0]`.
fn reference(text: &str) -> String {
    let (data, text) = match text.strip_prefix("data.") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut steps = text.splitn(3, '.');
    let mut next = || {
        steps
            .next()
            .expect("a reference has type, name and attribute")
    };
    let root = member(data, next(), next());
    let attribute = next();
    match attribute.split_once('[') {
        None => format!("members.{root}.outputs.{attribute}"),
        Some((list, index)) => format!(
            "(builtins.elemAt members.{root}.outputs.{list} {})",
            index.trim_end_matches(']')
        ),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", escaped(name))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace("${", "\\${")
}

#[test]
fn templates_become_interpolations() {
    let nix = |text: &str| nix(&Value::from(text));
    assert_eq!(nix("plain \"x\""), r#""plain \"x\"""#);
    assert_eq!(nix("${aws_vpc.main.id}"), "members.aws_vpc_main.outputs.id");
    assert_eq!(
        nix("a ${aws_vpc.main.id}/${data.z.here.names[1]}"),
        r#""a ${members.aws_vpc_main.outputs.id}/${(builtins.elemAt members.data_z_here.outputs.names 1)}""#
    );
    assert_eq!(nix("echo $${HOME}\n"), r#""echo \${HOME}\n""#);
}
