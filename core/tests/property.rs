//! Random deployments, changed, applied in random completion orders with random failures and
//! interruptions: what must hold of every run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use nixops4_core::MemberPath;
use nixops4_core::apply::{ApplyReport, Outcome as Became, approve_all};
use nixops4_core::engine::Interrupt;
use nixops4_core::report::Reporter;
use nixops4_core::state::{OperationKind, StateEvent, StateStore};
use nixops4_testutils::{FakeEvaluator, Held, Lab, Operation, Outcome, plan_text};
use proptest::prelude::*;
use tokio::sync::mpsc;

/// A resource of a random deployment.
#[derive(Clone, Debug)]
struct Node {
    present: bool,
    size: u8,
    note: u8,
    cbd: bool,
    /// Of which earlier ones it takes an output, and how.
    needs: Vec<(usize, Need)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Need {
    /// Unknown before the other exists.
    Id,
    /// Known all the time.
    Note,
    /// No output at all.
    Order,
}

fn node(index: usize) -> impl Strategy<Value = Node> {
    let need = prop_oneof![Just(Need::Id), Just(Need::Note), Just(Need::Order)];
    let needs = match index {
        0 => Just(Vec::new()).boxed(),
        _ => prop::collection::vec((0..index, need), 0..3).boxed(),
    };
    (
        prop::bool::weighted(0.85),
        0u8..2,
        0u8..2,
        prop::bool::weighted(0.2),
        needs,
    )
        .prop_map(|(present, size, note, cbd, needs)| Node {
            present,
            size,
            note,
            cbd,
            needs,
        })
}

fn deployment() -> impl Strategy<Value = Vec<Node>> {
    (0usize..7).prop_flat_map(|len| (0..len).map(node).collect::<Vec<_>>())
}

fn name(index: usize) -> String {
    format!("n{index}")
}

fn text(nodes: &[Node]) -> String {
    let mut text = String::new();
    for (i, node) in nodes.iter().enumerate().filter(|(_, node)| node.present) {
        let Node {
            size, note, cbd, ..
        } = node;
        let name = name(i);
        let _ = write!(
            text,
            "{name} = thing name=\"{name}\" size={size} note=\"{note}\""
        );
        for (k, (other, need)) in node.needs.iter().enumerate() {
            if nodes[*other].present {
                let _ = match need {
                    Need::Id => write!(text, " of{k}=@n{other}:id"),
                    Need::Note => write!(text, " of{k}=@n{other}:note"),
                    Need::Order => write!(text, " !after=n{other}"),
                };
            }
        }
        if *cbd {
            text.push_str(" !cbd");
        }
        text.push('\n');
    }
    text
}

/// What goes wrong, by operation and resource.
type Trouble = Vec<(Operation, usize, Outcome)>;

fn trouble() -> impl Strategy<Value = Trouble> {
    let operation = prop_oneof![
        Just(Operation::Create),
        Just(Operation::Update),
        Just(Operation::Delete)
    ];
    let outcome = prop_oneof![
        4 => Just(Outcome::Fail("no".into())),
        3 => Just(Outcome::Partial("half".into())),
        1 => Just(Outcome::CrashBefore),
        1 => Just(Outcome::CrashAfter),
    ];
    prop::collection::vec((operation, 0usize..7, outcome), 0..3)
}

/// Lets held calls go on in the order that `choices` say, and interrupts after some of them.
async fn referee(
    held: Vec<Held>,
    mut choices: Vec<u8>,
    mut interrupt_after: Option<usize>,
    interrupt: Interrupt,
) {
    let (tell, mut reached) = mpsc::unbounded_channel();
    for held in held {
        let tell = tell.clone();
        tokio::spawn(async move {
            held.reached().await;
            let _ = tell.send(held);
        });
    }
    drop(tell);
    let mut waiting = Vec::new();
    while let Some(first) = reached.recv().await {
        waiting.push(first);
        // Whatever else can start, starts.
        for _ in 0..50 {
            tokio::task::yield_now().await;
            while let Ok(next) = reached.try_recv() {
                waiting.push(next);
            }
        }
        while !waiting.is_empty() {
            match interrupt_after {
                Some(0) => {
                    interrupt.escalate();
                    interrupt_after = None;
                }
                Some(n) => interrupt_after = Some(n - 1),
                None => {}
            }
            let choice = choices.pop().unwrap_or(0) as usize % waiting.len();
            waiting.swap_remove(choice).release();
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            while let Ok(next) = reached.try_recv() {
                waiting.push(next);
            }
        }
    }
}

struct Ran {
    report: ApplyReport,
    effects: Vec<String>,
}

/// Applies with everything that can go wrong, in a random order.
async fn run(
    lab: &Lab,
    text: &str,
    trouble: &Trouble,
    order: Vec<u8>,
    interrupt_after: Option<usize>,
) -> Ran {
    lab.world.clear_calls();
    let mut held = Vec::new();
    for i in 0..7 {
        for operation in [Operation::Create, Operation::Update, Operation::Delete] {
            held.push(lab.world.hold(operation, &name(i)));
        }
    }
    for (operation, i, outcome) in trouble {
        lab.world.script(*operation, &name(*i), outcome.clone());
    }
    let interrupt = Interrupt::default();
    let referee = tokio::spawn(referee(held, order, interrupt_after, interrupt.clone()));
    let evaluator = Arc::new(FakeEvaluator::new(text));
    let mut engine = lab.run_interrupted(evaluator, Reporter::silent(), interrupt);
    let plan = engine.plan().await.expect("plan");
    nixops4_core::check::assert_sound(&plan);
    let report = engine.apply(plan, &mut approve_all).await;
    engine.close().await;
    referee.abort();
    lab.world.clear_script();
    Ran {
        report,
        effects: lab.world.effects(),
    }
}

/// Settles what is in doubt as a person would who has looked at the world.
async fn repair(lab: &Lab, text: &str) {
    let store = lab.states.store(None);
    let doubts: Vec<_> = store
        .snapshot()
        .intents()
        .map(|(id, open)| (id.clone(), open.clone()))
        .collect();
    for (id, open) in doubts {
        let member = open.intent.member.clone();
        let known: BTreeSet<_> = known_ids(lab);
        let objects = lab.world.named(&member.to_string());
        let fresh = objects.iter().find(|(id, _)| !known.contains(id));
        let adopted = match (open.intent.operation.kind(), fresh) {
            (OperationKind::Create, Some((object, _))) => Some(object.clone()),
            _ => None,
        };
        match adopted {
            Some(object) => {
                let mut engine = lab.run(text);
                engine.adopt(&member, &object).await.expect("adopted");
                engine.close().await;
            }
            None => {
                let event = StateEvent::IntentForgotten {
                    id,
                    with_object: false,
                };
                lab.states.next_run();
                lab.states
                    .store(None)
                    .record(event)
                    .await
                    .expect("forgotten");
            }
        }
    }
}

/// The ids of all objects that are remembered.
fn known_ids(lab: &Lab) -> BTreeSet<String> {
    let snapshot = lab.snapshot();
    let objects = snapshot
        .resources()
        .flat_map(|(_, entry)| entry.current.iter().chain(entry.deposed.values()));
    objects
        .filter_map(|object| {
            let id = object.state.outputs.as_attrs()?.get("id")?;
            id.as_str().map(str::to_owned)
        })
        .collect()
}

/// What depends on what, now.
fn edges(nodes: &[Node]) -> BTreeMap<String, BTreeSet<String>> {
    let present = |i: &usize| nodes[*i].present;
    nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.present)
        .map(|(i, node)| {
            let needs = node.needs.iter().map(|(other, _)| *other);
            (name(i), needs.filter(present).map(name).collect())
        })
        .collect()
}

