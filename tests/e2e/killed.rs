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

#[test]
fn the_evaluator_dies_and_the_run_says_so() {
    let mut sandbox = Sandbox::with_deployment(SLOW);
    let pid = sandbox.path().join("evaluator.pid");
    let real = nixops4_tests::programs().join("nixops4-eval");
    // An evaluator that answers the first question and then ends as if out of memory.
    sandbox.write(
        "dying-eval",
        &format!(
            "#!/bin/sh\necho $$ >{}\nhead -n 1 | {}\nread -r line\nkill -9 $$\n",
            pid.display(),
            real.display()
        ),
    );
    let script = sandbox.path().join("dying-eval");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("the script is ours");
    sandbox.set("NIXOPS4_EVAL", script.to_string_lossy());
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
