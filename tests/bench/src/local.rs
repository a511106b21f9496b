//! Starting up, and a deployment of local files in which nothing has changed.

use std::path::Path;

use crate::run::{median, report, run};

/// `nixops4 --version`.
pub fn startup(nixops4: &Path) {
    let dir = tempfile::tempdir().expect("a folder");
    let runs = (0..21)
        .map(|_| run(nixops4, &["--version"], dir.path()))
        .collect();
    report("nixops4 --version", median(runs));
}

/// `plan` of twenty files that are as they should be.
pub fn unchanged(nixops4: &Path) {
    let dir = tempfile::tempdir().expect("a folder");
    let text = r#"
        { members, providers, ... }: {
          providers.local = { };
          members = builtins.listToAttrs (builtins.genList (n: {
            name = "file${toString n}";
            value = {
              type = providers.local.file;
              inputs = { name = "file${toString n}.txt"; contents = "number ${toString n}\n"; };
            };
          }) 20);
        }"#;
    std::fs::write(dir.path().join("nixops4.nix"), text).expect("the deployment is written");
    run(nixops4, &["apply", "--yes"], dir.path());
    let runs = (0..11)
        .map(|_| run(nixops4, &["plan"], dir.path()))
        .collect();
    report("plan, 20 local files, unchanged", median(runs));
}
