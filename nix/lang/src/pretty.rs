//! Values as `nix repl` prints them: a level or everything, over several lines where it takes them.
//!
//! Everything that is printed is evaluated. What fails inside a value is printed in its place, and so
//! is what waits for sources; what is sensitive is left out.

use crate::{
    error::{ErrorKind, EvalError},
    evaluator::Evaluator,
    hash::FastSet,
    print::{HIDDEN, Limits, attr_name, quoted},
    stack::grow_stack,
    taint::Taint,
    value::{Attrs, List, Value},
};

/// How many spaces each level is indented by.
const INDENT: usize = 2;

/// A value nested deeper than this is without end.
const MAX_DEPTH: usize = 10_000;

/// How to print.
pub struct Pretty<'a> {
    /// Whether what is inside sets and lists that are inside the value is printed too.
    pub deep: bool,
    /// What stands for something that waits for the sources in a taint.
    pub unknown: &'a dyn Fn(&Evaluator, Taint) -> String,
    /// Whether an attribute is left out of a set.
    pub leaves_out: &'a dyn Fn(&Evaluator, &Attrs, &str) -> bool,
}

impl Evaluator {
    /// Prints a value.
    ///
    /// # Errors
    /// If the value itself cannot be evaluated, or evaluation is ended from outside.
    pub fn print_pretty(&mut self, value: &Value, how: &Pretty<'_>) -> Result<String, EvalError> {
        let mut printer = Printer {
            evaluator: self,
            how,
            seen: FastSet::default(),
            out: String::new(),
        };
        printer.node(value, 0)?;
        Ok(printer.out)
    }

    /// What sort of value it is, as `:t` of `nix repl` says it.
    pub fn show_type(&self, value: &Value) -> String {
        match value {
            Value::Builtin(builtin) => format!("the built-in function '{}'", builtin.name),
            Value::Partial(partial) => match &partial.function {
                Value::Builtin(builtin) => {
                    let name = builtin.name;
                    format!("the partially applied built-in function '{name}'")
                }
                _ => value.described_type().to_owned(),
            },
            other => other.described_type().to_owned(),
        }
    }
}

struct Printer<'a> {
    evaluator: &'a mut Evaluator,
    how: &'a Pretty<'a>,
    seen: FastSet<usize>,
    out: String,
}

