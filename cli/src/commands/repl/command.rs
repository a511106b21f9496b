//! What can be typed at the prompt beside expressions and bindings.

use crate::command_error::CommandError;

/// A line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// An expression or bindings.
    Input(&'a str),
    /// A command, with what it is about.
    Command(Command, &'a str),
}

/// The commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Add,
    Dependencies,
    Documentation,
    Edit,
    Help,
    Load,
    Print,
    Quit,
    Reload,
    Type,
}

/// A command's names, the first of which is listed, what it takes, and what it does.
struct Description {
    command: Command,
    names: &'static [&'static str],
    takes: &'static str,
    help: &'static str,
}

const COMMANDS: &[Description] = &[
    Description {
        command: Command::Add,
        names: &[":a", ":add"],
        takes: "EXPR",
        help: "brings the attributes of a set into scope",
    },
    Description {
        command: Command::Dependencies,
        names: &[":deps"],
        takes: "LEAF",
        help: "lists the outputs that a leaf depends on, such as subnet.inputs.vpc_id, or any expression",
    },
    Description {
        command: Command::Documentation,
        names: &[":doc"],
        takes: "EXPR",
        help: "says what is written about a function",
    },
    Description {
        command: Command::Edit,
        names: &[":e", ":edit"],
        takes: "EXPR",
        help: "opens a file, or the one that a function is written in, in $EDITOR, and reloads",
    },
    Description {
        command: Command::Load,
        names: &[":l", ":load"],
        takes: "FILE",
        help: "brings the attributes of the set in a file into scope",
    },
    Description {
        command: Command::Print,
        names: &[":p", ":print"],
        takes: "EXPR",
        help: "prints a value with all that is inside",
    },
    Description {
        command: Command::Quit,
        names: &[":q", ":quit"],
        takes: "",
        help: "leaves; so does Ctrl-D",
    },
    Description {
        command: Command::Reload,
        names: &[":r", ":reload"],
        takes: "",
        help: "reads the deployment, the state and the loaded files again; forgets what was bound",
    },
    Description {
        command: Command::Type,
        names: &[":t", ":type"],
        takes: "EXPR",
        help: "says of what type a value is",
    },
    Description {
        command: Command::Help,
        names: &[":?", ":help"],
        takes: "",
        help: "lists what can be typed",
    },
];

impl Command {
    fn description(self) -> &'static Description {
        let mut all = COMMANDS.iter();
        // Every command is described: a test holds that.
        all.find(|known| known.command == self)
            .unwrap_or(&COMMANDS[0])
    }

    /// Whether it is about an expression.
    pub fn takes_expression(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Dependencies
                | Self::Documentation
                | Self::Edit
                | Self::Print
                | Self::Type
        )
    }
}

/// Takes a line apart.
///
/// # Errors
/// A command that there is not, or one that is about nothing where it takes something.
pub fn parse(line: &str) -> Result<Line<'_>, CommandError> {
    let text = line.trim();
    if !text.starts_with(':') {
        return Ok(Line::Input(line));
    }
    let (name, rest) = split(text);
    let Some(command) = find(name) else {
        let error = CommandError::user(format!("there is no command {name}"));
        return Err(error.hint("`:?` lists those there are"));
    };
    let rest = rest.trim();
    let takes = command.description().takes;
    match (takes.is_empty(), rest.is_empty()) {
        (false, true) => Err(CommandError::user(format!(
            "{name} needs something: {name} {takes}"
        ))),
        (true, false) => Err(CommandError::user(format!(
            "{name} takes nothing, not `{rest}`"
        ))),
        _ => Ok(Line::Command(command, rest)),
    }
}

/// The command at the beginning of a line, with the place where what it is about begins. `None`
/// while its name is still being typed.
pub fn begun(line: &str) -> Option<(Command, usize)> {
    let lead = line.len() - line.trim_start().len();
    let (name, rest) = split(&line[lead..]);
    let begins = line.len() - rest.trim_start().len();
    find(name)
        .filter(|_| !rest.is_empty())
        .map(|command| (command, begins))
}

/// The names of commands that begin like this.
pub fn names(begun: &str) -> Vec<String> {
    let names = COMMANDS.iter().flat_map(|known| known.names);
    let names = names.filter(|name| name.starts_with(begun));
    names.map(|name| (*name).to_owned()).collect()
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

fn find(name: &str) -> Option<Command> {
    let known = COMMANDS.iter().find(|known| known.names.contains(&name));
    known.map(|known| known.command)
}

/// What `:?` prints.
pub fn help() -> String {
    let mut text =
        String::from("Type an expression to see its value, or NAME = EXPR to bind a name.\n\n");
    for known in COMMANDS {
        let usage = format!("{} {}", known.names[0], known.takes);
        text.push_str(&format!("  {usage:<12}{}\n", known.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_expressions() {
        let parsed = |line| parse(line).map_err(|error| error.to_string());
        assert_eq!(parsed("1 + 1"), Ok(Line::Input("1 + 1")));
        assert_eq!(
            parsed(" :p  x y "),
            Ok(Line::Command(Command::Print, "x y"))
        );
        assert_eq!(parsed(":print\tx"), Ok(Line::Command(Command::Print, "x")));
        assert_eq!(parsed(":q"), Ok(Line::Command(Command::Quit, "")));
        assert_eq!(
            parsed(":deps"),
            Err(":deps needs something: :deps LEAF".to_owned())
        );
        assert_eq!(parsed(":r x"), Err(":r takes nothing, not `x`".to_owned()));
        assert_eq!(parsed(":x 1"), Err("there is no command :x".to_owned()));
    }

    #[test]
    fn a_line_that_is_being_typed_is_taken_apart() {
        assert_eq!(begun(":deps sub"), Some((Command::Dependencies, 6)));
        assert_eq!(begun(" :t  x"), Some((Command::Type, 5)));
        assert_eq!(begun(":t "), Some((Command::Type, 3)));
        assert_eq!(begun(":t"), None);
        assert_eq!(begun("x"), None);
        assert_eq!(names(":l"), [":l", ":load"]);
        assert_eq!(names(":d"), [":deps", ":doc"]);
    }

    #[test]
    fn every_command_is_described() {
        for known in COMMANDS {
            assert_eq!(known.command.description().names, known.names);
            assert!(help().contains(known.help));
        }
        assert_eq!(COMMANDS.len(), 10);
    }
}
