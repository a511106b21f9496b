//! Nix files that are no Nix, and evaluations without an end, through the program: each is refused
//! with an error that can be read.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nixops4_tests::Sandbox;

/// What is said about an expression that cannot be evaluated.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], expected: &[&str]) {
    let args = [&["eval", "--strict"], args].concat();
    let said = sandbox.fails(&args);
    for text in expected {
        assert!(
            said.contains(text),
            "{args:?}: {text:?} is not said: {said:.2000}"
        );
    }
    assert!(!said.contains("panicked"), "{said:.2000}");
    // Nobody reads more, however long the lines of the text are.
    let longest = said.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 1_000, "{args:?}: a line of {longest} bytes");
}

#[test]
fn files_that_cannot_be_read() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path();
    std::fs::write(dir.join("latin.nix"), b"\"caf\xe9\"").expect("written");
    std::fs::write(dir.join("wide.nix"), b"\xff\xfe{\0}\0").expect("written");
    std::fs::write(dir.join("zero.nix"), b"1 +\0 2").expect("written");
    symlink("loop-b", dir.join("loop-a")).expect("a link");
    symlink("loop-a", dir.join("loop-b")).expect("a link");
    std::fs::create_dir(dir.join("folder")).expect("a folder");
    let cases: &[(&str, &[&str])] = &[
        ("./latin.nix", &["latin.nix' is not UTF-8 text"]),
        ("import ./wide.nix", &["wide.nix' is not UTF-8 text"]),
        ("./zero.nix", &["unexpected '\\0'", "zero.nix:1:4"]),
        ("./loop-a", &["loop-a", "symbolic links"]),
        ("builtins.readFile ./loop-a", &["loop-a", "symbolic links"]),
        (
            "\"${./loop-a}/x\" + builtins.readFile ./loop-b",
            &["loop-b"],
        ),
        ("import ./folder", &["folder/default.nix' does not exist"]),
        ("builtins.readFile ./folder", &["folder", "directory"]),
        ("builtins.readDir ./latin.nix", &["latin.nix", "directory"]),
        ("import ./none.nix", &["none.nix' does not exist"]),
    ];
    for (text, expected) in cases {
        refused(&sandbox, &[text], expected);
    }
}

#[test]
fn what_is_nested_a_million_times() {
    let sandbox = Sandbox::new();
    let many = |text: &str| text.repeat(1_000_000);
    let texts = [
        format!("{}{}", many("["), many("]")),
        format!("{}1{}", many("("), many(")")),
        format!("{}1{}", many("{ a = "), many("; }")),
        format!("{{ a{} = 1; }}", many(".a")),
        format!("{}1", many("-")),
        format!("{}true", many("!")),
        format!("[ ]{}", many(" ++ [ ]")),
        format!("{}1", many("x: ")),
        format!("{}\"a\"{}", many("\"${"), many("}\"")),
        format!("builtins.fromJSON ''{}{}''", many("["), many("]")),
        "builtins.toJSON (builtins.foldl' (a: b: [ a ]) 1 (builtins.genList (x: x) 1000000))"
            .into(),
    ];
    for text in &texts {
        sandbox.write("deep.nix", text);
        refused(&sandbox, &["./deep.nix"], &["error: ", "more than"]);
    }
    // Here nothing waits for another.
    sandbox.write("wide.nix", &format!("({{ }}{} or 5)", many(".a")));
    assert_eq!(sandbox.ok(&["eval", "./wide.nix"]).stdout, "5\n");
}

#[test]
fn recursion_without_an_end_shows_its_cycle() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "a.nix",
        "rec {\n  first = second + 1;\n  second = third;\n  third = first;\n}",
    );
    refused(
        &sandbox,
        &["./a.nix", "-A", "first"],
        &["infinite recursion", "a.nix:2:", "a.nix:3:", "a.nix:4:"],
    );
}

#[test]
fn limits_of_memory_and_depth_are_said() {
    let sandbox = Sandbox::new();
    let large =
        "builtins.length (builtins.foldl' (a: x: a ++ a) [ 1 ] (builtins.genList (x: x) 60))";
    refused(
        &sandbox,
        &[large, "--eval-max-memory", "50000000"],
        &["more memory than the 50000000 bytes"],
    );
    let deep = "let f = n: 1 + f (n + 1); in f 0";
    refused(
        &sandbox,
        &[deep, "--eval-max-depth", "1000"],
        &["stack overflow", "1000"],
    );
}

/// How soon an evaluation ends once asked to: what matters is the best of some tries, as the machine
/// may be doing something else.
#[test]
fn a_cancelled_evaluation_ends_within_50_milliseconds() {
    let sandbox = Sandbox::new();
    for text in [
        "let f = n: f (n + 1); in f 0",
        "builtins.foldl' (a: x: a + x) 0 (builtins.genList (x: x * x) 100000000)",
        "let s = builtins.genList (k: { k = k * 7919; }) 300000; in builtins.sort (a: b: b.k < a.k) s",
    ] {
        let best = (0..10).map(|_| interrupted_after(&sandbox, text)).min();
        let best = best.expect("tries");
        assert!(best < Duration::from_millis(50), "{text}: {best:?}");
    }
}

/// Interrupts an evaluation when it has begun and says how long it then goes on.
fn interrupted_after(sandbox: &Sandbox, text: &str) -> Duration {
    let mut child = sandbox
        .command(&["eval", &format!("builtins.trace \"begun\" ({text})")])
        .args([
            "--eval-max-depth",
            "4000000000",
            "--option",
            "max-call-depth",
            "4000000000",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .expect("nixops4 starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    assert_eq!(line, "trace: begun\n");
    let begun = Instant::now();
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    let status = child.wait().expect("it ends");
    let took = begun.elapsed();
    assert_eq!(status.code(), Some(130), "{text}");
    took
}
