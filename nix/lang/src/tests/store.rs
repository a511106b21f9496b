//! Store objects without a store: named as Nix names them, and readable where this evaluation
//! made them.

use super::{check, evaluator, outcome, with_files};
use crate::{Evaluator, ExternalValue, MemoryHost, MemoryStore, Options};

const PLAIN: &str = "derivation { name = \"x\"; system = \"s\"; builder = \"/b\"; }";

#[test]
fn what_the_evaluation_made_can_be_read_back() {
    check(&[
        ("import (builtins.toFile \"x.nix\" \"1 + 1\")", "2"),
        (
            "builtins.readFile (builtins.toFile \"x\" \"text\")",
            "\"text\"",
        ),
        (
            "builtins.pathExists (builtins.toFile \"x\" \"text\")",
            "true",
        ),
        (
            &format!("builtins.substring 0 15 (builtins.readFile ({PLAIN}).drvPath)"),
            "\"Derive([(\\\"out\\\",\"",
        ),
    ]);
    let mut evaluator = with_files(&[("/dir/sub/a.nix", "7"), ("/dir/sub/b", "b")]);
    let mut shown = |text: &str| outcome(&mut evaluator, text).unwrap();
    assert_eq!(shown("import \"${./sub}/a.nix\""), "7");
    assert_eq!(
        shown("builtins.readDir \"${./sub}\""),
        "{ \"a.nix\" = \"regular\"; b = \"regular\"; }"
    );
    assert_eq!(shown("import ./sub/a.nix"), "7");
}

#[test]
fn only_realising_needs_a_store() {
    let message = |text: &str| outcome(&mut evaluator(), text).unwrap_err().to_string();
    let built = message(&format!("builtins.readFile ({PLAIN})"));
    assert!(
        built.contains("irfh3cry3rcd0iby28idy248a9jnp02n-x"),
        "{built}"
    );
    assert!(built.contains("needs a store"), "{built}");
    let fetched = message("builtins.fetchurl \"https://example.org/x.tar\"");
    assert!(fetched.contains("https://example.org/x.tar"), "{fetched}");
    let git = message("builtins.fetchGit { url = \"https://example.org/x.git\"; }");
    assert!(
        git.contains("'builtins.fetchGit' of 'https://example.org/x.git' needs"),
        "{git}"
    );
}

#[test]
fn a_fetch_with_a_hash_needs_no_network() {
    check(&[(
        "builtins.fetchurl { url = \"https://example.org/x\"; \
         sha256 = \"sha256-n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\"; }",
        "\"/nix/store/1z8rqdazqf7vyxypyqsfpy6am1p3fny1-x\"",
    )]);
}

#[test]
fn a_derivation_waits_for_all_unknown_attributes() {
    let mut evaluator = evaluator();
    let (a, b) = (evaluator.new_source("a"), evaluator.new_source("b"));
    let arguments = [evaluator.external(a), evaluator.external(b)];
    let text = "a: b: (derivation { name = \"x\"; system = \"s\"; builder = \"/b\"; \
                first = a.id; args = [ b.id ]; }).drvPath";
    let function = evaluator.eval_str(text, "test", "/".as_ref()).unwrap();
    let partial = evaluator.call(&function, arguments[0].clone()).unwrap();
    let error = evaluator.call(&partial, arguments[1].clone()).unwrap_err();
    assert!(error.is_suspended());
    assert_eq!(evaluator.taint_sources(error.awaited()).count(), 2);

    evaluator.set_external(
        a,
        &ExternalValue::attrs([("id", ExternalValue::string("1"))]),
    );
    evaluator.set_external(
        b,
        &ExternalValue::attrs([("id", ExternalValue::string("2"))]),
    );
    let (path, taint) =
        evaluator.with_taint(|evaluator| evaluator.call(&partial, arguments[1].clone()));
    assert!(
        evaluator
            .string_of(&path.unwrap())
            .unwrap()
            .starts_with("/nix/store/")
    );
    assert_eq!(evaluator.taint_sources(taint).count(), 2);
}

#[test]
fn what_derivations_make_can_be_imported_where_there_is_a_store() {
    let mut host = MemoryHost::new([("/dir/f", "file")]);
    host.store = Some(MemoryStore::building(|derivation, output| {
        assert!(derivation.starts_with("Derive("), "{derivation}");
        Ok(format!("{{ made = \"{output}\"; }}").into_bytes())
    }));
    let mut evaluator = Evaluator::new(Box::new(host), Options::default());
    let outer = format!(
        "derivation {{ name = \"y\"; system = \"s\"; builder = \"/b\"; args = [ ({PLAIN}) ./f \
         (builtins.toFile \"t\" \"refers to ${{builtins.toFile \"u\" \"\"}}\") ]; }}"
    );
    // A store in memory refuses what refers to something that it has not.
    let shown = outcome(&mut evaluator, &format!("(import ({outer})).made"));
    assert_eq!(shown.expect("built"), "\"out\"");
    let floating = "derivation { name = \"z\"; system = \"s\"; builder = \"/b\"; __contentAddressed = true; \
                    outputHashMode = \"recursive\"; outputHashAlgo = \"sha256\"; }";
    let shown = outcome(
        &mut evaluator,
        &format!("(import \"${{{floating}}}\").made"),
    );
    assert_eq!(shown.expect("built"), "\"out\"");
}
