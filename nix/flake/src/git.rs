//! The `git` program.

use std::{
    ffi::{OsStr, OsString},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::error::FlakeError;

/// What would make `git` look at another repository than the one it is told.
const MISLEADING: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
];

/// `git` in one repository.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    dir: PathBuf,
    /// What it is run for, in messages.
    source: String,
}

impl Git {
    /// For the repository or work tree at `dir`.
    pub(crate) fn new(dir: &Path, source: impl Into<String>) -> Git {
        Git {
            dir: dir.to_owned(),
            source: source.into(),
        }
    }

    fn command(&self, args: &[&OsStr]) -> Command {
        let mut command = Command::new("git");
        // A repository must not have us start programs of its choice to learn what changed.
        command.args(["-c", "core.fsmonitor=false", "-C"]);
        command.arg(&self.dir).args(args);
        for name in MISLEADING {
            command.env_remove(name);
        }
        // Nobody is there to answer questions.
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        command
    }

    fn failed(&self, args: &[&OsStr], problem: String) -> FlakeError {
        let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        FlakeError::Git {
            command: args.join(" "),
            problem,
        }
    }

    fn not_started(&self, args: &[&OsStr], error: io::Error) -> FlakeError {
        match error.kind() {
            io::ErrorKind::NotFound => FlakeError::GitMissing(self.source.clone()),
            _ => self.failed(args, error.to_string()),
        }
    }

    /// What it prints; `None` where it fails. That it cannot be started is an error.
    pub(crate) fn try_run<A: AsRef<OsStr>>(
        &self,
        args: &[A],
    ) -> Result<Result<Vec<u8>, String>, FlakeError> {
        let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
        let output = self
            .command(&args)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| self.not_started(&args, error))?;
        Ok(match output.status.success() {
            true => Ok(output.stdout),
            false => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(match said.is_empty() {
                    true => output.status.to_string(),
                    false => said,
                })
            }
        })
    }

    /// What it prints.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Vec<u8>, FlakeError> {
        self.try_run(args)?.map_err(|problem| {
            let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
            self.failed(&args, problem)
        })
    }

    /// The line it prints.
    pub(crate) fn line<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<String, FlakeError> {
        let output = self.run(args)?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// The line it prints, where it succeeds.
    pub(crate) fn try_line<A: AsRef<OsStr>>(
        &self,
        args: &[A],
    ) -> Result<Option<String>, FlakeError> {
        let output = self.try_run(args)?.ok();
        Ok(output.map(|output| String::from_utf8_lossy(&output).trim().to_owned()))
    }

    /// What it prints when it reads `input`.
    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, FlakeError> {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let failed = |error: io::Error| self.failed(&args, error.to_string());
        let mut child = self
            .command(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| self.not_started(&args, error))?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // It may fill its output before it has read everything.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output()
        })
        .map_err(failed)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(self.failed(&args, output.status.to_string())),
        }
    }

    /// The commit that a name stands for.
    pub(crate) fn commit(&self, name: &str) -> Result<Option<String>, FlakeError> {
        let name = format!("{name}^{{commit}}");
        self.try_line(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ])
    }

    /// When a commit was made, in seconds since 1970.
    pub(crate) fn last_modified(&self, commit: &str) -> Result<u64, FlakeError> {
        let args = ["log", "-1", "--no-show-signature", "--format=%ct", commit];
        Ok(self.line(&args)?.parse().unwrap_or(0))
    }

    /// How many commits lead to a commit.
    pub(crate) fn revision_count(&self, commit: &str) -> Result<u64, FlakeError> {
        if self.line(&["rev-parse", "--is-shallow-repository"])? == "true" {
            return Err(FlakeError::other(format!(
                "'{}' is a shallow Git repository, so 'revCount' is not available (a reference \
                 with `shallow=1` does without)",
                self.source
            )));
        }
        Ok(self
            .line(&["rev-list", "--count", commit])?
            .parse()
            .unwrap_or(0))
    }

    /// What a commit holds.
    pub(crate) fn tree(&self, commit: &str) -> Result<Vec<TreeEntry>, FlakeError> {
        let output = self.run(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let entries = output
            .split(|byte| *byte == 0)
            .filter(|entry| !entry.is_empty());
        let parsed: Option<Vec<TreeEntry>> = entries.map(TreeEntry::parse).collect();
        parsed.ok_or_else(|| {
            self.failed(
                &[OsStr::new("ls-tree")],
                "its output is not understood".into(),
            )
        })
    }

    /// Starts to read objects.
    pub(crate) fn objects(&self) -> Result<Objects, FlakeError> {
        let args = ["cat-file", "--batch"].map(OsStr::new);
        let mut child = self
            .command(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| self.not_started(&args, error))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Objects {
                child,
                stdin,
                stdout: BufReader::new(stdout),
            }),
            _ => Err(self.failed(&args, "it has no standard input".into())),
        }
    }
}

/// An entry of a commit's tree.
#[derive(Debug)]
pub(crate) struct TreeEntry {
    pub(crate) kind: EntryKind,
    pub(crate) object: String,
    pub(crate) path: PathBuf,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File { executable: bool },
    Symlink,
    Submodule,
}

impl TreeEntry {
    /// Reads `100644 blob <object>\t<path>`.
    fn parse(line: &[u8]) -> Option<TreeEntry> {
        use std::os::unix::ffi::OsStringExt as _;
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let path = PathBuf::from(OsString::from_vec(line[tab + 1..].to_vec()));
        let mut words = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
        let kind = match words.next()? {
            "100755" => EntryKind::File { executable: true },
            "120000" => EntryKind::Symlink,
            "160000" => EntryKind::Submodule,
            _ => EntryKind::File { executable: false },
        };
        let object = words.nth(1)?.to_owned();
        Some(TreeEntry { kind, object, path })
    }
}

/// Reads objects one by one.
pub(crate) struct Objects {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Objects {
    /// Hands an object's content to `read`, which takes all of it.
    pub(crate) fn read<T>(
        &mut self,
        object: &str,
        read: impl FnOnce(&mut io::Take<&mut BufReader<ChildStdout>>) -> io::Result<T>,
    ) -> io::Result<T> {
        writeln!(self.stdin, "{object}")?;
        self.stdin.flush()?;
        let mut header = String::new();
        self.stdout.read_line(&mut header)?;
        let length = header
            .trim()
            .rsplit(' ')
            .next()
            .and_then(|text| text.parse().ok());
        let length: u64 =
            length.ok_or_else(|| io::Error::other(format!("git has no object '{object}'")))?;
        let mut content = self.stdout.by_ref().take(length);
        let result = read(&mut content)?;
        // Whatever was not taken, and the line end behind it.
        io::copy(&mut content, &mut io::sink())?;
        io::copy(&mut self.stdout.by_ref().take(1), &mut io::sink())?;
        Ok(result)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
