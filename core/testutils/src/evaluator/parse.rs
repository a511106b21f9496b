//! The notation of deployments, parsed. Panics on what is not in the notation: it is part of a test.

use std::collections::{BTreeMap, BTreeSet};

use nixops4_core::value::Value;
use nixops4_core::{AttrPath, MemberPath, OutputRef, Step};
use nixops4_proto::evaluator::{Mode, Resource, StateChoice};
use serde_json::Value as Json;

/// A deployment.
#[derive(Debug, Default)]
pub(super) struct Deployment {
    pub(super) resources: BTreeMap<MemberPath, Declared>,
    /// Composites whose members an output names, by path.
    pub(super) each: BTreeMap<MemberPath, Declared>,
    pub(super) composites: BTreeMap<MemberPath, BTreeSet<String>>,
    pub(super) states: BTreeMap<MemberPath, StateChoice>,
    /// Configurations, by id.
    pub(super) providers: BTreeMap<String, Vec<(String, Expr)>>,
    /// The text cannot be loaded.
    pub(super) error: Option<String>,
}

/// A resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    pub(super) line: u32,
    pub(super) resource: Resource,
    pub(super) inputs: Vec<(String, Expr)>,
    pub(super) each: Option<OutputRef>,
    pub(super) condition: Option<OutputRef>,
    pub(super) throw: Option<String>,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Json(Value),
    Ref(OutputRef),
    /// The name of the member.
    Name,
    /// Put together to a text.
    Text(Vec<Self>),
    List(Vec<Self>),
    Attrs(Vec<(String, Self)>),
}

pub(super) fn deployment(text: &str) -> Deployment {
    let mut deployment = Deployment::default();
    deployment.composites.entry(MemberPath::root()).or_default();
    for (number, line) in text.lines().enumerate() {
        let tokens = tokens(line);
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        match tokens.as_slice() {
            [] => {}
            ["error", text] => deployment.error = Some(unquoted(text)),
            ["provider", name, config @ ..] => {
                let config = config.iter().map(|token| input(token)).collect();
                deployment.providers.insert(format!("#{name}"), config);
            }
            [path, "=", "composite", options @ ..] => {
                let path = member(path);
                enclose(&mut deployment, &path);
                for option in options {
                    match option.split_once('=') {
                        Some(("!state", handler)) => {
                            deployment
                                .states
                                .insert(path.clone(), super::choice(handler));
                        }
                        _ if *option == "!stateless" => {
                            deployment
                                .states
                                .insert(path.clone(), StateChoice::Stateless);
                        }
                        _ => panic!("unknown option {option}"),
                    }
                }
            }
            [path, "=", rest @ ..] => {
                let mut declared = declared(rest);
                declared.line = number as u32 + 1;
                match path.strip_suffix(".*") {
                    Some(composite) => {
                        let path = member(composite);
                        enclose(&mut deployment, &path);
                        deployment.composites.remove(&path);
                        deployment.each.insert(path, declared);
                    }
                    None => {
                        let path = member(path);
                        enclose(&mut deployment, &path);
                        deployment.composites.remove(&path);
                        deployment.resources.insert(path, declared);
                    }
                }
            }
            _ => panic!("not in the notation: {line}"),
        }
    }
    deployment
}

/// Makes the composites around a path, and the path one too for now.
fn enclose(deployment: &mut Deployment, path: &MemberPath) {
    deployment.composites.entry(path.clone()).or_default();
    let mut at = path.clone();
    while let (Some(parent), Some(name)) = (at.parent(), at.name()) {
        let members = deployment.composites.entry(parent.clone()).or_default();
        members.insert(name.to_owned());
        at = parent;
    }
}

