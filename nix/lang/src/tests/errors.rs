//! What errors say, and where.

use std::path::Path;

use super::{evaluator, outcome, with_files};
use crate::{ErrorKind, RenderOptions};

fn rendered(text: &str) -> String {
    let mut evaluator = evaluator();
    match outcome(&mut evaluator, text) {
        Ok(shown) => shown,
        Err(error) => evaluator.render(&error, &RenderOptions::default()),
    }
}

#[test]
fn the_line_is_shown_and_underlined() {
    assert_eq!(
        rendered("let\n  abc = 1;\nin abd"),
        "error: undefined variable 'abd'\n    at «test»:3:4\n    3 | in abd\n      |    ^^^\n  \
         hint: Did you mean abc?\n"
    );
    assert_eq!(
        rendered("{ a = 1; }.b.c"),
        "error: attribute 'b' missing\n    at «test»:1:12\n    1 | { a = 1; }.b.c\n      \
         |            ^\n"
    );
}

#[test]
fn traces_name_attributes_calls_and_notes() {
    let text = rendered(
        "let f = x: x.a + 1; s = { v = f { a = \"z\"; }; }; \
         in builtins.addErrorContext \"while testing\" s.v",
    );
    assert!(
        text.starts_with("error: cannot add an integer to a string\n")
            || text.starts_with("error: cannot coerce an integer: 1 to a string\n"),
        "{text}"
    );
    assert!(text.contains("while testing"), "{text}");
    assert!(
        text.contains("while evaluating the attribute 'v'"),
        "{text}"
    );
}

#[test]
fn syntax_errors_have_their_place() {
    let mut evaluator = with_files(&[("/dir/bad.nix", "{\n  a = 1\n  b = 2;\n}\n")]);
    let error = outcome(&mut evaluator, "import ./bad.nix").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    let at = evaluator.locate(error.span()).unwrap();
    assert_eq!(
        (at.origin.to_string().as_str(), at.line, at.column),
        ("/dir/bad.nix", 3, 5)
    );
    assert_eq!(
        error.message(),
        "syntax error, unexpected '=', expecting ';'"
    );
}

#[test]
fn failures_are_remembered_but_limits_are_not() {
    let mut evaluator = evaluator();
    let value = evaluator
        .eval_str(
            "let x = throw \"once\"; in { a = x; b = x; }",
            "test",
            Path::new("/"),
        )
        .unwrap();
    for name in ["a", "b", "a"] {
        let attr = evaluator.select(&value, name).unwrap();
        assert_eq!(evaluator.force(&attr).unwrap_err().message(), "once");
    }
    let slow = "let n = builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) 100000); in n";
    let thunk = evaluator.thunk_str(slow, "slow", Path::new("/")).unwrap();
    let flag = evaluator.cancel_flag();
    flag.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(
        evaluator.force(&thunk).unwrap_err().kind(),
        ErrorKind::Cancelled
    );
    flag.store(false, std::sync::atomic::Ordering::Relaxed);
    let value = evaluator.force(&thunk).unwrap();
    assert_eq!(evaluator.print(&value, false).unwrap(), "4999950000");
}

#[test]
fn infinite_recursion_says_where() {
    let text = rendered("let a = b + 1;\n    b = a; in a");
    assert!(
        text.starts_with("error: infinite recursion encountered\n    at «test»:2:9"),
        "{text}"
    );
    // The circle is told from where it was noticed back to where it began, and no further.
    let notes = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("  … which"));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(
        notes(&text),
        [
            "… which `a` needs",
            "… which `b + 1` needs: this is where the circle closes"
        ]
    );
    let text = rendered(
        "let x = [ (y.a + 1) ];\n    y.a = builtins.head x; in { z = \"${toString y.a}\"; }.z",
    );
    assert_eq!(
        notes(&text),
        [
            "… which `y.a + 1` needs",
            "… which `builtins.head x` needs: this is where the circle closes"
        ]
    );
}

#[test]
fn sensitive_values_stay_out_of_messages() {
    let text = rendered("throw (__mark \"sensitive\" \"secret\")");
    assert!(
        !text.contains("secret\n") && text.starts_with("error: (sensitive)"),
        "{text}"
    );
    let text = rendered("1 + (__mark \"sensitive\" \"hush\")");
    assert!(
        text.starts_with("error: cannot add a string to an integer"),
        "{text}"
    );
    let text = rendered("[ 1 ] ++ __mark \"sensitive\" \"hush\"");
    assert!(
        text.starts_with("error: expected a list but found a string: (sensitive)"),
        "{text}"
    );
}
