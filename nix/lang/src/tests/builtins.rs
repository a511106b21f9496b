//! The built-in functions.

use super::{check, outcome, with_files};

#[test]
fn lists() {
    check(&[
        ("map (x: x * 2) [ 1 2 ]", "[ 2 4 ]"),
        (
            "builtins.length (map 1 [ 1 ])",
            "error: expected a function but found an integer: 1",
        ),
        ("map 1 [ ]", "[ ]"),
        ("builtins.filter (x: x > 1) [ 1 2 3 ]", "[ 2 3 ]"),
        ("builtins.foldl' (a: x: a ++ [ x ]) [ ] [ 1 2 ]", "[ 1 2 ]"),
        ("builtins.foldl' (a: x: x) (throw \"never\") [ 1 ]", "1"),
        ("builtins.sort builtins.lessThan [ 3 1 2 ]", "[ 1 2 3 ]"),
        // More than are sorted at once.
        (
            "let mod = n: n * 7919 - (n * 7919 / 150001) * 150001;
                 sorted = builtins.sort (a: b: a < b) (builtins.genList mod 150001);
             in sorted == builtins.genList (n: n) 150001",
            "true",
        ),
        (
            "map (x: x.v) (builtins.sort (a: b: a.k < b.k) \
             [ { k = 1; v = 1; } { k = 0; v = 2; } { k = 1; v = 3; } { k = 0; v = 4; } ])",
            "[ 2 4 1 3 ]",
        ),
        (
            "builtins.length (builtins.sort (a: b: true) (builtins.genList (x: x) 100))",
            "100",
        ),
        ("builtins.genList (x: x * x) 4", "[ 0 1 4 9 ]"),
        (
            "builtins.genList (x: x) (-1)",
            "error: cannot create list of size -1",
        ),
        (
            "map (x: x.key) (builtins.genericClosure { startSet = [ { key = 1; } ]; \
             operator = x: if x.key > 3 then [ ] else [ { key = x.key + 1; } { key = 1; } ]; })",
            "[ 1 2 3 4 ]",
        ),
        ("builtins.concatMap (x: [ x x ]) [ 1 2 ]", "[ 1 1 2 2 ]"),
        ("builtins.concatLists [ [ 1 ] [ ] [ 2 3 ] ]", "[ 1 2 3 ]"),
        ("builtins.any (x: x > 1) [ 1 2 (throw \"never\") ]", "true"),
        ("builtins.all (x: x > 1) [ 1 (throw \"never\") ]", "false"),
        ("builtins.elem { a = 1; } [ 2 { a = 1; } ]", "true"),
        ("builtins.elemAt [ 1 2 ] 1", "2"),
        (
            "builtins.elemAt [ ] 0",
            "error: 'builtins.elemAt' called with index 0 on a list of size 0",
        ),
        (
            "builtins.head [ ]",
            "error: 'builtins.head' called on an empty list",
        ),
        ("builtins.tail [ 1 2 3 ]", "[ 2 3 ]"),
        (
            "builtins.partition (x: x > 1) [ 1 2 3 ]",
            "{ right = [ 2 3 ]; wrong = [ 1 ]; }",
        ),
        (
            "builtins.groupBy (x: if x > 1 then \"b\" else \"a\") [ 1 2 3 ]",
            "{ a = [ 1 ]; b = [ 2 3 ]; }",
        ),
    ]);
}

