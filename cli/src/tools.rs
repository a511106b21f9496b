//! Starts providers and opens states for the engine, which knows nothing of their kinds.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nixops4_core::diagnostic::{Diagnosed, Diagnostic};
use nixops4_core::engine::{ProviderFactory, StateAccess, StateFactory, StateHandler, StoreResult};
use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::provider::{Failure, Mode, Provider};
use nixops4_core::state::{
    ChannelStore, FileStore, HandlerChannel, Run, StateChannel, StateError, StateStore,
    WholeChannel, WriteOptions, lock_owner,
};
use nixops4_core::value::Value;
use nixops4_proto::evaluator::{ProviderProgram, ProviderSettings};
use nixops4_tfproto::client::Pool;
use nixops4_tfproto::discovery::{
    Constraints, Environment, LocateError, Located, Request, SourceSpec, in_package, locate,
};
use nixops4_tfproto::lockfile::LockFile;
use nixops4_tfproto::provider::{PluginOptions, TfProvider};
use nixops4_tfproto::reattach::{self, Attached, Reattach};

use crate::args::ProcessArgs;
use crate::programs::Program;

/// The state where no component names a handler.
pub const DEFAULT_STATE: &str = "nixops4.state";
/// Set to anything, plugins are spoken to without encryption.
const DISABLE_TLS: &str = "TF_DISABLE_PLUGIN_TLS";
/// The local provider's type of state handlers.
const STATE_FILE: &str = "state_file";

/// The process's own surroundings; relative mirrors are relative to the deployment.
pub fn environment(base: &Path) -> Environment {
    Environment::new(std::env::vars_os(), base)
}

/// What the user's `executable` turns out to be.
pub enum Found {
    /// A program.
    Program(PathBuf),
    /// A package with a plugin in it.
    Package(Box<Located>),
}

/// Starts providers of every kind.
#[derive(Debug)]
pub struct Providers {
    base: PathBuf,
    environment: Environment,
    /// The plugins of this run.
    plugins: Arc<Pool>,
}

impl Providers {
    /// For a deployment in the folder `base`.
    pub fn new(base: &Path) -> Self {
        Self {
            base: base.to_owned(),
            environment: environment(base),
            plugins: Arc::default(),
        }
    }

    /// With bounds to how many processes there may be.
    pub fn with_processes(mut self, processes: ProcessArgs) -> Self {
        if let Some(most) = processes.max_provider_processes {
            self.plugins = Arc::new(Pool::new(most));
        }
        self
    }

    fn native(
        &self,
        id: &str,
        executable: &Path,
        args: &[String],
        settings: &ProviderSettings,
    ) -> Arc<dyn Provider> {
        let program = NativeProgram::new(id, executable)
            .args(args.to_vec())
            .dir(&self.base);
        NativeProvider::limited(program, settings)
    }

    /// Finds a plugin's program on this machine, and what is to be said of how it was found.
    fn plugin_program(
        &self,
        executable: Option<&str>,
        source: Option<&str>,
        version: Option<&str>,
    ) -> Result<(PathBuf, Vec<String>), Failure> {
        let located = match executable {
            Some(executable) => match self.program_or_package(executable, source, version)? {
                Found::Program(path) => return Ok((path, Vec::new())),
                Found::Package(located) => *located,
            },
            None => self.locate(source, version)?,
        };
        Ok((located.executable, located.warnings))
    }

    /// What `executable` names: a plugin's program, or the package that has one.
    pub fn program_or_package(
        &self,
        executable: &str,
        source: Option<&str>,
        version: Option<&str>,
    ) -> Result<Found, Failure> {
        // `./plugin` without the dot in messages.
        let path: PathBuf = self.base.join(executable).components().collect();
        if !path.is_dir() {
            return Ok(Found::Program(path));
        }
        let source = source.map(SourceSpec::parse).transpose();
        let source = source.map_err(|error| Diagnostic::error(chain(&error)))?;
        let constraints = Constraints::parse(version.unwrap_or_default())
            .map_err(|error| Diagnostic::error(chain(&error)))?;
        in_package(&path, source, &constraints, &self.environment)
            .map(|located| Found::Package(Box::new(located)))
            .map_err(|error| not_located(&error).into())
    }

    /// A plugin that someone else has started, usually in a debugger.
    pub fn attached(&self, source: &str) -> Result<Option<Attached>, Failure> {
        let Some(text) = self.environment.path_variable(reattach::VARIABLE) else {
            return Ok(None);
        };
        let refused = |error: &dyn Error| Failure::from(Diagnostic::error(chain(error)));
        let reattach = Reattach::parse(&text.to_string_lossy()).map_err(|error| refused(&error))?;
        let source = SourceSpec::parse(source).map_err(|error| refused(&error))?;
        Ok(reattach.get(&source).cloned())
    }

    /// Finds the package of a plugin on this machine.
    pub fn locate(&self, source: Option<&str>, version: Option<&str>) -> Result<Located, Failure> {
        let Some(source) = source else {
            return Err(
                Diagnostic::error("the provider has neither `source` nor `executable`")
                    .hint("`source = \"hashicorp/aws\"` names a plugin")
                    .into(),
            );
        };
        let source = SourceSpec::parse(source).map_err(|error| Diagnostic::error(chain(&error)))?;
        let constraints = Constraints::parse(version.unwrap_or_default())
            .map_err(|error| Diagnostic::error(chain(&error)))?;
        let lock = LockFile::load(&self.base).map_err(|error| Diagnostic::error(chain(&error)))?;
        let request = Request {
            source,
            constraints,
        };
        locate(&request, &self.environment, lock.as_ref())
            .map_err(|error| not_located(&error).into())
    }
}

