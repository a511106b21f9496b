//! `nixops4 show`, `state list`, `state show`, `state dump`: what is remembered.

use std::fmt::Write as _;

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::engine::StateAccess;
use nixops4_core::state::query::{self, Secrets};
use nixops4_core::state::{ResourceEntry, StoredObject};
use nixops4_core::value::Value;
use serde_json::{Map, Value as Json};

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::memory::{Memory, selected};
use crate::ui::print::{out, outln};
use crate::ui::style::{BOLD, DIM, WARNING, paint};
use crate::ui::value::{print_json, scalar_or_secret};

#[derive(Args, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct StateShowArgs {
    /// Member paths [default: all]
    #[arg(value_name = "MEMBER")]
    pub members: Vec<MemberPath>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// `nixops4 state list`: a resource a line.
pub async fn list(args: ShowArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let memory = Memory::open(&args.root, StateAccess::Read, show_trace).await?;
    let mut document = Vec::new();
    for (_, snapshot) in memory.snapshots() {
        for listed in query::list(&snapshot) {
            if args.json {
                document.push(Json::from(listed.member.to_string()));
                continue;
            }
            let mut remarks = Vec::new();
            if listed.tainted {
                remarks.push("created half-way, will be replaced".to_owned());
            }
            if !listed.deposed.is_empty() {
                remarks.push(format!(
                    "{} replaced, still to be deleted",
                    listed.deposed.len()
                ));
            }
            if !listed.intents.is_empty() {
                remarks.push("in doubt".to_owned());
            }
            let remarks = match remarks.is_empty() {
                true => String::new(),
                false => format!("  {}", paint(WARNING, remarks.join("; "))),
            };
            let kind = paint(DIM, &listed.type_name);
            outln!("{}  {kind}{remarks}", listed.member);
        }
    }
    if args.json {
        print_json(&Json::from(document));
    }
    Ok(Exit::Done)
}

/// `nixops4 show`: everything, for people.
pub async fn show(args: ShowArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let ShowArgs { root, json } = args;
    state_show(
        StateShowArgs {
            members: Vec::new(),
            root,
            json,
        },
        show_trace,
    )
    .await
}

/// `nixops4 state show`: some or all of it.
pub async fn state_show(args: StateShowArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let StateShowArgs {
        members,
        root,
        json,
    } = args;
    let memory = Memory::open(&root, StateAccess::Read, show_trace).await?;
    let mut document = Map::new();
    let mut text = String::new();
    for (_, snapshot) in memory.snapshots() {
        for (member, entry) in snapshot.resources() {
            if !selected(member, &members) {
                continue;
            }
            if json {
                let shown = query::show(&snapshot, member, Secrets::Hidden);
                document.insert(member.to_string(), shown.unwrap_or_default());
            } else {
                render(&mut text, member, entry);
            }
        }
    }
    let unknown = members.iter().find(|asked| {
        !memory
            .snapshots()
            .any(|(_, snapshot)| snapshot.within(asked).next().is_some())
    });
    if let Some(unknown) = unknown {
        return Err(
            CommandError::user(format!("nothing is remembered of {unknown}"))
                .hint("`nixops4 state list` lists what is"),
        );
    }
    if json {
        print_json(&Json::Object(document));
    } else {
        out!("{text}");
    }
    Ok(Exit::Done)
}

fn render(text: &mut String, member: &MemberPath, entry: &ResourceEntry) {
    if let Some(object) = &entry.current {
        render_object(text, member, object, "");
    }
    for (key, object) in &entry.deposed {
        render_object(
            text,
            member,
            object,
            &format!("  replaced, still to be deleted ({key})"),
        );
    }
}

fn render_object(text: &mut String, member: &MemberPath, object: &StoredObject, remark: &str) {
    let kind = paint(DIM, &object.state.type_name);
    let tainted = if object.state.tainted {
        "  created half-way, will be replaced"
    } else {
        ""
    };
    let remark = paint(WARNING, format!("{tainted}{remark}"));
    let _ = writeln!(text, "{}  {kind}{remark}", paint(BOLD, member));
    let inputs = leaves(&object.state.inputs);
    let outputs = leaves(&object.state.outputs);
    let repeats = |path: &str| outputs.iter().any(|(name, _)| name == path);
    let shown: Vec<_> = inputs
        .iter()
        .filter(|(path, _)| !repeats(path))
        .chain(&outputs)
        .collect();
    let width = shown
        .iter()
        .map(|(path, _)| path.chars().count())
        .max()
        .unwrap_or(0)
        .min(40);
    for (path, value) in shown {
        let _ = writeln!(text, "    {path:<width$}  {value}");
    }
    text.push('\n');
}

/// The leaves that are set.
fn leaves(value: &Value) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    value.visit(&mut |path, value, _, marks| {
        if !value.is_null() && !path.0.is_empty() {
            leaves.push((path.to_string(), scalar_or_secret(value, marks)));
        }
    });
    leaves
}

/// `nixops4 state dump`: one state as it is stored, secrets and all.
pub async fn dump(
    member: Option<MemberPath>,
    root: RootArgs,
    show_trace: bool,
) -> Result<Exit, CommandError> {
    let memory = Memory::open(&root, StateAccess::Read, show_trace).await?;
    let state = memory.states.iter().find(|state| state.handler == member);
    let Some(state) = state else {
        return Err(match member {
            Some(member) => {
                CommandError::user(format!("{member} is no state handler that is in use"))
                    .hint("a component names its state handler: `state = members.NAME;`")
            }
            None => CommandError::user("nothing is remembered in the default state").hint(
                "where components name a state handler, `state dump MEMBER` prints what it keeps",
            ),
        });
    };
    let document = state
        .store
        .document()
        .await
        .map_err(crate::tools::state_error)?;
    print_json(&document);
    Ok(Exit::Done)
}
