//! `nixops4 eval`: what `nix-instantiate --eval` and `--parse` take, printed as they print it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nixops4_tests::Sandbox;

/// Arguments, and what is printed.
const PRINTED: &[(&[&str], &str)] = &[
    (&["1 + 1"], "2\n"),
    (&["-E", "1", "2"], "1\n2\n"),
    // Not evaluated deeply, what nobody asked for stays as it is.
    (
        &["-E", "{ a = 1 + 1; f = x: x; l = [ ]; n = -1; }"],
        "{ a = <CODE>; f = <CODE>; l = [ ]; n = <CODE>; }\n",
    ),
    (
        &["--strict", "-E", "{ a = 1 + 1; f = x: x; }"],
        "{ a = 2; f = <LAMBDA>; }\n",
    ),
    (
        &["--json", "--strict", "{ a = [ 1 null ]; }"],
        "{\"a\":[1,null]}\n",
    ),
    (&["--raw", "\"a\\n\""], "a\n"),
    (
        &["-A", "a", "-A", "b.1", "{ a = 1; b = [ 2 3 ]; }"],
        "1\n3\n",
    ),
    // Functions are called where there are arguments, or something to select.
    (&["-E", "{ x ? 1 }: x"], "<LAMBDA>\n"),
    (&["-E", "{ x ? 1, y }: x + y", "--arg", "y", "2 * 2"], "5\n"),
    (
        &[
            "-E",
            "{ x, y ? 1 }: { inherit x; }",
            "-A",
            "x",
            "--argstr",
            "x",
            "t",
        ],
        "\"t\"\n",
    ),
    (
        &[
            "-E",
            "{ __functor = self: { x }: x; }",
            "--argstr",
            "x",
            "t",
        ],
        "\"t\"\n",
    ),
    // Files, where a word is one.
    (&["f.nix"], "<LAMBDA>\n"),
    (&["./f.nix", "--arg", "a", "7"], "8\n"),
    (&["--file", "f.nix", "--arg", "a", "7"], "8\n"),
    (&["<x/f.nix>", "-I", "x=.", "--arg", "a", "1"], "2\n"),
    (&["--parse", "f.nix"], "({ a ? 3 }: (a + 1))\n"),
    (
        &[
            "--parse",
            "let a = -1; in { inherit a; b.c = a >= 2; }.b or [ 1.0 ]",
        ],
        "(let a = (__sub 0 1); in ({ inherit a; b = { c = (! (__lessThan a 2)); }; }).b or ([ (1) ]))\n",
    ),
    (
        &[
            "--xml",
            "--no-location",
            "{ a = x: 1; b = \"<\"; }",
            "--strict",
        ],
        "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <attrs>\n    <attr name=\"a\">\n      \
         <function>\n        <varpat name=\"x\" />\n      </function>\n    </attr>\n    \
         <attr name=\"b\">\n      <string value=\"&lt;\" />\n    </attr>\n  </attrs>\n</expr>\n",
    ),
    (
        &["--xml", "{ a = 1 + 1; }"],
        "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <attrs>\n    \
         <attr column=\"3\" line=\"1\" name=\"a\">\n      <unevaluated />\n    </attr>\n  \
         </attrs>\n</expr>\n",
    ),
];

/// Arguments, and a part of what is said.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["--json", "{ a = 1 + 1; }"],
        "cannot convert a thunk to JSON",
    ),
    (&["--raw", "1"], "cannot coerce an integer: 1 to a string"),
    (&["-A", "abd", "{ abc = 1; }"], "Did you mean abc?"),
    (
        &["-A", "5", "[ 1 ]"],
        "list index 5 in selection path '5' is out of range",
    ),
    (
        &["{ x }: x", "--argstr", "y", "1"],
        "an argument without a value ('x')",
    ),
    (&["./none.nix"], "none.nix' does not exist"),
    (
        &["builtins.warn \"x\" 1", "--option", "abort-on-warn", "true"],
        "abort-on-warn",
    ),
    (&["--parse", "x"], "undefined variable 'x'"),
];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("f.nix", "{ a ? 3 }: a + 1");
    sandbox
}

#[test]
fn prints_what_nix_instantiate_prints() {
    let sandbox = sandbox();
    for (args, expected) in PRINTED {
        let args: Vec<&str> = ["eval"].iter().chain(*args).copied().collect();
        assert_eq!(sandbox.ok(&args).stdout, *expected, "{args:?}");
    }
}

#[test]
fn refuses_what_nix_instantiate_refuses() {
    let sandbox = sandbox();
    for (args, expected) in REFUSED {
        let args: Vec<&str> = ["eval"].iter().chain(*args).copied().collect();
        let said = sandbox.fails(&args);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn reads_standard_input_and_shows_traces() {
    let sandbox = sandbox();
    let mut child = sandbox
        .command(&["eval", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nixops4 starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(b"builtins.trace \"hello\" 5")
        .expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "trace: hello\n");
}

#[test]
fn an_interrupt_ends_it_soon() {
    let sandbox = sandbox();
    let mut child = sandbox
        .command(&[
            "eval",
            "builtins.trace \"begun\" (let f = n: f (n + 1); in f 0)",
        ])
        .args(["--eval-max-depth", "4000000000"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("nixops4 starts");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).expect("a line");
    assert_eq!(line, "trace: begun\n");
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::yield_now();
    };
    assert_eq!(status.code(), Some(130));
}
