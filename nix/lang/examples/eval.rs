//! Evaluates an expression, or with `-f` a file, and prints it as
//! `nix-instantiate --eval --strict` does.

use std::{env, path::Path, process::ExitCode};

use nixops4_lang::{Evaluator, Options, RealFs, RenderOptions};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let host = RealFs::new().on_trace(|line| eprintln!("{line}"));
    let search_path = env::var("NIX_PATH").unwrap_or_default();
    let search_path = search_path
        .split(':')
        .filter(|entry| !entry.is_empty())
        .map(|entry| entry.split_once('=').unwrap_or(("", entry)))
        .map(|(prefix, path)| (prefix.to_owned(), path.into()))
        .collect();
    let mut evaluator = Evaluator::new(
        Box::new(host),
        Options {
            search_path,
            ..Options::default()
        },
    );
    let here = env::current_dir().unwrap_or_else(|_| "/".into());
    let value = match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["-f", file] => evaluator.eval_file(&here.join(Path::new(file))),
        [expression] => evaluator.eval_str(expression, "string", &here),
        _ => {
            eprintln!("usage: eval EXPR | eval -f FILE");
            return ExitCode::FAILURE;
        }
    };
    let code = match value.and_then(|value| evaluator.print(&value, true)) {
        Ok(text) => {
            println!("{text}");
            0
        }
        Err(error) => {
            eprint!("{}", evaluator.render(&error, &RenderOptions::default()));
            1
        }
    };
    // Not by returning: the end of the process gives all memory back at once.
    std::process::exit(code)
}