fn assert_order(ran: &Ran, nodes: &[Node]) {
    let at = |effect: String| ran.effects.iter().position(|e| *e == effect);
    let up = |name: &str| at(format!("create {name}")).or_else(|| at(format!("update {name}")));
    for (name, needs) in edges(nodes) {
        for need in needs {
            if let (Some(first), Some(then)) = (up(&need), up(&name)) {
                assert!(first < then, "{need} before {name}: {:?}", ran.effects);
            }
        }
    }
}

fn assert_once(ran: &Ran) {
    let mut seen = BTreeMap::<_, usize>::new();
    for effect in &ran.effects {
        *seen.entry(effect.clone()).or_default() += 1;
    }
    for (effect, count) in seen {
        // A deposed object from before and a current one may both go.
        let allowed = if effect.starts_with("delete") { 2 } else { 1 };
        assert!(
            count <= allowed,
            "{effect} {count} times: {:?}",
            ran.effects
        );
    }
}

/// What is remembered is what there is, but for what is in doubt.
fn assert_true(lab: &Lab) {
    let snapshot = lab.snapshot();
    let doubtful: BTreeSet<MemberPath> = snapshot
        .intents()
        .map(|(_, open)| open.intent.member.clone())
        .collect();
    let known = known_ids(lab);
    for (id, object) in lab.world.objects() {
        let member: MemberPath = object.name().parse().expect("path");
        assert!(
            known.contains(&id) || doubtful.contains(&member),
            "{id} is not remembered"
        );
    }
    for (member, entry) in snapshot.resources() {
        for object in entry.current.iter().chain(entry.deposed.values()) {
            let id = object.state.outputs.as_attrs().and_then(|o| o.get("id"));
            let id = id.and_then(|id| id.as_str()).unwrap_or_default();
            assert!(
                lab.world.objects().contains_key(id) || doubtful.contains(member),
                "{member} ({id}) is remembered and not there"
            );
        }
    }
}

