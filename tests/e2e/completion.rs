//! Completion in a real shell.

use std::process::Command;

use nixops4_tests::{Sandbox, programs};

const DEPLOYMENT: &str = r#"{ providers, ... }: {
  providers.local = { };
  members.web.members.front = { type = providers.local.memo; inputs.initialize_with = 1; };
  members.web.members.back = { type = providers.local.memo; inputs.initialize_with = 2; };
  members.worker = { type = providers.local.memo; inputs.initialize_with = 3; };
}"#;

/// What bash offers when the tab key is pressed at the end of the line.
fn offered(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let script = r#"
      source <(nixops4 completion bash)
      read -r -a COMP_WORDS <<<"$LINE"
      [[ $LINE == *" " ]] && COMP_WORDS+=("")
      COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      complete=$(complete -p nixops4)
      [[ $complete =~ -F\ ([^ ]+) ]]
      "${BASH_REMATCH[1]}" nixops4 "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command: Command = sandbox.command(&[]);
    command = {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script])
            .current_dir(sandbox.path())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("LINE", line);
        bash
    };
    let output = command.output().expect("bash starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    let mut offered: Vec<_> = said.split_whitespace().map(str::to_owned).collect();
    offered.sort();
    offered
}

#[test]
fn bash_completes_commands_options_and_members() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    assert_eq!(offered(&sandbox, "nixops4 de"), ["destroy"]);
    assert_eq!(offered(&sandbox, "nixops4 repl --fi"), ["--file"]);
    assert_eq!(offered(&sandbox, "nixops4 state re"), ["repair"]);
    assert_eq!(
        offered(&sandbox, "nixops4 plan --detailed"),
        ["--detailed-exitcode"]
    );
    assert_eq!(
        offered(&sandbox, "nixops4 plan web"),
        ["web", "web.back", "web.front"]
    );
    assert_eq!(offered(&sandbox, "nixops4 apply web.f"), ["web.front"]);
    assert_eq!(offered(&sandbox, "nixops4 plan --refresh n"), ["none"]);
}

#[test]
fn members_of_the_file_that_was_named() {
    let sandbox = Sandbox::new();
    sandbox.write("other.nix", DEPLOYMENT);
    let offered = offered(&sandbox, "nixops4 plan --file other.nix wor");
    assert_eq!(offered, ["worker"]);
}

#[test]
fn no_deployment_completes_no_members_and_says_nothing() {
    assert_eq!(
        offered(&Sandbox::new(), "nixops4 plan w"),
        Vec::<String>::new()
    );
}
