//! A native provider program in front of a provider plugin of Terraform or OpenTofu.

use std::process::ExitCode;

use nixops4_tfproto::discovery::Environment;
use nixops4_tfproto::native::{Arguments, USAGE, serve};
use nixops4_tfproto::provider::TfProvider;
use tokio::io::BufReader;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return Ok(());
    }
    let arguments = Arguments::parse(arguments).map_err(|error| format!("{error}\n\n{USAGE}"))?;
    let directory = std::env::current_dir().map_err(|error| error.to_string())?;
    let environment = Environment::new(std::env::vars_os(), directory);
    let options = arguments
        .options(&environment)
        .map_err(|failure| failure.to_string())?;
    let name = options.name.clone();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let provider = TfProvider::new(options);
    let input = BufReader::new(tokio::io::stdin());
    let ended = runtime.block_on(serve(provider, &name, input, tokio::io::stdout()));
    // A read from standard input that is still waiting must not hold us up.
    runtime.shutdown_background();
    ended.map_err(|ended| ended.to_string())
}
