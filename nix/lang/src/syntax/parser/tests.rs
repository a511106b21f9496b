//! The grammar, by example.

use super::*;

fn outcome(text: &str) -> Result<(), String> {
    let mut symbols = Symbols::new();
    parse(text, Pos(1), &mut symbols)
        .map(|_| ())
        .map_err(|error| error.message)
}

#[test]
fn every_form_is_read() {
    for text in [
        "let a = 1; inherit b; inherit (c) d \"e\"; in a",
        "{ a, b ? 1, ... }@args: a",
        "args@{ a, }: a",
        "{ }: 1",
        "{ ... }: 1",
        "rec { a.b.c = 1; a.\"d\" = 2; ${x} = 3; a.${y}.z = 4; }",
        "with a; assert b; if c then d else e",
        "a.b.c or d e",
        "a ? b.c && !d || -e < 3 -> f // g ++ h ++ i",
        "let { body = 1; }",
        "x |> f |> g",
        "f <| g <| x",
        "[ a.b (c d) \"e\" ./f <g> http://h.i/j ]",
        "''\n  a${b}\n  ''${c} '''\n''",
        "./a${b}/c",
        "~/x",
        "f or",
        "__curPos",
        "{ or = 1; a.or = 2; }",
    ] {
        assert_eq!(outcome(text), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_nix_is_refused() {
    for (text, message) in [
        ("(1 ]", "syntax error, unexpected ']', expecting ')'"),
        ("1 +", "syntax error, unexpected end of file"),
        ("a == b == c", "syntax error, unexpected '=='"),
        (
            "{ a = 1; a = 2; }",
            "attribute 'a' already defined at line 1, column 3",
        ),
        (
            "{ a.b = 1;\n a.b = 2; }",
            "attribute 'a.b' already defined at line 1, column 3",
        ),
        ("{ a, a }: 1", "duplicate formal function argument 'a'"),
        (
            "let ${x} = 1; in 2",
            "dynamic attributes not allowed in let",
        ),
        (
            "99999999999999999999",
            "invalid integer '99999999999999999999'",
        ),
        ("[ 1, 2 ]", "syntax error, unexpected ',', expecting ']'"),
        ("\"abc", "syntax error, unexpected end of file in a string"),
        (
            "let a = 1; a",
            "syntax error, unexpected end of file, expecting '='",
        ),
    ] {
        assert_eq!(outcome(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn deep_nesting_is_read_or_refused_never_fatal() {
    let parens = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(outcome(&parens(50_000)), Ok(()));
    assert!(outcome(&parens(1_000_000)).is_err());
    assert!(outcome(&"[".repeat(1_000_000)).is_err());
    assert!(outcome(&"{a=".repeat(1_000_000)).is_err());
    assert!(outcome(&"!".repeat(1_000_000)).is_err());
    assert!(outcome(&format!("{}1", "1 ++ ".repeat(1_000_000))).is_err());
    assert_eq!(outcome(&format!("{}1", "1 + ".repeat(1_000_000))), Ok(()));
}
