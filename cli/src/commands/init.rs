//! `nixops4 init`: a commented starter file.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::root::ROOT_FILE;
use crate::ui::print::outln;

#[derive(Args, Debug)]
pub struct InitArgs {
    /// The folder to write into
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

/// What is written.
const STARTER: &str = include_str!("init/nixops4.nix");

/// Writes the starter; never over a file that is there.
pub fn run(args: &InitArgs) -> Result<Exit, CommandError> {
    let path = args.directory.join(ROOT_FILE);
    write_new(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CommandError::user(format!(
            "{} is already there, and stays as it is",
            path.display()
        )),
        _ => CommandError::user(format!("{} cannot be written: {error}", path.display())),
    })?;
    outln!("Wrote {}", path.display());
    outln!("Next: `nixops4 plan` shows what it would do, `nixops4 apply` does it.");
    Ok(Exit::Done)
}

fn write_new(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    File::create_new(path)?.write_all(STARTER.as_bytes())
}
