//! The engine that has Nix itself evaluate, through its C API.
//!
//! Nix remembers what a thunk came to, not what it read on the way: a second reader of a `let` that
//! reads an output would seem to depend on nothing. So every component is evaluated in an
//! instantiation of the root of its own, and depends on all that was read in it. See
//! `docs/src/decisions/0009-libnix.md`.

mod components;
mod expression;
mod failure;
mod functions;
mod interpreter;
mod operations;
mod outputs;
mod primops;
mod providers;
mod resources;
mod roots;
mod settings;
mod tree;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix_bindings_expr::eval_state::{ThreadRegistrationGuard, gc_register_my_thread};
use nix_bindings_expr::value::Value;
use nix_bindings_store::store::Store;
use nixops4_proto::evaluator::{
    Configure, DescribeOperation, Eval, ListOperations, ListProviders, Load, Locate, Located,
    OperationDescription, OperationHead, OperationsListed, Printed, ProviderInstance,
    ProvidersListed, SetOutputs, Walk, WalkItem,
};
use nixops4_proto::path::MemberPath;

use crate::engine::Engine;
use crate::error::{self, WireError};
use crate::flakes::Flakes;
use crate::wire::Wire;
use failure::{Failure, Places};
use interpreter::Nix;
use outputs::{Log, Shared};
use providers::InstanceAt;
use roots::Root;

/// How many instantiations are kept to be gone on with.
const KEPT: usize = 256;

/// Everything one process knows.
pub struct Libnix {
    shared: Rc<Shared>,
    places: Rc<Places>,
    settings: Configure,
    flakes: Flakes,
    store: Option<Store>,
    root: Option<Root>,
    show_trace: bool,
    /// The evaluation state in use; made when it is needed.
    nix: Option<Nix>,
    /// Instantiations that have read nothing but found that outputs were not there: what failed in
    /// them is evaluated again by itself, and the rest depends on nothing.
    kept: HashMap<MemberPath, Value>,
    /// Provider instances that walks came across, by id.
    instances: HashMap<String, InstanceAt>,
    /// The collector looks for values on the stacks that it knows.
    _thread: ThreadRegistrationGuard,
}

