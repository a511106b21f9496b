//! Evaluation whole: module system, names, types and inputs of every member, over the protocol.

use std::fs::File;
use std::path::Path;

use crate::run::{median, report, run_with_input};

/// One recursive walk over 1,000 and 10,000 members, asked of the evaluator process itself.
pub fn whole(evaluator: &Path) {
    for count in [1_000, 10_000] {
        let dir = tempfile::tempdir().expect("a folder");
        let text = format!(
            r#"
            {{ members, providers, ... }}: {{
              providers.aws = {{ source = "hashicorp/aws"; config.region = "eu-central-1"; }};
              members = builtins.listToAttrs (builtins.genList (n: {{
                name = "m${{toString n}}";
                value = {{
                  type = providers.aws.aws_ssm_parameter;
                  inputs = {{
                    name = "/bench/${{toString n}}";
                    type = "String";
                    value = "value ${{toString n}}";
                    tags = {{ Name = "m${{toString n}}"; Group = "bench"; }};
                  }};
                }};
              }}) {count});
            }}"#
        );
        let root = dir.path().join("nixops4.nix");
        std::fs::write(&root, text).expect("the deployment is written");
        let questions = dir.path().join("questions");
        std::fs::write(&questions, session(&root)).expect("the questions are written");
        let input = || {
            File::open(&questions)
                .expect("the questions are there")
                .into()
        };
        let runs = (0..3).map(|_| run_with_input(evaluator, &[], dir.path(), input()));
        report(
            &format!("evaluation whole, {count} members"),
            median(runs.collect()),
        );
    }
}

fn session(root: &Path) -> String {
    format!(
        concat!(
            r#"{{"id":1,"method":"hello","params":{{"protocolVersions":[1]}}}}"#,
            "\n",
            r#"{{"id":2,"method":"load","params":{{"root":{{"kind":"file","path":{:?}}}}}}}"#,
            "\n",
            r#"{{"id":3,"method":"walk","params":{{"paths":[""],"recursive":true,"inputs":true}}}}"#,
            "\n"
        ),
        root
    )
}
