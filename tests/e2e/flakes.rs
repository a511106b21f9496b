//! Deployments in flakes: inputs from everywhere, lock files, and what can be wrong with them.

use std::fs;
use std::os::unix::fs::symlink;

use nixops4_tests::Sandbox;
use nixops4_tests::git::{FileServer, Repository};
use serde_json::Value;

/// A flake whose deployment writes one file with what `text` evaluates to.
fn flake(inputs: &str, text: &str) -> String {
    format!(
        "{{
          inputs = {{ {inputs} }};
          outputs = inputs: {{
            nixops4 = {{ providers, ... }}: {{
              providers.local = {{ }};
              members.note = {{
                type = providers.local.file;
                inputs = {{ name = \"note\"; contents = {text}; }};
              }};
            }};
          }};
        }}"
    )
}

/// A flake that has one value to offer.
fn offering(value: &str) -> String {
    format!("{{ outputs = {{ self }}: {{ value = {value}; }}; }}")
}

fn lock(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.read("flake.lock")).expect("a lock file is JSON")
}

/// Flakes beside the deployment, in a sandbox without the network's registry.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("NIX_CONFIG", "flake-registry =");
    sandbox.set("GIT_CONFIG_GLOBAL", "/dev/null");
    sandbox
}

/// A repository beside the deployment.
fn beside(sandbox: &Sandbox, name: &str) -> Repository {
    Repository::new(&sandbox.path().join("..").join(name))
}

