//! Work grows as the deployment does, not as its square: counted in bytes that are allocated on the
//! way, which is the same on every machine.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use nixops4_core::apply::approve_all;
use nixops4_testutils::{Lab, Operation, Outcome};

struct Counting;

static ALLOCATED: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is left to the system's allocator; counting has no other effect.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many members there are at first, and how many times as many then.
const SMALL: usize = 100;
const TIMES: usize = 4;
/// What a depth that grows as a logarithm may add.
const SLACK: f64 = 1.04;

/// Something done to a deployment that has grown to a size.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// The deployment.
    text: fn(usize) -> String,
    /// What there is before, if anything.
    before: Option<fn(usize) -> String>,
    /// What else is special about it.
    prepare: fn(&mut Lab, usize),
    destroy: bool,
}

impl Case {
    fn new(name: &'static str, text: fn(usize) -> String) -> Self {
        Self {
            name,
            text,
            before: None,
            prepare: |_, _| {},
            destroy: false,
        }
    }

    /// How many bytes a plan and an apply allocate.
    async fn cost(self, size: usize) -> u64 {
        let mut lab = Lab::new();
        if let Some(before) = self.before {
            plan_and_apply(&lab, &before(size), false).await;
        }
        (self.prepare)(&mut lab, size);
        let text = (self.text)(size);
        let before = ALLOCATED.load(Ordering::Relaxed);
        plan_and_apply(&lab, &text, self.destroy).await;
        ALLOCATED.load(Ordering::Relaxed) - before
    }
}

async fn plan_and_apply(lab: &Lab, text: &str, destroy: bool) {
    let mut engine = lab.run(text);
    let plan = match destroy {
        true => engine.plan_destroy().await.expect("plan"),
        false => engine.plan().await.expect("plan"),
    };
    assert!(!plan.is_empty(), "there is something to do");
    engine.apply(plan, &mut approve_all).await;
    engine.close().await;
}

fn lines(size: usize, line: impl Fn(usize) -> String) -> String {
    (0..size).map(line).collect()
}

fn independent(size: usize) -> String {
    lines(size, |n| format!("m{n} = thing name=\"m{n}\"\n"))
}

fn chained(size: usize) -> String {
    lines(size, |n| match n {
        0 => "m0 = thing name=\"m0\" size=1\n".to_owned(),
        _ => format!("m{n} = thing name=\"m{n}\" size=1 of=@m{}:id\n", n - 1),
    })
}

fn chained_and_larger(size: usize) -> String {
    chained(size).replace("size=1", "size=2")
}

/// Half of the members come after a composite that has the other half.
fn after_a_composite(size: usize) -> String {
    lines(size / 2, |n| {
        format!("all.m{n} = thing name=\"all{n}\"\nm{n} = thing name=\"m{n}\" !after=all\n")
    })
}

fn data_after_a_composite(size: usize) -> String {
    lines(size / 2, |n| {
        format!("all.m{n} = thing name=\"all{n}\"\nd{n} = data lookup key=\"k\" !after=all\n")
    })
}

fn fail_all(lab: &mut Lab, size: usize) {
    for n in 0..size {
        let outcome = Outcome::Fail("no".into());
        lab.world
            .script(Operation::Create, &format!("m{n}"), outcome);
    }
}

fn select_the_first(lab: &mut Lab, _: usize) {
    lab.selection = vec!["m0".parse().expect("a path")];
}

#[tokio::test]
async fn work_grows_with_the_deployment() {
    let cases = [
        Case::new("independent", independent),
        Case::new("chained", chained),
        Case {
            before: Some(chained),
            ..Case::new("all of a chain replaced", chained_and_larger)
        },
        Case {
            before: Some(chained),
            destroy: true,
            ..Case::new("a chain destroyed", chained)
        },
        Case {
            before: Some(chained),
            prepare: select_the_first,
            destroy: true,
            ..Case::new("a chain destroyed by naming the first of it", chained)
        },
        Case {
            prepare: fail_all,
            ..Case::new("all fail", independent)
        },
        Case::new("after a composite", after_a_composite),
        Case {
            before: Some(after_a_composite),
            destroy: true,
            ..Case::new("destroyed before a composite", after_a_composite)
        },
        Case::new("data sources after a composite", data_after_a_composite),
    ];
    for case in cases {
        let small = case.cost(SMALL).await;
        let large = case.cost(SMALL * TIMES).await;
        let growth = large as f64 / small as f64;
        let name = case.name;
        assert!(
            growth < TIMES as f64 * SLACK,
            "{name}: {TIMES} times the members take {growth:.2} times as much: {small}, {large}"
        );
    }
}
