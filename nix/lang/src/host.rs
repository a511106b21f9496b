//! The outside world: everything an evaluation may ask that is not in its own text.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use crate::fetcher::Fetcher;
use crate::foreign::ForeignFunctions;
use crate::object_store::{MemoryStore, ObjectStore};

/// What a name in a directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileType {
    /// A file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Something else: a device, a socket.
    Unknown,
}

impl FileType {
    /// As `builtins.readDir` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            FileType::Regular => "regular",
            FileType::Directory => "directory",
            FileType::Symlink => "symlink",
            FileType::Unknown => "unknown",
        }
    }
}

/// What an archive says of a regular file beside its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegularFile {
    /// Whether its owner may run it.
    pub executable: bool,
    /// Its length in bytes.
    pub length: u64,
}

/// Why the world refused.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no such file.
    #[error("path '{}' does not exist", .0.display())]
    NotFound(PathBuf),
    /// The operating system said no.
    #[error("{action} '{}': {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The answer.
        source: std::io::Error,
    },
    /// This evaluator has no such world.
    #[error("{what} needs {needs}, and there is none here")]
    Missing {
        /// What was asked for.
        what: String,
        /// What would provide it.
        needs: &'static str,
    },
    /// What was being done.
    #[error("{doing}: {source}")]
    While {
        /// A clause: "while fetching x".
        doing: String,
        /// What went wrong.
        source: Box<HostError>,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl HostError {
    fn no_files(path: &Path) -> HostError {
        HostError::Missing {
            what: format!("'{}'", path.display()),
            needs: "a file system",
        }
    }
}

/// The world an evaluation sees. Every method has a default that says clearly what is missing.
pub trait Host {
    /// The contents of a file.
    fn read_file(&mut self, path: &Path) -> Result<Vec<u8>, HostError> {
        Err(HostError::no_files(path))
    }

    /// The names in a directory.
    fn read_dir(&mut self, path: &Path) -> Result<Vec<(String, FileType)>, HostError> {
        Err(HostError::no_files(path))
    }

    /// What a path is, not following a link at its end; `None` where there is nothing.
    fn file_type(&mut self, path: &Path) -> Result<Option<FileType>, HostError> {
        let _ = path;
        Ok(None)
    }

    /// The path with all links resolved.
    fn resolve_links(&mut self, path: &Path) -> Result<PathBuf, HostError> {
        Ok(path.to_owned())
    }

    /// An environment variable.
    fn env_var(&mut self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// What `~` stands for.
    fn home_dir(&mut self) -> Option<PathBuf> {
        self.env_var("HOME").map(PathBuf::from)
    }

    /// The platform, such as `x86_64-linux`.
    fn current_system(&mut self) -> Option<String> {
        None
    }

    /// Seconds since 1970.
    fn current_time(&mut self) -> Option<i64> {
        None
    }

    /// Takes a line that `builtins.trace` or `builtins.warn` says.
    fn trace(&mut self, message: &str) {
        let _ = message;
    }

    /// A regular file's length and permission.
    fn regular_file(&mut self, path: &Path) -> Result<RegularFile, HostError> {
        let length = self.read_file(path)?.len() as u64;
        Ok(RegularFile {
            executable: false,
            length,
        })
    }

    /// What a symbolic link points to.
    fn read_link(&mut self, path: &Path) -> Result<PathBuf, HostError> {
        Err(HostError::no_files(path))
    }

    /// What fetches sources and locks flakes, if anything does.
    fn fetcher(&mut self) -> Option<&mut dyn Fetcher> {
        None
    }

    /// What offers functions beyond the built-in ones, if anything does.
    fn functions(&mut self) -> Option<&mut dyn ForeignFunctions> {
        None
    }

    /// What keeps and builds store objects, if anything does.
    fn store(&mut self) -> Option<&mut dyn ObjectStore> {
        None
    }
}

/// A host without anything: text alone can be evaluated.
pub struct NoHost;

impl Host for NoHost {}

type TakeLine = Box<dyn FnMut(&str)>;

/// The real file system and environment.
#[derive(Default)]
pub struct RealFs {
    on_trace: Option<TakeLine>,
    store: Option<Box<dyn ObjectStore>>,
    fetcher: Option<Box<dyn Fetcher>>,
    functions: Option<Box<dyn ForeignFunctions>>,
}

impl RealFs {
    /// The real world; traces are dropped.
    pub fn new() -> RealFs {
        RealFs::default()
    }

    /// The same, with someone to take the lines of `builtins.trace`.
    pub fn on_trace(mut self, take: impl FnMut(&str) + 'static) -> RealFs {
        self.on_trace = Some(Box::new(take));
        self
    }

    /// The same, with something that keeps and builds store objects.
    pub fn with_store(mut self, store: Box<dyn ObjectStore>) -> RealFs {
        self.store = Some(store);
        self
    }

    /// The same, with something that fetches.
    pub fn with_fetcher(mut self, fetcher: Box<dyn Fetcher>) -> RealFs {
        self.fetcher = Some(fetcher);
        self
    }

    /// The same, with something that offers functions.
    pub fn with_functions(mut self, functions: Box<dyn ForeignFunctions>) -> RealFs {
        self.functions = Some(functions);
        self
    }
}

fn io_error(action: &'static str, path: &Path, source: std::io::Error) -> HostError {
    match source.kind() {
        std::io::ErrorKind::NotFound => HostError::NotFound(path.to_owned()),
        _ => HostError::Io {
            action,
            path: path.to_owned(),
            source,
        },
    }
}

fn type_of(kind: std::fs::FileType) -> FileType {
    if kind.is_symlink() {
        FileType::Symlink
    } else if kind.is_dir() {
        FileType::Directory
    } else if kind.is_file() {
        FileType::Regular
    } else {
        FileType::Unknown
    }
}

impl Host for RealFs {
    fn store(&mut self) -> Option<&mut dyn ObjectStore> {
        let store = self.store.as_mut()?;
        Some(store.as_mut())
    }

    fn fetcher(&mut self) -> Option<&mut dyn Fetcher> {
        let fetcher = self.fetcher.as_mut()?;
        Some(fetcher.as_mut())
    }

    fn functions(&mut self) -> Option<&mut dyn ForeignFunctions> {
        let functions = self.functions.as_mut()?;
        Some(functions.as_mut())
    }

    fn read_file(&mut self, path: &Path) -> Result<Vec<u8>, HostError> {
        std::fs::read(path).map_err(|source| io_error("cannot read", path, source))
    }

    fn read_dir(&mut self, path: &Path) -> Result<Vec<(String, FileType)>, HostError> {
        let failed = |source| io_error("cannot list", path, source);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            names.push((
                entry.file_name().to_string_lossy().into_owned(),
                type_of(kind),
            ));
        }
        Ok(names)
    }

    fn file_type(&mut self, path: &Path) -> Result<Option<FileType>, HostError> {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(type_of(metadata.file_type()))),
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
            Err(error) => Err(io_error("cannot look at", path, error)),
        }
    }

    fn resolve_links(&mut self, path: &Path) -> Result<PathBuf, HostError> {
        std::fs::canonicalize(path).map_err(|source| io_error("cannot resolve", path, source))
    }

    fn regular_file(&mut self, path: &Path) -> Result<RegularFile, HostError> {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = std::fs::symlink_metadata(path);
        let metadata = metadata.map_err(|source| io_error("cannot look at", path, source))?;
        let executable = metadata.permissions().mode() & 0o100 != 0;
        Ok(RegularFile {
            executable,
            length: metadata.len(),
        })
    }

    fn read_link(&mut self, path: &Path) -> Result<PathBuf, HostError> {
        std::fs::read_link(path).map_err(|source| io_error("cannot read", path, source))
    }

    fn env_var(&mut self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn current_system(&mut self) -> Option<String> {
        let os = if std::env::consts::OS == "macos" {
            "darwin"
        } else {
            std::env::consts::OS
        };
        Some(format!("{}-{os}", std::env::consts::ARCH))
    }

    fn current_time(&mut self) -> Option<i64> {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    }

    fn trace(&mut self, message: &str) {
        if let Some(take) = &mut self.on_trace {
            take(message);
        }
    }
}

