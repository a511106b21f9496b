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

/// Plan, apply, plan again and destroy 10,000 `memo` of each shape: independent, each with the
/// value of the one before it, and half of them after a composite with the other half.
pub fn many(nixops4: &Path) {
    let before = "members.${\"m${toString (n - 1)}\"}.outputs.value";
    let chained = format!("gen 10000 (n: memo (if n == 0 then \"v\" else {before}))");
    let composite = "gen 5000 (n: memo \"v\" // { dependsOn = [ members.all ]; }) \
                     // { all.members = gen 5000 (n: memo \"v\"); }";
    for (shape, members) in [
        ("independent", "gen 10000 (n: memo \"v${toString n}\")"),
        ("chained", &chained),
        ("after a composite", composite),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let text = format!(
            r#"
            {{ members, providers, ... }}:
            let
              memo = value: {{ type = providers.local.memo; inputs.initialize_with = value; }};
              gen = count: f: builtins.listToAttrs (builtins.genList
                (n: {{ name = "m${{toString n}}"; value = f n; }}) count);
            in {{ providers.local = {{ }}; members = {members}; }}"#
        );
        std::fs::write(dir.path().join("nixops4.nix"), text).expect("the deployment is written");
        for (what, args) in [
            ("plan to create", &["plan"][..]),
            ("apply", &["apply", "--yes"]),
            ("plan unchanged", &["plan"]),
            ("destroy", &["destroy", "--yes"]),
        ] {
            let sample = run(nixops4, args, dir.path());
            report(&format!("{what}, 10,000 memo, {shape}"), sample);
        }
    }
}
