//! `nixops4 providers list`: the provider instances that components declare, with the programs
//! behind them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nixops4_core::MemberPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::evaluate::{Evaluate, from_eval_error};
use nixops4_core::provider::Failure;
use nixops4_proto::evaluator::{ListProviders, ProviderInstance, ProviderProgram};
use nixops4_tfproto::discovery::{Located, check_executable};
use nixops4_tfproto::lockfile::LockFile;
use serde_json::{Map, Value as Json, json};

use super::ListArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::programs::Program;
use crate::session;
use crate::tools::{Found as PluginFound, Providers, chain, display_name};
use crate::ui;
use crate::ui::print::{err, errln, outln};
use crate::ui::style::{BOLD, ERROR, paint};
use crate::ui::value::print_json;

/// A provider instance, as far as it is found.
struct Listed {
    name: String,
    protocol: &'static str,
    source: Option<String>,
    constraint: Option<String>,
    found: Result<Found, Diagnostics>,
}

/// A program.
struct Found {
    path: PathBuf,
    version: Option<String>,
    /// Why there.
    origin: Option<String>,
    /// Whether the lock file says what it must be.
    locked: bool,
    /// What was odd on the way.
    warnings: Vec<String>,
}

impl Found {
    /// A program that is where it was said to be.
    fn at(path: PathBuf) -> Self {
        Self {
            path,
            version: None,
            origin: None,
            locked: false,
            warnings: Vec::new(),
        }
    }
}

/// Lists them.
pub async fn run(args: ListArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let (evaluator, root) = session::load(&args.root, show_trace).await?;
    let ask = ListProviders {
        path: MemberPath::root(),
    };
    let told = evaluator.providers(ask).await?;
    let providers = Providers::new(&root.base);
    let listed: Vec<_> = told
        .providers
        .iter()
        .map(|instance| look(instance, &providers, &root.base))
        .collect();
    match args.json {
        true => print_json(&listed.iter().map(to_json).collect()),
        false => print(&listed),
    }
    err!("{}", ui::diagnostics::render_all(&warnings(&listed)));
    let mut problems = Diagnostics::default();
    for untold in told.untold {
        let place = match untold.name {
            Some(name) => display_name(&format!("{}#{name}", untold.member)),
            None => format!("what is in {}", untold.member),
        };
        match untold.error {
            Some(error) => problems.push(from_eval_error(&error)),
            None => errln!("{place} cannot be told before something else exists"),
        }
    }
    let missing = listed.iter().any(|listed| listed.found.is_err());
    if problems.has_errors() {
        return Err(problems.into());
    }
    Ok(if missing { Exit::Failed } else { Exit::Done })
}

/// Finds an instance's program, without starting it.
fn look(instance: &ProviderInstance, providers: &Providers, base: &Path) -> Listed {
    let mut listed = Listed {
        name: display_name(&instance.id),
        protocol: "native",
        source: None,
        constraint: None,
        found: Err(Diagnostics::default()),
    };
    listed.found = match &instance.program {
        ProviderProgram::Local {} => {
            let path = Program::LocalProvider.path();
            is_there(&path).map(|()| Found {
                origin: Some("built in".to_owned()),
                ..Found::at(path)
            })
        }
        ProviderProgram::Stdio { executable, .. } => program(base, executable).map(Found::at),
        ProviderProgram::Tfplugin {
            executable,
            source,
            version,
        } => {
            listed.protocol = "tfplugin";
            listed.source.clone_from(source);
            listed.constraint.clone_from(version);
            let names = [executable, source, version].map(Option::as_deref);
            plugin(names, providers, base)
        }
    };
    if let Err(problems) = &mut listed.found {
        for problem in &mut problems.0 {
            problem.position = problem.position.take().or(instance.position.clone());
        }
    }
    listed
}

