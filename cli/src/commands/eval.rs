//! `nixops4 eval`: an expression on its own.

use nixops4_core::evaluate::Evaluate;
use nixops4_proto::evaluator::{Eval, EvalFormat, EvalSource};

use crate::args::EvalArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::session;

/// Evaluates and prints.
pub async fn run(args: EvalArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let base = session::current_dir()?;
    let source = match (args.expr, args.file) {
        (_, Some(file)) => EvalSource::File(base.join(file)),
        (expr, None) => EvalSource::Expr {
            text: expr.unwrap_or_default(),
            base,
        },
    };
    let format = match (args.json, args.raw) {
        (true, _) => EvalFormat::Json,
        (_, true) => EvalFormat::Raw,
        _ => EvalFormat::Nix,
    };
    let eval = Eval {
        source,
        attr: args.attr,
        format,
        strict: args.strict,
        show_trace,
    };
    let text = session::evaluator().await?.eval(eval).await?;
    match format {
        EvalFormat::Raw => anstream::print!("{text}"),
        _ => anstream::println!("{text}"),
    }
    Ok(Exit::Done)
}