#[async_trait]
impl ProviderFactory for Providers {
    async fn open(
        &self,
        id: &str,
        program: &ProviderProgram,
        settings: &ProviderSettings,
    ) -> Result<Arc<dyn Provider>, Failure> {
        let name = &display_name(id);
        match program {
            ProviderProgram::Local {} => {
                let path = Program::LocalProvider.path();
                Ok(self.native(name, &path, &[], settings))
            }
            ProviderProgram::Stdio { executable, args } => {
                Ok(self.native(name, Path::new(executable), args, settings))
            }
            ProviderProgram::Tfplugin {
                executable,
                source,
                version,
            } => {
                let attach = match (executable, source) {
                    (None, Some(source)) => self.attached(source)?,
                    _ => None,
                };
                if let Some(attached) = attach {
                    // What it describes may change with every start, so it is not kept.
                    return Ok(TfProvider::new(PluginOptions {
                        settings: settings.clone(),
                        pool: self.plugins.clone(),
                        attach: Some(attached.clone()),
                        ..PluginOptions::new(name, attached.address.to_string())
                    }));
                }
                let (executable, warnings) = self.plugin_program(
                    executable.as_deref(),
                    source.as_deref(),
                    version.as_deref(),
                )?;
                Ok(TfProvider::new(PluginOptions {
                    cache_dir: self.environment.cache_dir(),
                    settings: settings.clone(),
                    pool: self.plugins.clone(),
                    tls: self.environment.path_variable(DISABLE_TLS).is_none(),
                    warnings,
                    ..PluginOptions::new(name, executable)
                }))
            }
        }
    }
}

/// A provider instance as the user wrote it: `aws`, or `net.aws` below a composite.
pub fn display_name(id: &str) -> String {
    match id.split_once('#') {
        Some(("", name)) => name.to_owned(),
        Some((at, name)) => format!("{at}.{name}"),
        None => id.to_owned(),
    }
}

/// What an error and everything behind it say.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn not_located(error: &LocateError) -> Diagnostic {
    let text = chain(error);
    let (summary, detail) = text.split_once('\n').unwrap_or((&text, ""));
    let mut diagnostic = Diagnostic::error(summary).detail(detail);
    diagnostic.hints.extend(error.hints());
    diagnostic
}

/// What is wrong with a state, and what to do about it.
pub fn state_error(error: StateError) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(chain(&error));
    diagnostic.hints = error.hints();
    diagnostic
}

/// Opens state files.
#[derive(Debug)]
pub struct States {
    base: PathBuf,
    run: Run,
    /// The command line, for others who find a state locked.
    command: String,
}

impl States {
    /// For a deployment in the folder `base`.
    pub fn new(base: &Path) -> Self {
        let command: Vec<_> = std::env::args_os()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        Self {
            base: base.to_owned(),
            run: nixops4_core::state::new_run(),
            command: command.join(" "),
        }
    }

    fn file(&self, path: &Path, access: StateAccess) -> Result<Diagnosed<FileStore>, StateError> {
        let path = self.base.join(path);
        // Where the disk of the deployment is full, another may not be.
        let rescue_directories = vec![std::env::temp_dir()];
        match access {
            StateAccess::Read => FileStore::open_read(&path, self.run.clone(), &rescue_directories),
            StateAccess::Write => {
                let options = WriteOptions {
                    command: self.command.clone(),
                    rescue_directories,
                };
                FileStore::open_write(&path, self.run.clone(), &options)
            }
        }
    }
}

#[async_trait]
impl StateFactory for States {
    fn has_default(&self) -> bool {
        self.base.join(DEFAULT_STATE).exists()
    }

    async fn open_default(&self, access: StateAccess) -> StoreResult {
        self.open_file(Path::new(DEFAULT_STATE), access)
    }

    async fn open(&self, handler: StateHandler, access: StateAccess) -> StoreResult {
        if let Some(provider) = handler.configured {
            let channel: Arc<dyn StateChannel> = match handler.mode {
                Mode::StateStore => Arc::new(WholeChannel::new(
                    provider,
                    handler.type_name,
                    handler.inputs,
                )),
                _ => Arc::new(HandlerChannel {
                    provider,
                    type_name: handler.type_name,
                    inputs: handler.inputs,
                    outputs: Value::null(),
                }),
            };
            let place = handler.member.to_string();
            let owner = lock_owner(&self.run, &self.command);
            let owner = (access == StateAccess::Write).then_some(&owner);
            let opened = ChannelStore::open(place, self.run.clone(), channel.clone(), owner).await;
            return match opened {
                Ok(store) => Ok(Diagnosed {
                    value: Arc::new(store) as Arc<dyn StateStore>,
                    warnings: channel.warnings(),
                }),
                Err(error) => Err(state_error(error).into()),
            };
        }
        if handler.type_name != STATE_FILE {
            return Err(Diagnostic::error(format!(
                "{} cannot keep state: {} is not a type of state handlers",
                handler.member, handler.type_name
            ))
            .hint("`providers.local.state_file` is one")
            .into());
        }
        let name = handler
            .inputs
            .as_attrs()
            .and_then(|inputs| inputs.get("name"));
        match name.and_then(Value::as_str) {
            Some(name) => self.open_file(Path::new(name), access),
            None => Err(Diagnostic::error(format!("{} has no `name`", handler.member)).into()),
        }
    }
}

impl States {
    fn open_file(&self, path: &Path, access: StateAccess) -> StoreResult {
        let opened = self.file(path, access).map_err(state_error)?;
        Ok(Diagnosed {
            value: Arc::new(opened.value),
            warnings: opened.warnings,
        })
    }
}
