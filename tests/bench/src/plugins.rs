//! What the adapter for plugins costs by itself: values, calls, and a large schema.
//!
//! The measuring is in the examples of the adapter, which see more of it than whole runs do.

use std::path::Path;
use std::process::Command;

use crate::aws::PROVIDER;

/// Runs the adapter's own measurements: with the fake plugin, and with AWS where `AWS_PLUGIN` names
/// it.
pub fn alone(programs: &Path) {
    let examples = programs.join("examples");
    println!("coding the largest values of AWS");
    run(&examples.join("codec"), &[]);
    let figures = examples.join("figures");
    let fake = programs.join("fake-provider").display().to_string();
    println!("calls to the fake plugin");
    run(&figures, &[&fake, "{}", "fake_thing", r#"{"name":"a"}"#]);
    let Some(aws) = std::env::var_os("AWS_PLUGIN") else {
        println!("SKIPPED: plugins: AWS_PLUGIN is not set");
        return;
    };
    println!("AWS");
    let settings = PROVIDER.map(|(name, value)| format!("\"{name}\":{value}"));
    let config = format!("{{\"region\":\"eu-central-1\",{}}}", settings.join(","));
    let inputs = r#"{"name":"x","type":"String","value":"v"}"#;
    let aws = aws.to_string_lossy();
    run(&figures, &[&aws, &config, "aws_ssm_parameter", inputs]);
}

fn run(program: &Path, args: &[&str]) {
    let status = Command::new(program).args(args).status();
    let status = status.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(status.success(), "{} failed: {status}", program.display());
}
