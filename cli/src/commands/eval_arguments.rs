//! `--arg` and `--argstr` of `nixops4 eval`, in the order in which they were given: where both name
//! the same argument, the last one holds, as for `nix-instantiate`.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use nixops4_proto::evaluator::{EvalArg, EvalArgValue};

/// An expression.
const EXPR: &str = "arg";
/// A string.
const TEXT: &str = "argstr";

/// The arguments for functions.
#[derive(Debug, Default)]
pub struct Arguments(Vec<Given>);

#[derive(Debug, PartialEq, Eq)]
struct Given {
    name: String,
    value: String,
    is_text: bool,
}

impl Arguments {
    /// As the evaluator takes them; relative paths start at `base`.
    pub fn resolve(&self, base: &Path) -> Vec<EvalArg> {
        let value = |given: &Given| match given.is_text {
            true => EvalArgValue::Text(given.value.clone()),
            false => EvalArgValue::Expr {
                text: given.value.clone(),
                base: base.to_owned(),
            },
        };
        let each = self.0.iter().map(|given| EvalArg {
            name: given.name.clone(),
            value: value(given),
        });
        each.collect()
    }
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for id in [EXPR, TEXT] {
            let places = matches.indices_of(id).into_iter().flatten().step_by(2);
            let pairs = matches.get_occurrences::<String>(id).into_iter().flatten();
            for (place, mut pair) in places.zip(pairs) {
                let (Some(name), Some(value)) = (pair.next(), pair.next()) else {
                    continue;
                };
                let one = Given {
                    name: name.clone(),
                    value: value.clone(),
                    is_text: id == TEXT,
                };
                given.push((place, one));
            }
        }
        given.sort_by_key(|(place, _)| *place);
        Ok(Arguments(given.into_iter().map(|(_, one)| one).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Arguments {
    fn augment_args(command: Command) -> Command {
        let option = |id: &'static str, value: &'static str, help: &'static str| {
            Arg::new(id)
                .long(id)
                .num_args(2)
                .action(ArgAction::Append)
                .value_names(["NAME", value])
                .help(help)
        };
        command
            .arg(option(
                EXPR,
                "EXPR",
                "An argument for functions: a name and an expression",
            ))
            .arg(option(
                TEXT,
                "TEXT",
                "An argument for functions: a name and a string",
            ))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_options_keep_the_order_they_were_given_in() {
        let words = "x --argstr a 1 --arg a 2 --arg b 3 --argstr a 4".split(' ');
        let matches = Arguments::augment_args(Command::new("x")).get_matches_from(words);
        let Arguments(given) = Arguments::from_arg_matches(&matches).expect("arguments");
        let given: Vec<_> = given
            .iter()
            .map(|one| (one.name.as_str(), one.value.as_str(), one.is_text))
            .collect();
        assert_eq!(
            given,
            [
                ("a", "1", true),
                ("a", "2", false),
                ("b", "3", false),
                ("a", "4", true)
            ]
        );
    }
}
