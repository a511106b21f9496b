//! The outputs of resources as Nix sees them, and the log of what evaluation looked at.
//!
//! A set or list of outputs is made of thunks that ask for their own value when they are forced, by
//! the path to it. So what is read is known position by position, and a thunk that failed for want
//! of an output may be forced again when the output is there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};
use nix_bindings_expr::primop::RecoverableError;
use nixops4_lang::{ExternalKind, ExternalValue, Marks};
use nixops4_proto::path::{AttrPath, MemberPath, OutputRef, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::failure;
use super::functions::Calls;
use super::primops::Current;
use crate::wire::Wire;

/// From the primop `look` to the function that gives the outputs of a resource, by its path. The
/// primop takes and gives text, so that it holds on to no value.
pub const OUTPUTS_OF: &str = "look:
let
  inherit (builtins) fromJSON map mapAttrs toJSON;
  read = key:
    let node = fromJSON (look key);
    in node.value or (if node ? list then map read node.list else mapAttrs (_: read) node.attrs);
in member: read (toJSON { inherit member; at = [ ]; })";

/// What the evaluation since some point looked at.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Outputs that were there. A set or list is listed for its names or length.
    pub reads: BTreeSet<OutputRef>,
    /// Outputs that were not there, where evaluation went on nevertheless: it asked whether they are.
    pub caught: BTreeSet<OutputRef>,
    /// Outputs that were not there and ended what needed them.
    pub waits: BTreeSet<OutputRef>,
    /// The marks of what was read, and those that the text itself made.
    pub marks: Marks,
    /// Whether the text made any. What it made them on may be remembered by Nix: see
    /// [`super::Libnix::fresh`].
    pub text_marked: bool,
}

impl Log {
    /// What any value computed meanwhile may depend on.
    pub fn seen(&self) -> impl Iterator<Item = &OutputRef> {
        self.reads.iter().chain(&self.caught)
    }

    /// Whether nothing happened but that outputs were waited for.
    pub fn may_go_on(&self) -> bool {
        !self.waits.is_empty() && self.seen().next().is_none() && !self.text_marked
    }
}

/// What the functions that Nix calls share with the engine.
pub struct Shared {
    outputs: RefCell<HashMap<MemberPath, ExternalValue>>,
    log: RefCell<Log>,
    /// All outputs that were ever waited for: errors name them by index.
    awaited: RefCell<Vec<OutputRef>>,
    /// Attributes that were not there; `open` has them the next time.
    missed: RefCell<BTreeSet<String>>,
    /// The attributes that sets made by `builtins.openAttrs` have.
    open: RefCell<BTreeSet<String>>,
    cancel: Arc<AtomicBool>,
    calls: RefCell<Calls>,
    /// The evaluation state in use.
    pub current: Current,
}

/// The argument of the primop `look`.
#[derive(Serialize, Deserialize)]
struct Key {
    member: Vec<String>,
    at: Vec<Step>,
}

impl Shared {
    /// No outputs are known yet. Functions of providers are asked for over `wire`.
    pub fn new(wire: Rc<Wire>, cancel: Arc<AtomicBool>) -> Shared {
        Shared {
            outputs: RefCell::default(),
            log: RefCell::default(),
            awaited: RefCell::default(),
            missed: RefCell::default(),
            open: RefCell::default(),
            cancel,
            calls: RefCell::new(Calls::new(wire)),
            current: Current::default(),
        }
    }

    /// Says what the outputs of a resource are, or that they are pending.
    pub fn set(&self, member: &MemberPath, value: Option<ExternalValue>) {
        let mut outputs = self.outputs.borrow_mut();
        match value {
            Some(value) => outputs.insert(member.clone(), value),
            None => outputs.remove(member),
        };
    }

    /// Puts a log in place, and gives the one before.
    pub fn swap_log(&self, log: Log) -> Log {
        self.log.replace(log)
    }

    /// The log as it is now.
    pub fn log(&self) -> Log {
        self.log.borrow().clone()
    }

    /// Whether evaluation is to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The outputs that the text of an error names.
    pub fn awaited_in(&self, text: &str) -> BTreeSet<OutputRef> {
        let awaited = self.awaited.borrow();
        let found = failure::awaited(text).filter_map(|index| awaited.get(index).cloned());
        found.collect()
    }

    /// Notes that evaluation went on although outputs were not there.
    pub fn catch(&self, outputs: BTreeSet<OutputRef>) {
        self.log.borrow_mut().caught.extend(outputs);
    }

