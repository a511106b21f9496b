//! What somebody types at a prompt: an expression, or bindings such as `x = 1`.

use std::path::Path;

use crate::{
    error::EvalError,
    evaluator::Evaluator,
    position::Pos,
    syntax::{self, SyntaxError},
    value::Value,
};

/// What a text is.
pub enum Input {
    /// Nothing but blanks and comments.
    Empty,
    /// An expression: its value, not forced.
    Expression(Value),
    /// Bindings: their names and values, the latter not forced. They do not see each other.
    Bindings(Vec<(String, Value)>),
}

/// Which of the two a text is meant to be.
#[derive(Clone, Copy)]
enum Sort {
    Expression,
    Bindings,
}

impl Evaluator {
    /// Whether a text is whole, be it right or wrong: more text after it would not make it right.
    pub fn is_whole(&mut self, text: &str) -> bool {
        syntax::is_blank(text)
            || match self.sort(text) {
                (_, Some(error)) => !error.ended_early,
                (_, None) => true,
            }
    }

    /// Reads a text with these variables in scope. `name` stands for it in messages; relative paths
    /// start at `base_dir`.
    ///
    /// # Errors
    /// Text that is neither expression nor bindings, names that are nowhere, and computed names of
    /// bindings that cannot be computed.
    pub fn read_input(
        &mut self,
        text: &str,
        name: &str,
        base_dir: &Path,
        variables: &[(&str, Value)],
    ) -> Result<Input, EvalError> {
        if syntax::is_blank(text) {
            return Ok(Input::Empty);
        }
        let (sort, _) = self.sort(text);
        match sort {
            Sort::Expression => {
                let value = self.thunk_in(syntax::parse, text, name, base_dir, variables)?;
                Ok(Input::Expression(value))
            }
            Sort::Bindings => {
                let parse = syntax::parse_bindings;
                let set = self.thunk_in(parse, text, name, base_dir, variables)?;
                let attrs = self.attrs_of(&set)?;
                let bindings = self.sorted_attrs(&attrs).into_iter();
                let bindings =
                    bindings.map(|attr| (self.symbol_name(attr.name), attr.value.clone()));
                Ok(Input::Bindings(bindings.collect()))
            }
        }
    }

    /// The names that every expression sees without defining them.
    pub fn global_names(&self) -> impl Iterator<Item = String> {
        self.globals.keys().map(|name| self.symbol_name(*name))
    }

    /// What a text is meant to be, and why it is not. No text is both: bindings need a `=` after an
    /// attribute path, where an expression has none. Of two wrong readings the one that gets further
    /// is what was meant.
    fn sort(&mut self, text: &str) -> (Sort, Option<SyntaxError>) {
        // Positions play no part in it, so any will do.
        let any = Pos(1);
        let Err(expression) = syntax::parse(text, any, &mut self.symbols) else {
            return (Sort::Expression, None);
        };
        match syntax::parse_bindings(text, any, &mut self.symbols) {
            Ok(_) => (Sort::Bindings, None),
            Err(error) if error.start > expression.start => (Sort::Bindings, Some(error)),
            Err(_) => (Sort::Expression, Some(expression)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoHost, Options};

    fn evaluator() -> Evaluator {
        Evaluator::new(Box::new(NoHost), Options::default())
    }

    fn read(text: &str) -> Result<Input, EvalError> {
        evaluator().read_input(text, "string", Path::new("/"), &[("x", Value::Int(1))])
    }

    #[test]
    fn what_could_go_on_is_not_whole() {
        let mut evaluator = evaluator();
        for text in [
            "",
            " # c",
            "1",
            "a = 1",
            "a = 1;",
            "inherit (x) y",
            ")",
            "a = )",
            "{ ]",
            "1 2 }",
        ] {
            assert!(evaluator.is_whole(text), "{text}");
        }
        for text in [
            "1 +",
            "{",
            "{ a = 1;",
            "\"a",
            "''\n b",
            "a =",
            "a = {",
            "a.b = [ 1",
            "let a = 1; in",
        ] {
            assert!(!evaluator.is_whole(text), "{text}");
        }
    }

    #[test]
    fn bindings_are_told_from_expressions() {
        assert!(matches!(read("# nothing"), Ok(Input::Empty)));
        assert!(matches!(read("x == 1"), Ok(Input::Expression(_))));
        assert!(matches!(read("{ a = 1; }"), Ok(Input::Expression(_))));
        let names = |text: &str| match read(text) {
            Ok(Input::Bindings(bindings)) => bindings
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>(),
            _ => panic!("{text} is bindings"),
        };
        assert_eq!(names("a = x"), ["a"]);
        assert_eq!(names("b.c = 1; a = 2; b.d = 3;"), ["a", "b"]);
        assert_eq!(names("inherit ({ q = 1; }) q"), ["q"]);
        assert_eq!(names("\"a b\" = 1"), ["a b"]);
    }

    #[test]
    fn errors_are_those_of_what_was_meant() {
        let said = |text: &str| match read(text) {
            Err(error) => error.message().to_owned(),
            Ok(_) => panic!("{text} is wrong"),
        };
        assert_eq!(said("a = ]"), "syntax error, unexpected ']'");
        assert_eq!(said("1 + ]"), "syntax error, unexpected ']'");
        assert_eq!(said("a = y"), "undefined variable 'y'");
        assert_eq!(
            said("a = 1; a = 2"),
            "attribute 'a' already defined at line 1, column 1"
        );
    }
}
