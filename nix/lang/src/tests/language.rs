//! The forms of the language.

use super::{check, outcome, shown, with_files};
use crate::{Evaluator, MemoryHost, Options};

#[test]
fn literals_print_as_in_nix() {
    check(&[
        ("1", "1"),
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("1.0", "1"),
        ("1e3", "error: undefined variable 'e3'"),
        ("100000000.0", "1e+08"),
        ("\"a\\n\\t\\\"\\\\\\${b}\"", "\"a\\n\\t\\\"\\\\\\${b}\""),
        ("http://example.com/x?y=z", "\"http://example.com/x?y=z\""),
        ("[ 1 \"a\" null true ]", "[ 1 \"a\" null true ]"),
        (
            "{ b = 1; a = 2; \"x y\" = 3; }",
            "{ a = 2; b = 1; \"x y\" = 3; }",
        ),
        ("[ ]", "[ ]"),
        ("{ }", "{ }"),
        ("x: x", "<LAMBDA>"),
        ("map", "<PRIMOP>"),
        ("map (x: x)", "<PRIMOP-APP>"),
        ("./a/../b", "/dir/b"),
        ("/x/./y", "/x/y"),
        (
            "let x = { a = 1; }; in [ x x ]",
            "[ { a = 1; } «repeated» ]",
        ),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 / 2.0", "3.5"),
        ("1 + 1.5", "2.5"),
        (
            "9223372036854775807 + 1",
            "error: integer overflow in adding 9223372036854775807 + 1",
        ),
        (
            "-9223372036854775807 - 2",
            "error: integer overflow in subtracting -9223372036854775807 - 2",
        ),
        ("1 / 0", "error: division by zero"),
        ("10/(2)", "5"),
        ("- (- 3)", "3"),
        ("-(1.5)", "-1.5"),
        ("[ (-0.0) (-(0.0)) ]", "[ 0 0 ]"),
        ("1 + \"a\"", "error: cannot add a string to an integer"),
    ]);
}

#[test]
fn comparison_and_equality() {
    check(&[
        (
            "1 < 2 && 2.0 <= 2 && !(\"b\" < \"a\") && [ 1 2 ] < [ 1 3 ] && [ 1 ] < [ 1 0 ]",
            "true",
        ),
        ("/a < /b", "true"),
        ("1 == 1.0", "true"),
        ("{ a = 1; b = [ 2 ]; } == { b = [ 2 ]; a = 1; }", "true"),
        ("{ a = 1; } == { b = 1; }", "false"),
        ("(x: x) == (x: x)", "false"),
        ("let f = x: x; in f == f", "false"),
        ("let f = x: x; in [ f ] == [ f ]", "true"),
        ("let a = { f = x: x; }; in a == a", "true"),
        ("null == false", "false"),
        (
            "{ type = \"derivation\"; outPath = \"a\"; x = 1; } \
              == { type = \"derivation\"; outPath = \"a\"; y = throw \"\"; }",
            "true",
        ),
        (
            "{ } < { }",
            "error: cannot compare a set with a set; values of that type are incomparable",
        ),
        (
            "1 < \"a\"",
            "error: cannot compare an integer with a string; values are 1 and \"a\"",
        ),
        ("0.0 / 1.0 == -0.0", "true"),
    ]);
}

#[test]
fn booleans_are_lazy() {
    check(&[
        ("false && throw \"x\"", "false"),
        ("true || throw \"x\"", "true"),
        ("false -> throw \"x\"", "true"),
        ("true -> false", "false"),
        ("if 1 == 1 then 2 else throw \"x\"", "2"),
        (
            "1 && true",
            "error: expected a Boolean but found an integer: 1",
        ),
    ]);
}