#[test]
fn inputs_come_from_repositories_servers_and_folders() {
    let sandbox = sandbox();
    let server = FileServer::new();
    let lib = beside(&sandbox, "lib");
    lib.write(
        "flake.nix",
        "{ inputs.base.url = \"nowhere\"; outputs = { self, base }: { value = base.value + \"-lib\"; }; }",
    );
    lib.commit("lib");
    let packed = beside(&sandbox, "packed");
    packed.write("flake.nix", &offering("\"packed\""));
    packed.write("data.txt", "data");
    packed.commit("packed");
    let url = server.put("/packed.tar.gz", packed.archive("packed-1.0"));
    let file = server.put("/plain.txt", "plain");
    sandbox.write("sub/flake.nix", &offering("\"sub\""));
    let inputs = format!(
        "lib = {{ url = \"git+file://{}\"; inputs.base.follows = \"packed\"; }};
         packed.url = \"{url}\";
         file = {{ url = \"{file}\"; flake = false; }};
         tree = {{ url = \"{url}\"; flake = false; }};
         sub.url = \"path:./sub\";",
        lib.path()
    );
    let text = "builtins.concatStringsSep \" \" [
        inputs.lib.value inputs.sub.value
        (builtins.readFile inputs.file) (builtins.readFile (inputs.tree + \"/data.txt\"))
        inputs.lib.lastModifiedDate inputs.lib.shortRev (toString inputs.lib.revCount)
    ]";
    sandbox.write("flake.nix", &flake(&inputs, text));
    let work = Repository::new(&sandbox.path());
    sandbox.ok(&["apply", "--yes"]);
    let rev = lib.git(&["rev-parse", "--short=7", "HEAD"]);
    assert_eq!(
        sandbox.read("note"),
        format!("packed-lib sub plain data 20240229123456 {rev} 2")
    );
    let lock = lock(&sandbox);
    assert_eq!(lock["version"], 7);
    assert_eq!(lock["nodes"]["lib"]["inputs"]["base"][0], "packed");
    assert_eq!(lock["nodes"]["packed"]["locked"]["type"], "tarball");
    assert_eq!(lock["nodes"]["sub"]["parent"], Value::Array(Vec::new()));
    assert!(work.git(&["status", "--short"]).contains("A flake.lock"));
    // All is pinned and kept now: nothing is asked for again, and the lock file stays.
    let (asked, text) = (server.asked().len(), sandbox.read("flake.lock"));
    sandbox.ok(&["plan", "--detailed-exitcode", "--no-update-lock-file"]);
    assert_eq!(
        (server.asked().len(), sandbox.read("flake.lock")),
        (asked, text)
    );
}

#[test]
fn inputs_are_overridden_updated_and_pinned_as_asked() {
    let sandbox = sandbox();
    let lib = beside(&sandbox, "lib");
    lib.write("flake.nix", &offering("\"one\""));
    lib.commit("one");
    sandbox.write("other/flake.nix", &offering("\"other\""));
    let inputs = format!("lib.url = \"git+file://{}\";", lib.path());
    sandbox.write("flake.nix", &flake(&inputs, "inputs.lib.value"));
    let note = |args: &[&str]| {
        sandbox.ok(&[&["apply", "--yes"], args].concat());
        sandbox.read("note")
    };
    assert_eq!(note(&["--no-write-lock-file"]), "one");
    assert!(!sandbox.has("flake.lock"));
    let said = sandbox.fails(&["plan", "--no-update-lock-file"]);
    assert!(said.contains("requires lock file changes"), "{said}");
    assert_eq!(note(&[]), "one");
    let first = sandbox.read("flake.lock");
    lib.write("flake.nix", &offering("\"two\""));
    lib.commit("two");
    assert_eq!(note(&[]), "one", "what is pinned stays");
    assert_eq!(note(&["--override-input", "lib", "./other"]), "other");
    assert_eq!(
        sandbox.read("flake.lock"),
        first,
        "what is typed is for once"
    );
    assert_eq!(
        note(&["--update-input", "lib", "--no-write-lock-file"]),
        "two"
    );
    assert_eq!(note(&["--update-input", "lib"]), "two");
    let second = sandbox.read("flake.lock");
    assert_ne!(first, second);
    lib.write("flake.nix", &offering("\"three\""));
    lib.commit("three");
    assert_eq!(note(&["--recreate-lock-file"]), "three");
    // Another folder's flake, by its reference.
    let elsewhere = sandbox.path().join("..").join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    let output = sandbox
        .command(&["members", "list", "--flake", "../work#nixops4"])
        .current_dir(&elsewhere)
        .output()
        .expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "note\n");
}

#[test]
fn a_work_tree_is_what_git_tracks_with_its_changes() {
    let sandbox = sandbox();
    let text = "builtins.readFile ./text + toString (builtins.attrNames (builtins.readDir ./.))";
    sandbox.write("flake.nix", &flake("", text));
    sandbox.write("text", "old ");
    Repository::new(&sandbox.path());
    sandbox.write("text", "new ");
    sandbox.write("untracked", "");
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("note"), "new flake.nix text");
    sandbox.write("flake.nix", &flake("", "builtins.readFile ./untracked"));
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("is not tracked by Git"), "{said}");
    assert!(said.contains("git add -N '[dir]/untracked'"), "{said}");
    assert!(
        said.contains("[dir]/flake.nix:8"),
        "the user's own file is named: {said}"
    );
}

#[test]
fn what_is_wrong_with_a_flake_is_said() {
    let sandbox = sandbox();
    let said_of = |inputs: &str| {
        let _ = fs::remove_file(sandbox.path().join("flake.lock"));
        sandbox.write("flake.nix", &flake(inputs, "inputs.a.value"));
        sandbox.fails(&["plan"])
    };
    sandbox.write("not-utf-8/flake.nix", "");
    fs::write(
        sandbox.path().join("not-utf-8/flake.nix"),
        b"{ x = \"\xff\"; }",
    )
    .expect("a file");
    sandbox.write("folder/flake.nix/x", "");
    sandbox.write(
        "computed/flake.nix",
        "{ inputs.x.url = \"a\" + \"b\"; outputs = x: x; }",
    );
    fs::create_dir(sandbox.path().join("loop")).expect("a folder");
    symlink("flake.nix", sandbox.path().join("loop/flake.nix")).expect("a link");
    sandbox.write(
        "self/flake.nix",
        "{ inputs.me.url = \"path:.\"; outputs = x: x; }",
    );
    let dir = sandbox.path().display().to_string();
    sandbox.write(
        "circle/flake.nix",
        &format!("{{ inputs.c.url = \"path:{dir}/circle\"; outputs = x: x; }}"),
    );
    for (inputs, expected) in [
        ("a.url = \"path:./not-utf-8\";", "is not UTF-8"),
        ("a.url = \"path:./folder\";", "is a directory"),
        ("a.url = \"path:./loop\";", "leads to itself"),
        (
            "a.url = \"path:./nothing\";",
            "does not contain a 'flake.nix'",
        ),
        (
            "a.url = \"path:../outside\";",
            "leads out of its source tree",
        ),
        ("a.url = \"path:./computed\";", "a literal is expected"),
        (
            "a.follows = \"b\"; b.follows = \"a\";",
            "follow cycle detected: [b -> a -> b]",
        ),
        (
            "a.follows = \"nothing\";",
            "follows a non-existent input 'nothing'",
        ),
        ("a.url = \"nowhere\";", "cannot find flake 'flake:nowhere'"),
        (
            "a.url = \"https://nowhere.invalid/x.tar.gz\";",
            "the flake input 'a'",
        ),
        (
            "a.url = \"github:x/y?host=nowhere.invalid\";",
            "the flake input 'a'",
        ),
        (
            &format!("a.url = \"path:{dir}/circle\";"),
            "circular import",
        ),
    ] {
        let said = said_of(inputs);
        assert!(said.contains(expected), "{inputs}\n{said}");
    }
}

#[test]
fn an_input_in_error_is_named_with_the_place_that_says_it() {
    let sandbox = sandbox();
    let said_of = |text: &str| {
        let _ = fs::remove_file(sandbox.path().join("flake.lock"));
        sandbox.write("flake.nix", text);
        sandbox.fails(&["plan"])
    };
    let outputs = "outputs = { self, ... }: { };";
    for (input, line, doing) in [
        (
            "inputs.a = {\n  url = \"path:./x\"; };",
            "flake.nix:3:3",
            "updating",
        ),
        (
            "inputs.a.url = \"git+file:///x/y\";",
            "flake.nix:2:1",
            "updating",
        ),
        ("inputs.a.url = \"github:x\";", "flake.nix:2:1", "reading"),
        (
            "inputs.a = {\n  url = \"bogus+x:/x\"; };",
            "flake.nix:3:3",
            "reading",
        ),
        ("inputs.a.uri = \"x\";", "flake.nix:2:1", "reading"),
        ("inputs.a.url = 1;", "flake.nix:2:1", "reading"),
        (
            "inputs.a = {\n type = \"github\"; owner = \"x\"; };",
            "flake.nix:3:2",
            "reading",
        ),
    ] {
        let said = said_of(&format!("{{\n{input}\n{outputs} }}"));
        let doing = format!("while {doing} the flake input 'a'");
        assert!(said.contains(line) && said.contains(&doing), "{said}");
        let written = input.lines().last().expect("a line").trim_start();
        assert!(said.contains(written), "{said}");
    }
    let said = said_of(&format!(
        "{{\n inputs.a = {{\n follows = \"b\"; }};\n{outputs} }}"
    ));
    assert!(said.contains("flake.nix:3:2"), "{said}");
    let said = said_of("{ outputs = { self,\n a ? 1 }: { }; }");
    assert!(said.contains("flake.nix:2:2"), "{said}");
}

#[test]
fn an_input_that_is_fetched_late_is_named_in_its_error() {
    let sandbox = sandbox();
    let dir = sandbox.path().display().to_string();
    sandbox.write("inner/flake.nix", &offering("1"));
    sandbox.write(
        "outer/flake.nix",
        &format!(
            "{{ inputs.inner.url = \"path:{dir}/inner\";\n\
             outputs = {{ self, inner }}: {{ inherit (inner) value; }}; }}"
        ),
    );
    let inputs = format!("outer.url = \"path:{dir}/outer\";");
    sandbox.write("flake.nix", &flake(&inputs, "toString inputs.outer.value"));
    sandbox.ok(&["plan"]);
    let good = sandbox.read("flake.lock");
    let other = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for (node, way, place) in [
        ("outer", "outer", "flake.nix:"),
        ("inner", "outer/inner", "/flake.nix:1:"),
    ] {
        let mut wrong: Value = serde_json::from_str(&good).expect("JSON");
        wrong["nodes"][node]["locked"]["narHash"] = other.into();
        sandbox.write("flake.lock", &wrong.to_string());
        let said = sandbox.fails(&["plan"]);
        let doing = format!("while fetching the flake input '{way}'");
        assert!(said.contains("error: NAR hash mismatch"), "{said}");
        assert!(said.contains(&doing) && said.contains(place), "{said}");
        assert!(said.contains(&format!("{node}.url = ")), "{said}");
    }
}

#[test]
fn a_lock_file_that_cannot_be_true_is_refused() {
    let sandbox = sandbox();
    let server = FileServer::new();
    let lib = beside(&sandbox, "lib");
    lib.write("flake.nix", &offering("1"));
    lib.commit("lib");
    let url = server.put("/lib.tar.gz", lib.archive("lib"));
    let inputs = format!("lib.url = \"{url}\";");
    sandbox.write("flake.nix", &flake(&inputs, "toString inputs.lib.value"));
    sandbox.ok(&["apply", "--yes"]);
    let good = sandbox.read("flake.lock");
    let hash = lock(&sandbox)["nodes"]["lib"]["locked"]["narHash"].clone();
    let hash = hash.as_str().expect("a hash");
    let other = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for (from, to, expected) in [
        ("\"version\": 7", "\"version\": 8", "unsupported version 8"),
        (hash, other, "NAR hash mismatch in input"),
        (
            "\"lib\": \"lib\"",
            "\"lib\": \"none\"",
            "references missing node 'none'",
        ),
        (
            "\"lib\": \"lib\"",
            "\"lib\": \"root\"",
            "contains cycle to root node",
        ),
        ("\"nodes\"", "\"nodes", "flake.lock"),
    ] {
        sandbox.write("flake.lock", &good.replace(from, to));
        let said = sandbox.fails(&["plan"]);
        assert!(said.contains(expected), "{to}\n{said}");
    }
}

#[test]
fn without_git_it_is_said_what_needs_it() {
    let mut sandbox = sandbox();
    let inputs = "a.url = \"git+file:///nowhere\";";
    sandbox.write("flake.nix", &flake(inputs, "inputs.a.value"));
    sandbox.set("PATH", "/nowhere");
    let said = sandbox.fails(&["plan"]);
    assert!(
        said.contains("'git'") || said.contains("does not exist"),
        "{said}"
    );
    sandbox.write(
        "flake.nix",
        &flake("a.url = \"git+https://x.invalid/y\";", "1"),
    );
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("the program 'git' is needed"), "{said}");
    assert!(said.contains("the flake input 'a'"), "{said}");
}

#[test]
fn deployments_of_nixops4_with_remote_inputs_work_unchanged() {
    let sandbox = sandbox();
    let server = FileServer::new();
    let parts = beside(&sandbox, "parts");
    // What flake-parts does, as far as a deployment sees it.
    parts.write(
        "flake.nix",
        "{ outputs = { self }: { lib.mkFlake = { inputs }: module:
            let
              lib = import <nixops4/lib>;
              evaluated = lib.evalModules {
                class = \"flake\";
                specialArgs = { inherit inputs; withSystem = system: f: f { inherit system; }; };
                modules = [ module {
                  options.flake = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; default = { }; };
                  options.perSystem = lib.mkOption { type = lib.types.deferredModule; default = { }; };
                } ];
              };
            in evaluated.config.flake; }; }",
    );
    parts.commit("parts");
    let parts = server.put("/parts.tar.gz", parts.archive("flake-parts"));
    let provider = beside(&sandbox, "provider");
    provider.write(
        "flake.nix",
        "{ outputs = { self }: {
            modules.nixops4Provider.memory = { lib, ... }: {
              _class = \"nixops4Provider\";
              type = \"local\";
            };
            modules.nixops4Component.greeting = { providers, ... }: {
              members.hello = {
                type = providers.local.file;
                inputs = { name = \"hello\"; contents = \"from a flake\"; };
              };
            };
          }; }",
    );
    provider.commit("provider");
    sandbox.write(
        "flake.nix",
        &format!(
            "{{
              inputs = {{
                flake-parts.url = \"{parts}\";
                nixops4.url = \"github:nixops4/nixops4\";
                greeting.url = \"git+file://{}\";
              }};
              outputs = inputs@{{ flake-parts, ... }}: flake-parts.lib.mkFlake {{ inherit inputs; }} {{
                imports = [ inputs.nixops4.modules.flake.default ];
                nixops4 = {{ providers, members, withResourceProviderSystem, ... }}: {{
                  imports = [ inputs.greeting.modules.nixops4Component.greeting ];
                  providers.local = inputs.nixops4.modules.nixops4Provider.local;
                  members.copy = {{
                    type = providers.local.exec;
                    inputs = {{
                      executable = withResourceProviderSystem ({{ system, ... }}: \"echo\");
                      args = [ \"hello\" ];
                    }};
                  }};
                }};
              }};
            }}",
            provider.path()
        ),
    );
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("hello"), "from a flake");
    let nodes = lock(&sandbox)["nodes"].clone();
    assert!(
        nodes.get("nixops4").is_none(),
        "it comes with the program: {nodes}"
    );
    assert!(nodes.get("flake-parts").is_some());
}

