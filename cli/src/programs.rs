//! Finds the programs that belong to `nixops4`: beside it, or where a variable says.

use std::path::PathBuf;

/// A program of ours that runs as a process of its own.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// Evaluates Nix.
    Evaluator,
    /// The local provider.
    LocalProvider,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Evaluator => "nixops4-eval",
            Self::LocalProvider => "nixops4-resources-local",
        }
    }

    /// The variable that names another program.
    fn variable(self) -> &'static str {
        match self {
            Self::Evaluator => "NIXOPS4_EVAL",
            Self::LocalProvider => "NIXOPS4_RESOURCES_LOCAL",
        }
    }

    /// The path to start: from the variable, else beside `nixops4`, else by name through PATH.
    pub fn path(self) -> PathBuf {
        if let Some(path) = std::env::var_os(self.variable()).filter(|path| !path.is_empty()) {
            return path.into();
        }
        std::env::current_exe()
            .ok()
            .and_then(|exe| exe.canonicalize().ok())
            .map(|exe| exe.with_file_name(self.name()))
            .filter(|path| path.exists())
            .unwrap_or_else(|| self.name().into())
    }
}
