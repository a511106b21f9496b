//! Times whole runs of NixOps4, against `terraform` where it is on PATH, and prints ratios.
//!
//! Runs of the two are taken in turn, so that whatever else the machine is doing meets both; the
//! figures are medians. Usage:
//! `nixops4-bench DIR-WITH-PROGRAMS [startup|local|many|eval|lang|plugins|aws|processes]…`.
//! The part `plugins` wants the adapter's examples there too.
//! The part `aws` wants `AWS_ENDPOINT_URL` to name a loopback AWS API, and TF_CLI_CONFIG_FILE a
//! configuration with a mirror that holds the AWS provider: `tests/scripts/bench.sh` sees to both.

mod aws;
mod eval;
mod lang;
mod local;
mod plugins;
mod processes;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(programs) = args.next().map(PathBuf::from) else {
        eprintln!(
            "usage: nixops4-bench DIR-WITH-PROGRAMS [startup|local|many|eval|lang|plugins|aws|processes]..."
        );
        return ExitCode::FAILURE;
    };
    let wanted: Vec<_> = args.collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    let nixops4 = programs.join("nixops4");
    if wants("startup") {
        local::startup(&nixops4);
    }
    if wants("local") {
        local::unchanged(&nixops4);
    }
    if wants("many") {
        local::many(&nixops4);
    }
    if wants("eval") {
        eval::whole(&programs.join("nixops4-eval"));
    }
    if wants("lang") {
        lang::all(&nixops4);
    }
    if wants("plugins") {
        plugins::alone(&programs);
    }
    if wants("aws") {
        aws::parameters(&nixops4);
    }
    if wants("processes") {
        processes::capped(&nixops4);
    }
    ExitCode::SUCCESS
}