impl Libnix {
    /// An engine without a root. It looks at `cancel` when it reads outputs, and between components.
    pub fn new(wire: Rc<Wire>, cancel: Arc<AtomicBool>) -> Result<Libnix, WireError> {
        let wrong = |what: &'static str| {
            move |error: anyhow::Error| failure::other(&format!("Nix cannot {what}"), &error)
        };
        nix_bindings_expr::eval_state::init().map_err(wrong("start"))?;
        // Where an error happened is read from the trace, which is shortened here.
        nix_bindings_util::settings::set("show-trace", "true").map_err(wrong("be set up"))?;
        let thread = gc_register_my_thread().map_err(wrong("start"))?;
        let shared = Rc::new(Shared::new(wire.clone(), cancel));
        primops::register(&shared).map_err(wrong("take functions"))?;
        let library = crate::library::unpack().map_err(|error| {
            let message = format!("the library cannot be written for Nix to read: {error}");
            error::plain("io", message)
        })?;
        Ok(Libnix {
            shared,
            places: Rc::new(Places {
                library,
                copies: Vec::new(),
            }),
            settings: Configure::default(),
            flakes: Flakes::new(move |text| wire.trace(text)),
            store: None,
            root: None,
            show_trace: false,
            nix: None,
            kept: HashMap::new(),
            instances: HashMap::new(),
            _thread: thread,
        })
    }

    /// Has everything be evaluated anew.
    fn forget(&mut self) {
        self.nix = None;
        self.kept.clear();
    }

    /// The evaluation state, with the root in it.
    fn nix(&mut self) -> Result<Nix, WireError> {
        if let Some(nix) = self.nix.take() {
            return Ok(nix);
        }
        let store = match &self.store {
            Some(store) => store.clone(),
            None => self.store.insert(settings::store(&self.settings)?).clone(),
        };
        let search_path = settings::search_path(&self.settings, &self.places.library);
        let nix = Nix::new(
            &store,
            &search_path,
            self.shared.clone(),
            self.places.clone(),
            self.show_trace,
        );
        let mut nix = nix.map_err(|error| failure::other("Nix cannot start", &error))?;
        if let Some(root) = &self.root {
            let load = root.function(&mut nix, &self.flakes);
            nix.use_root(load.map_err(Failure::into_wire)?);
        }
        Ok(nix)
    }

    /// Does something with the root in an instantiation of its own, and says what was looked at.
    ///
    /// An attribute that open sets turned out to lack makes for another attempt. Where the text itself
    /// marks a value, as with `lib.sensitive`, the whole evaluation state is given up afterwards: the
    /// marked value may be one that Nix shares between instantiations, such as that of an imported
    /// file, and would be read there without being marked again.
    fn fresh<R>(
        &mut self,
        work: impl Fn(&mut Nix, &Value) -> Result<R, Failure>,
    ) -> (Result<R, Failure>, Log) {
        self.instantiate(None, work)
    }

    /// The same for a component, which goes on with the instantiation that was kept for it, if any.
    fn at<R>(
        &mut self,
        path: &MemberPath,
        work: impl Fn(&mut Nix, &Value) -> Result<R, Failure>,
    ) -> (Result<R, Failure>, Log) {
        self.instantiate(Some(path), work)
    }

    fn instantiate<R>(
        &mut self,
        path: Option<&MemberPath>,
        work: impl Fn(&mut Nix, &Value) -> Result<R, Failure>,
    ) -> (Result<R, Failure>, Log) {
        loop {
            let mut nix = match self.nix() {
                Ok(nix) => nix,
                Err(error) => return (Err(error.into()), Log::default()),
            };
            let kept = path.and_then(|path| self.kept.remove(path));
            self.shared.swap_log(Log::default());
            let root = kept.map_or_else(|| nix.root(), Ok);
            let result = root.clone().and_then(|root| work(&mut nix, &root));
            let log = self.shared.swap_log(Log::default());
            let again = self.shared.open_missed();
            if log.text_marked {
                self.forget();
            } else {
                self.nix = Some(nix);
            }
            if again {
                continue;
            }
            if let (Some(path), Ok(root)) = (path, root)
                && log.may_go_on()
                && self.kept.len() < KEPT
            {
                self.kept.insert(path.clone(), root);
            }
            return (result, log);
        }
    }
}

impl Engine for Libnix {
    fn name(&self) -> &'static str {
        "libnix"
    }

    fn version(&self) -> String {
        settings::version()
    }

    fn configure(&mut self, ask: &Configure) -> Result<(), WireError> {
        settings::apply(ask)?;
        self.settings = ask.clone();
        self.store = None;
        self.forget();
        Ok(())
    }

    fn load(&mut self, load: Load) -> Result<(), WireError> {
        self.load_root(load)
    }

    fn set_outputs(&mut self, set: &SetOutputs) -> Result<(), WireError> {
        for one in &set.outputs {
            let value = one
                .value
                .as_ref()
                .map(|tree| crate::outputs::external(&tree.0));
            let value = value.transpose().map_err(|message| {
                error::protocol(format!("outputs of `{}`: {message}", one.member))
            })?;
            self.shared.set(&one.member, value);
        }
        Ok(())
    }

    fn walk(&mut self, walk: &Walk, emit: &mut dyn FnMut(WalkItem)) -> Result<(), WireError> {
        self.walk_components(walk, emit)
    }

    fn describe_provider(&mut self, id: &str) -> Result<ProviderInstance, WireError> {
        let at = self.instance(id)?;
        self.provider(id, &at).map_err(Failure::into_wire)
    }

    fn providers(&mut self, ask: &ListProviders) -> Result<ProvidersListed, WireError> {
        self.list_providers(ask)
    }

    fn locate(&mut self, ask: &Locate) -> Result<Located, WireError> {
        self.locate_subject(ask)
    }

    fn operations(
        &mut self,
        ask: &ListOperations,
        emit: &mut dyn FnMut(OperationHead),
    ) -> Result<OperationsListed, WireError> {
        self.list_operations(ask, emit)
    }

    fn operation(&mut self, ask: &DescribeOperation) -> Result<OperationDescription, WireError> {
        self.describe_operation(ask)
    }

    fn evaluate(&mut self, ask: &Eval, emit: &mut dyn FnMut(Printed)) -> Result<(), WireError> {
        self.evaluate_expression(ask, emit)
    }
}