/// Applies until nothing is left, with nothing going wrong, and checks that the end is the same as
/// if nothing ever had.
async fn assert_resumes(lab: &Lab, nodes: &[Node]) {
    let text = text(nodes);
    for _ in 0..2 {
        repair(lab, &text).await;
        let ran = run(lab, &text, &Vec::new(), Vec::new(), None).await;
        let clean = ran.report.is_success();
        assert!(
            clean,
            "{:?} {:?}",
            ran.report.results, ran.report.diagnostics
        );
        if ran.effects.is_empty() {
            break;
        }
    }
    let mut engine = lab.run(&text);
    let plan = engine.plan().await.expect("plan");
    engine.close().await;
    assert!(
        plan.is_empty(),
        "a second plan is not empty:\n{}",
        plan_text(&plan)
    );
    let names: BTreeSet<_> = lab
        .world
        .objects()
        .values()
        .map(|object| object.name().to_owned())
        .collect();
    let wanted: BTreeSet<_> = edges(nodes).into_keys().collect();
    assert_eq!(names, wanted);
    assert_eq!(lab.world.objects().len(), wanted.len());
}

async fn story(
    first: Vec<Node>,
    second: Vec<Node>,
    trouble: [Trouble; 2],
    order: Vec<u8>,
    interrupt_after: Option<usize>,
    parallelism: usize,
) {
    let mut lab = Lab::new();
    lab.parallelism = parallelism;
    for (nodes, trouble) in [&first, &second].into_iter().zip(&trouble) {
        let ran = run(&lab, &text(nodes), trouble, order.clone(), interrupt_after).await;
        assert_eq!(lab.world.violations(), Vec::<String>::new());
        assert_order(&ran, nodes);
        assert_once(&ran);
        assert_true(&lab);
        let in_doubt = ran.report.results.iter();
        let in_doubt = in_doubt
            .filter(|result| result.outcome == Became::InDoubt)
            .count();
        assert_eq!(in_doubt, ran.report.summary.in_doubt);
    }
    assert_resumes(&lab, &second).await;
    // And all goes away again.
    let mut engine = lab.run(&text(&second));
    let plan = engine.plan_destroy().await.expect("plan");
    nixops4_core::check::assert_sound(&plan);
    let report = engine.apply(plan, &mut approve_all).await;
    engine.close().await;
    assert!(
        report.is_success(),
        "{:?} {:?}",
        report.results,
        report.diagnostics
    );
    assert!(lab.world.objects().is_empty());
    assert!(lab.snapshot().is_empty());
    assert_eq!(lab.world.violations(), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_run_is_ordered_true_and_can_be_resumed(
        first in deployment(),
        second in deployment(),
        trouble in [trouble(), trouble()],
        order in prop::collection::vec(any::<u8>(), 0..20),
        interrupt_after in prop::option::weighted(0.3, 0usize..4),
        parallelism in 1usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("runtime");
        runtime.block_on(story(first, second, trouble, order, interrupt_after, parallelism));
    }
}
