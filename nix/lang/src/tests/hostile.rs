//! Text that is no program: it is refused, or evaluated, but never ends the process.

use std::path::Path;

use super::evaluator;
use crate::{Evaluator, MemoryHost, Options};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

const PIECES: &[&str] = &[
    "let",
    "in",
    "with",
    "rec",
    "inherit",
    "assert",
    "if",
    "then",
    "else",
    "or",
    "a",
    "b",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "=",
    ";",
    ":",
    "@",
    ",",
    "?",
    ".",
    "...",
    "${",
    "\"",
    "''",
    "'",
    "\\",
    "$",
    "''${",
    "1",
    "2.5",
    "99999999999999999999",
    "./a",
    "/b",
    "~/c",
    "<d>",
    "http://e",
    "+",
    "-",
    "*",
    "/",
    "//",
    "++",
    "==",
    "<",
    "!",
    "&&",
    "->",
    "|>",
    "<|",
    " ",
    "\n",
    "#",
    "/*",
    "*/",
    "é",
    "null",
    "builtins",
    "map",
    "builtins.foldl'",
    "toString",
    "__curPos",
    "import",
    "throw",
    "builtins.fromJSON",
    "builtins.genericClosure",
    "builtins.sort",
    "builtins.substring",
    "builtins.replaceStrings",
    "builtins.zipAttrsWith",
    "builtins.toJSON",
    "builtins.seq",
];

#[test]
fn xml_that_would_never_end_ends_before_it_fills_memory() {
    for text in [
        "let l = { a = l; }; in builtins.toXML l",
        "let f = x: [ (f x) ]; in builtins.toXML (f 1)",
    ] {
        let value = evaluator().eval_str(text, "test", Path::new("/"));
        let error = value.expect_err("it has no end").to_string();
        assert!(error.contains("inside each other"), "{error}");
    }
}

#[test]
fn random_text_never_ends_the_process() {
    let options = Options {
        max_depth: 2_000,
        ..Options::default()
    };
    let mut random = Random(1);
    for _ in 0..20_000 {
        let len = random.below(25);
        let text: String = (0..len)
            .map(|_| PIECES[random.below(PIECES.len())])
            .collect::<Vec<_>>()
            .join(if random.below(3) == 0 { "" } else { " " });
        let host = MemoryHost::new([("/a", "1")]);
        let mut evaluator = Evaluator::new(Box::new(host), options.clone());
        let outcome = evaluator.eval_str(&text, "random", Path::new("/"));
        let outcome = outcome.and_then(|value| evaluator.print(&value, true));
        if let Err(error) = outcome {
            let rendered = evaluator.render(&error, &Default::default());
            assert!(rendered.starts_with("error: "), "{text}");
        }
    }
}

#[test]
fn memory_is_limited() {
    let options = Options {
        max_memory: Some(20_000_000),
        ..Options::default()
    };
    for text in [
        "builtins.length (builtins.genList (x: x) 4000000000)",
        "let f = acc: f (acc ++ acc); in f [ 1 ]",
        "let f = s: f (s + s); in f \"text\"",
        "let f = n: { a = n; b = f (n + 1); }; in builtins.deepSeq (f 0) 1",
        "builtins.length (builtins.foldl' (a: x: a ++ a) [ 1 ] (builtins.genList (x: x) 40))",
        "builtins.foldl' (a: x: a + a) \"text\" (builtins.genList (x: x) 40)",
        // Without an end, and each level is indented more.
        "let a = { b = [ a ]; }; in builtins.toXML a",
        "builtins.toJSON (builtins.foldl' (a: n: { x = a; y = a; }) 1 (builtins.genList (n: n) 30))",
    ] {
        let mut evaluator = Evaluator::new(Box::new(MemoryHost::default()), options.clone());
        let error = evaluator
            .eval_str(text, "test", Path::new("/"))
            .expect_err(text);
        assert!(
            error.message().contains("more memory than"),
            "{text}: {error}"
        );
    }
}

#[test]
fn endless_values_end_in_an_error() {
    let mut evaluator = evaluator();
    for text in [
        "let a = [ a ]; in builtins.toJSON a",
        "let f = n: [ (f (n + 1)) ]; in builtins.deepSeq (f 0) 1",
        "let a = { __toString = self: a; }; in toString a",
        "let a = { __functor = a; }; in a 1",
        "let a = [ a ]; in toString a",
    ] {
        let value = evaluator.eval_str(text, "test", Path::new("/"));
        let shown = value.and_then(|value| evaluator.print(&value, true));
        let error = shown.expect_err(text);
        assert!(
            error.message().contains("stack overflow"),
            "{text}: {error}"
        );
    }
}

#[test]
fn writing_what_is_shared_over_and_over_can_be_cancelled() {
    let mut evaluator = evaluator();
    let text = "builtins.foldl' (a: n: { x = a; y = a; }) 1 (builtins.genList (n: n) 30)";
    let value = evaluator
        .eval_str(text, "test", Path::new("/"))
        .expect(text);
    evaluator
        .cancel_flag()
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let json = evaluator.print_json(&value, true);
    let xml = evaluator.print_xml(&value, true, false);
    for written in [json, xml] {
        let error = written.expect_err("2^30 numbers");
        assert!(error.message().contains("cancelled"), "{error}");
    }
}
