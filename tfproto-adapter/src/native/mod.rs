//! The adapter as a native provider program: the native protocol on standard input and output, a
//! plugin behind it.
//!
//! ```text
//! lines ──► one task a request ──► TfProvider / TfInstance ──► plugin
//!       ◄── one writer ◄── answers, in any order
//! ```

mod convert;
mod describe;
mod functions;
mod serve;
mod states;

use std::path::PathBuf;

use nixops4_core::diagnostic::Diagnostic;
use nixops4_core::provider::{Failure, ProviderError};
pub use serve::{Ended, serve};

use crate::discovery::{Constraints, Environment, Request, SourceSpec, locate};
use crate::lockfile::LockFile;
use crate::program::provider_name;
use crate::provider::PluginOptions;

/// Which plugin to offer, as given on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    name: Option<String>,
    executable: Option<PathBuf>,
    source: Option<String>,
    version: String,
}

/// How to call the program.
pub const USAGE: &str = "\
usage: nixops4-resources-tfproto [--name NAME] (--executable PATH | --source SOURCE [--version CONSTRAINT])

Offers a provider plugin of Terraform or OpenTofu through the native provider protocol of NixOps4,
on standard input and output.

  --executable PATH     the plugin's program
  --source SOURCE       the plugin in the mirrors of this machine: [host/]namespace/type
  --version CONSTRAINT  which versions of it will do: \"~> 5.0\"
  --name NAME           what to call it in messages";

impl Arguments {
    /// Reads the arguments that follow the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{flag} needs a value"))
            };
            match flag.as_str() {
                "--name" => parsed.name = Some(value()?),
                "--executable" => parsed.executable = Some(value()?.into()),
                "--source" => parsed.source = Some(value()?),
                "--version" => parsed.version = value()?,
                _ => return Err(format!("unknown argument {flag:?}")),
            }
        }
        match (&parsed.executable, &parsed.source) {
            (Some(_), None) if !parsed.version.is_empty() => {
                Err("--version goes with --source".to_owned())
            }
            (Some(_), None) | (None, Some(_)) => Ok(parsed),
            _ => Err("give either --executable or --source".to_owned()),
        }
    }

    /// Finds the plugin.
    pub fn options(&self, environment: &Environment) -> Result<PluginOptions, Failure> {
        let (kind, executable) = match (&self.executable, &self.source) {
            (Some(path), _) => (provider_name(path), environment.absolute(path)),
            (None, source) => self.locate(source.as_deref().unwrap_or_default(), environment)?,
        };
        Ok(PluginOptions {
            cache_dir: environment.cache_dir(),
            ..PluginOptions::new(self.name.clone().unwrap_or(kind), executable)
        })
    }

    fn locate(
        &self,
        source: &str,
        environment: &Environment,
    ) -> Result<(String, PathBuf), Failure> {
        let refused = |error: &dyn std::error::Error| Diagnostic::error(error.to_string());
        let source = SourceSpec::parse(source).map_err(|error| refused(&error))?;
        let constraints = Constraints::parse(&self.version).map_err(|error| refused(&error))?;
        let lock = LockFile::load(environment.current_dir()).map_err(|error| refused(&error))?;
        let kind = source.kind().to_owned();
        let request = Request {
            source,
            constraints,
        };
        let located = locate(&request, environment, lock.as_ref()).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            ProviderError {
                provider: kind.clone(),
                call: String::new(),
                message: format!("{error}{}", cause.unwrap_or_default()),
                hints: error.hints(),
                in_doubt: false,
            }
        })?;
        Ok((kind, located.executable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_plugin_is_named_in_one_way() {
        let error = |line| parse(line).expect_err("an error");
        assert_eq!(error(""), "give either --executable or --source");
        assert_eq!(
            error("--executable a --source b"),
            "give either --executable or --source"
        );
        assert_eq!(
            error("--executable a --version 1"),
            "--version goes with --source"
        );
        assert_eq!(error("--source"), "--source needs a value");
        assert_eq!(error("--shiny"), "unknown argument \"--shiny\"");
        let parsed = parse("--source acme/x --version 1.0 --name y").expect("arguments");
        assert_eq!(
            (parsed.name.as_deref(), parsed.version.as_str()),
            (Some("y"), "1.0")
        );
    }

    #[test]
    fn the_name_is_in_the_program() {
        let environment = Environment::new([], "/deployment");
        let options = parse("--executable bin/terraform-provider-aws_v5.100.0_x5")
            .and_then(|arguments| arguments.options(&environment).map_err(|e| e.to_string()))
            .expect("options");
        assert_eq!(options.name, "aws");
        assert_eq!(
            options.executable,
            PathBuf::from("/deployment/bin/terraform-provider-aws_v5.100.0_x5")
        );
        assert_eq!(provider_name("plugin".as_ref()), "plugin");
    }

    #[test]
    fn what_is_not_found_is_said() {
        let environment = Environment::new([], "/nowhere").with_system_data_dirs(Vec::new());
        let failure = parse("--source acme/x")
            .expect("arguments")
            .options(&environment);
        let message = failure.expect_err("not found").to_string();
        assert!(
            message.contains("no plugin found for provider acme/x"),
            "{message}"
        );
    }
}
