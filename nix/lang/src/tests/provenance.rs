//! Which sources a value depended on, which it waits for, and which marks it carries.

use std::path::Path;

use super::evaluator;
use crate::{EvalError, Evaluator, ExternalKind, ExternalValue, Marks, SourceId, Taint, Value};

/// An evaluator with the roots `a`, `b` and `c`, whose values are as given; then what `text` comes
/// to, with these in scope.
struct World {
    evaluator: Evaluator,
    roots: Vec<SourceId>,
}

fn tree() -> ExternalValue {
    let list = ExternalKind::List(vec![ExternalKind::Int(1).into(), ExternalValue::unknown()]);
    ExternalValue::attrs([
        ("id", ExternalValue::string("i-1")),
        ("n", ExternalKind::Int(2).into()),
        ("flag", ExternalKind::Bool(true).into()),
        ("later", ExternalValue::unknown()),
        ("list", list.into()),
        (
            "deep",
            ExternalValue::attrs([("x", ExternalValue::string("deep"))]),
        ),
        (
            "secret",
            ExternalValue::string("s").marked(Marks::SENSITIVE),
        ),
    ])
}

impl World {
    fn new() -> World {
        let mut evaluator = evaluator();
        let roots: Vec<SourceId> = ["a", "b", "c"]
            .into_iter()
            .map(|name| evaluator.new_source(name))
            .collect();
        evaluator.set_external(roots[0], &tree());
        evaluator.set_external(roots[1], &tree());
        World { evaluator, roots }
    }

    fn thunk(&mut self, text: &str) -> Value {
        let named: Vec<(&str, Value)> = ["a", "b", "c"]
            .into_iter()
            .zip(&self.roots)
            .map(|(name, root)| (name, self.evaluator.external(*root)))
            .collect();
        self.evaluator
            .thunk_str_in(text, "test", Path::new("/dir"), &named)
            .unwrap()
    }

    fn names(&self, taint: Taint) -> String {
        let names: Vec<String> = self
            .evaluator
            .taint_sources(taint)
            .map(|(root, path)| match path.0.is_empty() {
                true => self.evaluator.source_label(root).to_owned(),
                false => format!("{}.{path}", self.evaluator.source_label(root)),
            })
            .collect();
        names.join(" ")
    }

    fn ask(&mut self, thunk: &Value) -> (Result<String, EvalError>, Taint) {
        self.evaluator
            .with_taint(|evaluator| evaluator.print(thunk, true))
    }
}

