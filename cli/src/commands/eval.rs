//! `nixops4 eval`: expressions on their own, as `nix-instantiate --eval` and `--parse` take them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use nixops4_core::evaluate::{Evaluate, EvaluatorProcess};
use nixops4_proto::evaluator::{Eval, EvalFormat, EvalSource};
use tokio::sync::mpsc;

use super::eval_arguments::Arguments;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::session;
use crate::tools::Providers;

#[derive(Args, Debug)]
pub struct EvalArgs {
    /// Expressions, or with the name of a file, `<name>` or `-`: what is in there
    #[arg(value_name = "EXPR|FILE")]
    pub sources: Vec<String>,

    /// Takes what is given for expressions, never for files
    #[arg(long, short = 'E', overrides_with = "expr")]
    pub expr: bool,

    /// A file with the expression
    #[arg(long, short, value_name = "PATH", conflicts_with_all = ["sources", "expr"])]
    pub file: Option<PathBuf>,

    /// An attribute of the result, such as a.b.0; may be given several times
    #[arg(long, short = 'A', value_name = "PATH")]
    pub attr: Vec<String>,

    #[command(flatten)]
    pub arguments: Arguments,

    /// Prints JSON; of several formats, the last one holds
    #[arg(long, overrides_with_all = FORMATS)]
    pub json: bool,

    /// Prints XML
    #[arg(long, overrides_with_all = FORMATS)]
    pub xml: bool,

    /// Leaves out of the XML where things were written
    #[arg(long, overrides_with = "no_location")]
    pub no_location: bool,

    /// Prints a string as it is
    #[arg(long, overrides_with_all = FORMATS)]
    pub raw: bool,

    /// Evaluates nothing; prints the expression as it was understood
    #[arg(long, alias = "parse-only", overrides_with = "parse")]
    pub parse: bool,

    /// Evaluates everything inside the result
    #[arg(long, overrides_with = "strict")]
    pub strict: bool,

    /// What nix-instantiate needs to be told, and `nixops4 eval` does not
    #[arg(long, hide = true, alias = "eval-only", overrides_with = "eval")]
    pub eval: bool,

    /// Likewise
    #[arg(long, hide = true, overrides_with = "read_write_mode")]
    pub read_write_mode: bool,
}

/// How a value can be printed.
const FORMATS: [&str; 3] = ["json", "xml", "raw"];

/// What is evaluated where nothing is named.
const DEFAULT_FILE: &str = "./default.nix";

/// What stands for standard input.
const STDIN: &str = "-";

/// Evaluates and prints.
pub async fn run(args: EvalArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let base = session::current_dir()?;
    let sources = sources(&args, &base)?;
    let evaluator = session::evaluator(Arc::new(Providers::new(&base))).await?;
    let result = evaluate(&evaluator, sources, &args, &base, show_trace).await;
    evaluator.close().await;
    result.map(|()| Exit::Done)
}

async fn evaluate(
    evaluator: &EvaluatorProcess,
    sources: Vec<EvalSource>,
    args: &EvalArgs,
    base: &Path,
    show_trace: bool,
) -> Result<(), CommandError> {
    let format = format(args);
    let arguments = args.arguments.resolve(base);
    for source in sources {
        let eval = Eval {
            source,
            attrs: args.attr.clone(),
            args: arguments.clone(),
            format,
            strict: args.strict,
            show_trace,
        };
        let (printed, mut to_print) = mpsc::unbounded_channel();
        let asked = session::interruptible(evaluator, evaluator.eval(eval, printed));
        let mut asked = std::pin::pin!(asked);
        let result = loop {
            tokio::select! {
                biased;
                Some(text) = to_print.recv() => print(&text, format)?,
                result = &mut asked => break result,
            }
        };
        while let Ok(text) = to_print.try_recv() {
            print(&text, format)?;
        }
        result?;
    }
    Ok(())
}

/// Prints what there is, byte for byte: here what looks like colours are characters of a string.
fn print(text: &str, format: EvalFormat) -> Result<(), CommandError> {
    let end = match format {
        EvalFormat::Raw => "",
        _ => "\n",
    };
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "{text}{end}")
        .and_then(|()| stdout.flush())
        .map_err(|error| CommandError::user(format!("cannot write to standard output: {error}")))
}

fn format(args: &EvalArgs) -> EvalFormat {
    let locations = !args.no_location;
    match args {
        _ if args.parse => EvalFormat::Parsed,
        _ if args.json => EvalFormat::Json,
        _ if args.xml => EvalFormat::Xml { locations },
        _ if args.raw => EvalFormat::Raw,
        _ => EvalFormat::Nix,
    }
}

fn sources(args: &EvalArgs, base: &Path) -> Result<Vec<EvalSource>, CommandError> {
    if let Some(file) = &args.file {
        return Ok(vec![EvalSource::File(base.join(file))]);
    }
    if args.sources.is_empty() {
        if args.expr {
            return Err(CommandError::user("there is no expression to evaluate"));
        }
        return Ok(vec![source(DEFAULT_FILE, false, base)?]);
    }
    // Whoever names it among others means it alone, as for nix-instantiate.
    if args.sources.iter().any(|text| text == STDIN) {
        return Ok(vec![source(STDIN, false, base)?]);
    }
    let each = args.sources.iter();
    each.map(|text| source(text, args.expr, base)).collect()
}

/// What a word on the command line stands for.
fn source(text: &str, is_expression: bool, base: &Path) -> Result<EvalSource, CommandError> {
    let expression = |text: String, name: &str| EvalSource::Expr {
        text,
        base: base.to_owned(),
        name: name.to_owned(),
    };
    if is_expression {
        return Ok(expression(text.to_owned(), "string"));
    }
    if text == STDIN {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| CommandError::user(format!("cannot read standard input: {error}")))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| CommandError::user("standard input is not UTF-8 text"))?;
        return Ok(expression(text, "stdin"));
    }
    if is_lookup(text) {
        return Ok(expression(format!("import {text}"), "string"));
    }
    Ok(match file(text, base) {
        Some(path) => EvalSource::File(path),
        None => expression(text.to_owned(), "string"),
    })
}

/// `<name>`, as a whole.
fn is_lookup(text: &str) -> bool {
    let inside = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'));
    inside.is_some_and(|name| !name.is_empty() && !name.contains(['<', '>', ' ']))
}

/// The file that is meant: one that exists, or a word that can hardly be anything else.
fn file(text: &str, base: &Path) -> Option<PathBuf> {
    let path = base.join(text);
    let looks_so = ["/", "./", "../"]
        .iter()
        .any(|start| text.starts_with(start))
        && !text.contains(char::is_whitespace);
    (looks_so || path.exists()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_files_where_they_look_so() {
        let dir = tempfile::tempdir().expect("folder");
        std::fs::write(dir.path().join("a.nix"), "1").expect("file");
        assert!(file("a.nix", dir.path()).is_some());
        assert!(file("./b.nix", dir.path()).is_some());
        assert!(file("a", dir.path()).is_none());
        assert!(file("./. + \"x\"", dir.path()).is_none());
        assert!(is_lookup("<nixpkgs/lib>"));
        assert!(!is_lookup("<a> <b>") && !is_lookup("a < b"));
    }
}
