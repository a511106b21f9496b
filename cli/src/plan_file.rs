//! Plans in files: written by `plan --out`, read by `apply --plan`.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nixops4_proto::plan::{PLAN_TYPE, PLAN_VERSION, PlanFile};

use crate::command_error::CommandError;

/// Writes a plan, whole or not at all, for its owner only.
pub fn write(path: &Path, plan: &PlanFile) -> Result<(), CommandError> {
    try_write(path, plan).map_err(|error| {
        CommandError::user(format!(
            "the plan cannot be written to {}: {error}",
            path.display()
        ))
    })
}

fn try_write(path: &Path, plan: &PlanFile) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Made readable by nobody else from the start.
    let mut file = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    serde_json::to_writer(&mut file, plan)?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

/// Reads a plan.
pub fn read(path: &Path) -> Result<PlanFile, CommandError> {
    let text = std::fs::read(path).map_err(|error| {
        CommandError::user(format!(
            "the plan {} cannot be read: {error}",
            path.display()
        ))
    })?;
    let plan: PlanFile = serde_json::from_slice(&text).map_err(|error| {
        CommandError::user(format!("{} is no saved plan: {error}", path.display()))
            .hint("`nixops4 plan --out FILE` makes one")
    })?;
    if plan.type_ != PLAN_TYPE || plan.version != PLAN_VERSION {
        let text = format!(
            "{} is a {} of version {}, and this is for a {PLAN_TYPE} of version {PLAN_VERSION}",
            path.display(),
            plan.type_,
            plan.version
        );
        return Err(CommandError::user(text).hint("make a new plan with this nixops4"));
    }
    Ok(plan)
}
