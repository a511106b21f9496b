//! How much plugins write to their logs.
//!
//! The loggers of the Go frameworks write every detail unless told otherwise: a refresh of a hundred
//! resources of AWS is 3,700 lines, a tenth of what the plugin computes. Where nobody reads the log
//! its last lines are shown on failure, and for those what is worth knowing is enough.
//!
//! The variables are those of terraform-plugin-log: one for the frameworks, one for the provider.

use std::ffi::OsString;
use std::path::Path;

use tracing::level_filters::LevelFilter;

use crate::program::provider_name;

/// What the loggers of the frameworks write.
const FRAMEWORK: &str = "TF_LOG_SDK";
/// What the provider's own loggers write, with its name behind.
const PROVIDER: &str = "TF_LOG_PROVIDER_";

/// The variables to start a plugin with, where so much of its log is read; without those that the
/// user has set.
pub(crate) fn variables(
    read: LevelFilter,
    executable: &Path,
    own: &[(OsString, OsString)],
) -> Vec<(String, &'static str)> {
    let level = match read {
        // What they write anyway.
        LevelFilter::TRACE => return Vec::new(),
        LevelFilter::DEBUG => "DEBUG",
        _ => "INFO",
    };
    let name = provider_name(executable).replace('-', "_");
    let names = [
        FRAMEWORK.to_owned(),
        PROVIDER.to_owned() + &name.to_uppercase(),
    ];
    let is_set = |name: &String| {
        std::env::var_os(name).is_some() || own.iter().any(|(own, _)| *own == **name)
    };
    names
        .into_iter()
        .filter(|name| !is_set(name))
        .map(|name| (name, level))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_write_what_is_read() {
        let plugin = Path::new("/lib/terraform-provider-google-beta_v6.1.0_x5");
        let of = |level, own: &[_]| variables(level, plugin, own);
        let both = |level| {
            vec![
                ("TF_LOG_SDK".to_owned(), level),
                ("TF_LOG_PROVIDER_GOOGLE_BETA".to_owned(), level),
            ]
        };
        assert_eq!(of(LevelFilter::OFF, &[]), both("INFO"));
        assert_eq!(of(LevelFilter::DEBUG, &[]), both("DEBUG"));
        assert_eq!(of(LevelFilter::TRACE, &[]), []);
    }

    #[test]
    fn what_the_user_sets_holds() {
        let own = [("TF_LOG_SDK".into(), "TRACE".into())];
        let left = variables(LevelFilter::OFF, Path::new("terraform-provider-aws"), &own);
        assert_eq!(left, [("TF_LOG_PROVIDER_AWS".to_owned(), "INFO")]);
    }
}