#[test]
fn attribute_sets() {
    check(&[
        (
            "builtins.attrNames { b = 1; a = throw \"never\"; B = 1; }",
            "[ \"B\" \"a\" \"b\" ]",
        ),
        ("builtins.attrValues { b = 1; a = 2; }", "[ 2 1 ]"),
        (
            "builtins.mapAttrs (n: v: n + toString v) { a = 1; b = 2; }",
            "{ a = \"a1\"; b = \"b2\"; }",
        ),
        (
            "builtins.listToAttrs [ { name = \"a\"; value = 1; } { name = \"a\"; value = 2; } ]",
            "{ a = 1; }",
        ),
        (
            "builtins.intersectAttrs { a = 1; c = 1; } { a = 2; b = 2; }",
            "{ a = 2; }",
        ),
        (
            "removeAttrs { a = 1; b = 2; } [ \"a\" \"zz\" ]",
            "{ b = 2; }",
        ),
        (
            "builtins.catAttrs \"a\" [ { a = 1; } { } { a = 2; } ]",
            "[ 1 2 ]",
        ),
        (
            "builtins.zipAttrsWith (n: vs: vs) [ { a = 1; } { a = 2; b = 3; } ]",
            "{ a = [ 1 2 ]; b = [ 3 ]; }",
        ),
        ("builtins.getAttr \"a\" { a = 1; }", "1"),
        ("builtins.hasAttr \"a\" { a = throw \"never\"; }", "true"),
        (
            "builtins.functionArgs ({ a, b ? 1 }: a)",
            "{ a = false; b = true; }",
        ),
        ("builtins.functionArgs ((x: { y }: y) 1)", "{ y = false; }"),
        ("builtins.functionArgs (x: x)", "{ }"),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("builtins.substring 1 2 \"abcd\"", "\"bc\""),
        ("builtins.substring 1 (-1) \"abcd\"", "\"bcd\""),
        ("builtins.substring 9 2 \"abcd\"", "\"\""),
        (
            "builtins.substring (-1) 2 \"abcd\"",
            "error: negative start position in 'substring'",
        ),
        ("builtins.stringLength \"é\"", "2"),
        (
            "builtins.concatStringsSep \"\" (builtins.genList (i: builtins.substring i 1 \"é\") 2)",
            "\"é\"",
        ),
        (
            "builtins.concatStringsSep \", \" [ \"a\" \"b\" ]",
            "\"a, b\"",
        ),
        (
            "builtins.replaceStrings [ \"a\" \"b\" ] [ \"b\" \"a\" ] \"abc\"",
            "\"bac\"",
        ),
        (
            "builtins.replaceStrings [ \"\" ] [ \"-\" ] \"abc\"",
            "\"-a-b-c-\"",
        ),
        (
            "builtins.replaceStrings [ \"x\" ] [ (throw \"never\") ] \"abc\"",
            "\"abc\"",
        ),
        ("baseNameOf \"/a/b/\"", "\"b\""),
        ("baseNameOf ./x", "\"x\""),
        (
            "[ (dirOf \"/a/b\") (dirOf \"a\") (dirOf \"/a\") (dirOf /a/b) ]",
            "[ \"/a\" \".\" \"/\" /a ]",
        ),
        (
            "toString [ 1 true false null [ 2 [ ] ] \"x\" 1.5 ]",
            "\"1 1   2  x 1.500000\"",
        ),
        ("toString ./a", "\"/dir/a\""),
        ("toString { __toString = self: \"s\"; }", "\"s\""),
        (
            "toString (x: x)",
            "error: cannot coerce a function: «lambda @ «test»:1:11» to a string",
        ),
    ]);
}

#[test]
fn json() {
    check(&[
        (
            "builtins.toJSON { b = [ 1 1.5 null true \"\\n\\\"é\" ]; a = { outPath = \"p\"; }; }",
            "\"{\\\"a\\\":\\\"p\\\",\\\"b\\\":[1,1.5,null,true,\\\"\\\\n\\\\\\\"é\\\"]}\"",
        ),
        (
            "builtins.toJSON (x: x)",
            "error: cannot convert a function: «lambda @ «test»:1:18» to JSON",
        ),
        (
            "builtins.fromJSON ''{\"a\": [1, -2.5e1, true, null, \"\\u00e9\\ud83d\\ude00\"], \"a\": 1}''",
            "{ a = 1; }",
        ),
        (
            "builtins.fromJSON ''[\"\\u00e9\\ud83d\\ude00\"]''",
            "[ \"é😀\" ]",
        ),
        (
            "builtins.fromJSON \"[1,]\"",
            "error: invalid JSON at line 1, column 4: expected a value",
        ),
        (
            "builtins.fromJSON \"01\"",
            "error: invalid JSON at line 1, column 3: malformed number",
        ),
        (
            "builtins.fromJSON \"9223372036854775808\"",
            "error: unsigned json number 9223372036854775808 outside of Nix integer range",
        ),
        ("builtins.toJSON 1.0", "\"1.0\""),
    ]);
}

#[test]
fn numbers_and_types() {
    check(&[
        (
            "[ (builtins.ceil 1.2) (builtins.floor (-1.2)) (builtins.ceil 3) ]",
            "[ 2 -2 3 ]",
        ),
        (
            "[ (builtins.bitAnd 6 3) (builtins.bitOr 6 3) (builtins.bitXor 6 3) ]",
            "[ 2 7 5 ]",
        ),
        ("builtins.add 1 2.5", "3.5"),
        (
            "map builtins.typeOf [ 1 1.0 \"\" /a null true [ ] { } (x: x) ]",
            "[ \"int\" \"float\" \"string\" \"path\" \"null\" \"bool\" \"list\" \"set\" \"lambda\" ]",
        ),
        (
            "[ (builtins.isFunction map) (builtins.isAttrs { }) (isNull null) (builtins.isPath /a) ]",
            "[ true true true true ]",
        ),
    ]);
}