#[test]
fn bindings() {
    check(&[
        ("let a = 1; b = a + 1; in b", "2"),
        ("let a = b; b = 1; in a", "1"),
        ("rec { a = b; b = 1; }", "{ a = 1; b = 1; }"),
        ("let x = 1; in { inherit x; }", "{ x = 1; }"),
        ("let x = 1; in let inherit x; in x", "1"),
        ("{ inherit ({ a = 1; b = 2; }) a b; }", "{ a = 1; b = 2; }"),
        ("let inherit ({ a = 1; b = 2; }) a b; in a + b", "3"),
        (
            "rec { inherit (s) a; s = { a = 5; }; b = a; }",
            "{ a = 5; b = 5; s = { a = 5; }; }",
        ),
        ("let s = { a = 1; }; in { inherit (s) a; }", "{ a = 1; }"),
        (
            "{ a.b.c = 1; a.b.d = 2; a.e = 3; }",
            "{ a = { b = { c = 1; d = 2; }; e = 3; }; }",
        ),
        ("{ a = { b = 1; }; a.c = 2; }", "{ a = { b = 1; c = 2; }; }"),
        (
            "{ a = { b = 1; }; a = { c = 2; }; }",
            "{ a = { b = 1; c = 2; }; }",
        ),
        ("{ ${\"a\" + \"b\"} = 1; ${null} = 2; }", "{ ab = 1; }"),
        ("rec { ${\"x\"} = 1; y = x; }", "{ x = 1; y = 1; }"),
        ("rec { a = 1; ${\"b\" + \"\"} = a; }", "{ a = 1; b = 1; }"),
        ("let { body = x; x = 3; }", "3"),
        ("rec { a = 1; __overrides = { a = 2; }; b = a; }.b", "2"),
        ("let a = 1; in let a = 2; in a", "2"),
        ("(rec { a.b = 1; c = a.b; }).c", "1"),
        (
            "{ a = 1; ${\"a\"} = 2; }",
            "error: attribute 'a' already defined at line 1, column 3",
        ),
        (
            "{ a = 1; ${\"a\" + \"\"} = 2; }",
            "error: dynamic attribute 'a' already defined at «test»:1:3",
        ),
        ("let a = a; in a", "error: infinite recursion encountered"),
    ]);
}

#[test]
fn with_gives_way_to_what_is_bound() {
    check(&[
        ("with { a = 1; }; a", "1"),
        ("let a = 2; in with { a = 1; }; a", "2"),
        ("with { a = 1; b = 1; }; with { a = 2; }; a + b", "3"),
        ("with { map = 1; }; map", "<PRIMOP>"),
        ("with { a = 1; }; b", "error: undefined variable 'b'"),
        ("with { a = 1; }; let f = x: a + x; in f 1", "2"),
        ("let inherit (with { x = 1; }; { y = x; }) y; in y", "1"),
        (
            "with { x = 1; }; rec { inherit x; y = x; }",
            "{ x = 1; y = 1; }",
        ),
        ("with throw \"never\"; 1", "1"),
    ]);
}

#[test]
fn functions() {
    check(&[
        ("(x: y: x - y) 5 3", "2"),
        ("(x: x: x) 1 2", "2"),
        ("let f = x: y: z: [ x y z ]; g = f 1; in g 2 3", "[ 1 2 3 ]"),
        ("({ a, b ? a + 1 }: a + b) { a = 1; }", "3"),
        ("({ a ? b, b ? 1 }: a) { }", "1"),
        ("({ a, ... }@all: all.b + a) { a = 1; b = 2; }", "3"),
        ("(all@{ a ? 5, ... }: all ? a) { }", "false"),
        ("(x: { y }: x + y) 1 { y = 2; }", "3"),
        ("({ x }: y: x + y) { x = 1; } 2", "3"),
        (
            "({ a }: a) { }",
            "error: function 'anonymous lambda' called without required argument 'a'",
        ),
        (
            "let f = { a }: a; in f { a = 1; ab = 2; }",
            "error: function 'f' called with unexpected argument 'ab'",
        ),
        (
            "({ a }: a) 1",
            "error: expected a set but found an integer: 1",
        ),
        ("{ __functor = self: x: self.y + x; y = 1; } 2", "3"),
        (
            "1 2",
            "error: attempt to call something which is not a function but an integer: 1",
        ),
        ("(x: x) (y: y) 3", "3"),
        ("let f = { x ? 1, y ? x }: y; in f { x = 2; }", "2"),
        ("(x: y: 1) (throw \"never\") (throw \"never\")", "1"),
        ("1 |> (x: x + 1) |> (x: x * 2)", "4"),
        ("(x: x + 1) <| (x: x * 2) <| 3", "7"),
        ("let or = 1; f = x: x; in f or", "1"),
    ]);
}

