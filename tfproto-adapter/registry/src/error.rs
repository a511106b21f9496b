//! Why a plugin could not be fetched, and what the user can do.

use std::fmt;
use std::path::PathBuf;

use nixops4_tfproto::cliconfig::{CliConfigError, MethodKind};
use nixops4_tfproto::discovery::{
    Constraints, LocateError, PackageError, Platform, ProviderSource, SourceSpec, Version,
};
use nixops4_tfproto::lockfile::LockError;
use nixops4_tfproto::reattach::ReattachError;

use crate::http::{EXTRA_CA, HttpError};

/// Why one method gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An archive could not be fetched.
    #[error(transparent)]
    Download(HttpError),
    /// A registry's login gave no token.
    #[error("cannot log in: {0}")]
    Login(HttpError),
    /// The host has no provider registry.
    #[error("{host} offers no providers: {reason}")]
    NoRegistry {
        /// The host.
        host: String,
        /// How that showed.
        reason: String,
    },
    /// The package is not what it should be.
    #[error("{0}")]
    Refused(String),
    /// The package is not signed as it should be.
    #[error("{reason}")]
    Signature {
        /// The registry's host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// It speaks a protocol that nobody here understands.
    #[error("it speaks protocol {0}, and only 5 and 6 are understood")]
    Protocol(String),
    /// The configuration does not allow to ask.
    #[error("{0}")]
    Configuration(String),
    /// The package cannot be unpacked or read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Why a provider is not installed, locked or mirrored.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The CLI configuration is unusable.
    #[error(transparent)]
    Config(#[from] CliConfigError),
    /// The lock file is unusable.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is on this machine is unusable.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// What runs already cannot be told.
    #[error(transparent)]
    Reattach(#[from] ReattachError),
    /// No certificate authorities, or the like.
    #[error(transparent)]
    Client(#[from] HttpError),
    /// The lock file would have to change, and may not.
    #[error("the lock file is not up to date: {0}")]
    OutOfDate(String),
    /// The version that is locked is not asked for any more.
    #[error("{provider} is locked at {version}, but {constraints} is asked for")]
    LockedOtherwise {
        /// The provider.
        provider: Box<ProviderSource>,
        /// The locked version.
        version: Version,
        /// What is asked for.
        constraints: Constraints,
    },
    /// There is no place for plugins.
    #[error("there is no place for plugins: neither XDG_CACHE_HOME nor HOME is set")]
    NoStore,
    /// A package was found and is not to be trusted, or cannot be used.
    #[error("{provider} {version} from {method}")]
    Fetch {
        /// The provider.
        provider: Box<ProviderSource>,
        /// Its version.
        version: Version,
        /// The method.
        method: MethodKind,
        /// What is wrong.
        source: Box<FetchError>,
    },
    /// No place has it.
    #[error("{0}")]
    NotFound(Box<NotFound>),
    /// A mirror could not be written.
    #[error("cannot write the mirror {path}")]
    Mirror {
        /// The mirror, or a file in it.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Everything that went wrong in a run, and what the user should know besides.
#[derive(Debug)]
pub struct Failures {
    /// What went wrong, at least one thing.
    pub failures: Vec<Failure>,
    /// What may be related, such as settings that are not known.
    pub warnings: Vec<String>,
}

/// Something that went wrong.
#[derive(Debug)]
pub struct Failure {
    /// The provider that it is about, as it was asked for.
    pub provider: Option<SourceSpec>,
    /// What it is.
    pub error: InstallError,
}

impl<E: Into<InstallError>> From<E> for Failures {
    fn from(error: E) -> Self {
        let (provider, error) = (None, error.into());
        Self {
            failures: vec![Failure { provider, error }],
            warnings: Vec::new(),
        }
    }
}

/// Everything that was tried for a provider that was not found.
#[derive(Debug)]
pub struct NotFound {
    /// The provider as it was asked for.
    pub provider: SourceSpec,
    /// The versions that would do.
    pub constraints: String,
    /// The only one that does, since the lock file says so.
    pub locked: Option<Version>,
    /// Why none will do, where all places could be asked.
    pub lacks: Option<Lacks>,
    /// The platform it is for.
    pub platform: Platform,
    /// The places and what was there, in the order in which they were tried.
    pub tried: Vec<(String, String)>,
}

/// Why no version will do.
#[derive(Debug)]
pub enum Lacks {
    /// There are others.
    Newest {
        /// The newest release.
        release: Option<Version>,
        /// A prerelease that is newer.
        prerelease: Option<Version>,
    },
    /// No place has the one that is locked.
    Locked,
}

impl NotFound {
    fn hint(&self) -> Option<String> {
        match self.lacks.as_ref()? {
            Lacks::Newest {
                release,
                prerelease,
            } => {
                let release = release.as_ref().map(|version| {
                    format!("the newest release is {version}: allow it in `version`")
                });
                let prerelease = prerelease.as_ref().map(|version| {
                    format!(
                        "{version} is a prerelease, which only `version = \"{version}\"` asks for"
                    )
                });
                let both: Vec<_> = release.into_iter().chain(prerelease).collect();
                (!both.is_empty()).then(|| both.join("; "))
            }
            Lacks::Locked => Some(
                "`nixops4 providers install --upgrade` locks a version that can be had, or a \
                 mirror may still have the locked one"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "provider {} cannot be fetched", self.provider)?;
        if let Some(version) = &self.locked {
            write!(f, " in version {version}, which the lock file asks for")?;
        } else if !self.constraints.is_empty() {
            write!(f, ", version {}", self.constraints)?;
        }
        write!(f, ", for {}; tried:", self.platform)?;
        for (place, outcome) in &self.tried {
            write!(f, "\n{place}: {outcome}")?;
        }
        Ok(())
    }
}

impl FetchError {
    /// A file that could not be read or written.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// Whether it says nothing of the package: who has it could not be asked.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Http(_) | Self::Login(_) | Self::NoRegistry { .. }
        )
    }

    /// What the user can do, if a method of that kind was used.
    pub fn hint(&self, method: &MethodKind) -> Option<String> {
        match self {
            Self::Login(error) if error.is_refusal() => Some(OCI_CREDENTIALS.to_owned()),
            Self::Http(error) | Self::Download(error) if error.is_unauthorized() => {
                match (method, self) {
                    (MethodKind::OciMirror(_), _) => Some(OCI_CREDENTIALS.to_owned()),
                    // Archives are fetched without a token, so that none would help.
                    (_, Self::Download(_)) => None,
                    _ => Some(TOKEN.to_owned()),
                }
            }
            Self::Http(error) | Self::Download(error) | Self::Login(error)
                if error.is_untrusted() =>
            {
                Some(format!(
                    "if you trust it, write the certificate of its authority into a file, as PEM, and \
                 name that in {EXTRA_CA}; SSL_CERT_FILE names one that replaces the system's"
                ))
            }
            Self::Signature { host, .. } => Some(format!(
                "if you trust this host without signatures, `nixops4_unsigned_hosts = [\"{host}\"]` \
                 in the CLI configuration says so"
            )),
            _ => None,
        }
    }
}

/// How hosts learn who asks.
const TOKEN: &str = "a token for the host goes into a `credentials` block of the CLI configuration, \
                     or into the variable TF_TOKEN_ and the host, with _ for .";
/// How OCI registries do.
const OCI_CREDENTIALS: &str = "credentials for OCI registries come from `oci_credentials` blocks of \
                               the CLI configuration, or from `docker login` or `podman login`: an \
                               entry for the registry in ~/.docker/config.json, in the folder that \
                               DOCKER_CONFIG names, or in containers/auth.json below \
                               XDG_RUNTIME_DIR or ~/.config";

impl InstallError {
    /// What may be the cause, and what the user can do.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Locate(error) => return error.hints(),
            Self::Fetch { source, method, .. } => source.hint(method),
            Self::NotFound(not_found) => not_found.hint(),
            Self::OutOfDate(_) => Some("run the command without --locked".to_owned()),
            Self::LockedOtherwise { .. } => {
                Some("`nixops4 providers install --upgrade` locks another version".to_owned())
            }
            _ => None,
        };
        hint.into_iter().collect()
    }
}
