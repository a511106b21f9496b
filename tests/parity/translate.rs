//! A configuration in Terraform's JSON syntax, written as a deployment.

use std::fmt::Write;

use serde_json::{Map, Value};

/// What kind of block it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Managed,
    Data,
    Ephemeral,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Data, Self::Ephemeral, Self::Managed];

    /// What stands before the type, in addresses and in Nix.
    fn prefix(self) -> &'static str {
        match self {
            Self::Managed => "",
            Self::Data => "data.",
            Self::Ephemeral => "ephemeral.",
        }
    }

    fn section(self) -> &'static str {
        match self {
            Self::Managed => "resource",
            Self::Data => "data",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// One `resource`, `data` or `ephemeral` block.
pub struct Block<'a> {
    pub mode: Mode,
    pub type_name: &'a str,
    pub name: &'a str,
    pub body: &'a Map<String, Value>,
}

impl Block<'_> {
    /// Its address in Terraform.
    pub fn address(&self) -> String {
        format!("{}{}.{}", self.mode.prefix(), self.type_name, self.name)
    }

    /// Its member name.
    pub fn member(&self) -> String {
        member(self.mode, self.type_name, self.name)
    }
}

fn member(mode: Mode, type_name: &str, name: &str) -> String {
    let prefix = mode.prefix().replace('.', "_");
    format!("{prefix}{type_name}_{name}")
}

/// The blocks of a configuration.
pub fn blocks(config: &Value) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for mode in Mode::ALL {
        for (type_name, named) in config[mode.section()].as_object().into_iter().flatten() {
            for (name, body) in named.as_object().expect("blocks by name") {
                let body = body.as_object().expect("a block");
                blocks.push(Block {
                    mode,
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
        let mode = block.mode.prefix();
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

/// `aws_vpc.main.id`, `data.aws_zones.here.names[0]`, `provider::time::rfc3339_parse("…").year`.
fn reference(text: &str) -> String {
    if let Some(call) = text.strip_prefix("provider::") {
        return function(call);
    }
    let kind = Mode::ALL
        .into_iter()
        .find(|mode| text.starts_with(mode.prefix()));
    let mode = kind.unwrap_or(Mode::Managed);
    let text = &text[mode.prefix().len()..];
    let mut steps = text.splitn(3, '.');
    let mut next = || {
        steps
            .next()
            .expect("a reference has type, name and attribute")
    };
    let root = member(mode, next(), next());
    let attribute = next();
    match attribute.split_once('[') {
        None => format!("members.{root}.outputs.{attribute}"),
        Some((list, index)) => format!(
            "(builtins.elemAt members.{root}.outputs.{list} {})",
            index.trim_end_matches(']')
        ),
    }
}

/// `time::rfc3339_parse("…").year`: a call whose arguments are JSON, and what is taken of it.
fn function(call: &str) -> String {
    let parts = call.split_once("::").and_then(|(provider, rest)| {
        let (name, rest) = rest.split_once('(')?;
        let (arguments, rest) = rest.rsplit_once(')')?;
        Some((provider, name, arguments, rest))
    });
    let (provider, name, arguments, rest) = parts.expect("a call");
    // Terraform takes a list for the arguments of a variadic parameter, and we always do.
    let arguments = arguments.trim_end_matches("...");
    let arguments: Vec<Value> = serde_json::from_str(&format!("[{arguments}]")).expect("JSON");
    let arguments: Vec<String> = arguments
        .iter()
        .map(|value| format!("({})", nix(value)))
        .collect();
    format!(
        "(providers.{provider}.functions.{name} {}){rest}",
        arguments.join(" ")
    )
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
    assert_eq!(
        nix(r#"${provider::p::join("-", ["a", 1]).x}"#),
        r#"(providers.p.functions.join ("-") ([ ("a") (1) ])).x"#
    );
    assert_eq!(nix("echo $${HOME}\n"), r#""echo \${HOME}\n""#);
}
