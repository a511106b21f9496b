//! Reasons in words.

use std::fmt;

use crate::OutputRef;
use crate::plan::{DeferReason, Reason};

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("it is new"),
            Self::Vanished => f.write_str("its object is gone"),
            Self::Stateless => f.write_str("it has no state, so it is done every time"),
            Self::InputsChanged => f.write_str("its inputs have changed"),
            Self::Drifted => f.write_str("its object has been changed by someone else"),
            Self::Provider => f.write_str("the provider asks for it"),
            Self::CannotUpdate => f.write_str("it cannot be changed in place"),
            Self::Tainted => f.write_str("its creation failed half-way"),
            Self::Triggered(output) => write!(f, "{output} changes"),
            Self::LeftDeployment => f.write_str("it is no longer in the deployment"),
            Self::Destroy => f.write_str("it is to be destroyed"),
            Self::Deposed => f.write_str("it is left over from a replacement"),
            Self::Import(id) => write!(f, "the existing object {id} is taken over"),
            Self::Moved => f.write_str("it has moved"),
            Self::LeftBehind => f.write_str("another state remembers it by now"),
            Self::UnknownInputs => f.write_str("its inputs are not known yet"),
            Self::PendingDependency(member) => write!(f, "{member}, on which it depends, changes"),
        }
    }
}

impl DeferReason {
    /// The outputs that it names.
    pub fn outputs(&self) -> &[OutputRef] {
        match self {
            Self::Structure { outputs, .. }
            | Self::ProviderConfig { outputs, .. }
            | Self::State { outputs, .. }
            | Self::Inputs(outputs) => outputs,
            Self::Dependency(_) | Self::Provider(_) => &[],
        }
    }
}

impl fmt::Display for DeferReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |outputs: &[OutputRef]| {
            let names: Vec<_> = outputs.iter().map(ToString::to_string).collect();
            names.join(", ")
        };
        match self {
            Self::Structure { what, outputs } => {
                let what = match what.as_str() {
                    "members" => "the names of its members depend",
                    "type" => "its type depends",
                    "provider" => "its provider depends",
                    _ => "whether it is a resource depends",
                };
                write!(f, "{what} on {}", list(outputs))
            }
            Self::ProviderConfig { provider, outputs } => write!(
                f,
                "the configuration of its provider {provider} depends on {}",
                list(outputs)
            ),
            Self::State { handler, outputs } => {
                write!(f, "its state {handler} depends on {}", list(outputs))
            }
            Self::Dependency(member) => write!(f, "it depends on {member}, which is deferred"),
            Self::Inputs(outputs) => write!(f, "its inputs depend on {}", list(outputs)),
            Self::Provider(reason) => f.write_str(reason),
        }
    }
}
