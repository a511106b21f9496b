//! Processes that die at the worst moment, and two runs at once.

use std::process::{Child, Stdio};

use nixops4_tests::{Sandbox, signal, wait_until};

/// `slow` says that it has begun by making a file, and goes on when another file is there.
const SLOW: &str = r#"{ members, providers, ... }: {
  providers.local = { };
  members.before = { type = providers.local.file; inputs = { name = "before"; contents = ""; }; };
  members.slow = { type = providers.local.exec; inputs = {
    executable = "sh";
    once = true;
    args = [ "-c" ''touch begun; while [ ! -e go-on ]; do sleep 0.05; done; echo done'' ];
  }; };
  members.after = { type = providers.local.file;
    inputs = { name = "after"; contents = members.slow.outputs.stdout; }; };
  members.apart = { type = providers.local.file; inputs = { name = "apart"; contents = ""; }; };
}"#;

/// Starts `apply` and waits until `slow` runs.
fn start_slow(sandbox: &Sandbox) -> Child {
    let child = sandbox
        .command(&["apply", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nixops4 starts");
    wait_until("the slow operation", || sandbox.has("begun"));
    // The two others are through, so that only one operation is cut off.
    wait_until("what goes on beside it", || {
        sandbox
            .read("nixops4.state")
            .matches(r#""event":"finish""#)
            .count()
            == 2
    });
    child
}

#[test]
fn killed_in_the_middle_nothing_is_lost_and_the_rest_goes_on() {
    let sandbox = Sandbox::with_deployment(SLOW);
    let mut child = start_slow(&sandbox);
    child.kill().expect("it is running");
    child.wait().expect("it ends");
    sandbox.write("go-on", "");

    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("slow  in doubt"), "{plan}");
    assert!(
        plan.contains("after  because of slow, which is not settled"),
        "{plan}"
    );
    sandbox.run(&["apply", "--yes"]);
    assert!(
        sandbox.has("before") && sandbox.has("apart"),
        "everything else goes on"
    );
    assert!(!sandbox.has("after"), "what depends on it is held back");

    let listed = sandbox.ok(&["state", "list"]).stdout;
    assert!(listed.contains("slow  exec  in doubt"), "{listed}");
    sandbox.ok(&["state", "repair", "slow", "--forget", "--yes"]);
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("after"), "done\n");
    sandbox.ok(&["plan", "--detailed-exitcode"]);
}

#[test]
fn a_second_run_is_refused_with_the_name_of_the_first() {
    let sandbox = Sandbox::with_deployment(SLOW);
    let mut first = start_slow(&sandbox);
    let said = sandbox.fails(&["apply", "--yes"]);
    assert!(said.contains(&format!("process {}", first.id())), "{said}");
    assert!(
        said.contains(" since ") || said.contains("started"),
        "{said}"
    );
    // Looking is allowed.
    sandbox.ok(&["state", "list"]);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("slow  under way"), "{plan}");
    sandbox.write("go-on", "");
    assert!(first.wait().expect("it ends").success());
}

/// Has a script evaluate, in which `REAL` stands for the evaluator that we have.
fn evaluate_by(sandbox: &mut Sandbox, script: &str) {
    let real = nixops4_tests::programs().join("nixops4-eval");
    let text = script.replace("REAL", &real.display().to_string());
    sandbox.write("eval", &format!("#!/bin/sh\n{text}"));
    let script = sandbox.path().join("eval");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("the script is ours");
    sandbox.set("NIXOPS4_EVAL", script.to_string_lossy());
}

#[test]
fn the_evaluator_ends_with_whoever_asked_it() {
    let mut sandbox = Sandbox::new();
    evaluate_by(
        &mut sandbox,
        "echo $$ >pid.new\nmv pid.new pid\nexec REAL\n",
    );
    let endless =
        "let sum = f: builtins.foldl' (a: n: a + f n) 0 (builtins.genList (n: n) 1000000);
        in sum (_: sum (_: sum (n: n)))";
    let mut child = sandbox
        .command(&["eval", "-E", endless])
        .stdout(Stdio::null())
        .spawn()
        .expect("nixops4 starts");
    wait_until("the evaluator", || sandbox.has("pid"));
    let evaluator = format!("/proc/{}", sandbox.read("pid").trim());
    child.kill().expect("it is running");
    child.wait().expect("it ends");
    // Where there is no /proc this says nothing.
    wait_until("its end", || !std::path::Path::new(&evaluator).exists());
}

#[test]
fn the_evaluator_dies_and_the_run_says_so() {
    let mut sandbox = Sandbox::with_deployment(SLOW);
    // An evaluator that answers the first question and then ends as if out of memory.
    evaluate_by(&mut sandbox, "head -n 1 | REAL\nread -r line\nkill -9 $$\n");
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("the evaluator ended"), "{said}");
    assert!(said.contains("nothing is lost"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn interrupted_once_it_waits_for_what_runs_and_records_it() {
    let sandbox = Sandbox::with_deployment(SLOW);
    let mut child = start_slow(&sandbox);
    signal("INT", child.id());
    sandbox.write("go-on", "");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    let listed = sandbox.ok(&["state", "list"]).stdout;
    assert!(!listed.contains("in doubt"), "{listed}");
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("after"), "done\n");
}
