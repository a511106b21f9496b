//! `nixops4 run`: does an operation that a component offers, or lists those there are.

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::engine::{OperationPlan, OperationReport, nearest};
use nixops4_proto::evaluator::OperationHead;

use crate::args::{RefreshChoice, RootArgs, RunArgs};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::run::{Options, Run, StateAccess};
use crate::ui;
use crate::ui::print::{err, out, outln};
use crate::ui::question::{ask, may_ask};

#[derive(Args, Debug)]
#[command(override_usage = "nixops4 run [OPTIONS] [MEMBER] [OPERATION]")]
pub struct OperationArgs {
    /// The component and its operation; of the root, the operation alone [default: lists them]
    #[arg(value_name = "MEMBER OPERATION", num_args = 0..=2)]
    pub words: Vec<String>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Whether to read the objects whose outputs the operation uses
    #[arg(long, value_enum, default_value_t = RefreshChoice::All)]
    pub refresh: RefreshChoice,

    /// Does not ask
    #[arg(long, short)]
    pub yes: bool,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Does an operation, or lists those there are.
pub async fn run(args: OperationArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let OperationArgs {
        words,
        root,
        yes,
        json,
        refresh,
    } = args;
    if words.len() > 1 {
        may_ask(yes, json)?;
    }
    let options = Options::new(RunArgs::on(root, refresh), StateAccess::Read, show_trace);
    let mut run = Run::start(options.json(json)).await?;
    let done = carry_out(&mut run, &words, yes, json).await;
    run.close(done).await
}

async fn carry_out(
    run: &mut Run,
    words: &[String],
    yes: bool,
    json: bool,
) -> Result<Exit, CommandError> {
    let root = MemberPath::root();
    let (heads, warnings) = run
        .drive(async |engine| engine.operations(&root).await)
        .await?;
    if !json {
        err!("{}", ui::diagnostics::render_all(&warnings));
    }
    let head = match choose(&heads, words)? {
        Chosen::One(head) => head,
        Chosen::List(heads) => {
            list(&heads, json);
            return Ok(Exit::Done);
        }
    };
    may_ask(yes, json)?;
    let plan = run
        .drive(async |engine| engine.plan_operation(&head.member, &head.name).await)
        .await?;
    if !json {
        out!("{}", ui::operation::render(&plan));
        err!("{}", ui::diagnostics::render_all(&plan.warnings));
    }
    if !yes && !ask("Run this?").await? {
        return Ok(Exit::Failed);
    }
    let report = invoke(run, &plan).await?;
    if !json {
        err!("{}", ui::diagnostics::render_all(&report.diagnostics));
    }
    Ok(
        match (report.interrupted || run.is_interrupted(), report.failed) {
            (false, false) => Exit::Done,
            (true, _) if report.failed || report.done < plan.steps.len() => Exit::Interrupted,
            (true, _) => Exit::Done,
            (false, true) => Exit::Failed,
        },
    )
}

async fn invoke(run: &mut Run, plan: &OperationPlan) -> Result<OperationReport, CommandError> {
    run.drive(async |engine| Ok(engine.run_operation(plan).await))
        .await
}

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Chosen {
    One(OperationHead),
    List(Vec<OperationHead>),
}

/// Finds what was typed among the operations there are: nothing, `OPERATION` of the root,
/// `MEMBER`, or `MEMBER OPERATION`.
fn choose(heads: &[OperationHead], words: &[String]) -> Result<Chosen, CommandError> {
    let (member, name) = match words {
        [] => return Ok(Chosen::List(heads.to_vec())),
        [name] => (MemberPath::root(), name),
        [member, name, ..] => (parse(member)?, name),
    };
    let found = heads
        .iter()
        .find(|head| head.member == member && head.name == *name);
    if let Some(head) = found {
        return Ok(Chosen::One(head.clone()));
    }
    if words.len() == 1
        && let Ok(path) = name.parse::<MemberPath>()
        && heads.iter().any(|head| head.member.is_within(&path))
    {
        let below = heads.iter().filter(|head| head.member.is_within(&path));
        return Ok(Chosen::List(below.cloned().collect()));
    }
    let of_whom = match member.is_root() {
        true => String::new(),
        false => format!(" of {member}"),
    };
    let mut error = CommandError::user(format!("there is no operation {name:?}{of_whom}"));
    let elsewhere: Vec<_> = heads.iter().filter(|head| head.name == *name).collect();
    if let [head, ..] = elsewhere.as_slice() {
        error = error.hint(format!("did you mean `{}`?", command(head)));
    } else if let Some(near) = nearest(name, names(heads, &member)) {
        error = error.hint(format!("did you mean {near:?}?"));
    } else if let Some(near) = nearest(name, heads.iter().map(|head| head.name.as_str()))
        && let Some(head) = heads.iter().find(|head| head.name == near)
    {
        error = error.hint(format!("did you mean `{}`?", command(head)));
    }
    Err(error.hint("`nixops4 run` lists the operations there are"))
}

fn names<'a>(
    heads: &'a [OperationHead],
    member: &MemberPath,
) -> impl Iterator<Item = &'a str> + Clone {
    let of = heads.iter().filter(|head| head.member == *member);
    let names: Vec<_> = of.map(|head| head.name.as_str()).collect();
    names.into_iter()
}

fn parse(member: &str) -> Result<MemberPath, CommandError> {
    member
        .parse()
        .map_err(|error| CommandError::user(format!("{error}")))
}

fn command(head: &OperationHead) -> String {
    match head.member.is_root() {
        true => format!("nixops4 run {}", head.name),
        false => format!("nixops4 run {} {}", head.member, head.name),
    }
}

fn list(heads: &[OperationHead], json: bool) {
    if json {
        for head in heads {
            if let Ok(line) = serde_json::to_string(head) {
                outln!("{line}");
            }
        }
        return;
    }
    if heads.is_empty() {
        outln!("No component offers an operation.");
        return;
    }
    out!("{}", ui::operation::render_list(heads));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(member: &str, name: &str) -> OperationHead {
        OperationHead {
            member: member.parse().expect("path"),
            name: name.to_owned(),
            description: String::new(),
            position: None,
        }
    }

    fn chosen(words: &[&str]) -> Result<Chosen, String> {
        let heads = [
            head("", "deploy"),
            head("db", "reboot"),
            head("web.a", "reload"),
        ];
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        choose(&heads, &words).map_err(|error| {
            let diagnostic = &error.diagnostics.0[0];
            format!("{}; {}", diagnostic.summary, diagnostic.hints[0])
        })
    }

    #[test]
    fn operations_are_found_by_member_and_name() {
        assert_eq!(chosen(&["deploy"]), Ok(Chosen::One(head("", "deploy"))));
        assert_eq!(
            chosen(&["db", "reboot"]),
            Ok(Chosen::One(head("db", "reboot")))
        );
        assert!(matches!(chosen(&[]), Ok(Chosen::List(all)) if all.len() == 3));
        assert!(matches!(chosen(&["web"]), Ok(Chosen::List(below)) if below.len() == 1));
    }

    #[test]
    fn what_is_not_there_is_suggested() {
        assert_eq!(
            chosen(&["db", "rebot"]).expect_err("no such"),
            "there is no operation \"rebot\" of db; did you mean \"reboot\"?"
        );
        assert_eq!(
            chosen(&["reboot"]).expect_err("not of the root"),
            "there is no operation \"reboot\"; did you mean `nixops4 run db reboot`?"
        );
        assert_eq!(
            chosen(&["reloda"]).expect_err("no such"),
            "there is no operation \"reloda\"; did you mean `nixops4 run web.a reload`?"
        );
    }
}