#[test]
fn selection() {
    check(&[
        ("{ a.b = 1; }.a.b", "1"),
        ("{ a.b = 1; }.a.c or 2", "2"),
        ("{ }.a.b.c or 3", "3"),
        ("1 ? a", "false"),
        ("{ a.b = 1; } ? a.b && !({ a = 1; } ? a.b)", "true"),
        ("{ a = 1; }.${\"a\"}", "1"),
        ("{ \"a b\" = 1; }.\"a b\"", "1"),
        ("{ a = 1; }.b", "error: attribute 'b' missing"),
        ("(1).a or 2", "2"),
        ("(1).a", "error: expected a set but found an integer: 1"),
        ("{ a = throw \"x\"; }.a or 1", "error: x"),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("\"a${\"b\"}c${toString 1}\"", "\"abc1\""),
        ("''\n  a\n    b\n''", "\"a\\n  b\\n\""),
        ("''  a''", "\"a\""),
        ("''\n  ${\"x\"}\n   y''", "\"x\\n y\""),
        ("''a''${b}''\\n'''c''", "\"a\\${b}\\n''c\""),
        ("''\n\n  a''", "\"\\na\""),
        ("''\n    ${\"a\"} b\n  ''", "\"a b\\n\""),
        ("\"$${a} $\"", "\"$\\${a} $\""),
        ("''$${a}$''", "\"$\\${a}$\""),
        ("\"a\" + \"b\"", "\"ab\""),
        ("\"${{ outPath = \"x\"; }}\"", "\"x\""),
        ("\"${{ __toString = self: self.a; a = \"y\"; }}\"", "\"y\""),
        ("\"${1}\"", "error: cannot coerce an integer: 1 to a string"),
        ("/a + \"/b\"", "/a/b"),
        ("/a + /b", "/a/b"),
        ("./${\"a\"}/b", "/dir/a/b"),
        ("./x${\"a\" + \"/../y\"}", "/dir/y"),
        ("builtins.typeOf ./a", "\"path\""),
        ("'''''x'''''", "\"''x''\""),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("[ 1 ] ++ [ 2 ] ++ [ ]", "[ 1 2 ]"),
        ("builtins.length [ (throw \"x\") ]", "1"),
        ("[ (x: x) 1 ]", "[ <LAMBDA> 1 ]"),
        (
            "[ 1 ] ++ 2",
            "error: expected a list but found an integer: 2",
        ),
        ("[ a.b or c ]", "error: undefined variable 'a'"),
    ]);
}

#[test]
fn update_merges_one_level() {
    check(&[
        (
            "{ a = 1; b = 1; } // { b = 2; c = 3; }",
            "{ a = 1; b = 2; c = 3; }",
        ),
        ("{ a.b = 1; } // { a.c = 2; }", "{ a = { c = 2; }; }"),
        ("{ } // 1", "error: expected a set but found an integer: 1"),
    ]);
}

#[test]
fn assertions() {
    check(&[
        ("assert true; 1", "1"),
        ("assert 1 == 2; 1", "error: assertion '1 == 2' failed"),
    ]);
}

#[test]
fn positions() {
    let mut evaluator = with_files(&[
        ("/dir/column.nix", "__curPos.column"),
        ("/dir/line.nix", "let\n  a = 1;\nin __curPos.line"),
        (
            "/dir/attr.nix",
            "builtins.unsafeGetAttrPos \"a\" {\n  a = 1; }",
        ),
        (
            "/dir/none.nix",
            "builtins.unsafeGetAttrPos \"b\" { a = 1; }",
        ),
    ]);
    for (file, expected) in [
        ("./column.nix", "1"),
        ("./line.nix", "3"),
        (
            "./attr.nix",
            "{ column = 3; file = \"/dir/attr.nix\"; line = 2; }",
        ),
        ("./none.nix", "null"),
    ] {
        assert_eq!(
            outcome(&mut evaluator, &format!("import {file}")).unwrap(),
            expected
        );
    }
    check(&[
        ("__curPos", "null"),
        ("builtins.unsafeGetAttrPos \"a\" { a = 1; }", "null"),
    ]);
}