/// The printed value and its sources, or the sources waited for and those read.
fn traced(text: &str) -> String {
    let mut world = World::new();
    let thunk = world.thunk(text);
    let (first, taint) = world.ask(&thunk);
    let (again, taint_again) = world.ask(&thunk);
    assert_eq!(
        taint, taint_again,
        "asking twice gives the same provenance: {text}"
    );
    match (first, again) {
        (Ok(first), Ok(again)) => {
            assert_eq!(first, again);
            format!("{first} from {}", world.names(taint))
        }
        (Err(first), Err(again)) if first.is_suspended() => {
            assert_eq!(first.awaited(), again.awaited());
            let awaited = world.names(first.awaited());
            format!("awaits {awaited} from {}", world.names(taint))
        }
        (Err(first), _) => format!("error: {first} from {}", world.names(taint)),
        (Ok(_), Err(again)) => format!("first a value, then {again}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(traced(text), *expected, "{text}");
    }
}

#[test]
fn errors_say_nothing_that_is_sensitive() {
    for text in [
        "{ a = 1; }.${s}",
        "builtins.getAttr s { }",
        "builtins.readFile \"/nope/${s}\"",
        "import \"/nope/${s}\"",
        "builtins.fromTOML s",
        "builtins.fromJSON s",
        "builtins.match \"(${s}\" \"x\"",
        "builtins.hashString s \"x\"",
        "builtins.toPath s",
        "{ ${s} = 1; ${s} = 2; }",
        "builtins.findFile [ ] s",
        "({ a }: a) { a = 1; ${s} = 2; }",
        "builtins.storePath \"/${s}\"",
        "builtins.toFile \"${s}/\" \"x\"",
        "builtins.convertHash { hash = s; hashAlgo = \"sha256\"; toHashFormat = \"base16\"; }",
        "(derivation { name = s; }).drvPath",
        "(derivation { name = \"/\" + s; system = \"x\"; builder = \"y\"; }).drvPath",
        "1 + s",
        "s.x",
        "s 1",
        "if s then 1 else 2",
        "throw s",
        "abort s",
        "builtins.addErrorContext s (throw \"x\")",
    ] {
        let mut evaluator = evaluator();
        let text = format!("let s = __mark \"sensitive\" \"hunter2\"; in {text}");
        let value = evaluator.eval_str(&text, "test", Path::new("/"));
        let error = value.expect_err(&text);
        let shown = evaluator.render(&error, &crate::RenderOptions { full_trace: true });
        // The source line has it here, as written.
        let shown = shown.replace(&text, "");
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

#[test]
fn leaves_are_told_apart() {
    check(&[
        ("a.id", "\"i-1\" from a.id"),
        ("a.n + b.n", "4 from a.n b.n"),
        ("1", "1 from "),
        ("a.deep.x", "\"deep\" from a.deep a.deep.x"),
        (
            "builtins.attrNames a",
            "[ \"deep\" \"flag\" \"id\" \"later\" \"list\" \"n\" \"secret\" ] from ",
        ),
        ("a ? id", "true from "),
        ("builtins.attrNames a.deep", "[ \"x\" ] from a.deep"),
        ("builtins.head a.list", "1 from a.list a.list[0]"),
        ("builtins.length a.list", "2 from a.list"),
    ]);
}

#[test]
fn provenance_goes_through_everything() {
    check(&[
        ("if a.flag then 1 else 2", "1 from a.flag"),
        ("\"x-${a.id}-${toString b.n}\"", "\"x-i-1-2\" from a.id b.n"),
        ("{ ${a.id} = 1; }", "{ i-1 = 1; } from a.id"),
        ("({ x = a.id; } // { y = b.id; }).x", "\"i-1\" from a.id"),
        (
            "builtins.sort builtins.lessThan [ a.n b.n 1 ]",
            "[ 1 2 2 ] from a.n b.n",
        ),
        (
            "(builtins.fromJSON (builtins.toJSON { x = a.id; y = 1; })).y",
            "1 from a.id",
        ),
        (
            "builtins.tryEval a.id",
            "{ success = true; value = \"i-1\"; } from a.id",
        ),
        (
            "(builtins.tryEval (if a.flag then throw \"x\" else 1)).success",
            "false from a.flag",
        ),
        ("let x = a.id; in [ x x ]", "[ \"i-1\" \"i-1\" ] from a.id"),
        ("builtins.elemAt [ a.id b.id ] 1", "\"i-1\" from b.id"),
        ("builtins.length [ a.id b.id ]", "2 from "),
        ("(x: y: y) a.id b.id", "\"i-1\" from b.id"),
        (
            "builtins.foldl' (acc: x: acc + x) 0 [ a.n b.n ]",
            "4 from a.n b.n",
        ),
        (
            "builtins.listToAttrs [ { name = a.id; value = b.n; } ]",
            "{ i-1 = 2; } from a.id b.n",
        ),
        (
            "(builtins.mapAttrs (n: v: v) { x = a.n; y = b.n; }).y",
            "2 from b.n",
        ),
        ("(rec { x = a.n; y = x + 1; }).y", "3 from a.n"),
        ("with { x = a.n; }; x", "2 from a.n"),
        ("(if a.flag then { x = 1; } else { }).x", "1 from a.flag"),
        (
            "let f = if a.flag then (x: x + b.n) else null; in f 1",
            "3 from a.flag b.n",
        ),
        ("assert a.flag; 1", "1 from a.flag"),
        ("a.missing or b.n", "2 from b.n"),
        ("builtins.seq a.id 1", "1 from a.id"),
        ("throw a.id", "error: i-1 from a.id"),
        ("a.n == b.n", "true from a.n b.n"),
        ("builtins.filter (x: x > 1) [ a.n ]", "[ 2 ] from a.n"),
        (
            "builtins.concatStringsSep \",\" [ a.id b.id ]",
            "\"i-1,i-1\" from a.id b.id",
        ),
        (
            "(builtins.partition (x: x) [ a.flag ]).wrong",
            "[ ] from a.flag",
        ),
    ]);
}

#[test]
fn what_is_unknown_suspends_and_names_itself() {
    check(&[
        ("a.later", "awaits a.later from a.later"),
        ("c.x", "awaits c from c"),
        (
            "a.later + b.later",
            "awaits a.later b.later from a.later b.later",
        ),
        (
            "\"${a.later} ${b.id} ${b.later}\"",
            "awaits a.later b.later from a.later b.id b.later",
        ),
        ("[ 1 ] ++ a.later", "awaits a.later from a.later"),
        (
            "a.later == b.later",
            "awaits a.later b.later from a.later b.later",
        ),
        (
            "if a.flag then a.later else 1",
            "awaits a.later from a.flag a.later",
        ),
        ("builtins.tryEval a.later", "awaits a.later from a.later"),
        ("a.later + (throw \"x\")", "awaits a.later from a.later"),
        ("a.later.x or 1", "awaits a.later from a.later"),
        (
            "builtins.concatStringsSep \"\" [ a.later b.later ]",
            "awaits a.later b.later from a.later b.later",
        ),
        (
            "builtins.toJSON { x = a.later; y = [ b.later ]; }",
            "awaits a.later b.later from a.later b.later",
        ),
        (
            "builtins.elemAt a.list 1",
            "awaits a.list[1] from a.list a.list[1]",
        ),
    ]);
}

#[test]
fn suspended_siblings_do_not_hide_known_ones() {
    let mut world = World::new();
    let thunk = world.thunk("{ x = a.later; y = a.id; }");
    let x = world.evaluator.select(&thunk, "x").unwrap();
    let y = world.evaluator.select(&thunk, "y").unwrap();
    assert!(world.ask(&x).0.is_err_and(|error| error.is_suspended()));
    assert_eq!(world.ask(&y).0.unwrap(), "\"i-1\"");
}

#[test]
fn marks_travel_with_values() {
    let marks = |text: &str| {
        let mut world = World::new();
        let thunk = world.thunk(text);
        let (_, taint) = world.ask(&thunk);
        let again = world.ask(&thunk).1;
        assert_eq!(taint, again, "{text}");
        world.evaluator.taint_marks(taint)
    };
    assert_eq!(marks("a.secret"), Marks::SENSITIVE);
    assert_eq!(marks("\"x${a.secret}\""), Marks::SENSITIVE);
    assert_eq!(marks("a.id"), Marks::NONE);
    assert_eq!(marks("__mark \"ephemeral\" 1"), Marks::EPHEMERAL);
    assert_eq!(
        marks("(__mark \"sensitive\" { x = 1; y.z = 2; }).y.z"),
        Marks::SENSITIVE
    );
    assert_eq!(
        marks("let s = __mark \"sensitive\" { x = 1; }; in { inherit (s) x; }.x"),
        Marks::SENSITIVE
    );
    assert_eq!(
        marks("{ x = __mark \"sensitive\" 1; y = 2; }.y"),
        Marks::NONE
    );
    assert_eq!(
        marks("__mark \"sensitive\" (__mark \"ephemeral\" \"x\")"),
        Marks::SENSITIVE.union(Marks::EPHEMERAL)
    );
    assert_eq!(
        marks("builtins.stringLength (__mark \"sensitive\" \"x\")"),
        Marks::SENSITIVE
    );
}
