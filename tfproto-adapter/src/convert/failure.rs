//! Failures of the plugin itself, in core's words.

use nixops4_core::provider::ProviderError;

use crate::error::{LaunchError, LaunchFailure, NotStarted, RpcError, RpcFailure};

impl From<&LaunchError> for NotStarted {
    fn from(error: &LaunchError) -> Self {
        Self {
            message: format!(
                "cannot start the plugin {}: {}{}",
                error.executable.display(),
                error.reason,
                error.tail
            ),
            hints: launch_hints(&error.reason),
        }
    }
}

impl NotStarted {
    fn into_error(self, provider: &str) -> ProviderError {
        ProviderError {
            provider: provider.to_owned(),
            call: String::new(),
            message: self.message,
            hints: self.hints,
            in_doubt: false,
        }
    }
}

impl From<LaunchError> for ProviderError {
    fn from(error: LaunchError) -> Self {
        NotStarted::from(&error).into_error(&error.provider)
    }
}

fn launch_hints(failure: &LaunchFailure) -> Vec<String> {
    let hint = match failure {
        LaunchFailure::NotExecutable => "make it executable: chmod +x",
        LaunchFailure::Missing => {
            "check the provider's `executable` or `package`, or install the plugin"
        }
        LaunchFailure::NoLoader | LaunchFailure::WrongFormat { .. } => {
            "use the plugin package that is made for this machine and system"
        }
        LaunchFailure::Handshake(_) | LaunchFailure::Ended(_) | LaunchFailure::Closed => {
            "check that the file is a provider plugin of Terraform or OpenTofu"
        }
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

impl From<RpcError> for ProviderError {
    fn from(error: RpcError) -> Self {
        let in_doubt = error.is_in_doubt();
        if let RpcFailure::NotStarted(reason) = error.failure {
            return reason.into_error(&error.provider);
        }
        let hints = match &error.failure {
            RpcFailure::Died(_) | RpcFailure::Status { .. } | RpcFailure::Malformed(_) => {
                vec!["this is a fault in the provider; its maker would like to know".to_owned()]
            }
            RpcFailure::Unimplemented => vec!["use a newer version of the provider".to_owned()],
            _ => Vec::new(),
        };
        Self {
            provider: error.provider.to_string(),
            call: error.rpc.to_owned(),
            message: format!("{}: {}", error.rpc, error.failure),
            hints,
            in_doubt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_was_sent_is_in_doubt() {
        let error = |failure, sent| {
            ProviderError::from(RpcError {
                provider: "aws".into(),
                rpc: "ApplyResourceChange",
                failure,
                sent,
            })
        };
        assert!(error(RpcFailure::Malformed("x".to_owned()), true).in_doubt);
        assert!(!error(RpcFailure::Stopped, false).in_doubt);
        assert!(!error(RpcFailure::Unimplemented, true).in_doubt);
        assert_eq!(
            error(RpcFailure::Stopped, false).to_string(),
            "provider aws: ApplyResourceChange: the plugin has been stopped"
        );
    }
}
