//! What discovery may know of the machine: variables, the working directory, the platform.
//!
//! Nothing in this crate reads the process environment by itself; whoever owns the process fills
//! this in, and tests fill in what they like.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The surroundings in which plugins are looked for.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    current_dir: PathBuf,
    platform: Platform,
    system_data_dirs: Vec<PathBuf>,
}

/// An operating system and processor, in Go's names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    arch: String,
}

impl Environment {
    /// Describes a process by its variables and working directory, on the present platform.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        current_dir: impl Into<PathBuf>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let system_data_dirs = vec!["/usr/local/share".into(), "/usr/share".into()];
        let (current_dir, platform) = (current_dir.into(), Platform::current());
        Self {
            variables,
            current_dir,
            platform,
            system_data_dirs,
        }
    }

    /// Replaces the machine-wide data directories, for tests.
    pub fn with_system_data_dirs(mut self, dirs: Vec<PathBuf>) -> Self {
        self.system_data_dirs = dirs;
        self
    }

    /// Replaces the platform, for tests and for mirrors of other machines.
    pub fn with_platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// The platform plugins must be built for.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The directory relative paths are relative to.
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// A variable that is set and not empty.
    pub fn path_variable(&self, name: &str) -> Option<PathBuf> {
        self.variables
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// A variable that is set, is text, and is not empty.
    pub fn text_variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// The variables whose names begin like that, by what follows.
    pub fn variables_named(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(move |(name, value)| {
            let (name, value) = (name.strip_prefix(prefix)?, value.to_str()?);
            (!value.is_empty()).then_some((name, value))
        })
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.path_variable("HOME")
            .or_else(|| self.path_variable("USERPROFILE"))
    }

    /// Where data that can be made again is kept.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let base = self
            .path_variable("XDG_CACHE_HOME")
            .or_else(|| self.home().map(|home| home.join(".cache")))?;
        Some(base.join("nixops4"))
    }

    /// Makes a path absolute.
    pub fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        self.current_dir.join(path)
    }

    /// A text with `$NAME` and `${NAME}` in it replaced; what is not set is empty, as in Go.
    pub fn expanded(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, behind) = match after.strip_prefix('{').and_then(|in_| in_.split_once('}')) {
                Some(parts) => parts,
                None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
            };
            if name.is_empty() {
                expanded.push('$');
            }
            expanded.push_str(self.text_variable(name).unwrap_or_default());
            rest = behind;
        }
        expanded + rest
    }

    /// The places where plugins lie without any configuration, in Terraform's order.
    pub(super) fn implied_mirrors(&self) -> Vec<PathBuf> {
        let mut dirs = vec![self.absolute("terraform.d/plugins")];
        // Wrappers made by nixpkgs' `withPlugins` set it.
        let of_nixpkgs = self.path_variable("NIX_TERRAFORM_PLUGIN_DIR");
        dirs.extend(of_nixpkgs.map(|dir| self.absolute(dir)));
        let home = self.home();
        if let Some(home) = &home {
            dirs.push(home.join(".terraform.d/plugins"));
        }
        match (self.path_variable("XDG_DATA_HOME"), &home) {
            (Some(data), _) => {
                dirs.push(data.join("opentofu/plugins"));
                dirs.push(data.join("terraform/plugins"));
            }
            (None, Some(home)) => dirs.push(home.join(".local/share/terraform/plugins")),
            (None, None) => {}
        }
        for data in &self.system_data_dirs {
            dirs.push(data.join("terraform/plugins"));
        }
        dirs
    }
}

impl Platform {
    /// The platform this program was built for.
    pub fn current() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Self::new(os, arch)
    }

    /// Reads `linux_amd64`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_name =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
        match text.split_once('_') {
            Some((os, arch)) if is_name(os) && is_name(arch) => Ok(Self::new(os, arch)),
            _ => Err(format!(
                "\"{text}\" is not a platform: write an operating system and a processor as Go \
                 names them, for example linux_amd64"
            )),
        }
    }

    /// The operating system.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The processor.
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// A platform by Go's names.
    pub fn new(os: &str, arch: &str) -> Self {
        Self {
            os: os.to_owned(),
            arch: arch.to_owned(),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.os, self.arch)
    }
}
