//! `nixops4 repl`: what is typed is evaluated, with the deployment in scope.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nixops4_tests::{Ran, Sandbox, fake_provider};

const DEPLOYMENT: &str = r#"{ members, providers, lib, ... }: {
  providers.local = { };
  members.note = { type = providers.local.file; inputs = { name = "note.txt"; contents = "x"; }; };
  members.web.members.copy = {
    type = providers.local.file;
    inputs = { name = "copy.txt"; contents = "sum ${members.note.outputs.sha256}"; };
  };
  members.secret = {
    type = providers.local.memo;
    inputs.initialize_with = lib.sensitive "hunter2";
  };
}"#;

/// The SHA-256 of `x`.
const SUM: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    let args: Vec<&str> = ["repl"].iter().chain(args).copied().collect();
    let mut command = sandbox.command(&args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("nixops4 starts")
}

/// Everything typed at once.
fn repl(sandbox: &Sandbox, args: &[&str], typed: &str) -> Ran {
    let mut child = start(sandbox, args);
    let mut stdin = child.stdin.take().expect("piped");
    // It may leave before it has read everything.
    let _ = stdin.write_all(typed.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    sandbox.ran(args, &output)
}

/// What is printed, where nothing may fail.
fn printed(sandbox: &Sandbox, typed: &str) -> String {
    let ran = repl(sandbox, &[], typed);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    ran.stdout
}

/// A session in which one waits for what is printed.
struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Session {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let mut child = start(sandbox, args);
        Self {
            stdin: child.stdin.take().expect("piped"),
            stdout: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("sent");
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("an answer");
        answer.trim_end().to_owned()
    }

    fn end(self) -> (Option<i32>, String) {
        drop(self.stdin);
        let output = self.child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    }
}

#[test]
fn without_a_deployment_it_evaluates_nix() {
    let ran = repl(&Sandbox::new(), &[], "1 + 1\n\n# nothing\n\"a\"\n");
    assert_eq!(ran.stdout, "2\n\"a\"\n");
    assert!(
        ran.stderr.starts_with("There is no deployment here"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, Some(0));
}

#[test]
fn values_print_as_nix_prints_them() {
    let text =
        "x = { a = { b = [ 1 { } ]; }; f = n: n; }\nx\n:p x.a\n:p \"one\\ntwo\"\n:t x.f\n:t map\n";
    assert_eq!(
        printed(&Sandbox::new(), text),
        "{\n  a = { ... };\n  f = «lambda f @ «string»:1:35»;\n}\n{\n  b = [\n    1\n    { }\n  ];\n}\none\ntwo\n\
         a function\nthe built-in function 'map'\n"
    );
}

#[test]
fn input_goes_on_until_it_is_whole() {
    let text = "{\n  a = 1;\n}.a\nf =\n  n:\n  n + 1\n:p [\n  (f 2)\n]\n''\n  text\n''\n";
    assert_eq!(printed(&Sandbox::new(), text), "1\n[ 3 ]\n\"text\\n\"\n");
    let ran = repl(&Sandbox::new(), &[], "1 +\n");
    assert!(
        ran.stderr.contains("unexpected end of file"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, Some(1));
}

#[test]
fn errors_say_where_and_end_nothing() {
    let ran = repl(
        &Sandbox::new(),
        &[],
        "let a = 1;\n in a + nope\n:t\n:nope\n:deps a = 1\n(throw \"no\")\n7\n",
    );
    assert_eq!(ran.stdout, "7\n");
    assert_eq!(ran.code, Some(1));
    for said in [
        "error: undefined variable 'nope'\n  --> «string»:2:9\n  2 |  in a + nope\n",
        "error: :t needs something: :t EXPR\n",
        "error: there is no command :nope\n",
        "error: an expression is needed here, not bindings\n",
        "error: no\n  --> «string»:1:2\n",
    ] {
        assert!(ran.stderr.contains(said), "{said}\n{}", ran.stderr);
    }
}

#[test]
fn outputs_are_unknown_by_name_until_they_are_there() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    let text = "members.note.outputs.sha256\n\
                :deps web.copy.inputs.contents\n\
                :deps members.note.inputs\n\
                members.secret.inputs\n\
                builtins.attrNames config.providers\n\
                lib.concatStrings [ \"a\" \"b\" ]\n";
    let unknown = "«unknown: members.note.outputs.sha256»\n\
                   members.note.outputs.sha256 (not known yet)\n\
                   contents: no output\nname: no output\n\
                   { initialize_with = (sensitive); }\n\
                   [ \"local\" ]\n\
                   \"ab\"\n";
    assert_eq!(printed(&sandbox, text), unknown);
    assert!(!sandbox.has("nixops4.state"), "nothing is written");
    sandbox.ok(&["apply", "--yes"]);
    let known = printed(
        &sandbox,
        "members.note.outputs.sha256\n:deps web.copy\nmembers.secret.outputs.value\n",
    );
    assert_eq!(
        known,
        format!(
            "\"{SUM}\"\ninputs.contents:\n  members.note.outputs.sha256\ninputs.name: no output\n\
             (sensitive)\n"
        )
    );
}

/// A deployment of the scripted plugin.
const PLUGIN: &str = r#"{ members, providers, ... }: {
  providers.fake = { executable = "./terraform-provider-fake"; config = { }; };
  members.thing = { type = providers.fake.fake_thing; inputs.name = "a"; };
  members.other = { type = providers.fake.fake_thing; inputs.name = members.thing.outputs.id; };
}"#;

#[test]
fn plugins_tell_the_names_of_outputs() {
    let sandbox = Sandbox::with_deployment(PLUGIN);
    let plugin = sandbox.path().join("terraform-provider-fake");
    std::os::unix::fs::symlink(fake_provider(), plugin).expect("a link");
    assert_eq!(
        printed(
            &sandbox,
            ":deps other.inputs.name\nmembers.other.inputs.name\n"
        ),
        "members.thing.outputs.id (not known yet)\n«unknown: members.thing.outputs.id»\n"
    );
}

#[test]
fn without_the_plugin_only_the_member_is_known() {
    let sandbox = Sandbox::with_deployment(PLUGIN);
    let ran = repl(&sandbox, &[], ":deps other.inputs.name\n");
    assert_eq!(ran.stdout, "members.thing.outputs (not known yet)\n");
    let said = "warning: provider fake: cannot start the plugin [dir]/terraform-provider-fake";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn the_state_is_read_while_someone_writes_it() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    sandbox.ok(&["apply", "--yes"]);
    let mut session = Session::start(&sandbox, &[]);
    assert_eq!(
        session.ask("members.note.outputs.sha256"),
        format!("\"{SUM}\"")
    );
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn files_are_loaded_and_read_again() {
    let sandbox = Sandbox::new();
    sandbox.write("f.nix", "{ a ? 1 }: { inherit a; b = a + 1; }");
    let mut session = Session::start(&sandbox, &["f.nix"]);
    assert_eq!(session.ask("a + b"), "3");
    session.send(":a { c = a + 40; }");
    session.send("d = 5");
    assert_eq!(session.ask("c + d"), "46");
    sandbox.write("f.nix", "{ a = 10; }");
    session.send(":r");
    assert_eq!(session.ask("a"), "10");
    session.send("d");
    let (code, said) = session.end();
    assert_eq!(code, Some(1));
    assert!(said.contains("2 names came into scope."), "{said}");
    assert!(said.contains("undefined variable 'd'"), "{said}");
}

#[test]
fn the_deployment_is_read_again() {
    let sandbox = Sandbox::with_deployment("{ members.a.members = { }; }");
    let mut session = Session::start(&sandbox, &[]);
    assert_eq!(session.ask("members ? b"), "false");
    sandbox.write("nixops4.nix", "{ members.b.members = { }; }");
    session.send(":r");
    assert_eq!(session.ask("members ? b"), "true");
    session.send(":q");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_deployment_that_cannot_be_evaluated_ends_it() {
    let sandbox = Sandbox::with_deployment("{ members.a = ; }");
    let ran = repl(&sandbox, &[], "1\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("nixops4.nix:1:15"), "{}", ran.stderr);
}

#[test]
fn an_evaluator_that_dies_is_started_again() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    let mut session = Session::start(&sandbox, &[]);
    assert_eq!(session.ask("members ? note"), "true");
    let evaluator = child_of(session.child.id(), "nixops4-eval");
    let kill = Command::new("kill")
        .args(["-9", &evaluator.to_string()])
        .status();
    assert!(kill.expect("kill starts").success());
    // Told of with this line or noticed before it; the next one is answered.
    session.send("1");
    assert_eq!(session.ask("{ ok = members ? note; }"), "{ ok = true; }");
    let (_, said) = session.end();
    assert!(said.contains("The evaluator is started again."), "{said}");
}

/// The child of a process that runs a program, by their names in the kernel.
fn child_of(parent: u32, program: &str) -> u32 {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).expect("tasks");
    let children = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|ids| {
            ids.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|id| id.parse().ok())
        .collect();
    let runs = |id: &&u32| {
        fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == program)
    };
    *children.iter().find(runs).expect("a child")
}

#[test]
fn an_interrupt_ends_what_is_evaluated() {
    let sandbox = Sandbox::new();
    let mut session = Session::start(&sandbox, &["--eval-max-depth", "4000000000"]);
    assert_eq!(session.ask("1"), "1");
    session.send("builtins.trace \"begun\" (let f = n: f (n + 1); in f 0)");
    let mut said = BufReader::new(session.child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("begun") {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("a line"), 0);
    }
    let begun = Instant::now();
    let pid = session.child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status();
    assert!(kill.expect("kill starts").success());
    let (code, _) = session.end();
    assert_eq!(code, Some(130));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn functions_are_documented_and_their_files_edited() {
    let mut sandbox = Sandbox::new();
    sandbox.write(
        "set.nix",
        "{\n  /** Doubles\n      a number. */\n  twice = x: x * 2;\n}\n",
    );
    let typed = ":l set.nix\n:doc twice\n:doc builtins.map\n";
    let said = printed(&sandbox, typed);
    assert!(
        said.contains("set.nix:4:11\n\nDoubles\na number."),
        "{said}"
    );
    assert!(
        said.contains("builtins.map function list\n\nWhat"),
        "{said}"
    );
    // An editor that changes the file it is given.
    sandbox.write("edit.sh", "sed -i s/2/3/ \"$1\"; echo \"edited $1\"");
    sandbox.set("EDITOR", "sh ./edit.sh");
    let said = printed(&sandbox, ":l set.nix\ntwice 5\n:e twice\ntwice 5\n");
    assert_eq!(said, "10\nedited [dir]/set.nix\n15\n");
    sandbox.set("EDITOR", "false");
    for (typed, expected) in [
        (":e ./set.nix", "the editor `false` failed"),
        (":e builtins.map", "is needed here, not a built-in function"),
        (":e x: x", "a function that is written in a file"),
        (":e a = 1", "an expression is needed here, not bindings"),
        (":doc 1", "only functions are documented, not an integer"),
        (":doc", ":doc needs something"),
        (":b 1", "there is no command :b"),
    ] {
        let ran = repl(&sandbox, &[], &format!("{typed}\n"));
        assert_eq!(ran.code, Some(1), "{typed}\n{}", ran.stdout);
        assert!(ran.stderr.contains(expected), "{typed}\n{}", ran.stderr);
    }
}
