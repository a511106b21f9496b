//! Everything that people see: styles, diagnostics, plans and progress.

pub mod dependencies;
pub mod diagnostics;
pub mod document;
pub mod nix;
pub mod operation;
pub mod plan;
pub mod print;
pub mod printed;
pub mod progress;
pub mod question;
pub mod style;
pub mod value;