    /// The marks of the log.
    pub fn marks(&self) -> Marks {
        self.log.borrow().marks
    }

    /// Notes that the text marks a value.
    pub fn mark(&self, marks: Marks) {
        let mut log = self.log.borrow_mut();
        log.marks = log.marks.union(marks);
        log.text_marked = true;
    }

    /// Notes that a set did not have an attribute.
    pub fn miss(&self, name: &str) {
        if !self.open.borrow().contains(name) {
            self.missed.borrow_mut().insert(name.to_owned());
        }
    }

    /// Has open sets have what was missed. Whether there was anything new.
    pub fn open_missed(&self) -> bool {
        let missed = self.missed.take();
        let found = !missed.is_empty();
        self.open.borrow_mut().extend(missed);
        found
    }

    /// The attributes of open sets.
    pub fn open_names(&self) -> Vec<String> {
        self.open.borrow().iter().cloned().collect()
    }

    /// What a provider answers about one of its functions, as text in JSON.
    pub fn ask_function(&self, request: &str) -> Result<String> {
        let (answer, marks) = self.calls.borrow_mut().answer(request)?;
        if marks != Marks::NONE {
            self.mark(marks);
        }
        Ok(answer)
    }

    /// What is at a position of the outputs, as [`OUTPUTS_OF`] reads it.
    pub fn look(&self, key: &str) -> Result<String> {
        if self.is_cancelled() {
            return Err(RecoverableError::new("evaluation was cancelled").into());
        }
        let key: Key = serde_json::from_str(key)?;
        let output = OutputRef {
            member: MemberPath::from_names(key.member.clone()),
            path: AttrPath(key.at.clone()),
        };
        let outputs = self.outputs.borrow();
        let node = match outputs.get(&output.member) {
            // Until they are planned, not even the names of outputs are known.
            None => {
                return Err(self.wait(OutputRef {
                    path: AttrPath::root(),
                    ..output
                }));
            }
            Some(root) => self.node(root, &key.at),
        };
        let Some(node) = node else {
            return Err(self.wait(output));
        };
        let below = |step: Step| {
            let mut at = key.at.clone();
            at.push(step);
            let member = key.member.clone();
            serde_json::to_string(&Key { member, at }).map(Json::String)
        };
        let seen = match &node.kind {
            ExternalKind::Unknown => return Err(self.wait(output)),
            ExternalKind::List(items) => {
                let indexes = 0..items.len() as u64;
                let keys = indexes.map(|index| below(Step::Index(index)));
                json!({ "list": keys.collect::<Result<Vec<_>, _>>()? })
            }
            ExternalKind::Attrs(fields) => {
                let keys = fields
                    .keys()
                    .map(|name| Ok((name.clone(), below(Step::Name(name.clone()))?)));
                json!({ "attrs": keys.collect::<Result<BTreeMap<_, _>, serde_json::Error>>()? })
            }
            ExternalKind::Null => json!({ "value": null }),
            ExternalKind::Bool(value) => json!({ "value": value }),
            ExternalKind::Int(value) => json!({ "value": value }),
            ExternalKind::Float(value) => json!({ "value": value }),
            ExternalKind::String(value) => json!({ "value": value }),
        };
        self.log.borrow_mut().reads.insert(output);
        Ok(seen.to_string())
    }

    /// Goes to a position, and notes the marks of everything around it.
    fn node<'a>(&self, root: &'a ExternalValue, at: &[Step]) -> Option<&'a ExternalValue> {
        let mut node = root;
        let mut marks = node.marks;
        for step in at {
            node = match (&node.kind, step) {
                (ExternalKind::Attrs(fields), Step::Name(name)) => fields.get(name)?,
                (ExternalKind::List(items), Step::Index(index)) => {
                    items.get(usize::try_from(*index).ok()?)?
                }
                _ => return None,
            };
            marks = marks.union(node.marks);
        }
        let mut log = self.log.borrow_mut();
        log.marks = log.marks.union(marks);
        Some(node)
    }

    /// The error of whoever needs an output that is not there.
    fn wait(&self, output: OutputRef) -> anyhow::Error {
        let mut awaited = self.awaited.borrow_mut();
        let index = awaited.iter().position(|one| *one == output);
        let index = index.unwrap_or_else(|| {
            awaited.push(output.clone());
            awaited.len() - 1
        });
        self.log.borrow_mut().waits.insert(output);
        anyhow!(RecoverableError::new(failure::waiting(index)))
    }
}
