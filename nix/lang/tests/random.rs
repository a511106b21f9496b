//! Random expressions: both evaluators must come to the same, or fail alike.
//!
//! `NIXOPS4_TEST_RANDOM` says how many to try, from which seed: `3000` or `3000@17`.

#[path = "common/generate.rs"]
mod generate;

mod common;

use common::{Oracle, Outcome, ours};
use generate::Generator;

/// How many expressions one process of real Nix evaluates.
const BATCH: usize = 25;

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
    for batch in expressions().chunks(BATCH) {
        for (text, theirs) in batch.iter().zip(outcomes(&oracle, batch)) {
            let ours = ours(text);
            if ours != theirs {
                wrong += &format!("\n{text}\n  Nix  {theirs}\n  ours {ours}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Asks for many at once, and again for each half where that fails as a whole.
fn outcomes(oracle: &Oracle, batch: &[String]) -> Vec<Outcome> {
    if let [text] = batch {
        return vec![oracle.outcome(text)];
    }
    let printed: Vec<String> = batch
        .iter()
        .map(|text| format!("(let v = (\n{text}\n); in builtins.deepSeq v v)"))
        .collect();
    match oracle.outcome(&format!("[ {} ]", printed.join(" "))) {
        Outcome::Value(list) => match split_list(&list, batch.len()) {
            Some(items) => items.into_iter().map(Outcome::Value).collect(),
            None => batch.iter().map(|text| oracle.outcome(text)).collect(),
        },
        _ => {
            let (left, right) = batch.split_at(batch.len() / 2);
            let mut all = outcomes(oracle, left);
            all.extend(outcomes(oracle, right));
            all
        }
    }
}

/// The items of a printed list, if they are as many as expected.
fn split_list(list: &str, expected: usize) -> Option<Vec<String>> {
    let inside = list.strip_prefix("[ ")?.strip_suffix(" ]")?;
    let (mut items, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for letter in inside.chars() {
        if letter == ' ' && depth == 0 && !quoted {
            items.push(String::new());
            continue;
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        items.last_mut()?.push(letter);
    }
    (items.len() == expected && !list.contains("«repeated»")).then_some(items)
}
