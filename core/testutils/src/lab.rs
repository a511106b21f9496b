//! [`Lab`]: a world, its state and a deployment, to be planned and applied as often as one likes.
//! Each run has an evaluator, providers and stores of its own, as each process has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use nixops4_core::MemberPath;
use nixops4_core::diagnostic::Diagnostic;
use nixops4_core::engine::{
    Config, Engine, Interrupt, ProviderFactory, Selection, StateAccess, StateFactory, StateHandler,
    StoreResult, Tools,
};
use nixops4_core::provider::{Failure, Provider};
use nixops4_core::report::Reporter;
use nixops4_core::state::{MemoryStore, Snapshot, StateStore};
use nixops4_proto::evaluator::{ProviderProgram, ProviderSettings, RootSource};

use crate::{FakeEvaluator, FakeProvider, FakeType, World};

/// Where a test plans and applies.
#[derive(Debug, Default)]
pub struct Lab {
    /// The objects.
    pub world: Arc<World>,
    /// What is remembered between runs, by handler; `None` for the default state.
    pub states: Arc<LabStates>,
    /// Types beyond `thing`.
    pub types: BTreeMap<String, FakeType>,
    /// Members that are looked at; all, if empty.
    pub selection: Vec<MemberPath>,
    /// Whether objects are read.
    pub refresh: nixops4_core::engine::Refresh,
    /// How many calls run at once.
    pub parallelism: usize,
}

impl Lab {
    /// An empty world.
    pub fn new() -> Self {
        Self {
            parallelism: 10,
            ..Self::default()
        }
    }

    /// With another type.
    pub fn with_type(mut self, name: &str, fake: FakeType) -> Self {
        self.types.insert(name.to_owned(), fake);
        self
    }

    /// A run on the deployment of this text.
    pub fn run(&self, text: &str) -> Engine {
        self.run_with(Arc::new(FakeEvaluator::new(text)), Reporter::silent())
    }

    /// A run that is listened to, with its own evaluator.
    pub fn run_with(&self, evaluator: Arc<FakeEvaluator>, reporter: Reporter) -> Engine {
        self.run_interrupted(evaluator, reporter, Interrupt::default())
    }

    /// A run that can be interrupted.
    pub fn run_interrupted(
        &self,
        evaluator: Arc<FakeEvaluator>,
        reporter: Reporter,
        interrupt: Interrupt,
    ) -> Engine {
        self.states.next_run();
        let tools = Tools {
            evaluator,
            providers: Arc::new(LabProviders {
                world: self.world.clone(),
                types: self.types.clone(),
            }),
            states: self.states.clone(),
            access: StateAccess::Write,
            parallelism: self.parallelism,
        };
        let mut config = Config::new(RootSource::File {
            path: "/deployment".into(),
        });
        config.selection = Selection::members(self.selection.iter().cloned());
        config.refresh = self.refresh;
        Engine::new(config, tools, reporter, interrupt)
    }

    /// What the default state remembers.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.states.snapshot(None)
    }
}

/// Starts fakes over one world.
#[derive(Debug)]
struct LabProviders {
    world: Arc<World>,
    types: BTreeMap<String, FakeType>,
}

#[async_trait]
impl ProviderFactory for LabProviders {
    async fn open(
        &self,
        _: &str,
        _: &ProviderProgram,
        _: &ProviderSettings,
    ) -> Result<Arc<dyn Provider>, Failure> {
        let mut provider = FakeProvider::over(self.world.clone());
        for (name, fake) in &self.types {
            provider = provider.with_type(name, fake.clone());
        }
        Ok(Arc::new(provider))
    }
}

/// States in memory that go on from one run to the next.
#[derive(Debug, Default)]
pub struct LabStates {
    stores: Mutex<BTreeMap<Option<MemberPath>, Arc<MemoryStore>>>,
}

impl LabStates {
    fn stores(&self) -> std::sync::MutexGuard<'_, BTreeMap<Option<MemberPath>, Arc<MemoryStore>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a state remembers.
    pub fn snapshot(&self, handler: Option<&MemberPath>) -> Arc<Snapshot> {
        let store = self.stores().get(&handler.cloned()).cloned();
        store.map(|store| store.snapshot()).unwrap_or_default()
    }

    /// The store itself, for what a test wants to happen to it.
    pub fn store(&self, handler: Option<&MemberPath>) -> Arc<MemoryStore> {
        let mut stores = self.stores();
        let store = stores.entry(handler.cloned());
        store
            .or_insert_with(|| Arc::new(MemoryStore::new()))
            .clone()
    }

    /// Ends the run: what it began and did not end is in doubt.
    pub fn next_run(&self) {
        for store in self.stores().values_mut() {
            let snapshot = store.snapshot().as_ref().clone();
            *store = Arc::new(MemoryStore::with_snapshot(snapshot));
        }
    }
}

#[async_trait]
impl StateFactory for LabStates {
    fn has_default(&self) -> bool {
        self.stores().contains_key(&None)
    }

    async fn open_default(&self, _: StateAccess) -> StoreResult {
        Ok((self.store(None) as Arc<dyn StateStore>).into())
    }

    async fn open(&self, handler: StateHandler, _: StateAccess) -> StoreResult {
        if handler
            .inputs
            .as_attrs()
            .is_some_and(|attrs| attrs.contains_key("broken"))
        {
            return Err(Diagnostic::error("the state is broken").into());
        }
        Ok((self.store(Some(&handler.member)) as Arc<dyn StateStore>).into())
    }
}
