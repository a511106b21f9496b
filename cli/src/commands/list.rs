//! `nixops4 list`: searches for objects that exist, and writes what takes them over.

use std::collections::HashSet;

use clap::Args;
use nixops4_core::diagnostic::Diagnostics;
use nixops4_core::provider::{ListRequest, Listed};
use nixops4_core::value::Value;
use serde_json::{Value as Json, json};

use crate::args::{RefreshChoice, RootArgs, RunArgs};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::run::{Options, Run, StateAccess};
use crate::ui;
use crate::ui::nix::{attribute, expression};
use crate::ui::print::{err, out, outln};
use crate::ui::style::{DIM, paint};
use crate::ui::value::to_json;

#[derive(Args, Debug)]
pub struct SearchArgs {
    /// The provider instance: `aws`, or `net.aws` where `net` declares it
    pub provider: String,

    /// The provider's name for the type of objects
    #[arg(value_name = "TYPE")]
    pub type_name: String,

    /// What narrows the search down, as the provider's schema says, in JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub config: String,

    /// How many objects to find at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Writes the inputs too that describe each object as it is
    #[arg(long)]
    pub generate: bool,

    /// Prints one JSON object a line
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub root: RootArgs,
}

/// Searches, and prints what is found as it comes.
pub async fn run(args: SearchArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let config: Json = serde_json::from_str(&args.config)
        .map_err(|error| CommandError::user(format!("--config is not JSON: {error}")))?;
    let inputs = Value::from_plain_json(&config)
        .map_err(|error| CommandError::user(format!("--config: {error}")))?;
    let run = RunArgs::on(args.root.clone(), RefreshChoice::All);
    // What is found is all that is printed.
    let options = Options::new(run, StateAccess::Read, show_trace);
    let mut run = Run::start(options).await?;
    let searched = search(&mut run, &args, &inputs).await;
    let warnings = run.close(searched).await?;
    err!("{}", ui::diagnostics::render_all(&warnings));
    Ok(Exit::Done)
}

async fn search(
    run: &mut Run,
    args: &SearchArgs,
    inputs: &Value,
) -> Result<Diagnostics, CommandError> {
    let request = ListRequest {
        type_name: &args.type_name,
        inputs,
        limit: args.limit,
        with_inputs: args.generate,
    };
    let mut names = HashSet::new();
    let mut found = |listed: Listed| {
        match args.json {
            true => outln!("{}", line(&listed)),
            false => {
                let name = unique(&mut names, &listed.name, &args.type_name);
                out!("{}", snippet(&name, args, &listed));
            }
        }
        true
    };
    let provider = provider_id(&args.provider);
    run.drive(async |engine| engine.list(&provider, request, &mut found).await)
        .await
}

/// From `net.aws` to what the evaluator calls it.
fn provider_id(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((member, name)) => format!("{member}#{name}"),
        None => format!("#{name}"),
    }
}

fn line(listed: &Listed) -> Json {
    let mut line = json!({ "displayName": listed.name, "identity": listed.identity });
    if let Some(inputs) = &listed.inputs {
        line["inputs"] = to_json(inputs, false);
    }
    line
}

/// What takes the object over, ready to be pasted.
fn snippet(name: &str, args: &SearchArgs, listed: &Listed) -> String {
    let identity = Value::from_plain_json(&listed.identity).unwrap_or_default();
    let provider = args.provider.rsplit('.').next().unwrap_or_default();
    let inputs = listed
        .inputs
        .as_ref()
        .map(|inputs| format!("  inputs = {};\n", expression(inputs, 1)))
        .unwrap_or_default();
    let comment = paint(DIM, format!("# {}", listed.name.replace('\n', " ")));
    format!(
        "{comment}\nmembers.{} = {{\n  type = providers.{}.{};\n  import.identity = {};\n{inputs}}};\n",
        attribute(name),
        attribute(provider),
        attribute(&args.type_name),
        expression(&identity, 1),
    )
}

/// A name for a member that no other has.
fn unique(taken: &mut HashSet<String>, display: &str, type_name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let words: Vec<_> = display
        .split(|c: char| !fits(c))
        .filter(|word| !word.is_empty())
        .collect();
    let mut base = words.join("-");
    if !base.starts_with(|c: char| c.is_ascii_alphabetic()) {
        base = format!("{type_name}-{base}")
            .trim_end_matches('-')
            .to_owned();
    }
    let mut name = base.clone();
    let mut number = 1;
    while !taken.insert(name.clone()) {
        number += 1;
        name = format!("{base}-{number}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_get_names_that_can_be_typed() {
        let mut taken = HashSet::new();
        let mut name = |display: &str| unique(&mut taken, display, "aws_vpc");
        assert_eq!(name("main (vpc-1)"), "main-vpc-1");
        assert_eq!(name("main (vpc-1)"), "main-vpc-1-2");
        assert_eq!(name("10.0.0.0"), "aws_vpc-10-0-0-0");
        assert_eq!(name(""), "aws_vpc");
    }

    #[test]
    fn providers_are_named_as_in_messages() {
        assert_eq!(provider_id("aws"), "#aws");
        assert_eq!(provider_id("net.aws"), "net#aws");
    }
}
