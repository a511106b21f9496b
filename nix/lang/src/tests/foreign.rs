//! Functions of the host's: arguments, what waits for what, and what travels to the result.

use std::{cell::RefCell, path::Path, rc::Rc};

use crate::{
    EvalError, Evaluator, ExternalKind, ExternalValue, ForeignError, ForeignFunctions, Marks,
    MemoryHost, Options, Parameter, Signature, SourceId, Taint, Value,
};

type Calls = Rc<RefCell<Vec<Vec<ExternalValue>>>>;

/// `pair a b`, `all [ … ]`, `tolerant a b`, `constant`, `failing a b`; each gives its arguments
/// back.
struct Echo(Calls);

fn parameter(name: &str, allow_unknown: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        description: format!("the {name} one"),
        allow_unknown,
    }
}

impl ForeignFunctions for Echo {
    fn describe(&mut self, _: &str, name: &str) -> Result<Signature, ForeignError> {
        let two = |allow| vec![parameter("first", allow), parameter("second", allow)];
        let variadic = (name == "all").then(|| parameter("rest", false));
        let parameters = match name {
            "pair" | "failing" => two(false),
            "tolerant" => two(true),
            "all" | "constant" => Vec::new(),
            _ => {
                return Err(ForeignError {
                    message: format!("there is no function \"{name}\""),
                    ..ForeignError::default()
                });
            }
        };
        Ok(Signature {
            parameters,
            variadic,
        })
    }

    fn call(
        &mut self,
        _: &str,
        name: &str,
        arguments: Vec<ExternalValue>,
    ) -> Result<ExternalValue, ForeignError> {
        self.0.borrow_mut().push(arguments.clone());
        if name == "failing" {
            return Err(ForeignError {
                message: "it is not good".to_owned(),
                hints: Vec::new(),
                argument: Some(1),
            });
        }
        Ok(ExternalValue::attrs([(
            "got",
            ExternalKind::List(arguments).into(),
        )]))
    }
}

struct World {
    evaluator: Evaluator,
    calls: Calls,
    source: SourceId,
}

impl World {
    fn new() -> World {
        let calls = Calls::default();
        let mut host = MemoryHost::default();
        host.functions = Some(Box::new(Echo(calls.clone())));
        let mut evaluator = Evaluator::new(Box::new(host), Options::default());
        evaluator.register_builtin("foreign", 1, |evaluator, args| {
            let name = evaluator.string_of(&args[0])?;
            evaluator.foreign_function("owner", &name)
        });
        let source = evaluator.new_source("a");
        let secret = ExternalValue::string("s").marked(Marks::SENSITIVE);
        let tree = [
            ("id", ExternalValue::string("i-1")),
            ("later", ExternalValue::unknown()),
            ("secret", secret),
        ];
        evaluator.set_external(source, &ExternalValue::attrs(tree));
        World {
            evaluator,
            calls,
            source,
        }
    }

    fn thunk(&mut self, text: &str) -> Value {
        let named = [("a", self.evaluator.external(self.source))];
        self.evaluator
            .thunk_str_in(text, "test", Path::new("/dir"), &named)
            .expect("it parses")
    }

    fn ask(&mut self, thunk: &Value) -> (Result<String, EvalError>, Taint) {
        self.evaluator
            .with_taint(|evaluator| evaluator.to_json(thunk))
    }

    fn shown(&mut self, text: &str) -> String {
        let thunk = self.thunk(text);
        match self.ask(&thunk).0 {
            Ok(shown) => shown,
            Err(error) => format!("error: {error}"),
        }
    }

    fn paths(&self, taint: Taint) -> Vec<String> {
        let sources = self.evaluator.taint_sources(taint);
        sources.map(|(_, path)| path.to_string()).collect()
    }
}

