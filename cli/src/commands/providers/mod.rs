//! `nixops4 providers`: the providers of a deployment.

mod fetch;
mod list;
mod schema;

use clap::{Args, Subcommand, ValueEnum};
use nixops4_core::provider::document::DocumentKind;

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;

/// What can be asked about providers.
#[derive(Debug, Subcommand)]
pub enum ProvidersCommand {
    /// Lists the provider instances of the deployment, and where their programs are
    List(ListArgs),
    /// Shows what a provider has: types, what they are set up with, what they report
    Schema(SchemaArgs),
    /// Fetches the plugins of the deployment, verifies them, and writes the lock file
    Install(fetch::InstallArgs),
    /// Writes the lock file, for several platforms if need be
    Lock(fetch::LockArgs),
    /// Makes a folder a mirror of the deployment's plugins, for Terraform and OpenTofu too
    Mirror(fetch::MirrorArgs),
}

/// What `providers schema` is told.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// An instance of the deployment, a source such as `hashicorp/aws`, or the path of a program
    pub provider: String,

    /// A resource type, data source, function, … [default: the configuration, and the names of all]
    #[arg(value_name = "TYPE")]
    pub type_name: Option<String>,

    /// Only things of one kind
    #[arg(long, value_enum)]
    pub kind: Option<KindChoice>,

    /// Version constraint of a source
    #[arg(long, value_name = "VERSIONS")]
    pub constraint: Option<String>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,

    /// Prints Markdown, with an example
    #[arg(long)]
    pub markdown: bool,
}

/// A kind of things that a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindChoice {
    Resource,
    Data,
    Ephemeral,
    Function,
    Action,
    List,
    StateStore,
}

impl KindChoice {
    fn kind(self) -> DocumentKind {
        match self {
            Self::Resource => DocumentKind::Resource,
            Self::Data => DocumentKind::DataSource,
            Self::Ephemeral => DocumentKind::Ephemeral,
            Self::Function => DocumentKind::Function,
            Self::Action => DocumentKind::Action,
            Self::List => DocumentKind::List,
            Self::StateStore => DocumentKind::StateStore,
        }
    }
}

/// What `providers list` is told.
#[derive(Args, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs a `providers` command.
pub async fn run(command: ProvidersCommand, show_trace: bool) -> Result<Exit, CommandError> {
    match command {
        ProvidersCommand::Schema(args) => schema::run(args, show_trace).await,
        ProvidersCommand::List(args) => list::run(args, show_trace).await,
        ProvidersCommand::Install(args) => fetch::install(args, show_trace).await,
        ProvidersCommand::Lock(args) => fetch::lock(args, show_trace).await,
        ProvidersCommand::Mirror(args) => fetch::mirror(args, show_trace).await,
    }
}
