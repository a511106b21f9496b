//! From what is locked to the text, as Terraform and OpenTofu lay it out.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use super::{LockFile, LockedProvider, Maintainer};

impl Maintainer {
    /// The first line, which names the tool that is asked to look after the file.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Terraform => "# This file is maintained automatically by \"terraform init\".\n",
            Self::OpenTofu => "# This file is maintained automatically by \"tofu init\".\n",
        }
    }
}

impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.maintainer.header())?;
        f.write_str("# Manual edits may be lost in future updates.\n")?;
        for (source, locked) in &self.providers {
            write!(f, "\nprovider \"{source}\" {{\n{locked}}}\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for LockedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version;
        if self.constraints.is_any() {
            writeln!(f, "  version = \"{version}\"")?;
        } else {
            let constraints = self.constraints.canonical();
            writeln!(f, "  version     = \"{version}\"")?;
            writeln!(f, "  constraints = \"{constraints}\"")?;
        }
        if !self.hashes.is_empty() {
            f.write_str("  hashes = [\n")?;
            for hash in &self.hashes {
                writeln!(f, "    \"{hash}\",")?;
            }
            f.write_str("  ]\n")?;
        }
        Ok(())
    }
}

/// Replaces a file by one rename, with the permissions that a new file gets.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".terraform.lock.");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
