//! What an engine has to do for the protocol, whichever evaluates the text behind it.

use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nixops4_proto::evaluator::{
    Configure, DescribeOperation, Eval, ListOperations, ListProviders, Load, Locate, Located,
    OperationDescription, OperationHead, OperationsListed, Printed, ProviderInstance,
    ProvidersListed, SetOutputs, Walk, WalkItem,
};

use crate::error::WireError;
use crate::session::Session;
use crate::wire::Wire;

/// Answers the questions of the protocol, one method each.
pub trait Engine {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// Its version.
    fn version(&self) -> String;

    /// Says how to evaluate from now on.
    fn configure(&mut self, ask: &Configure) -> Result<(), WireError>;

    /// Loads the root and looks at its outermost form.
    fn load(&mut self, load: Load) -> Result<(), WireError>;

    /// Takes over what is known of outputs.
    fn set_outputs(&mut self, set: &SetOutputs) -> Result<(), WireError>;

    /// Describes components, parents before members.
    fn walk(&mut self, walk: &Walk, emit: &mut dyn FnMut(WalkItem)) -> Result<(), WireError>;

    /// One provider instance again.
    fn describe_provider(&mut self, id: &str) -> Result<ProviderInstance, WireError>;

    /// The instances that a component and those below it declare.
    fn providers(&mut self, ask: &ListProviders) -> Result<ProvidersListed, WireError>;

    /// The position of a leaf, or of the nearest thing around it that has one.
    fn locate(&mut self, ask: &Locate) -> Result<Located, WireError>;

    /// The operations of a component and of those below it.
    fn operations(
        &mut self,
        ask: &ListOperations,
        emit: &mut dyn FnMut(OperationHead),
    ) -> Result<OperationsListed, WireError>;

    /// What an operation does.
    fn operation(&mut self, ask: &DescribeOperation) -> Result<OperationDescription, WireError>;

    /// Evaluates and prints, once for each attribute that is asked for.
    fn evaluate(&mut self, ask: &Eval, emit: &mut dyn FnMut(Printed)) -> Result<(), WireError>;

    /// The session that answers a prompt; of an engine that knows no scope of what was typed, none.
    fn at_prompt(&mut self) -> Option<&mut Session> {
        None
    }
}

/// Which engine evaluates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// `nixops4-lang`, our own.
    #[default]
    Native,
    /// Nix itself, linked.
    Libnix,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        match text {
            "native" => Ok(Choice::Native),
            "libnix" => Ok(Choice::Libnix),
            _ => Err(format!(
                "there is no evaluator `{text}`: it is native or libnix"
            )),
        }
    }
}

impl Choice {
    /// Makes the engine ready. It stops evaluating when `cancel` says so.
    pub fn start(
        self,
        wire: Rc<Wire>,
        cancel: Arc<AtomicBool>,
    ) -> Result<Box<dyn Engine>, WireError> {
        match self {
            Choice::Native => Ok(Box::new(Session::new(wire, cancel))),
            Choice::Libnix => libnix(wire, cancel),
        }
    }
}

#[cfg(feature = "libnix")]
fn libnix(wire: Rc<Wire>, cancel: Arc<AtomicBool>) -> Result<Box<dyn Engine>, WireError> {
    Ok(Box::new(crate::libnix::Libnix::new(wire, cancel)?))
}

#[cfg(not(feature = "libnix"))]
fn libnix(_: Rc<Wire>, _: Arc<AtomicBool>) -> Result<Box<dyn Engine>, WireError> {
    let mut error = crate::error::plain("evaluator", "this nixops4-eval was built without libnix");
    error.hints.push(
        "build one with `cargo build -p nixops4-eval --features libnix`, which needs the \
         development files of Nix's C API (tests/scripts/libnix-build.sh makes them), and name it in \
         NIXOPS4_EVAL"
            .to_owned(),
    );
    Err(error)
}

impl Engine for Session {
    fn name(&self) -> &'static str {
        "nixops4-lang"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn configure(&mut self, ask: &Configure) -> Result<(), WireError> {
        Session::configure(self, ask)
    }

    fn load(&mut self, load: Load) -> Result<(), WireError> {
        Session::load(self, load)
    }

    fn set_outputs(&mut self, set: &SetOutputs) -> Result<(), WireError> {
        Session::set_outputs(self, set)
    }

    fn walk(&mut self, walk: &Walk, emit: &mut dyn FnMut(WalkItem)) -> Result<(), WireError> {
        Session::walk(self, walk, emit)
    }

    fn describe_provider(&mut self, id: &str) -> Result<ProviderInstance, WireError> {
        Session::describe_provider(self, id)
    }

    fn providers(&mut self, ask: &ListProviders) -> Result<ProvidersListed, WireError> {
        Session::providers(self, ask)
    }

    fn locate(&mut self, ask: &Locate) -> Result<Located, WireError> {
        Session::locate(self, ask)
    }

    fn operations(
        &mut self,
        ask: &ListOperations,
        emit: &mut dyn FnMut(OperationHead),
    ) -> Result<OperationsListed, WireError> {
        Session::operations(self, ask, emit)
    }

    fn operation(&mut self, ask: &DescribeOperation) -> Result<OperationDescription, WireError> {
        Session::operation(self, ask)
    }

    fn evaluate(&mut self, ask: &Eval, emit: &mut dyn FnMut(Printed)) -> Result<(), WireError> {
        Session::evaluate(self, ask, emit)
    }

    fn at_prompt(&mut self) -> Option<&mut Session> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_chosen_by_name() {
        assert_eq!("native".parse(), Ok(Choice::Native));
        assert_eq!("libnix".parse(), Ok(Choice::Libnix));
        assert!("tvix".parse::<Choice>().is_err());
    }
}