#[test]
fn arguments_come_one_by_one_or_as_a_list() {
    let mut world = World::new();
    let cases = [
        (
            "(__foreign \"pair\") 1 { x = [ null true 1.5 \"t\" /p ]; }",
            r#"{"got":[1,{"x":[null,true,1.5,"t","/p"]}]}"#,
        ),
        ("let p = __foreign \"pair\" 1; in (p 2).got", "[1,2]"),
        (
            "map (x: (__foreign \"all\" [ x x ]).got) [ 1 2 ]",
            "[[1,1],[2,2]]",
        ),
        ("__foreign \"constant\"", r#"{"got":[]}"#),
        (
            "__foreign \"all\" [ { outPath = /p; } ]",
            r#"{"got":["/p"]}"#,
        ),
        ("__isFunction (__foreign \"pair\")", "true"),
        (
            "__foreign \"nothing\"",
            "error: there is no function \"nothing\"",
        ),
        (
            "__foreign \"pair\" (x: x) 1",
            "error: a function cannot be an argument of a provider's function",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(world.shown(text), expected, "{text}");
    }
}

#[test]
fn a_host_without_functions_says_so() {
    let mut evaluator = super::evaluator();
    let Err(error) = evaluator.foreign_function("owner", "f") else {
        panic!("there is no such function");
    };
    assert_eq!(
        error.message(),
        "the function `f' needs a provider, and none can be asked here"
    );
}

#[test]
fn results_remember_what_arguments_depended_on_as_deep_as_they_are_looked_into() {
    let mut world = World::new();
    let thunk = world.thunk("__head (__foreign \"pair\" a.id a.secret).got");
    let (shown, taint) = world.ask(&thunk);
    assert_eq!(shown.expect("known"), "\"i-1\"");
    assert_eq!(world.paths(taint), ["id", "secret"]);
    assert!(world.evaluator.taint_marks(taint).is_sensitive());
}

#[test]
fn unknown_arguments_are_awaited_all_at_once_without_a_call() {
    let mut world = World::new();
    let thunk = world.thunk("(__foreign \"pair\" [ a.later ] a.id).got");
    let (result, taint) = world.ask(&thunk);
    let error = result.expect_err("suspended");
    assert!(error.is_suspended());
    assert_eq!(world.paths(error.awaited()), ["later"]);
    assert_eq!(world.paths(taint), ["id", "later"]);
    assert!(world.calls.borrow().is_empty());

    let known = ExternalValue::attrs([
        ("id", ExternalValue::string("i-1")),
        ("later", ExternalValue::string("now")),
    ]);
    let source = world.source;
    world.evaluator.set_external(source, &known);
    assert_eq!(world.ask(&thunk).0.expect("known"), r#"[["now"],"i-1"]"#);
    assert_eq!(world.calls.borrow().len(), 1);
    world.ask(&thunk).0.expect("known");
    assert_eq!(world.calls.borrow().len(), 1, "remembered");
}

#[test]
fn a_parameter_may_take_what_is_unknown() {
    let mut world = World::new();
    let thunk = world.thunk("(__foreign \"tolerant\" a.later { x = a.id; }).got");
    let first = world.thunk("__elemAt (__foreign \"tolerant\" a.later { x = a.id; }).got 1");
    assert_eq!(world.ask(&first).0.expect("known"), r#"{"x":"i-1"}"#);
    let (result, _) = world.ask(&thunk);
    let error = result.expect_err("its first element is unknown");
    assert_eq!(world.paths(error.awaited()), ["later"]);
}

#[test]
fn failures_name_the_argument_and_its_place() {
    let mut world = World::new();
    let thunk = world.thunk("let f = __foreign \"failing\"; in\n  f 1 (toString a.id)");
    let error = world.ask(&thunk).0.expect_err("it fails");
    assert_eq!(error.message(), "it is not good");
    assert_eq!(error.hints(), ["`second' is: the second one"]);
    let at = world.evaluator.locate(error.span()).expect("a place");
    assert_eq!((at.line, at.column), (2, 8));

    let shown = world.shown("__foreign \"failing\" 1 a.secret");
    assert_eq!(
        shown,
        "error: the function `failing' failed; what it says is not shown, for it got something sensitive"
    );
}
