//! Starts providers and opens states for the engine, which knows nothing of their kinds.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nixops4_core::diagnostic::{Diagnosed, Diagnostic};
use nixops4_core::engine::{ProviderFactory, StateAccess, StateFactory, StateHandler, StoreResult};
use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::provider::{Failure, Provider};
use nixops4_core::state::{
    ChannelStore, FileStore, HandlerChannel, Run, StateError, StateStore, WriteOptions,
};
use nixops4_core::value::Value;
use nixops4_proto::evaluator::ProviderProgram;
use nixops4_tfproto::discovery::{
    Constraints, Environment, LocateError, Request, SourceSpec, locate,
};
use nixops4_tfproto::provider::{PluginOptions, TfProvider};

use crate::programs::Program;

/// The state where no component names a handler.
pub const DEFAULT_STATE: &str = "nixops4.state";
/// The local provider's type of state handlers.
const STATE_FILE: &str = "state_file";

/// The process's own surroundings; relative mirrors are relative to the deployment.
fn environment(base: &Path) -> Environment {
    Environment::new(std::env::vars_os(), base)
}

/// Starts providers of every kind.
#[derive(Debug)]
pub struct Providers {
    base: PathBuf,
    environment: Environment,
}

impl Providers {
    /// For a deployment in the folder `base`.
    pub fn new(base: &Path) -> Self {
        Self {
            base: base.to_owned(),
            environment: environment(base),
        }
    }

    fn native(&self, id: &str, executable: &Path, args: &[String]) -> Arc<dyn Provider> {
        let program = NativeProgram::new(id, executable)
            .args(args.to_vec())
            .dir(&self.base);
        NativeProvider::new(program)
    }

    /// Finds a plugin's program on this machine.
    fn plugin_program(
        &self,
        executable: Option<&str>,
        source: Option<&str>,
        version: Option<&str>,
    ) -> Result<PathBuf, Failure> {
        if let Some(executable) = executable {
            return Ok(self.base.join(executable));
        }
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
        let located = locate(
            &Request {
                source,
                constraints,
            },
            &self.environment,
        )
        .map_err(|error| not_located(&error))?;
        for warning in &located.warnings {
            tracing::warn!("{warning}");
        }
        Ok(located.executable)
    }
}

#[async_trait]
impl ProviderFactory for Providers {
    async fn open(
        &self,
        id: &str,
        program: &ProviderProgram,
    ) -> Result<Arc<dyn Provider>, Failure> {
        let name = &display_name(id);
        match program {
            ProviderProgram::Local {} => Ok(self.native(name, &Program::LocalProvider.path(), &[])),
            ProviderProgram::Stdio { executable, args } => {
                Ok(self.native(name, Path::new(executable), args))
            }
            ProviderProgram::Tfplugin {
                executable,
                source,
                version,
            } => {
                let executable = self.plugin_program(
                    executable.as_deref(),
                    source.as_deref(),
                    version.as_deref(),
                )?;
                Ok(TfProvider::new(PluginOptions {
                    name: name.clone(),
                    executable,
                    env: Vec::new(),
                    cache_dir: self.environment.cache_dir(),
                }))
            }
        }
    }
}

/// A provider instance as the user wrote it: `aws`, or `net.aws` below a composite.
fn display_name(id: &str) -> String {
    match id.split_once('#') {
        Some(("", name)) => name.to_owned(),
        Some((at, name)) => format!("{at}.{name}"),
        None => id.to_owned(),
    }
}

/// What an error and everything behind it say.
fn chain(error: &dyn Error) -> String {
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
    let LocateError::NotFound(not_found) = error else {
        return Diagnostic::error(chain(error));
    };
    let text = chain(error);
    let (summary, detail) = text.split_once('\n').unwrap_or((&text, ""));
    Diagnostic::error(summary)
        .detail(detail)
        .hint(not_found.hint.clone())
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
    async fn open_default(&self, access: StateAccess) -> StoreResult {
        self.open_file(Path::new(DEFAULT_STATE), access)
    }

    async fn open(&self, handler: StateHandler, access: StateAccess) -> StoreResult {
        if let Some(provider) = handler.configured {
            let channel = HandlerChannel {
                provider,
                type_name: handler.type_name,
                inputs: handler.inputs,
                outputs: Value::null(),
            };
            let place = handler.member.to_string();
            let read_only = access == StateAccess::Read;
            let opened =
                ChannelStore::open(place, self.run.clone(), Arc::new(channel), read_only).await;
            return match opened {
                Ok(store) => Ok((Arc::new(store) as Arc<dyn StateStore>).into()),
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
