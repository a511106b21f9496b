//! Importing what derivations make, with and without a store.

use nixops4_tests::{Sandbox, given};

/// Made of a text and of a file that the deployment has.
const DERIVATION: &str = r#"derivation {
  name = "made";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "read text < ${builtins.toFile "text" "5"}; echo \"{ a = $text; }\" > $out" ./f ];
}"#;

#[test]
fn without_a_store_paths_are_computed_and_only_building_fails() {
    let sandbox = Sandbox::new();
    sandbox.write("f", "file");
    let path = sandbox.ok(&[
        "eval",
        "--raw",
        "--store",
        "none",
        &format!("({DERIVATION}).outPath"),
    ]);
    assert!(path.stdout.starts_with("/nix/store/") && path.stdout.ends_with("-made"));
    sandbox.write(
        "import.nix",
        &format!("let\n  made = import ({DERIVATION});\nin made.a"),
    );
    let said = sandbox.fails(&["eval", "--store", "none", "import.nix"]);
    for part in [
        "-made.drv' needs a store",
        "import.nix:2",
        "made = import (derivation {",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = sandbox.fails(&["eval", "--store", "nexus", "1"]);
    assert!(said.contains("there is no store `nexus`"), "{said}");
}

/// Programs that know one build by heart and write down what they are asked.
fn fake_nix(sandbox: &Sandbox) -> String {
    let script = |name: &str, text: &str| {
        sandbox.write(
            &format!("bin/{name}"),
            &format!("#!/bin/sh\ncd \"${{0%/*}}\"\n{text}\n"),
        );
        let path = sandbox.path().join("bin").join(name);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("executable");
    };
    script(
        "nix-instantiate",
        "echo \"$*\" >> asked; cat >> expressions; cat answer",
    );
    script(
        "nix-store",
        "echo \"$*\" >> asked\ncase $1 in\n--realise) cat out ;;\n--dump) echo archive ;;\n\
         --restore) cat > archives; echo '{ a = 5; }' > \"$2\" ;;\nesac",
    );
    format!("nix:{}", sandbox.path().join("bin").display())
}

#[test]
fn the_programs_of_nix_are_asked_to_build() {
    let sandbox = Sandbox::new();
    sandbox.write("f", "file");
    let store = fake_nix(&sandbox);
    let paths = sandbox.ok(&[
        "eval",
        "--json",
        "--strict",
        "--store",
        "none",
        &format!(
            "let d = {DERIVATION}; in \
             [ (builtins.toFile \"text\" \"5\") \"${{./f}}\" d.drvPath ]"
        ),
    ]);
    // Both sources come before the derivation, in the order of their paths.
    let list = paths
        .stdout
        .trim()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let mut sources: Vec<&str> = list.split(',').collect();
    let drv = sources.pop().expect("a derivation");
    sources.sort_unstable();
    sandbox.write("bin/answer", &format!("[{},{drv}]", sources.join(",")));
    sandbox.write(
        "bin/out",
        "/nix/store/00000000000000000000000000000000-elsewhere\n",
    );
    let made = sandbox.ok(&[
        "eval",
        "--store",
        &store,
        &format!("(import ({DERIVATION})).a"),
    ]);
    assert_eq!(made.stdout, "5\n");
    let asked = sandbox.read("bin/asked");
    let drv = drv.trim_matches('"');
    assert!(asked.contains(&format!("--realise {drv}!out")), "{asked}");
    assert!(
        asked.contains("--eval --strict --json --read-write-mode -"),
        "{asked}"
    );
    let expressions = sandbox.read("bin/expressions");
    assert!(expressions.contains("(builtins.toFile \"text\" (builtins.appendContext \"5\" { }))"));
    assert!(
        expressions.contains("builtins.path { name = \"f\";"),
        "{expressions}"
    );

    // A store that names things otherwise is not believed.
    sandbox.write("bin/answer", "[\"/a\",\"/b\",\"/c\"]");
    let said = sandbox.fails(&["eval", "--store", &store, &format!("import ({DERIVATION})")]);
    assert!(
        said.contains("the store calls '/a' what is '/nix/store/"),
        "{said}"
    );
}

/// `NIXOPS4_TEST_NIX` names a folder with `nix-instantiate` and `nix-store`.
#[test]
fn a_real_nix_builds() {
    let Some(folder) = given("NIXOPS4_TEST_NIX") else {
        return;
    };
    let mut sandbox = Sandbox::new();
    let root = sandbox.path().join("root");
    let root = root.to_str().expect("UTF-8");
    sandbox.set("NIX_STORE_DIR", format!("{root}/store"));
    sandbox.set(
        "NIX_REMOTE",
        format!("local?store={root}/store&state={root}/var&log={root}/log"),
    );
    sandbox.set(
        "NIX_CONFIG",
        "build-hook =\nsandbox = false\nsandbox-paths =\nbuild-users-group =\nsubstitute = false",
    );
    sandbox.write("f", "file");
    let store = format!("nix:{}", folder.display());
    let eval = |text: &str| sandbox.ok(&["eval", "--store", &store, text]).stdout;
    assert_eq!(eval(&format!("(import ({DERIVATION})).a")), "5\n");
    let text = "let d = derivation { name = \"two\"; system = builtins.currentSystem; builder = \
                \"/bin/sh\"; outputs = [ \"out\" \"dev\" ]; args = [ \"-c\" \"echo 1 > $out; echo 2 > \
                $dev\" ]; }; in map (output: builtins.readFile d.${output}) d.outputs";
    let printed = sandbox
        .ok(&["eval", "--strict", "--store", &store, text])
        .stdout;
    assert_eq!(printed, "[ \"1\\n\" \"2\\n\" ]\n");
    let text = "import (derivation { name = \"no\"; system = builtins.currentSystem; builder = \
                \"/bin/sh\"; args = [ \"-c\" \"echo alas >&2; exit 3\" ]; })";
    let said = sandbox.fails(&["eval", "--store", &store, text]);
    assert!(said.contains("alas") && said.contains("no.drv"), "{said}");
}
