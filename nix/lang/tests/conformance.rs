//! Expressions with what real Nix makes of them, in `conformance/*.txt`:
//!
//! ```text
//! expression, of any number of lines
//! => what `nix-instantiate --eval --strict` prints, or "! throws", or "! fails"
//! ```
//!
//! A line `~> …` instead of `=> …` tells what this evaluator does where it differs on purpose; the
//! line before says why, after a `#`.
//!
//! With `NIXOPS4_TEST_NIX_INSTANTIATE` the expectations themselves are compared with real Nix, and
//! with `NIXOPS4_TEST_RECORD=1` beside it they are written anew.

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::{Oracle, folder, ours};

/// One expression and what is expected of it.
struct Case {
    text: String,
    expected: String,
    /// The evaluators differ here, on purpose.
    differs: bool,
}

fn case_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the corpus exists");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

fn read_cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).expect("the corpus can be read");
    let mut cases = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let end = line.strip_prefix("=> ").map(|e| (e, false));
        let end = end.or_else(|| line.strip_prefix("~> ").map(|e| (e, true)));
        match end {
            Some((expected, differs)) => {
                let text = lines.join("\n");
                cases.push(Case {
                    text,
                    expected: expected.into(),
                    differs,
                });
                lines.clear();
            }
            None if line.is_empty() && lines.is_empty() => {}
            None => lines.push(line),
        }
    }
    assert!(
        lines.is_empty(),
        "{}: a case without its outcome: {lines:?}",
        path.display()
    );
    cases
}

/// Fails with all cases whose outcome is not the expected one.
fn check(evaluate: impl Fn(&[Case]) -> Vec<String>) {
    let (mut count, mut wrong) = (0, String::new());
    for path in case_files() {
        let file = path.file_name().unwrap_or_default().display().to_string();
        let cases = read_cases(&path);
        count += cases.len();
        for (case, outcome) in cases.iter().zip(evaluate(&cases)) {
            if outcome != case.expected {
                let Case { text, expected, .. } = case;
                let _ = write!(
                    wrong,
                    "\n{file}: {text}\n  expected {expected}\n  got      {outcome}\n"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 1000, "only {count} cases were found");
}

#[test]
fn every_case_comes_to_what_is_recorded() {
    check(|cases| {
        let outcomes = cases.iter().map(|case| ours(&case.text).to_string());
        outcomes.collect()
    });
}

#[test]
fn the_records_are_what_real_nix_says() {
    let Some(oracle) = Oracle::find("comparing the recorded outcomes with real Nix") else {
        return;
    };
    if std::env::var_os("NIXOPS4_TEST_RECORD").is_some() {
        case_files().iter().for_each(|path| record(&oracle, path));
    }
    check(|cases| real(&oracle, cases));
}

/// What real Nix makes of the cases: those with a value many at a time.
fn real(oracle: &Oracle, cases: &[Case]) -> Vec<String> {
    let is_value = |case: &&Case| !case.differs && !case.expected.starts_with("! ");
    let values: Vec<&str> = cases.iter().filter(is_value).map(|c| &*c.text).collect();
    let mut values = oracle.outcomes(&values).into_iter();
    let mut outcome = |case: &Case| {
        if case.differs {
            return case.expected.clone();
        }
        let value = is_value(&case).then(|| values.next()).flatten();
        match value.map(|value| value.to_string()) {
            Some(value) if value == case.expected => value,
            // In a list some values are printed otherwise: positions, and what occurs again.
            _ => oracle.outcome(&case.text).to_string(),
        }
    };
    cases.iter().map(&mut outcome).collect()
}

fn record(oracle: &Oracle, path: &Path) {
    let mut out = String::new();
    for case in read_cases(path) {
        let (arrow, outcome) = match case.differs {
            true => ("~>", case.expected),
            false => ("=>", oracle.outcome(&case.text).to_string()),
        };
        let separator = if out.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{separator}{}\n{arrow} {outcome}\n", case.text);
    }
    std::fs::write(path, out).expect("the corpus can be written");
}
