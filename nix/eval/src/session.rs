//! What one process knows: the evaluator, the outputs so far, and the root once it is loaded.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nixops4_lang::{EvalError, Evaluator, RealFs, Str, Value};
use nixops4_proto::evaluator as messages;
use nixops4_proto::path::MemberPath;

use crate::builtins;
use crate::error::{self, WireError};
use crate::flakes::Flakes;
use crate::functions::{self, Functions};
use crate::library;
use crate::outputs::Outputs;
use crate::repl::Scope;
use crate::settings;
use crate::store::{Choice, SessionStore};
use crate::wire::Wire;

/// The name of this program's own snippets in positions.
pub const TEXT_NAME: &str = "nixops4";

/// How a file becomes the root component.
pub(crate) const LOAD_FILE: &str = "(import modules { }).load {
  root = import file;
  inherit file;
  outputsOf = builtins.nixops4Outputs;
  resourceProviderSystem = builtins.currentSystem or \"unknown\";
}";

/// How an output of a flake becomes the root component. A flake that brings nixpkgs has its lib.
pub(crate) const LOAD_FLAKE: &str = "let
  own = builtins.tryEval (flake.inputs.nixpkgs.lib or flake.inputs.nixpkgs-lib.lib or null);
  names = builtins.filter builtins.isString (builtins.split \"[.]\" attr);
  find = value: names:
    if names == [ ] then value
    else if value ? ${builtins.head names} then
      find value.${builtins.head names} (builtins.tail names)
    else throw \"The flake `${flake.outPath}' has no output `${attr}'.\";
in (import modules { }).load {
  root = find flake names;
  file = flake.outPath + \"/flake.nix\";
  specialArgs = if own.success && own.value != null then { lib = own.value; } else { };
  outputsOf = builtins.nixops4Outputs;
  resourceProviderSystem = builtins.currentSystem or \"unknown\";
}";

/// Everything one process knows.
pub struct Session {
    pub(crate) evaluator: Evaluator,
    flakes: Flakes,
    pub(crate) outputs: Outputs,
    store: SessionStore,
    /// The root component as `nix/modules` exports it: a thunk, so that it follows the outputs.
    root: Option<Value>,
    /// Provider instances that walks came across, by id.
    pub(crate) instances: HashMap<String, Value>,
    show_trace: bool,
    pub(crate) scope: Scope,
    pub(crate) wire: Rc<Wire>,
}

impl Session {
    /// A session on the real file system, which stops evaluating when `cancel` says so.
    pub fn new(wire: Rc<Wire>, cancel: Arc<AtomicBool>) -> Session {
        let (traces, warnings) = (wire.clone(), wire.clone());
        let flakes = Flakes::new(move |text| warnings.trace(text));
        let store = SessionStore::new(cancel.clone());
        let host = RealFs::new()
            .on_trace(move |text| traces.trace(text))
            .with_fetcher(Box::new(flakes.clone()))
            .with_store(Box::new(store.clone()))
            .with_functions(Box::new(Functions::new(wire.clone())));
        let options = settings::options(&messages::Configure::default());
        let mut evaluator = Evaluator::new(Box::new(host), options);
        evaluator.use_cancel_flag(cancel);
        let outputs = Outputs::install(&mut evaluator);
        builtins::install(&mut evaluator);
        functions::install(&mut evaluator);
        library::mount(&mut evaluator);
        ship_own_flake(&mut evaluator);
        Session {
            flakes,
            evaluator,
            outputs,
            store,
            root: None,
            instances: HashMap::new(),
            show_trace: false,
            scope: Scope::default(),
            wire,
        }
    }

    /// Says how to evaluate from now on.
    pub fn configure(&mut self, ask: &messages::Configure) -> Result<(), WireError> {
        let store = Choice::parse(ask.store.as_deref().unwrap_or_default());
        let store = store.map_err(|message| error::plain("value", message))?;
        self.store.choose(store);
        self.evaluator
            .set_options(|options| *options = settings::options(ask));
        Ok(())
    }

    /// Loads the root and looks at its outermost form.
    pub fn load(&mut self, load: messages::Load) -> Result<(), WireError> {
        self.show_trace = load.show_trace;
        let modules = path_value(&Path::new(library::ROOT).join("modules"));
        let root = match &load.root {
            messages::RootSource::File { path } => {
                let variables = [("modules", modules), ("file", path_value(path))];
                self.thunk(LOAD_FILE, &variables)
            }
            messages::RootSource::Flake {
                dir,
                reference,
                lock,
                attr,
            } => {
                let locked = self.flakes.deployment(dir, reference.as_deref(), lock);
                let locked = locked.map_err(|error| error::flake(&error))?;
                self.evaluator.call_flake(&locked).and_then(|flake| {
                    let variables = [
                        ("modules", modules),
                        ("flake", flake),
                        ("attr", Value::string(attr)),
                    ];
                    self.thunk(LOAD_FLAKE, &variables)
                })
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
    pub fn set_outputs(&mut self, set: &messages::SetOutputs) -> Result<(), WireError> {
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

/// The flake that deployments know as `nixops4`, which comes with this program.
pub(crate) const OWN_FLAKE: &str = "import (modules + \"/outputs.nix\") // {
  _type = \"flake\";
  inputs = { };
  outPath = toString (modules + \"/..\");
}";

fn ship_own_flake(evaluator: &mut Evaluator) {
    let modules = path_value(&Path::new(library::ROOT).join("modules"));
    let flake = evaluator.thunk_str_in(
        OWN_FLAKE,
        TEXT_NAME,
        Path::new("/"),
        &[("modules", modules)],
    );
    // The text is right: a test loads it.
    if let Ok(flake) = flake {
        evaluator.ship_flake("nixops4", flake);
    }
}

/// A path as a value.
pub(crate) fn path_value(path: &Path) -> Value {
    Value::Path(Str::new(path.as_os_str().as_encoded_bytes()))
}
