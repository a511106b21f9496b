//! Random expressions: both evaluators must come to the same, or fail alike.
//!
//! `NIXOPS4_TEST_RANDOM` says how many to try, from which seed: `3000` or `3000@17`.

#[path = "common/generate.rs"]
mod generate;

mod common;

use common::{Oracle, Outcome, ours};
use generate::Generator;

fn expressions() -> Vec<String> {
    let wanted = std::env::var("NIXOPS4_TEST_RANDOM").unwrap_or_else(|_| "400".into());
    let (count, seed) = wanted.split_once('@').unwrap_or((&wanted, "1"));
    let count: u64 = count.parse().expect("a number of expressions");
    let seed: u64 = seed.parse().expect("a seed");
    (seed..seed + count)
        .map(|seed| Generator::new(seed).expression())
        .collect()
}

#[test]
fn an_expression_always_comes_to_the_same() {
    let expressions = expressions();
    let mut values = 0;
    for text in &expressions {
        let first = ours(text);
        assert_eq!(first, ours(text), "{text}");
        values += usize::from(matches!(first, Outcome::Value(_)));
    }
    assert!(
        values * 2 > expressions.len(),
        "only {values} of {} have a value",
        expressions.len()
    );
}

#[test]
fn real_nix_agrees() {
    let Some(oracle) = Oracle::find("comparing random expressions with real Nix") else {
        return;
    };
    let mut wrong = String::new();
    let expressions = expressions();
    for (text, theirs) in expressions.iter().zip(oracle.outcomes(&expressions)) {
        let ours = ours(text);
        if ours != theirs {
            wrong += &format!("\n{text}\n  Nix  {theirs}\n  ours {ours}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
