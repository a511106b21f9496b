//! Any text is refused with a readable error, or shown as `nix-instantiate --parse` shows it.

#![no_main]

use std::cell::RefCell;
use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use nixops4_lang::{Evaluator, MemoryHost, Options};

/// How many texts one evaluator reads: it keeps what it has read, and making one takes longer than
/// reading a short text.
const TEXTS_PER_EVALUATOR: usize = 200;

thread_local! {
    static EVALUATOR: RefCell<(usize, Evaluator)> = RefCell::new((0, evaluator()));
}

fn evaluator() -> Evaluator {
    Evaluator::new(Box::new(MemoryHost::default()), Options::default())
}

fn show(evaluator: &mut Evaluator, text: &str) {
    if let Err(error) = evaluator.show_syntax(text, "fuzzed", Path::new("/")) {
        let rendered = evaluator.render(&error, &Default::default());
        assert!(rendered.starts_with("error: "), "{rendered}");
    }
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Corpus::Reject;
    };
    EVALUATOR.with_borrow_mut(|(count, shared)| {
        *count += 1;
        if *count % TEXTS_PER_EVALUATOR == 0 {
            *shared = evaluator();
        }
        show(shared, text);
    });
    Corpus::Keep
});