#[test]
fn files_are_imported_once() {
    let mut evaluator = with_files(&[
        ("/dir/a.nix", "{ x = 1; y = import ./sub; }"),
        (
            "/dir/sub/default.nix",
            "{ here = ./.; z = import ../c.nix 2; }",
        ),
        ("/dir/c.nix", "n: n + base"),
        ("/dir/d.nix", "a + 1"),
    ]);
    assert_eq!(
        outcome(&mut evaluator, "(import ./a.nix).y.here").unwrap(),
        "/dir/sub"
    );
    let undefined = outcome(&mut evaluator, "(import ./a.nix).y.z").unwrap_err();
    assert_eq!(undefined.message(), "undefined variable 'base'");
    let scoped = outcome(
        &mut evaluator,
        "builtins.scopedImport { base = 40; } ./c.nix 2",
    )
    .unwrap();
    assert_eq!(scoped, "42");
    assert_eq!(
        outcome(&mut evaluator, "scopedImport { a = 1; } ./d.nix").unwrap(),
        "2"
    );
    assert_eq!(
        outcome(&mut evaluator, "import (./. + \"/d.nix\")")
            .unwrap_err()
            .message(),
        "undefined variable 'a'"
    );
}

#[test]
fn search_paths_find_files_and_embedded_ones() {
    let host = MemoryHost::new([("/pkgs/lib/default.nix", "1")]);
    let search_path = vec![
        ("nixpkgs".into(), "/pkgs".into()),
        ("own".into(), "/«own»".into()),
    ];
    let options = Options {
        search_path,
        ..Options::default()
    };
    let mut evaluator = Evaluator::new(Box::new(host), options);
    evaluator.embed_files(
        "/«own»".as_ref(),
        [
            ("lib/default.nix", "{ b = import ./b.nix; }"),
            ("lib/b.nix", "2"),
        ],
    );
    assert_eq!(
        outcome(&mut evaluator, "import <nixpkgs/lib>").unwrap(),
        "1"
    );
    assert_eq!(outcome(&mut evaluator, "<nixpkgs>").unwrap(), "/pkgs");
    assert_eq!(
        outcome(&mut evaluator, "(import <own/lib>).b").unwrap(),
        "2"
    );
    assert_eq!(
        outcome(&mut evaluator, "builtins.readDir <own/lib>").unwrap(),
        "{ \"b.nix\" = \"regular\"; \"default.nix\" = \"regular\"; }"
    );
    let missing = outcome(&mut evaluator, "builtins.tryEval <nowhere>").unwrap();
    assert_eq!(missing, "{ success = false; value = false; }");
}

#[test]
fn deep_recursion_ends_well() {
    check(&[
        (
            "builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) 1000000)",
            "499999500000",
        ),
        (
            "let f = n: if n == 0 then 0 else 1 + f (n - 1); in f 100000",
            "100000",
        ),
        (
            "let f = n: acc: if n == 0 then acc else f (n - 1) (acc + 1); in f 100000 0",
            "100000",
        ),
        // A tail call takes no stack, however often.
        (
            "let f = n: if n == 0 then \"end\" else f (n - 1); in f 1000000",
            "\"end\"",
        ),
        (
            "let f = n: { next = if n == 0 then null else f (n - 1); }; \
                 g = x: if x == null then 0 else 1 + g x.next; in g (f 50000)",
            "50001",
        ),
        (
            "let f = n: 1 + f (n + 1); in f 0",
            "error: stack overflow: more than 250000 evaluations wait for each other",
        ),
    ]);
    let parens = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(shown(&parens), "1");
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(shown(&format!("builtins.length {lists}")), "1");
    assert_eq!(shown(&format!("0{}", " + 1".repeat(100_000))), "100000");
}
