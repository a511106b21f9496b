//! `nixops4 eval` beside real `nix-instantiate`: the same arguments, the same printed.

use std::path::Path;
use std::process::{Command, Stdio};

use nixops4_tests::{Sandbox, given};

/// Names the real `nix-instantiate` to compare with.
const ORACLE: &str = "NIXOPS4_TEST_NIX_INSTANTIATE";

/// What can be evaluated.
const INPUTS: &[&[&str]] = &[
    &["-E", "1"],
    &["-E", "null", "2.50", "[ ]"],
    &["-E", "\"text $ \\n\\t\\\" é\""],
    &[
        "-E",
        "{ a = 1; b = [ 2 { c = 3; } (1 + 1) ]; \"x y\" = true; f = x: x; }",
    ],
    &["-E", "{ x ? 1, y ? \"d\" }: { inherit x y; a = { x }: x; }"],
    &["-E", "{ x }: [ x (x + x) ]"],
    &["-E", "{ x, ... }@all: all"],
    &["-E", "args: args"],
    &["-E", "{ __functor = self: { x ? 7 }: { a = x; }; }"],
    &["-E", "[ { x ? 1 }: x ]"],
    &["-E", "{ a = throw \"x\"; b = [ (throw \"y\") ]; }"],
    &["-E", "throw \"x\""],
    &["-E", "\"a\u{1}b \u{1b}[31m c\""],
    &["-E", "-"],
    &["-E", "{ a = 1"],
    &["-E", "builtins.warn \"careful\" { a = 1; }"],
    &[
        "-E",
        "let f = n: if n == 0 then 0 else 1 + f (n - 1); in f 500",
    ],
    &["-E", "{ a.outPath = \"/out\"; b = ./f.nix; }"],
    &["-E", "<p/f.nix>", "-I", "p=."],
    &["-E", "builtins.nixPath", "-I", "p=/x", "-I", "/y"],
    &["-E", "import <f.nix> { a = 1; }", "-I", "."],
    &["f.nix"],
    &["./folder"],
    &["f.nix", "./folder"],
    &["<p/f.nix>", "-I", "p=."],
    &["none.nix"],
    &["broken.nix"],
];

/// How that is asked for.
const OPTIONS: &[&[&str]] = &[
    &[],
    &["--strict"],
    &["--json"],
    &["--json", "--strict"],
    &["--xml"],
    &["--xml", "--strict"],
    &["--xml", "--no-location"],
    &["--raw"],
    &["-A", "a"],
    &["-A", "a", "-A", "b.1.c"],
    &["-A", "b.0", "--strict"],
    &["-A", "\"x y\""],
    &["--attr", "a.x", "--json"],
    &["-A", "b.7"],
    &["-A", ""],
    &["--arg", "x", "2 + 3"],
    &["--arg", "x", "2 + 3", "--strict"],
    &["--argstr", "x", "$ \"", "--json", "--strict"],
    &[
        "--arg", "x", "{ }", "--argstr", "y", "z", "--xml", "--strict",
    ],
    &["--arg", "x", "1", "-A", "a", "--strict"],
    &["--arg", "x", "1", "--arg", "other", "2", "--strict"],
    &["--arg", "x", "throw \"late\""],
    &["--option", "abort-on-warn", "true"],
    &["--option", "max-call-depth", "100"],
    &["--show-trace", "--strict"],
    &["--parse"],
    &["--parse", "--json"],
    &["--json", "--xml", "--strict"],
    &["--xml", "--json", "--json"],
    &["--no-location", "--strict", "--strict"],
    &["--argstr", "x", "1", "--arg", "x", "2", "--strict"],
    &["--arg", "x", "1", "--argstr", "x", "2", "--strict"],
];

/// What a program prints; `None` where it fails.
fn printed(mut program: Command, folder: &Path) -> Option<String> {
    let output = program
        .current_dir(folder)
        .env("NIX_PATH", "")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// What both print for the same arguments, `nix-instantiate` first.
fn both(nix: &Path, sandbox: &Sandbox, folder: &Path, args: &[&str]) -> [Option<String>; 2] {
    let mut real = Command::new(nix);
    // It builds unless told to do less, and --parse is less than --eval.
    if !args.contains(&"--parse") {
        real.arg("--eval");
    }
    // What is on without being asked for here.
    real.args(["--option", "extra-experimental-features", "ca-derivations"]);
    real.args(args);
    let mut ours = sandbox.command(&["eval"]);
    ours.args(args);
    [printed(real, folder), printed(ours, folder)]
}

#[test]
fn prints_what_nix_instantiate_prints_for_all_arguments() {
    let Some(nix) = given(ORACLE) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("f.nix", "{ a ? 3 }: { a = a + 1; b = __curPos.line; }");
    sandbox.write("folder/default.nix", "[ \"folder\" ]");
    sandbox.write("broken.nix", "{ a = ; }");
    let (mut different, mut values) = (Vec::new(), 0);
    for input in INPUTS {
        for options in OPTIONS {
            let args = [*input, options].concat();
            // Which file that is only evaluation tells, and here parsing evaluates nothing.
            if args.contains(&"<p/f.nix>") && args.contains(&"--parse") {
                continue;
            }
            let [real, ours] = both(&nix, &sandbox, &sandbox.path(), &args);
            values += usize::from(real.is_some());
            if real != ours {
                different.push(format!("{args:?}\n  real {real:?}\n  ours {ours:?}"));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(values > 250, "only {values} have a value");
}

/// The recorded expressions of the language's own tests that have a value.
fn recorded(folder: &Path) -> Vec<String> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("text");
        let mut lines: Vec<&str> = Vec::new();
        for line in text.lines() {
            if line.starts_with("=> ") && !line.starts_with("=> ! ") {
                cases.push(lines.join("\n"));
            }
            match line.starts_with("=> ") || line.starts_with("~> ") {
                true => lines.clear(),
                false if line.is_empty() && lines.is_empty() => {}
                false => lines.push(line),
            }
        }
    }
    cases
}

/// How many expressions are printed by one process.
const BATCH: usize = 40;

/// Adds those that are printed differently: looked for in halves where a whole batch differs.
fn find_different(
    compare: &dyn Fn(&[String]) -> [Option<String>; 2],
    cases: &[String],
    different: &mut Vec<String>,
) {
    let [real, ours] = compare(cases);
    // What cannot be said in UTF-8 is said in another way.
    let comparable = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| !text.contains(char::REPLACEMENT_CHARACTER))
    };
    let (left, right) = cases.split_at(cases.len() / 2);
    match left.is_empty() {
        _ if real.is_some() && real == ours => {}
        true if real != ours && comparable(&real) => {
            different.push(format!("{right:?}\n  real {real:?}\n  ours {ours:?}"));
        }
        true => {}
        false => {
            find_different(compare, left, different);
            find_different(compare, right, different);
        }
    }
}

#[test]
fn prints_the_whole_corpus_as_real_nix_does() {
    let Some(nix) = given(ORACLE) else {
        return;
    };
    let sandbox = Sandbox::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nix/lang/tests/conformance");
    let cases = recorded(&folder);
    let mut different = Vec::new();
    // Without places: those of functions that were given some of their arguments differ, and those
    // in Nix's own text of `derivation`.
    for mode in [&[][..], &["--xml", "--no-location"], &["--parse"]] {
        let compare = |cases: &[String]| {
            let mut args = mode.to_vec();
            args.push("-E");
            args.extend(cases.iter().map(String::as_str));
            both(&nix, &sandbox, &folder, &args)
        };
        for batch in cases.chunks(BATCH) {
            find_different(&compare, batch, &mut different);
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