#[test]
fn expressions_fetch_as_flakes_do() {
    let sandbox = sandbox();
    let lib = beside(&sandbox, "lib");
    lib.write("flake.nix", &offering("{ a = 1; }"));
    lib.write("left-out", "");
    lib.write(".gitattributes", "left-out export-ignore\n");
    let rev = lib.commit("lib");
    let path = lib.path();
    let archive = FileServer::new();
    let url = archive.put("/lib.tar.gz", lib.archive("lib"));
    let eval = |text: &str| sandbox.ok(&["eval", "--strict", text]).stdout;
    let flake = format!("(builtins.getFlake \"git+file://{path}\")");
    assert_eq!(eval(&format!("{flake}.value")), "{ a = 1; }\n");
    assert_eq!(eval(&format!("{flake}.rev == \"{rev}\"")), "true\n");
    for text in [
        format!("builtins.fetchGit \"{path}\""),
        format!("builtins.fetchGit {{ url = \"{path}\"; rev = \"{rev}\"; }}"),
        format!("builtins.fetchTarball \"{url}\""),
        format!("(builtins.fetchTree {{ type = \"tarball\"; url = \"{url}\"; }}).outPath"),
    ] {
        let names = eval(&format!("builtins.attrNames (builtins.readDir ({text}))"));
        assert_eq!(names, "[ \".gitattributes\" \"flake.nix\" ]\n", "{text}");
    }
    let wrong = format!(
        "builtins.fetchurl {{ url = \"{url}\"; sha256 = \"{}\"; }}",
        "0".repeat(64)
    );
    let said = sandbox.fails(&["eval", &wrong]);
    assert!(said.contains("hash mismatch in file downloaded"), "{said}");
}
