//! What the tests against real Nix share: outcomes, and both evaluators behind one function each.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nixops4_lang::{Evaluator, Options, RealFs};

/// Names the real `nix-instantiate` to compare with.
const ORACLE: &str = "NIXOPS4_TEST_NIX_INSTANTIATE";

/// How many expressions one process of real Nix evaluates.
const BATCH: usize = 25;

/// What an expression comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The value, evaluated deeply and printed.
    Value(String),
    /// An error that `builtins.tryEval` catches.
    Throws,
    /// Another error.
    Fails,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Value(text) => f.write_str(text),
            Outcome::Throws => f.write_str("! throws"),
            Outcome::Fails => f.write_str("! fails"),
        }
    }
}

/// The folder that relative paths in expressions start from.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// An expression that tells whether `tryEval` catches what `text` fails with.
fn caught(text: &str) -> String {
    format!("(builtins.tryEval (let v = (\n{text}\n); in builtins.deepSeq v null)).success")
}

/// Paths of this machine do not belong into expectations.
fn portable(printed: &str) -> String {
    printed
        .trim_end_matches('\n')
        .replace(&folder().display().to_string(), "$DIR")
}

/// Evaluates with this crate.
pub fn ours(text: &str) -> Outcome {
    let print = |text: &str| {
        let mut evaluator = Evaluator::new(Box::new(RealFs::new()), Options::default());
        let value = evaluator.eval_str(text, "test", &folder())?;
        evaluator.print(&value, true)
    };
    match print(text) {
        Ok(printed) => Outcome::Value(portable(&printed)),
        Err(_) if print(&caught(text)).is_ok() => Outcome::Throws,
        Err(_) => Outcome::Fails,
    }
}

/// Real Nix, where there is one.
pub struct Oracle(PathBuf);

impl Oracle {
    /// The program that the environment names; says loudly if there is none.
    pub fn find(what: &str) -> Option<Oracle> {
        let found = std::env::var_os(ORACLE).map(|path| Oracle(path.into()));
        if found.is_none() {
            // Past the test harness, which keeps to itself what tests print that pass.
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            let why = format!("{what}: {ORACLE} names no nix-instantiate to compare with");
            let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
        }
        found
    }

    /// Evaluates with real Nix.
    pub fn outcome(&self, text: &str) -> Outcome {
        match self.print(text) {
            Some(printed) => Outcome::Value(printed),
            None if self.print(&caught(text)).is_some() => Outcome::Throws,
            None => Outcome::Fails,
        }
    }

    /// Evaluates many, several in one process where that is the same.
    pub fn outcomes<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Outcome> {
        let batches = texts.chunks(BATCH);
        batches.flat_map(|batch| self.batch(batch)).collect()
    }

    /// Asks for all at once, and for each half where that fails as a whole.
    fn batch<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Outcome> {
        if let [text] = texts {
            return vec![self.outcome(text.as_ref())];
        }
        let printed: Vec<String> = texts
            .iter()
            .map(|text| format!("(let v = (\n{}\n); in builtins.deepSeq v v)", text.as_ref()))
            .collect();
        match self.print(&format!("[ {} ]", printed.join(" "))) {
            Some(list) => match split_list(&list, texts.len()) {
                Some(items) => items.into_iter().map(Outcome::Value).collect(),
                None => texts.iter().map(|t| self.outcome(t.as_ref())).collect(),
            },
            None => {
                let (left, right) = texts.split_at(texts.len() / 2);
                let mut all = self.batch(left);
                all.extend(self.batch(right));
                all
            }
        }
    }

    fn print(&self, text: &str) -> Option<String> {
        let mut child = Command::new(&self.0)
            .args(["--eval", "--strict", "-"])
            .args(["--option", "extra-experimental-features", "ca-derivations"])
            .current_dir(folder())
            .env("NIX_PATH", "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program named by the environment runs");
        let mut input = child.stdin.take().expect("it was piped");
        input
            .write_all(text.as_bytes())
            .expect("it reads its input");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(|| portable(&printed))
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
