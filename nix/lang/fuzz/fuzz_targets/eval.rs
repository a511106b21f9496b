//! Any text comes to a value that can be printed in every form, or to a readable error: within the
//! limits of memory and depth, and soon after it was cancelled.

#![no_main]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use libfuzzer_sys::{Corpus, fuzz_target};
use nixops4_lang::{EvalError, Evaluator, MemoryHost, Options};

/// What takes longer is cancelled. That it ends then is what libFuzzer's own limit of time checks.
const PATIENCE: Duration = Duration::from_millis(300);

/// Cancels a run that takes too long.
struct Watchdog {
    epoch: Instant,
    /// When the current run began, in milliseconds since `epoch`; 0 between runs.
    begun: AtomicU64,
    cancel: Arc<AtomicBool>,
}

static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(|| {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(PATIENCE / 6);
            WATCHDOG.look();
        }
    });
    Watchdog {
        epoch: Instant::now(),
        begun: AtomicU64::new(0),
        cancel: Arc::default(),
    }
});

impl Watchdog {
    fn now(&self) -> u64 {
        1 + self.epoch.elapsed().as_millis() as u64
    }

    fn look(&self) {
        let begun = self.begun.load(Ordering::Relaxed);
        if begun != 0 && self.now() - begun > PATIENCE.as_millis() as u64 {
            self.cancel.store(true, Ordering::Relaxed);
        }
    }

    fn during<R>(&self, run: impl FnOnce() -> R) -> R {
        self.cancel.store(false, Ordering::Relaxed);
        self.begun.store(self.now(), Ordering::Relaxed);
        let result = run();
        self.begun.store(0, Ordering::Relaxed);
        result
    }
}

fn evaluator() -> Evaluator {
    let host = MemoryHost::new([
        ("/a", "1 + 1"),
        ("/b/default.nix", "{ c ? 1 }: { inherit c; d = ./e; }"),
        ("/b/e", "text"),
    ]);
    let options = Options {
        max_depth: 5_000,
        max_memory: Some(64 << 20),
        search_path: vec![("b".into(), "/b".into())],
        ..Options::default()
    };
    let mut evaluator = Evaluator::new(Box::new(host), options);
    evaluator.use_cancel_flag(WATCHDOG.cancel.clone());
    evaluator
}

/// Evaluates, and prints the value as often as it can be printed.
fn everything(evaluator: &mut Evaluator, text: &str) -> Result<(), EvalError> {
    let value = evaluator.eval_str(text, "fuzzed", Path::new("/"))?;
    evaluator.print(&value, false)?;
    evaluator.print(&value, true)?;
    let xml = evaluator.print_xml(&value, true, true);
    let json = evaluator.print_json(&value, true);
    xml.and(json).map(drop)
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Corpus::Reject;
    };
    WATCHDOG.during(|| {
        let mut evaluator = evaluator();
        if let Err(error) = everything(&mut evaluator, text) {
            let rendered = evaluator.render(&error, &Default::default());
            assert!(rendered.starts_with("error: "), "{rendered}");
        }
    });
    Corpus::Keep
});
