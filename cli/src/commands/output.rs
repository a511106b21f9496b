//! `nixops4 output`: outputs, as they are remembered.

use clap::Args;
use nixops4_core::engine::StateAccess;
use nixops4_core::value::Value;
use nixops4_core::{AttrPath, MemberPath};
use serde_json::{Map, Value as Json};

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::memory::Memory;
use crate::ui::print::outln;
use crate::ui::style::{BOLD, paint};
use crate::ui::value::{print_json, scalar_or_secret, to_json};

#[derive(Args, Debug)]
pub struct OutputArgs {
    /// A member, or one of its outputs: `net.vpc`, `net.vpc.id` [default: all]
    #[arg(value_name = "MEMBER[.PATH]")]
    pub target: Option<String>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,

    /// Shows secrets in clear
    #[arg(long)]
    pub show_sensitive: bool,
}

/// Prints all outputs, those of the members at a path, or one of them.
pub async fn run(args: OutputArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let OutputArgs {
        target,
        root,
        json,
        show_sensitive,
    } = args;
    let memory = Memory::open(&root, StateAccess::Read, show_trace).await?;
    let target: MemberPath = target
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|error| CommandError::user(format!("{error}")))?;
    let found = find(&memory, &target).ok_or_else(|| {
        CommandError::user(format!("there is no output {target}"))
            .hint("`nixops4 output` prints all there are")
    })?;
    match found {
        Found::Members(members) if json => {
            let members = members.into_iter();
            let map: Map<_, _> = members
                .map(|(path, v)| (path.to_string(), to_json(&v, show_sensitive)))
                .collect();
            print_json(&Json::Object(map));
        }
        Found::Members(members) => {
            for (path, outputs) in members {
                print_member(&path, &outputs, show_sensitive);
            }
        }
        Found::Value(value) if json => print_json(&to_json(&value, show_sensitive)),
        Found::Value(value) => print_value(&value, show_sensitive),
    }
    Ok(Exit::Done)
}

enum Found {
    /// Whole members, with their outputs.
    Members(Vec<(MemberPath, Value)>),
    /// One output, or a part of one.
    Value(Value),
}

/// A path may end inside a member's outputs: the longest part of it that is a member counts.
fn find(memory: &Memory, target: &MemberPath) -> Option<Found> {
    let mut members = Vec::new();
    for (_, snapshot) in memory.snapshots() {
        for (path, entry) in snapshot.within(target) {
            if let Some(object) = &entry.current {
                members.push((path.clone(), object.state.outputs.clone()));
            }
        }
    }
    if !members.is_empty() || target.is_root() {
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        return Some(Found::Members(members));
    }
    let names = target.names();
    (1..names.len()).rev().find_map(|length| {
        let member = MemberPath::from_names(names[..length].iter().cloned());
        let object = memory
            .snapshots()
            .find_map(|(_, s)| s.object(&member).cloned())?;
        value_at(&object.state.outputs, &names[length..]).map(Found::Value)
    })
}

/// What is inside an output has its marks.
fn value_at(outputs: &Value, names: &[String]) -> Option<Value> {
    let mut value = outputs;
    let mut marks = outputs.marks;
    for name in names {
        let step = match (value.as_list(), name.parse::<usize>()) {
            (Some(_), Ok(index)) => AttrPath::root().child(index),
            _ => AttrPath::root().child(name.as_str()),
        };
        value = value.get(&step)?;
        marks = marks.union(value.marks);
    }
    let mut value = value.clone();
    value.marks = marks;
    Some(value)
}

fn print_member(path: &MemberPath, outputs: &Value, show_sensitive: bool) {
    outln!("{}", paint(BOLD, path));
    outputs.visit(&mut |leaf, value, _, mut marks| {
        if !value.is_null() && !leaf.0.is_empty() {
            marks.sensitive &= !show_sensitive;
            outln!("    {leaf}  {}", scalar_or_secret(value, marks));
        }
    });
}

/// A string as it is, so that scripts can use it; everything else as JSON.
fn print_value(value: &Value, show_sensitive: bool) {
    match value.as_str() {
        Some(text) if !value.marks.sensitive || show_sensitive => outln!("{text}"),
        Some(_) => outln!("(sensitive)"),
        None => print_json(&to_json(value, show_sensitive)),
    }
}