/// Files held in memory, and answers fixed in advance: for tests.
#[derive(Default)]
pub struct MemoryHost {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// What was traced.
    pub traced: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
    /// What keeps and builds store objects.
    pub store: Option<MemoryStore>,
    /// What offers functions.
    pub functions: Option<Box<dyn ForeignFunctions>>,
}

impl MemoryHost {
    /// A host with these files.
    pub fn new<P: Into<PathBuf>, T: Into<Vec<u8>>>(
        files: impl IntoIterator<Item = (P, T)>,
    ) -> Self {
        let files = files
            .into_iter()
            .map(|(path, text)| (path.into(), text.into()))
            .collect();
        MemoryHost {
            files,
            ..MemoryHost::default()
        }
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files
            .keys()
            .any(|file| file != path && file.starts_with(path))
    }
}

impl Host for MemoryHost {
    fn store(&mut self) -> Option<&mut dyn ObjectStore> {
        self.store
            .as_mut()
            .map(|store| store as &mut dyn ObjectStore)
    }

    fn read_file(&mut self, path: &Path) -> Result<Vec<u8>, HostError> {
        let built = self.store.as_ref().and_then(|store| store.file(path));
        built
            .map(<[u8]>::to_vec)
            .or_else(|| self.files.get(path).cloned())
            .ok_or_else(|| HostError::NotFound(path.to_owned()))
    }

    fn read_dir(&mut self, path: &Path) -> Result<Vec<(String, FileType)>, HostError> {
        let mut names = BTreeMap::new();
        for file in self.files.keys() {
            let Ok(rest) = file.strip_prefix(path) else {
                continue;
            };
            let mut parts = rest.components();
            if let Some(Component::Normal(name)) = parts.next() {
                let deeper = parts.next().is_some();
                let kind = if deeper {
                    FileType::Directory
                } else {
                    FileType::Regular
                };
                names.insert(name.to_string_lossy().into_owned(), kind);
            }
        }
        match names.is_empty() {
            true => Err(HostError::NotFound(path.to_owned())),
            false => Ok(names.into_iter().collect()),
        }
    }

    fn file_type(&mut self, path: &Path) -> Result<Option<FileType>, HostError> {
        let built = self.store.as_ref().and_then(|store| store.file(path));
        if self.files.contains_key(path) || built.is_some() {
            return Ok(Some(FileType::Regular));
        }
        Ok(self.is_dir(path).then_some(FileType::Directory))
    }

    fn env_var(&mut self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn current_system(&mut self) -> Option<String> {
        Some("x86_64-linux".into())
    }

    fn current_time(&mut self) -> Option<i64> {
        Some(1_000_000_000)
    }

    fn functions(&mut self) -> Option<&mut dyn ForeignFunctions> {
        let functions = self.functions.as_mut()?;
        Some(functions.as_mut())
    }

    fn trace(&mut self, message: &str) {
        self.traced.borrow_mut().push(message.to_owned());
    }
}
