//! `nixops4 providers install`, `lock` and `mirror`: the commands that use the network.

use std::path::PathBuf;

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::evaluate::{Evaluate, from_eval_error};
use nixops4_proto::evaluator::{ListProviders, Position, ProviderInstance, ProviderProgram};
use nixops4_registry::{Done, Failure, Failures, Options, Outcome, Report, Wish};
use nixops4_tfproto::discovery::{Constraints, Platform, SourceSpec};
use nixops4_tfproto::reattach;

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::root::Root;
use crate::session;
use crate::tools::{Providers, chain, display_name, environment};
use crate::ui::diagnostics::render_all;

/// What `providers install` is told.
#[derive(Args, Debug)]
pub struct InstallArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Chooses the newest versions that are allowed, whatever is locked
    #[arg(long, conflicts_with = "locked")]
    pub upgrade: bool,

    /// Fails where the lock file would have to change
    #[arg(long)]
    pub locked: bool,
}

/// What `providers lock` is told.
#[derive(Args, Debug)]
pub struct LockArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Platform to lock, such as linux_amd64; may be repeated [default: this machine's]
    #[arg(long = "platform", value_name = "OS_ARCH", value_parser = Platform::parse)]
    pub platforms: Vec<Platform>,

    /// Chooses the newest versions that are allowed, whatever is locked
    #[arg(long)]
    pub upgrade: bool,
}

/// What `providers mirror` is told.
#[derive(Args, Debug)]
pub struct MirrorArgs {
    /// The folder to make a mirror, or to add to
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    #[command(flatten)]
    pub root: RootArgs,

    /// Platform to mirror, such as linux_amd64; may be repeated [default: this machine's]
    #[arg(long = "platform", value_name = "OS_ARCH", value_parser = Platform::parse)]
    pub platforms: Vec<Platform>,
}

/// Fetches the plugins of the deployment, and locks them.
pub async fn install(args: InstallArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let mut asked = asked(&args.root, show_trace).await?;
    leave_attached(&mut asked)?;
    let options = Options {
        keep_unasked: !asked.is_all,
        upgrade: args.upgrade,
        read_only: args.locked,
        ..Options::default()
    };
    fetch(asked, options).await
}

/// Takes away what somebody else runs: it is used as it is, and what is locked of it stays.
fn leave_attached(asked: &mut Asked) -> Result<(), CommandError> {
    let reattach = Providers::new(&asked.root.base).all_attached();
    let reattach = reattach.map_err(|failure| failure.into_diagnostics())?;
    let (attached, wishes) = std::mem::take(&mut asked.wishes)
        .into_iter()
        .partition(|wish| reattach.get(&wish.source).is_some());
    asked.wishes = wishes;
    let attached: Vec<Wish> = attached;
    for wish in &attached {
        anstream::println!(
            "{}  is left alone: {} names a process for it",
            wish.source,
            reattach::VARIABLE
        );
    }
    asked.is_all &= attached.is_empty();
    Ok(())
}

/// Locks the plugins of the deployment for some platforms.
pub async fn lock(args: LockArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let asked = asked(&args.root, show_trace).await?;
    let options = Options {
        keep_unasked: !asked.is_all,
        upgrade: args.upgrade,
        accept_new_hashes: true,
        platforms: (!args.platforms.is_empty()).then_some(args.platforms),
        ..Options::default()
    };
    fetch(asked, options).await
}

/// Makes a mirror of the plugins of the deployment.
pub async fn mirror(args: MirrorArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let Asked {
        wishes,
        places,
        root,
        ..
    } = asked(&args.root, show_trace).await?;
    let environment = environment(&root.base);
    let mut platforms = args.platforms;
    if platforms.is_empty() {
        platforms.push(environment.platform().clone());
    }
    let directory = session::current_dir()?.join(args.directory);
    let mirrored = blocking(&places, move || {
        nixops4_registry::mirror(&environment, &root.base, &wishes, &directory, &platforms)
    })
    .await?;
    warn(&mirrored.warnings);
    for package in mirrored.packages {
        warn(&package.warnings);
        let done = if package.is_new { "" } else { " (was there)" };
        let (source, version) = (&package.source, &package.version);
        anstream::println!("{source} {version} {}{done}", package.platform);
    }
    Ok(Exit::Done)
}

