//! `nixops4 providers install`, `lock` and `mirror`: the commands that use the network.

use std::path::PathBuf;

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::evaluate::{Evaluate, from_eval_error};
use nixops4_proto::evaluator::{ListProviders, Position, ProviderInstance, ProviderProgram};
use nixops4_registry::{
    Done, Failures, InstallError, MirrorReport, Options, Outcome, Report, Wish,
};
use nixops4_tfproto::discovery::{Constraints, Platform, SourceSpec};

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::root::Root;
use crate::session;
use crate::tools::{chain, display_name, environment};
use crate::ui::diagnostics::render_all;
use crate::ui::print::{err, outln};

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
    let asked = asked(&args.root, show_trace).await?;
    let options = Options {
        keep_unasked: !asked.is_all,
        upgrade: args.upgrade,
        read_only: args.locked,
        ..Options::default()
    };
    fetch(asked, options).await
}

/// Locks the plugins of the deployment for some platforms.
pub async fn lock(args: LockArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let asked = asked(&args.root, show_trace).await?;
    let options = Options {
        keep_unasked: !asked.is_all,
        upgrade: args.upgrade,
        accept_new_hashes: true,
        attached: true,
        platforms: (!args.platforms.is_empty()).then_some(args.platforms),
        ..Options::default()
    };
    fetch(asked, options).await
}

/// Makes a mirror of the plugins of the deployment.
pub async fn mirror(args: MirrorArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let asked = asked(&args.root, show_trace).await?;
    let Asked { wishes, root, .. } = asked;
    let environment = environment(&root.base);
    let mut platforms = args.platforms;
    if platforms.is_empty() {
        platforms.push(environment.platform().clone());
    }
    let directory = session::current_dir()?.join(args.directory);
    let report: MirrorReport = blocking(asked.places, move || {
        nixops4_registry::mirror(&environment, &root.base, &wishes, &directory, &platforms)
    })
    .await?;
    warn(&report.warnings);
    for package in report.packages {
        warn(&package.warnings);
        let done = if package.is_new { "" } else { " (was there)" };
        let (source, version) = (&package.source, &package.version);
        outln!("{source} {version} {}{done}", package.platform);
    }
    Ok(Exit::Done)
}

async fn fetch(asked: Asked, options: Options) -> Result<Exit, CommandError> {
    let Asked { wishes, root, .. } = asked;
    let environment = environment(&root.base);
    let is_lock = options.accept_new_hashes;
    let report: Report = blocking(asked.places, move || {
        nixops4_registry::install(&environment, &root.base, &wishes, &options)
    })
    .await?;
    warn(&report.warnings);
    for outcome in &report.outcomes {
        warn(&outcome.warnings);
        outln!("{}", describe(outcome, is_lock));
    }
    if report.outcomes.is_empty() {
        outln!("The deployment has no plugins that could be fetched.");
    }
    if report.lock_changed {
        outln!(
            "Wrote {}: keep it with the deployment.",
            nixops4_tfproto::lockfile::LOCK_FILE
        );
    }
    Ok(Exit::Done)
}

fn describe(outcome: &Outcome, is_lock: bool) -> String {
    let version = outcome.version.as_ref();
    let version = version.map(|version| format!(" {version}"));
    let done = match &outcome.done {
        Done::Installed(from) => format!("from {from}"),
        Done::Present => "is installed".to_owned(),
        Done::Locked => format!("is {}", locked_for(outcome)),
        Done::Overridden => "is left alone: dev_overrides names a directory for it".to_owned(),
        Done::Attached => "is left alone: TF_REATTACH_PROVIDERS says that it runs".to_owned(),
    };
    let more = match outcome.done {
        Done::Installed(_) | Done::Present if is_lock => format!("; {}", locked_for(outcome)),
        _ => String::new(),
    };
    let version = version.unwrap_or_default();
    format!("{}{version}  {done}{more}", outcome.source)
}

fn locked_for(outcome: &Outcome) -> String {
    let platforms: Vec<_> = outcome.platforms.iter().map(Platform::to_string).collect();
    format!("locked for {}", platforms.join(", "))
}

fn warn(warnings: &[String]) {
    let warnings = warnings.iter().cloned().map(Diagnostic::warning);
    let warnings = Diagnostics(warnings.collect());
    err!("{}", render_all(&warnings));
}

/// Does what waits for hosts and disks, on a thread of its own.
async fn blocking<T: Send + 'static>(
    places: Places,
    work: impl FnOnce() -> Result<T, Failures> + Send + 'static,
) -> Result<T, CommandError> {
    let failures = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(failures)) => failures,
        Err(error) => return Err(CommandError::user(format!("fetching broke off: {error}"))),
    };
    warn(&failures.warnings);
    let told = failures.failures.iter().map(|failure| {
        let mut diagnostic = said(&failure.error);
        let provider = failure.provider.as_ref();
        let places = provider.map(|provider| places_of(&places, provider));
        let places = places.unwrap_or_default();
        // Several instances may ask for it, and the first is shown.
        diagnostic.position = places.iter().find_map(|place| place.position.clone());
        if is_about_versions(&failure.error) {
            add_conditions(&mut diagnostic, &places);
        }
        diagnostic
    });
    Err(Diagnostics(told.collect()).into())
}

/// Where a provider is asked for.
fn places_of<'a>(places: &'a [Place], provider: &SourceSpec) -> Vec<&'a Place> {
    let candidates = provider.candidates();
    let is_same = |spec: &SourceSpec| spec.candidates().iter().any(|one| candidates.contains(one));
    let found = places.iter().filter(|place| is_same(&place.source));
    found.collect()
}

fn is_about_versions(error: &InstallError) -> bool {
    matches!(
        error,
        InstallError::NotFound(_) | InstallError::LockedOtherwise { .. }
    )
}

/// Tells which instance asks for which versions, where several do: they may contradict each other.
fn add_conditions(diagnostic: &mut Diagnostic, places: &[&Place]) {
    let with_version = places.iter().filter_map(|place| {
        let at = place.position.as_ref();
        let at = at.map(|at| format!(" ({}:{}:{})", at.file, at.line, at.column));
        let version = place.version.as_ref()?;
        Some(format!(
            "{} asks for {version}{}",
            place.name,
            at.unwrap_or_default()
        ))
    });
    let lines: Vec<_> = with_version.collect();
    if lines.len() < 2 {
        return;
    }
    let detail = std::mem::take(&mut diagnostic.detail);
    let lines = detail.lines().map(str::to_owned).chain(lines);
    diagnostic.detail = lines.collect::<Vec<_>>().join("\n");
}

fn said(error: &InstallError) -> Diagnostic {
    let text = chain(error);
    let (summary, detail) = text.split_once('\n').unwrap_or((&text, ""));
    let mut diagnostic = Diagnostic::error(summary).detail(detail);
    diagnostic.hints.extend(error.hints());
    diagnostic
}

/// Where the deployment asks for a plugin.
struct Place {
    source: SourceSpec,
    /// The instance.
    name: String,
    version: Option<String>,
    position: Option<Position>,
}

/// All that ask.
type Places = Vec<Place>;

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
            Ok(Some(wish)) => {
                places.push(place(instance, wish.source.clone()));
                wishes.push(wish);
            }
            Ok(None) => {}
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

fn place(instance: &ProviderInstance, source: SourceSpec) -> Place {
    let version = match &instance.program {
        ProviderProgram::Tfplugin { version, .. } => version.clone(),
        _ => None,
    };
    Place {
        source,
        name: display_name(&instance.id),
        version,
        position: instance.position.clone(),
    }
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