/// Finds a plugin by the `executable`, `source` and `version` that the deployment gives.
fn plugin(
    [executable, source, version]: [Option<&str>; 3],
    providers: &Providers,
    base: &Path,
) -> Result<Found, Diagnostics> {
    let attached = source.filter(|_| executable.is_none());
    let attached = attached
        .map(|source| providers.attached(source))
        .transpose();
    if let Some(attached) = attached.map_err(Failure::into_diagnostics)?.flatten() {
        return Ok(Found {
            origin: Some("runs already".to_owned()),
            ..Found::at(attached.address.to_string().into())
        });
    }
    let found = match executable {
        Some(executable) => providers.program_or_package(executable, source, version),
        None => providers
            .locate(source, version)
            .map(|located| PluginFound::Package(Box::new(located))),
    };
    match found.map_err(Failure::into_diagnostics)? {
        PluginFound::Program(path) => is_program(&path).map(|()| Found::at(path)),
        PluginFound::Package(located) => Ok(Found {
            version: located.version.as_ref().map(ToString::to_string),
            origin: Some(located.origin.to_string()),
            locked: is_locked(&located, base),
            path: located.executable,
            warnings: located.warnings,
        }),
    }
}

/// The path of a program in a folder of the deployment, or its name where PATH has it.
fn program(base: &Path, executable: &str) -> Result<PathBuf, Diagnostics> {
    let path: PathBuf = match executable.contains('/') {
        true => base.join(executable).components().collect(),
        false => executable.into(),
    };
    is_there(&path).map(|()| path)
}

/// Whether a program can be started, through PATH if it is only a name.
fn is_there(path: &Path) -> Result<(), Diagnostics> {
    if path.components().count() > 1 {
        return is_program(path);
    }
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&dirs).map(|dir| dir.join(path));
    if paths.any(|path| check_executable(&path).is_ok()) {
        return Ok(());
    }
    let error = format!(
        "there is no program {} in the folders of PATH",
        path.display()
    );
    Err(Diagnostic::error(error).into())
}

fn is_program(path: &Path) -> Result<(), Diagnostics> {
    check_executable(path).map_err(|error| Diagnostic::error(chain(&error)).into())
}

/// Whether the lock file has hashes of the package.
fn is_locked(located: &Located, base: &Path) -> bool {
    let lock = LockFile::load(base).ok().flatten();
    let locked = lock.as_ref().and_then(|lock| lock.get(&located.source));
    locked.is_some_and(|locked| !locked.hashes.is_empty())
}

fn to_json(listed: &Listed) -> Json {
    let mut fields = Map::new();
    let mut field = |name: &str, value: Json| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    field("name", json!(listed.name));
    field("protocol", json!(listed.protocol));
    field("source", json!(listed.source));
    field("constraint", json!(listed.constraint));
    match &listed.found {
        Ok(found) => {
            field("executable", json!(found.path));
            field("version", json!(found.version));
            field("origin", json!(found.origin));
            field("locked", json!(found.locked));
        }
        Err(diagnostics) => {
            let all = diagnostics.0.iter();
            let texts: Vec<_> = all.clone().map(whole).collect();
            field("error", json!(texts.join("\n")));
            let position = all.clone().find_map(|one| one.position.as_ref());
            field("position", json!(position));
            let hints: Vec<_> = all.flat_map(|one| &one.hints).collect();
            field("hints", json!(hints));
        }
    }
    Json::Object(fields)
}

/// All lines of a complaint.
fn whole(diagnostic: &Diagnostic) -> String {
    match diagnostic.detail.as_str() {
        "" => diagnostic.to_string(),
        detail => format!("{diagnostic}\n{detail}"),
    }
}

/// What was odd about any of them, once.
fn warnings(listed: &[Listed]) -> Diagnostics {
    let found = listed
        .iter()
        .filter_map(|listed| listed.found.as_ref().ok());
    let warnings: BTreeSet<_> = found.flat_map(|found| &found.warnings).cloned().collect();
    Diagnostics(warnings.into_iter().map(Diagnostic::warning).collect())
}

fn print(listed: &[Listed]) {
    for listed in listed {
        let mut words = vec![paint(BOLD, &listed.name).to_string()];
        words.extend(listed.source.clone());
        let found = match &listed.found {
            Ok(found) => found,
            Err(diagnostics) => {
                words.extend(listed.constraint.clone());
                words.push(paint(ERROR, "not found").to_string());
                outln!("{}", words.join("  "));
                err!("{}", ui::diagnostics::render_all(diagnostics));
                continue;
            }
        };
        words.extend(found.version.clone());
        words.extend(found.locked.then(|| "locked".to_owned()));
        words.extend(found.origin.clone());
        words.push(found.path.display().to_string());
        words.push(format!("({})", listed.protocol));
        outln!("{}", words.join("  "));
    }
}