impl Printer<'_> {
    fn node(&mut self, value: &Value, depth: usize) -> Result<(), EvalError> {
        let (forced, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.force(value));
        match forced {
            Ok(_) if self.is_sensitive(taint) => self.out.push_str(HIDDEN),
            Ok(value) => return self.known(&value, depth),
            Err(error) => self.failed(error, depth)?,
        }
        Ok(())
    }

    fn is_sensitive(&self, taint: Taint) -> bool {
        self.evaluator.taint_marks(taint).is_sensitive()
    }

    fn failed(&mut self, error: EvalError, depth: usize) -> Result<(), EvalError> {
        if error.is_suspended() {
            let text = (self.how.unknown)(self.evaluator, error.awaited());
            self.out.push_str(&text);
        } else if depth == 0 || error.kind().is_passing() {
            return Err(error);
        } else {
            self.out.push_str(&format!("«error: {}»", error.message()));
        }
        Ok(())
    }

    fn known(&mut self, value: &Value, depth: usize) -> Result<(), EvalError> {
        if self.evaluator.is_cancelled() {
            return Err(EvalError::cancelled());
        }
        if depth > MAX_DEPTH {
            let message = format!("the value is nested more than {MAX_DEPTH} levels deep");
            return Err(EvalError::new(ErrorKind::Limit, message));
        }
        match value {
            Value::String(text) => self.out.push_str(&quoted(text.as_bytes())),
            Value::List(list) => return grow_stack(|| self.list(list, depth)),
            Value::Attrs(attrs) if self.is_derivation(attrs) => {
                return self.derivation(attrs, depth);
            }
            Value::Attrs(attrs) => return grow_stack(|| self.attrs(attrs, depth)),
            other => {
                let limits = Limits {
                    depth: 0,
                    items: 0,
                    text: usize::MAX,
                };
                self.evaluator.brief(other, limits, &mut self.out);
            }
        }
        Ok(())
    }

    /// Whether what is inside a value at that depth is printed.
    fn goes_inside(&self, depth: usize) -> bool {
        self.how.deep || depth == 0
    }

    fn list(&mut self, list: &List, depth: usize) -> Result<(), EvalError> {
        if list.is_empty() {
            self.out.push_str("[ ]");
        } else if !self.seen.insert(list.address()) {
            self.out.push_str("«repeated»");
        } else if !self.goes_inside(depth) {
            self.out.push_str("[ ... ]");
        } else {
            let over_lines = list.len() > 1 || self.is_nested(&list[0]);
            self.out.push('[');
            for item in list.iter() {
                self.gap(over_lines, depth + 1);
                self.node(item, depth + 1)?;
            }
            self.gap(over_lines, depth);
            self.out.push(']');
        }
        Ok(())
    }

    fn attrs(&mut self, attrs: &Attrs, depth: usize) -> Result<(), EvalError> {
        let sorted = self.evaluator.sorted_attrs(attrs).into_iter();
        let shown: Vec<(String, Value)> = sorted
            .map(|attr| (self.evaluator.symbol_name(attr.name), attr.value.clone()))
            .filter(|(name, _)| !(self.how.leaves_out)(self.evaluator, attrs, name))
            .collect();
        if shown.is_empty() {
            self.out.push_str("{ }");
        } else if !self.seen.insert(attrs.address()) {
            self.out.push_str("«repeated»");
        } else if !self.goes_inside(depth) {
            self.out.push_str("{ ... }");
        } else {
            let over_lines = shown.len() > 1 || self.is_nested(&shown[0].1);
            self.out.push('{');
            for (name, value) in &shown {
                self.gap(over_lines, depth + 1);
                self.out.push_str(&attr_name(name.as_bytes()));
                self.out.push_str(" = ");
                self.node(value, depth + 1)?;
                self.out.push(';');
            }
            self.gap(over_lines, depth);
            self.out.push('}');
        }
        Ok(())
    }

    fn gap(&mut self, over_lines: bool, depth: usize) {
        match over_lines {
            true => {
                self.out.push('\n');
                self.out.extend(std::iter::repeat_n(' ', depth * INDENT));
            }
            false => self.out.push(' '),
        }
    }

    /// Whether the only thing in a set or list is itself a set or list.
    fn is_nested(&mut self, value: &Value) -> bool {
        let (forced, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.force(value));
        matches!(forced, Ok(Value::Attrs(_) | Value::List(_))) && !self.is_sensitive(taint)
    }

    fn is_derivation(&mut self, attrs: &Attrs) -> bool {
        let symbol = self.evaluator.symbol("type");
        let Some(attr) = attrs.get(symbol) else {
            return false;
        };
        let (forced, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.force(&attr.value));
        let is_so = matches!(forced, Ok(Value::String(text)) if text.as_bytes() == b"derivation");
        is_so && !self.is_sensitive(taint)
    }

    fn derivation(&mut self, attrs: &Attrs, depth: usize) -> Result<(), EvalError> {
        let symbol = self.evaluator.symbol("drvPath");
        let Some(path) = attrs.get(symbol) else {
            self.out.push_str("«derivation»");
            return Ok(());
        };
        let (path, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.string_of(&path.value));
        match path {
            Ok(_) if self.is_sensitive(taint) => self.out.push_str(HIDDEN),
            Ok(path) => self.out.push_str(&format!("«derivation {path}»")),
            Err(error) => self.failed(error, depth)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{ExternalValue, Marks, NoHost, Options};

    fn evaluator() -> Evaluator {
        Evaluator::new(Box::new(NoHost), Options::default())
    }

    fn print(evaluator: &mut Evaluator, value: &Value, deep: bool) -> Result<String, EvalError> {
        let unknown = |evaluator: &Evaluator, taint| {
            let sources = evaluator.taint_sources(taint);
            let names: Vec<_> = sources.map(|(_, path)| path.to_string()).collect();
            format!("«unknown: {}»", names.join(", "))
        };
        let how = Pretty {
            deep,
            unknown: &unknown,
            leaves_out: &|_, _, _| false,
        };
        evaluator.print_pretty(value, &how)
    }

    fn printed(text: &str, deep: bool) -> String {
        let mut evaluator = evaluator();
        let value = evaluator.eval_str(text, "string", Path::new("/"));
        print(&mut evaluator, &value.expect(text), deep).expect(text)
    }

    #[test]
    fn one_level_unless_deep() {
        let text = "{ a = 1; \"b c\" = { d = [ 1 ]; }; e = { }; f = [ ]; g = [ 2 3 ]; }";
        let shallow =
            "{\n  a = 1;\n  \"b c\" = { ... };\n  e = { };\n  f = [ ];\n  g = [ ... ];\n}";
        assert_eq!(printed(text, false), shallow);
        let deep = "{\n  a = 1;\n  \"b c\" = {\n    d = [ 1 ];\n  };\n  e = { };\n  f = [ ];\n  \
             g = [\n    2\n    3\n  ];\n}";
        assert_eq!(printed(text, true), deep);
        assert_eq!(printed("[ 1 ]", false), "[ 1 ]");
        assert_eq!(
            printed("{ a = x: x; }", false),
            "{ a = «lambda a @ «string»:1:7»; }"
        );
        assert_eq!(
            printed("[ map (map (x: x)) ]", false),
            "[\n  «primop map»\n  \
             «partially applied primop map»\n]"
        );
    }

    #[test]
    fn what_comes_again_is_not_printed_again() {
        let text = "let a = { b = 1; }; in [ a a { } { } ]";
        assert_eq!(
            printed(text, true),
            "[\n  { b = 1; }\n  «repeated»\n  { }\n  { }\n]"
        );
        assert_eq!(
            printed("let a = { inherit a; }; in a", true),
            "{\n  a = «repeated»;\n}"
        );
    }

    #[test]
    fn what_fails_inside_stands_in_its_place() {
        assert_eq!(
            printed("{ a = throw \"no\"; b = 1; }", false),
            "{\n  a = «error: no»;\n  b = 1;\n}"
        );
        let mut evaluator = evaluator();
        let thunk = evaluator.thunk_str("throw \"no\"", "string", Path::new("/"));
        let error = print(&mut evaluator, &thunk.expect("read"), true);
        assert_eq!(error.expect_err("at the top").message(), "no");
    }

    #[test]
    fn unknown_and_sensitive_leaves_stand_for_themselves() {
        let mut evaluator = evaluator();
        let source = evaluator.new_source("vpc");
        let key = ExternalValue::string("secret").marked(Marks::SENSITIVE);
        let id = ExternalValue::unknown();
        let outputs = [("id", id), ("key", key), ("n", ExternalValue::string("x"))];
        evaluator.set_external(source, &ExternalValue::attrs(outputs));
        let vpc = evaluator.external(source);
        let text = "{ i = \"${vpc.id}-x\"; k = { l = vpc.key + \"1\"; }; n = vpc.n; }";
        let value = evaluator.thunk_str_in(text, "string", Path::new("/"), &[("vpc", vpc)]);
        let text = print(&mut evaluator, &value.expect("read"), true).expect("printed");
        assert_eq!(
            text,
            "{\n  i = «unknown: id»;\n  k = { l = (sensitive); };\n  n = \"x\";\n}"
        );
    }

    #[test]
    fn types_are_named_as_in_nix() {
        let shown = |text: &str| {
            let mut evaluator = evaluator();
            let value = evaluator.eval_str(text, "string", Path::new("/"));
            evaluator.show_type(&value.expect(text))
        };
        assert_eq!(shown("1"), "an integer");
        assert_eq!(shown("map"), "the built-in function 'map'");
        assert_eq!(
            shown("map (x: x)"),
            "the partially applied built-in function 'map'"
        );
        assert_eq!(shown("x: x"), "a function");
    }
}