async fn fetch(asked: Asked, options: Options) -> Result<Exit, CommandError> {
    let Asked {
        wishes,
        places,
        root,
        ..
    } = asked;
    let environment = environment(&root.base);
    let report: Report = blocking(&places, move || {
        nixops4_registry::install(&environment, &root.base, &wishes, &options)
    })
    .await?;
    warn(&report.warnings);
    for outcome in &report.outcomes {
        warn(&outcome.warnings);
        anstream::println!("{}", describe(outcome));
    }
    if report.outcomes.is_empty() {
        anstream::println!("The deployment has no plugins that could be fetched.");
    }
    if report.lock_changed {
        anstream::println!(
            "Wrote {}: keep it with the deployment.",
            nixops4_tfproto::lockfile::LOCK_FILE
        );
    }
    Ok(Exit::Done)
}

fn describe(outcome: &Outcome) -> String {
    let version = outcome.version.as_ref();
    let version = version.map(|version| format!(" {version}"));
    let done = match &outcome.done {
        Done::Installed(from) => format!("from {from}"),
        Done::Present => "is installed".to_owned(),
        Done::Locked => "is locked".to_owned(),
        Done::Overridden => "is left alone: dev_overrides names a directory for it".to_owned(),
    };
    format!("{}{}  {done}", outcome.source, version.unwrap_or_default())
}

fn warn(warnings: &[String]) {
    let warnings = warnings.iter().cloned().map(Diagnostic::warning);
    let warnings = Diagnostics(warnings.collect());
    anstream::eprint!("{}", render_all(&warnings));
}

/// Does what waits for hosts and disks, on a thread of its own.
async fn blocking<T: Send + 'static>(
    places: &Places,
    work: impl FnOnce() -> Result<T, Failures> + Send + 'static,
) -> Result<T, CommandError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|failures| {
            warn(&failures.warnings);
            let said = failures
                .failures
                .iter()
                .map(|failure| said(failure, places));
            Diagnostics(said.collect()).into()
        }),
        Err(error) => Err(CommandError::user(format!("fetching broke off: {error}"))),
    }
}

fn said(failure: &Failure, places: &Places) -> Diagnostic {
    let text = chain(&failure.error);
    let (summary, detail) = text.split_once('\n').unwrap_or((&text, ""));
    let mut diagnostic = Diagnostic::error(summary).detail(detail);
    diagnostic.hints.extend(failure.error.hints());
    let provider = failure.provider.as_ref();
    let place = places.iter().find(|(source, _)| Some(source) == provider);
    diagnostic.position = place.map(|(_, position)| position.clone());
    diagnostic
}

/// Where the sources of providers are written.
type Places = Vec<(SourceSpec, Position)>;

/// The plugins that the deployment asks for by source.
struct Asked {
    wishes: Vec<Wish>,
    places: Places,
    /// Whether that is all: components that cannot be told yet may need more.
    is_all: bool,
    root: Root,
}

async fn asked(root: &RootArgs, show_trace: bool) -> Result<Asked, CommandError> {
    let (evaluator, root) = session::load(root, show_trace).await?;
    let ask = ListProviders {
        path: MemberPath::root(),
    };
    let told = evaluator.providers(ask).await?;
    let mut problems = Diagnostics::default();
    let (mut wishes, mut places) = (Vec::new(), Places::new());
    for instance in &told.providers {
        match wish(instance) {
            Ok(wish) => {
                let place = instance.position.clone();
                let source = wish.as_ref().map(|wish| wish.source.clone());
                places.extend(source.zip(place));
                wishes.extend(wish);
            }
            Err(problem) => {
                let mut problem = Diagnostic::error(problem);
                problem.position.clone_from(&instance.position);
                problems.push(problem);
            }
        }
    }
    let is_all = told.untold.is_empty();
    for untold in told.untold {
        let place = match untold.name {
            Some(name) => display_name(&format!("{}#{name}", untold.member)),
            None => format!("what is in {}", untold.member),
        };
        match untold.error {
            Some(error) => problems.push(from_eval_error(&error)),
            None => warn(&[format!(
                "{place} cannot be told before something else exists; plugins that only it needs \
                 are not fetched"
            )]),
        }
    }
    if problems.has_errors() {
        return Err(problems.into());
    }
    Ok(Asked {
        wishes,
        places,
        is_all,
        root,
    })
}

fn wish(instance: &ProviderInstance) -> Result<Option<Wish>, String> {
    let ProviderProgram::Tfplugin {
        executable: None,
        source: Some(source),
        version,
    } = &instance.program
    else {
        return Ok(None);
    };
    let name = display_name(&instance.id);
    let said = |error: &dyn std::error::Error| format!("{name}: {error}");
    Ok(Some(Wish {
        source: SourceSpec::parse(source).map_err(|error| said(&error))?,
        constraints: Constraints::parse(version.as_deref().unwrap_or_default())
            .map_err(|error| said(&error))?,
    }))
}
