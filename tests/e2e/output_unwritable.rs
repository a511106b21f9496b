//! Standard output and standard error that cannot be written.

use std::fs::OpenOptions;
use std::process::Stdio;

use nixops4_tests::Sandbox;

const TWO: &str = r#"{ members, providers, ... }: {
  providers.local = { };
  members.a = { type = providers.local.file; inputs = { name = "a"; contents = "1"; }; };
  members.b = {
    type = providers.local.file;
    inputs = { name = "b"; contents = members.a.outputs.sha256; };
  };
}"#;

/// A disk that is always full.
fn full() -> Stdio {
    let device = OpenOptions::new().write(true).open("/dev/full");
    device.expect("the system has it").into()
}

#[test]
fn what_is_under_way_goes_on_and_the_command_fails() {
    let complaint = "error: cannot write to standard output: No space left on device";
    for json in [false, true] {
        let sandbox = Sandbox::with_deployment(TWO);
        let mut args = vec!["apply", "--yes"];
        args.extend(json.then_some("--json"));
        let output = sandbox.command(&args).stdout(full()).output();
        let ran = sandbox.ran(&args, &output.expect("it starts"));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(complaint), "{ran:?}");
        assert!(sandbox.has("a") && sandbox.has("b"));
        sandbox.ok(&["plan", "--detailed-exitcode"]);
    }

    // Where nothing at all can be said, the exit code is what is left.
    let sandbox = Sandbox::with_deployment(TWO);
    let mut command = sandbox.command(&["apply", "--yes"]);
    let status = command.stdout(full()).stderr(full()).status();
    assert_eq!(status.expect("it starts").code(), Some(1));
    assert!(sandbox.has("a") && sandbox.has("b"));
    for args in [
        &["plan", "--detailed-exitcode"][..],
        &["providers", "list"],
        &["state", "list"],
    ] {
        let output = sandbox.command(args).stdout(full()).output();
        let ran = sandbox.ran(args, &output.expect("it starts"));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(complaint), "{ran:?}");
    }
}

#[test]
fn whoever_reads_may_stop_reading() {
    let sandbox = Sandbox::with_deployment(TWO);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let args = ["plan"];
    let output = sandbox.command(&args).stdout(writer).output();
    let ran = sandbox.ran(&args, &output.expect("it starts"));
    assert_eq!((ran.code, ran.stderr.contains("error")), (Some(0), false));
}