#[test]
fn control() {
    check(&[
        (
            "builtins.tryEval (throw \"x\")",
            "{ success = false; value = false; }",
        ),
        (
            "builtins.tryEval (assert false; 1)",
            "{ success = false; value = false; }",
        ),
        ("builtins.tryEval 1", "{ success = true; value = 1; }"),
        (
            "builtins.tryEval (abort \"x\")",
            "error: evaluation aborted with the following error message: 'x'",
        ),
        (
            "builtins.tryEval (1 + \"a\")",
            "error: cannot add a string to an integer",
        ),
        ("(builtins.tryEval { a = throw \"x\"; }).success", "true"),
        ("builtins.seq (throw \"x\") 1", "error: x"),
        ("builtins.seq { a = throw \"x\"; } 1", "1"),
        ("builtins.deepSeq { a = throw \"x\"; } 1", "error: x"),
        ("let x = { a = x; }; in builtins.deepSeq x 1", "1"),
        ("builtins.trace \"t\" 1", "1"),
        ("builtins.warn \"t\" 1", "1"),
    ]);
}

#[test]
fn contexts_travel() {
    check(&[
        (
            "builtins.getContext (builtins.appendContext \"a\" { \"/nix/store/x.drv\" = \
             { outputs = [ \"out\" ]; }; } + \"b\")",
            "{ \"/nix/store/x.drv\" = { outputs = [ \"out\" ]; }; }",
        ),
        ("builtins.hasContext \"a\"", "false"),
        (
            "let s = builtins.appendContext \"abc\" { \"/nix/store/x\" = { path = true; }; }; in \
             map builtins.hasContext [ \"${s}\" (builtins.substring 0 1 s) (builtins.toJSON [ s ]) \
             (builtins.unsafeDiscardStringContext s) (baseNameOf s) ]",
            "[ true true true false true ]",
        ),
        (
            "builtins.appendContext \"\" { x.path = true; }",
            "error: context key 'x' is not a store path",
        ),
    ]);
}

#[test]
fn files() {
    let mut evaluator = with_files(&[("/dir/a.txt", "text"), ("/dir/sub/b", "")]);
    for (text, expected) in [
        ("builtins.readFile ./a.txt", "\"text\""),
        (
            "builtins.readDir ./.",
            "{ \"a.txt\" = \"regular\"; sub = \"directory\"; }",
        ),
        (
            "map builtins.pathExists [ ./a.txt ./sub ./none \"/dir/a.txt/\" ]",
            "[ true true false false ]",
        ),
        ("builtins.readFileType ./sub", "\"directory\""),
        ("builtins.toPath \"/a//b/\"", "\"/a/b\""),
    ] {
        assert_eq!(outcome(&mut evaluator, text).unwrap(), expected, "{text}");
    }
    let error = outcome(&mut evaluator, "builtins.readFile ./none").unwrap_err();
    assert_eq!(error.message(), "path '/dir/none' does not exist");
    let error = outcome(&mut evaluator, "builtins.readFile \"rel\"").unwrap_err();
    assert_eq!(
        error.message(),
        "string 'rel' doesn't represent an absolute path"
    );
    assert_eq!(
        outcome(&mut evaluator, "\"${./a.txt}\"").unwrap(),
        "\"/nix/store/cilwyhrxjg9qqjl9ndr5akdwgipmh7xi-a.txt\""
    );
}

#[test]
fn open_sets_have_every_name() {
    check(&[
        ("(__openAttrs (n: \"f-\" + n) { a = 1; }).b", "\"f-b\""),
        ("(__openAttrs (n: n) { a = 1; }) ? zzz", "true"),
        (
            "builtins.attrNames (__openAttrs (n: n) { a = 1; })",
            "[ \"a\" ]",
        ),
        ("(__openAttrs (n: n) { a = 1; } // { b = 2; }).c", "\"c\""),
        ("with __openAttrs (n: n) { }; anything", "\"anything\""),
        ("({ a, ... }: a) (__openAttrs (n: n) { })", "\"a\""),
    ]);
}
