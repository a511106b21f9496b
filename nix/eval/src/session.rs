//! What one process knows: the evaluator, the outputs so far, and the root once it is loaded.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nixops4_lang::{EvalError, Evaluator, Options, RealFs, Str, Value};
use nixops4_proto::evaluator as wire;
use nixops4_proto::path::MemberPath;

use crate::builtins;
use crate::error::{self, WireError};
use crate::library;
use crate::outputs::Outputs;

/// The name of this program's own snippets in positions.
pub const TEXT_NAME: &str = "nixops4";

/// How a file becomes the root component.
const LOAD_FILE: &str = "(import modules { }).load {
  root = import file;
  inherit file;
  outputsOf = builtins.nixops4Outputs;
  resourceProviderSystem = builtins.currentSystem or \"unknown\";
}";

/// How an output of a flake becomes the root component. A flake that brings nixpkgs has its lib.
const LOAD_FLAKE: &str = "let
  flake = import (modules + \"/call-flake.nix\") dir;
  own = builtins.tryEval (flake.inputs.nixpkgs.lib or flake.inputs.nixpkgs-lib.lib or null);
  names = builtins.filter builtins.isString (builtins.split \"[.]\" attr);
  find = value: names:
    if names == [ ] then value
    else if value ? ${builtins.head names} then
      find value.${builtins.head names} (builtins.tail names)
    else throw \"The flake in `${toString dir}' has no output `${attr}'.\";
in (import modules { }).load {
  root = find flake names;
  file = dir + \"/flake.nix\";
  specialArgs = if own.success && own.value != null then { lib = own.value; } else { };
  outputsOf = builtins.nixops4Outputs;
  resourceProviderSystem = builtins.currentSystem or \"unknown\";
}";

/// Everything one process knows.
pub struct Session {
    pub(crate) evaluator: Evaluator,
    pub(crate) outputs: Outputs,
    /// The root component as `nix/modules` exports it: a thunk, so that it follows the outputs.
    root: Option<Value>,
    /// Provider instances that walks came across, by id.
    pub(crate) instances: HashMap<String, Value>,
    show_trace: bool,
}

impl Session {
    /// A session on the real file system.
    pub fn new() -> Session {
        let host = RealFs::new().on_trace(|line| eprintln!("{line}"));
        let options = Options {
            search_path: search_path(),
            ..Options::default()
        };
        let mut evaluator = Evaluator::new(Box::new(host), options);
        let outputs = Outputs::install(&mut evaluator);
        builtins::install(&mut evaluator);
        library::mount(&mut evaluator);
        Session {
            evaluator,
            outputs,
            root: None,
            instances: HashMap::new(),
            show_trace: false,
        }
    }

    /// Loads the root and looks at its outermost form.
    pub fn load(&mut self, load: wire::Load) -> Result<(), WireError> {
        self.show_trace = load.show_trace;
        let modules = path_value(&Path::new(library::ROOT).join("modules"));
        let root = match &load.root {
            wire::RootSource::File { path } => {
                let variables = [("modules", modules), ("file", path_value(path))];
                self.thunk(LOAD_FILE, &variables)
            }
            wire::RootSource::Flake { dir, attr } => {
                let variables = [
                    ("modules", modules),
                    ("dir", path_value(dir)),
                    ("attr", Value::string(attr)),
                ];
                self.thunk(LOAD_FLAKE, &variables)
            }
        };
        let root = root.map_err(|error| self.error(&error))?;
        match self.evaluator.force(&root) {
            Err(error) if !error.is_suspended() => return Err(self.error(&error)),
            _ => {}
        }
        self.instances.clear();
        self.root = Some(root);
        Ok(())
    }

    fn thunk(&mut self, text: &str, variables: &[(&str, Value)]) -> Result<Value, EvalError> {
        self.evaluator
            .thunk_str_in(text, TEXT_NAME, Path::new("/"), variables)
    }

    /// Takes over what is known of outputs.
    pub fn set_outputs(&mut self, set: &wire::SetOutputs) -> Result<(), WireError> {
        for one in &set.outputs {
            let value = one.value.as_ref().map(|tree| &tree.0);
            self.outputs
                .set(&mut self.evaluator, &one.member, value)
                .map_err(|message| {
                    error::protocol(format!("outputs of `{}`: {message}", one.member))
                })?;
        }
        Ok(())
    }

    /// The root component.
    pub(crate) fn root(&self) -> Result<Value, WireError> {
        match &self.root {
            Some(root) => Ok(root.clone()),
            None => Err(error::protocol("no root is loaded")),
        }
    }

    /// The component at a path.
    pub(crate) fn component(&mut self, path: &MemberPath) -> Result<Value, ComponentError> {
        let mut component = self.root().map_err(ComponentError::Wire)?;
        let mut at = MemberPath::root();
        for name in path.names() {
            let members = self.evaluator.select(&component, "members")?;
            let child = at.child(name);
            let Some(member) = self.evaluator.select_opt(&members, name)? else {
                return Err(ComponentError::Wire(self.no_member(&members, &at, &child)));
            };
            component = self.evaluator.select(&member, "_component")?;
            at = child;
        }
        Ok(component)
    }

    fn no_member(&mut self, members: &Value, parent: &MemberPath, child: &MemberPath) -> WireError {
        let mut error = error::plain("missingMember", format!("there is no member `{child}`"));
        if let Ok(attrs) = self.evaluator.attrs_of(members) {
            let names: Vec<String> = self
                .evaluator
                .sorted_attrs(&attrs)
                .into_iter()
                .map(|attr| self.evaluator.symbol_name(attr.name))
                .map(|name| parent.child(name).to_string())
                .collect();
            if !names.is_empty() {
                error.hints.push(format!("there are: {}", names.join(", ")));
            }
        }
        error
    }

    /// An evaluation error as the protocol has it.
    pub(crate) fn error(&self, error: &EvalError) -> WireError {
        error::describe(&self.evaluator, error, self.show_trace)
    }
}

/// Why there is no component to speak of.
pub(crate) enum ComponentError {
    /// Evaluation failed or is suspended.
    Eval(EvalError),
    /// The question makes no sense.
    Wire(WireError),
}

impl From<EvalError> for ComponentError {
    fn from(error: EvalError) -> Self {
        ComponentError::Eval(error)
    }
}

/// A path as a value.
pub(crate) fn path_value(path: &Path) -> Value {
    Value::Path(Str::new(path.as_os_str().as_encoded_bytes()))
}

/// `NIX_PATH`, and `<nixops4/lib>` for the shipped library.
fn search_path() -> Vec<(String, PathBuf)> {
    let own = ("nixops4".to_owned(), PathBuf::from(library::ROOT));
    let variable = std::env::var("NIX_PATH").unwrap_or_default();
    let entries = variable
        .split(':')
        .filter(|entry| !entry.is_empty())
        .map(|entry| entry.split_once('=').unwrap_or(("", entry)))
        .map(|(prefix, path)| (prefix.to_owned(), PathBuf::from(path)));
    std::iter::once(own).chain(entries).collect()
}
