//! `nixops4 import`: has a member take over an existing object, or writes the inputs that describe
//! such an object.

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::provider::Identifier;

use super::apply::{Approval, carry_out};
use crate::args::RunArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::run::{Options, Run, StateAccess};
use crate::ui;
use crate::ui::print::{err, outln};

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("object").required(true))]
pub struct ImportArgs {
    /// The resource that is to be that object
    pub member: MemberPath,

    /// The provider's identifier of the object
    #[arg(value_name = "ID", group = "object")]
    pub id: Option<String>,

    /// The attributes that identify the object, as JSON: `{"id":"i-123"}`
    #[arg(long, value_name = "JSON", group = "object")]
    pub identity: Option<String>,

    /// Prints the inputs that describe the object instead, as Nix; takes nothing over
    #[arg(long, conflicts_with_all = ["yes", "json"])]
    pub generate: bool,

    #[command(flatten)]
    pub run: RunArgs,

    /// Does not ask
    #[arg(long, short)]
    pub yes: bool,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Takes an object over, or describes it.
pub async fn run(args: ImportArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let object = identifier(&args)?;
    match args.generate {
        true => generate(args, object, show_trace).await,
        false => take_over(args, object, show_trace).await,
    }
}

fn identifier(args: &ImportArgs) -> Result<Identifier, CommandError> {
    match (&args.id, &args.identity) {
        (Some(id), _) => Ok(Identifier::Id(id.clone())),
        (None, identity) => {
            let text = identity.as_deref().unwrap_or_default();
            let identity = serde_json::from_str(text)
                .map_err(|error| CommandError::user(format!("--identity is not JSON: {error}")))?;
            Ok(Identifier::Identity(identity))
        }
    }
}

async fn take_over(
    args: ImportArgs,
    object: Identifier,
    show_trace: bool,
) -> Result<Exit, CommandError> {
    let ImportArgs {
        member,
        run,
        yes,
        json,
        ..
    } = args;
    let approval = Approval::new(yes, json)?;
    let members = vec![member.clone()];
    let options = Options::new(run, StateAccess::Write, show_trace);
    let mut run = Run::start(options.members(members).json(json)).await?;
    run.engine.take_over(member, object);
    let planned = run.drive(async |engine| engine.plan().await).await;
    carry_out(run, planned, approval).await
}

async fn generate(
    args: ImportArgs,
    object: Identifier,
    show_trace: bool,
) -> Result<Exit, CommandError> {
    let ImportArgs { member, run, .. } = args;
    let options = Options::new(run, StateAccess::Read, show_trace);
    let mut run = Run::start(options).await?;
    let described = run
        .drive(async |engine| engine.describe_object(&member, &object).await)
        .await;
    let described = run.close(described).await?;
    err!("{}", ui::diagnostics::render_all(&described.warnings));
    outln!("inputs = {};", ui::nix::expression(&described.value, 0));
    Ok(Exit::Done)
}