fn declared(tokens: &[&str]) -> Declared {
    let mut declared = Declared::default();
    let resource = &mut declared.resource;
    resource.provider = super::DEFAULT_PROVIDER.to_owned();
    let rest = match tokens {
        ["data", name, rest @ ..] => {
            resource.mode = Mode::Data;
            resource.type_name = (*name).to_owned();
            rest
        }
        [name, rest @ ..] => {
            resource.type_name = (*name).to_owned();
            rest
        }
        [] => panic!("a resource without type"),
    };
    for token in rest {
        match token.strip_prefix('!') {
            Some(option) => set_option(&mut declared, option),
            None => declared.inputs.push(input(token)),
        }
    }
    declared
}

fn set_option(declared: &mut Declared, option: &str) {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let resource = &mut declared.resource;
    match name {
        "cbd" => resource.lifecycle.create_before_destroy = true,
        "prevent" => resource.lifecycle.prevent_destroy = true,
        "ignore" => resource.lifecycle.ignore_changes.push(attr_path(value)),
        "ignore-all" => resource.lifecycle.ignore_all_changes = true,
        "trigger" => {
            let output = output(value);
            resource.lifecycle.replace_triggered_by.push(output);
        }
        "after" => resource.depends_on.push(member(value)),
        "formerly" => resource.formerly.push(member(value)),
        "import" => resource.import_id = Some(value.to_owned()),
        "state" => resource.state = super::choice(value),
        "stateless" => resource.state = StateChoice::Stateless,
        "provider" => resource.provider = format!("#{value}"),
        "each" => declared.each = Some(output(value)),
        "if" => declared.condition = Some(output(value)),
        "throw" => declared.throw = Some(unquoted(value)),
        _ => panic!("unknown option {option}"),
    }
}

fn input(token: &str) -> (String, Expr) {
    let (name, value) = token.split_once('=').expect("NAME=VALUE");
    let expr = match value.strip_prefix('@') {
        Some(reference) => Expr::Ref(output(reference)),
        None => expr(&serde_json::from_str(value).expect("a JSON value")),
    };
    (name.to_owned(), expr)
}

fn expr(json: &Json) -> Expr {
    match json {
        Json::String(text) => interpolated(text),
        Json::Array(elements) => Expr::List(elements.iter().map(expr).collect()),
        Json::Object(map) => Expr::Attrs(map.iter().map(|(k, v)| (k.clone(), expr(v))).collect()),
        other => Expr::Json(Value::from_plain_json(other).expect("a value")),
    }
}

fn interpolated(text: &str) -> Expr {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(Expr::Json(before.into()));
        }
        let (reference, after) = after.split_once('}').expect("a closing brace");
        parts.push(match reference {
            "name" => Expr::Name,
            _ => Expr::Ref(output(reference)),
        });
        rest = after;
    }
    if parts.is_empty() {
        return Expr::Json(text.into());
    }
    if !rest.is_empty() {
        parts.push(Expr::Json(rest.into()));
    }
    Expr::Text(parts)
}

pub(super) fn member(text: &str) -> MemberPath {
    text.parse().expect("a member path")
}

/// `MEMBER` or `MEMBER:PATH`.
fn output(text: &str) -> OutputRef {
    let (path, attrs) = text.split_once(':').unwrap_or((text, ""));
    OutputRef {
        member: member(path),
        path: attr_path(attrs),
    }
}

fn attr_path(text: &str) -> AttrPath {
    let steps = text.split('.').filter(|step| !step.is_empty());
    AttrPath(
        steps
            .map(|step| match step.parse::<u64>() {
                Ok(index) => Step::Index(index),
                Err(_) => step.into(),
            })
            .collect(),
    )
}

fn unquoted(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

/// Words, separated by white space outside quotes and brackets; `#` begins a comment.
fn tokens(line: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let (mut quoted, mut escaped, mut depth) = (false, false, 0);
    for c in line.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            '#' if !quoted && depth == 0 && token.is_empty() => break,
            c if c.is_whitespace() && !quoted && depth == 0 => {
                tokens.extend((!token.is_empty()).then(|| std::mem::take(&mut token)));
                continue;
            }
            _ => {}
        }
        token.push(c);
    }
    tokens.extend((!token.is_empty()).then_some(token));
    tokens
}
