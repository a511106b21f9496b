//! The rules of the source tree, as tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of ours each crate may depend on: the arrows of the architecture.
const ARROWS: &[(&str, &[&str])] = &[
    ("nixops4-proto", &[]),
    ("nixops4-core", &["nixops4-proto"]),
    ("nixops4-tfproto", &["nixops4-core", "nixops4-proto"]),
    ("nixops4-registry", &["nixops4-tfproto"]),
    ("nixops4-local", &["nixops4-proto"]),
    ("nixops4-lang", &[]),
    ("nixops4-flake", &["nixops4-lang"]),
    (
        "nixops4-eval",
        &["nixops4-flake", "nixops4-lang", "nixops4-proto"],
    ),
    (
        "nixops4-cli",
        &[
            "nixops4-core",
            "nixops4-proto",
            "nixops4-registry",
            "nixops4-tfproto",
        ],
    ),
];

/// Crates that only tests and tools use; anything may be a dependency of theirs.
const SUPPORT: &[&str] = &["nixops4-tests", "nixops4-testutils", "nixops4-bench"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Our crates, with those of our crates that they are built from (not their test dependencies).
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let ours = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null() && !dependency["path"].is_null());
            (name(package), ours.map(name).collect())
        })
        .collect()
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (krate, dependencies) in dependencies() {
        let Some(allowed) = allowed.get(krate.as_str()) else {
            continue;
        };
        for dependency in dependencies {
            if !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{krate} -> {dependency}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that the architecture does not have: {wrong:?}"
    );
}

#[test]
fn only_the_evaluator_links_nix_and_only_if_asked() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let mut linking = BTreeSet::new();
    for package in metadata["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name");
            if name.starts_with("nix-bindings") {
                assert_eq!(dependency["optional"], true, "{name}");
                linking.insert(package["name"].as_str().expect("a name"));
            }
        }
    }
    assert_eq!(linking, BTreeSet::from(["nixops4-eval"]));
}

#[test]
fn every_product_crate_is_in_the_architecture() {
    let known: BTreeSet<_> = ARROWS.iter().map(|(krate, _)| *krate).collect();
    let tools = |krate: &str| SUPPORT.contains(&krate) || is_below_tests(krate);
    let unknown: Vec<_> = dependencies()
        .into_keys()
        .filter(|krate| !known.contains(krate.as_str()) && !tools(krate))
        .collect();
    assert!(
        unknown.is_empty(),
        "crates that the architecture does not name: {unknown:?}"
    );
}

/// Whether a crate's folder is one of those that hold no product code.
fn is_below_tests(krate: &str) -> bool {
    let manifest = format!("name = \"{krate}\"");
    ["tests", "core/testutils", "proto/codegen"]
        .iter()
        .any(|dir| {
            rust_files(&workspace().join(dir), "Cargo.toml")
                .iter()
                .any(|file| {
                    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&manifest))
                })
        })
}

/// All files below `dir` whose name ends with `ending`, without build folders.
fn rust_files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(dir) else {
        return files;
    };
    for entry in entries {
        let path = entry.expect("a folder entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files.extend(rust_files(&path, ending));
        } else if name.ends_with(ending) {
            files.push(path);
        }
    }
    files
}

fn our_sources() -> Vec<(PathBuf, String)> {
    let files = rust_files(&workspace(), ".rs");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a source file is UTF-8");
        (path, text)
    };
    files
        .into_iter()
        .filter(|path| !path.components().any(|c| c.as_os_str() == "generated"))
        .map(read)
        .collect()
}

#[test]
fn every_file_says_what_it_is_about() {
    let silent: Vec<_> = our_sources()
        .into_iter()
        .filter(|(_, text)| !text.lines().any(|line| line.starts_with("//!")))
        .map(|(path, _)| path)
        .collect();
    assert!(
        silent.is_empty(),
        "files without a `//!` comment: {silent:#?}"
    );
}

#[test]
fn only_programs_print() {
    // Libraries report through values, events and tracing.
    let libraries = [
        "core/src",
        "tfproto-adapter/src",
        "nix/flake/src",
        "nix/lang/src",
        "proto/src",
    ];
    let mut wrong = Vec::new();
    for (path, text) in our_sources() {
        let in_library = libraries
            .iter()
            .any(|dir| path.starts_with(workspace().join(dir)));
        let in_program = path
            .components()
            .any(|c| c.as_os_str() == "bin" || c.as_os_str() == "tests")
            || path.ends_with("main.rs");
        if in_library && !in_program {
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            let prints = |line: &&str| {
                let line = line.trim_start();
                !line.starts_with("//") && (line.contains("println!(") || line.contains("print!("))
            };
            if let Some(line) = production.lines().find(prints) {
                wrong.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "libraries that print: {wrong:#?}");
}
