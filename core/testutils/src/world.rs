//! The objects that a [`crate::FakeProvider`] looks after, as a test sees and changes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nixops4_core::value::Value;

use crate::script::{Call, Held, Operation, Outcome};

/// An object that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The provider's name for its type.
    pub type_name: String,
    /// What it was last set to; drift changes it.
    pub inputs: Value,
    /// How often it has been changed; a caller whose state is older is refused.
    pub version: u64,
}

impl Object {
    /// What it is called in tests.
    pub fn name(&self) -> &str {
        name_of(&self.inputs).unwrap_or_default()
    }
}

pub(crate) fn name_of(inputs: &Value) -> Option<&str> {
    inputs.as_attrs()?.get("name")?.as_str()
}

#[derive(Debug)]
enum Step {
    End(Outcome),
    Hold(Held),
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Object>,
    data: BTreeMap<String, Value>,
    next_id: u64,
    calls: Vec<Call>,
    script: BTreeMap<(Operation, String), VecDeque<Step>>,
    violations: Vec<String>,
    plans: Vec<Planned>,
    busy: BTreeSet<String>,
}

/// What a plan was made from, to be found again by the token that the caller hands back.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// The inputs as the caller gave them, as plain JSON text.
    pub(crate) wanted: String,
    /// The inputs to be acted upon.
    pub(crate) effective: Value,
}

/// Keeps an object marked as being changed.
#[derive(Debug)]
pub(crate) struct Busy<'a> {
    world: &'a World,
    id: String,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.world.lock().busy.remove(&self.id);
    }
}

/// All objects, the calls that were made, and what is to go wrong.
#[derive(Debug, Default)]
pub struct World(Mutex<Inner>);

impl World {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that panicked while looking has broken nothing in here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every object, by id.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.lock().objects.clone()
    }

    /// The ids and objects with that name.
    pub fn named(&self, name: &str) -> Vec<(String, Object)> {
        let inner = self.lock();
        let matching = inner.objects.iter().filter(|(_, o)| o.name() == name);
        matching.map(|(id, o)| (id.clone(), o.clone())).collect()
    }

    /// Puts an object there as someone else would, for an import; gives its id.
    pub fn add(&self, type_name: &str, inputs: Value) -> String {
        self.insert(type_name, inputs)
    }

    /// Changes one input of an object behind the caller's back. The object must exist.
    pub fn drift(&self, id: &str, input: &str, value: Value) {
        let mut inner = self.lock();
        let object = inner.objects.get_mut(id).expect("the object exists");
        let mut attrs = object.inputs.as_attrs().cloned().unwrap_or_default();
        attrs.insert(input.to_owned(), value);
        object.inputs = Value::attrs(attrs);
    }

    /// Deletes an object behind the caller's back.
    pub fn vanish(&self, id: &str) {
        self.lock().objects.remove(id);
    }

    /// What the data source `lookup` finds for `key`.
    pub fn set_data(&self, key: &str, value: Value) {
        self.lock().data.insert(key.to_owned(), value);
    }

    pub(crate) fn data(&self, key: &str) -> Option<Value> {
        self.lock().data.get(key).cloned()
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The calls that create, update or delete, as text: `create a`.
    pub fn effects(&self) -> Vec<String> {
        let effect = |call: &&Call| {
            matches!(
                call.operation,
                Operation::Create | Operation::Update | Operation::Delete
            )
        };
        self.lock()
            .calls
            .iter()
            .filter(effect)
            .map(Call::brief)
            .collect()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.lock().calls.clear();
    }

    /// The next such call about the object named `name` ends in `outcome`; said several times, the
    /// calls after it too, in turn.
    pub fn script(&self, operation: Operation, name: &str, outcome: Outcome) {
        self.step(operation, name, Step::End(outcome));
    }

    /// The next such call waits to be released (and then goes on with what the script says next).
    pub fn hold(&self, operation: Operation, name: &str) -> Held {
        let held = Held::default();
        self.step(operation, name, Step::Hold(held.clone()));
        held
    }

    /// Forgets what was to go wrong and has not.
    pub fn clear_script(&self) {
        self.lock().script.clear();
    }

    fn step(&self, operation: Operation, name: &str, step: Step) {
        let mut inner = self.lock();
        let steps = inner.script.entry((operation, name.to_owned()));
        steps.or_default().push_back(step);
    }

    /// What callers did that the trait's contract forbids.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    pub(crate) fn violation(&self, text: String) -> String {
        self.lock().violations.push(text.clone());
        text
    }

    /// Writes the call down, waits if the script says so, and gives the outcome it says.
    pub(crate) async fn enter(&self, call: Call) -> Option<Outcome> {
        let key = (call.operation, call.name.clone());
        self.lock().calls.push(call);
        loop {
            let step = self
                .lock()
                .script
                .get_mut(&key)
                .and_then(VecDeque::pop_front);
            match step? {
                Step::End(outcome) => return Some(outcome),
                Step::Hold(held) => held.pass().await,
            }
        }
    }

    /// Remembers a plan; gives its token.
    pub(crate) fn remember_plan(&self, planned: Planned) -> Vec<u8> {
        let mut inner = self.lock();
        inner.plans.push(planned);
        format!("plan {}", inner.plans.len() - 1).into_bytes()
    }

    pub(crate) fn recall_plan(&self, token: &[u8]) -> Option<Planned> {
        let index = std::str::from_utf8(token).ok()?.strip_prefix("plan ")?;
        let index: usize = index.parse().ok()?;
        self.lock().plans.get(index).cloned()
    }

    /// Marks an object as being changed; `None` if it already is.
    pub(crate) fn begin(&self, id: &str) -> Option<Busy<'_>> {
        let fresh = self.lock().busy.insert(id.to_owned());
        fresh.then(|| Busy {
            world: self,
            id: id.to_owned(),
        })
    }

    pub(crate) fn object(&self, id: &str) -> Option<Object> {
        self.lock().objects.get(id).cloned()
    }

    pub(crate) fn insert(&self, type_name: &str, inputs: Value) -> String {
        let mut inner = self.lock();
        inner.next_id += 1;
        let id = format!("{type_name}-{}", inner.next_id);
        let object = Object {
            type_name: type_name.to_owned(),
            inputs,
            version: 1,
        };
        inner.objects.insert(id.clone(), object);
        id
    }

    pub(crate) fn replace_inputs(&self, id: &str, inputs: Value) {
        if let Some(object) = self.lock().objects.get_mut(id) {
            object.inputs = inputs;
            object.version += 1;
        }
    }
}
