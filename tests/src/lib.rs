//! A harness for end-to-end tests: a private folder, a private home, the built programs.

pub mod git;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The folder with the built programs.
///
/// # Panics
/// Where they have not been built: `cargo build --workspace --bins` does.
pub fn programs() -> PathBuf {
    let exe = std::env::current_exe().expect("the test program has a path");
    // target/debug/deps/e2e-… -> target/debug
    let dir = exe.ancestors().nth(2).expect("a target folder").to_owned();
    for program in ["nixops4", "nixops4-eval", "nixops4-resources-local"] {
        let path = dir.join(program);
        assert!(
            path.exists(),
            "{} is missing: cargo build --workspace --bins",
            path.display()
        );
    }
    dir
}

/// The scripted plugin that the tests of the adapter bring along.
///
/// `FAKE_PROVIDER_SCRIPT` says how it behaves, `FAKE_PROVIDER_STORE` where it keeps its objects.
///
/// # Panics
/// Where it has not been built.
pub fn fake_provider() -> PathBuf {
    let path = programs().join("fake-provider");
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins",
        path.display()
    );
    path
}

/// Builds a Go plugin of this repository, `framework` or `legacy`; where Go or its modules are
/// missing, says loudly that the test is skipped.
pub fn go_plugin(name: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("plugins")
        .join(name);
    let program = programs().join(format!("terraform-provider-{name}"));
    // Tests run side by side, and would replace each other's.
    let own = program.with_extension(std::process::id().to_string());
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .arg(&own)
        .arg(".")
        .current_dir(source);
    built(build.output(), own)
}

/// Installs a plugin as a Go module, `path@version`, into a folder of its own; where that is not
/// possible, says loudly that the test is skipped.
pub fn go_module(module: &str) -> Option<PathBuf> {
    let (path, _) = module.split_once('@')?;
    let folder = programs().join("go-modules");
    let program = folder.join(path.rsplit('/').next()?);
    let mut install = Command::new("go");
    install.args(["install", module]).env("GOBIN", &folder);
    built(install.output(), program)
}

fn built(output: std::io::Result<Output>, program: PathBuf) -> Option<PathBuf> {
    match output {
        Ok(output) if output.status.success() => Some(program),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            skipped(&format!("{}: {said}", program.display()));
            None
        }
        Err(error) => {
            skipped(&format!("go: {error}"));
            None
        }
    }
}

/// A folder in which a deployment lives, with nothing of the machine's settings around it.
pub struct Sandbox {
    dir: TempDir,
    /// Variables beyond `PATH` and `HOME`.
    variables: Vec<(String, String)>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    /// An empty one.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for sub in ["home", "work"] {
            fs::create_dir(dir.path().join(sub)).expect("a folder");
        }
        Self {
            dir,
            variables: Vec::new(),
        }
    }

    /// One with a deployment in `nixops4.nix`.
    pub fn with_deployment(text: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write("nixops4.nix", text);
        sandbox
    }

    /// Sets an environment variable for all later commands.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// The folder that commands run in.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Writes a file there.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("the file is written");
    }

    /// Reads a file there.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    /// A `nixops4` command, not started.
    pub fn command(&self, args: &[&str]) -> Command {
        self.program("nixops4", args)
    }

    /// Any of our programs, not started.
    pub fn program(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(programs().join(name));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path().join("home"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs `nixops4` to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("nixops4 starts");
        self.ran(args, &output)
    }

    /// Runs `nixops4` and expects it to do all that was asked.
    ///
    /// # Panics
    /// With everything it printed, where it did not.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "nixops4 {args:?}\n{}", ran.told());
        ran
    }

    /// Runs `nixops4`, expects it to exit with 1, and gives what it said.
    ///
    /// # Panics
    /// With everything it printed, where it exited otherwise.
    pub fn fails(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(1), "nixops4 {args:?}\n{}", ran.told());
        ran.stderr
    }

    /// What a finished command printed, with the sandbox's path as `[dir]`.
    pub fn ran(&self, _args: &[impl AsRef<OsStr>], output: &Output) -> Ran {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&*self.path().to_string_lossy(), "[dir]")
        };
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// A command that ran.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
}

impl Ran {
    /// Both for people who look for why a test failed: complaints first, and of the rest the end,
    /// so that no long plan is in the way.
    fn told(&self) -> String {
        const SHOWN: usize = 2000;
        let start = self.stdout.len().saturating_sub(SHOWN);
        let start = self.stdout.ceil_char_boundary(start);
        let gap = if start == 0 { "" } else { "[…]" };
        format!("{}\n{gap}{}", self.stderr, &self.stdout[start..])
    }
}

/// Says that the running test is skipped, and why: past the test harness, which keeps to itself what
/// tests print that pass. `tests/scripts/test.sh` counts these lines.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
}

/// The value of a variable that tells a test where something is that not every machine has; where
/// it is not set, says loudly that the test is skipped.
pub fn given(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    if value.is_none() {
        skipped(&format!("{variable} is not set"));
    }
    value.map(PathBuf::from)
}

/// A program on `PATH` that not every machine has; where it is missing, says loudly that the test is
/// skipped.
pub fn given_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skipped(&format!("{name} is not on PATH"));
    }
    found
}

/// Lays out a filesystem mirror in `mirror` with `program` as the only version of `source`
/// (`namespace/type`).
pub fn mirror_plugin(mirror: &Path, source: &str, version: &str, program: &Path) {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let name = source.rsplit('/').next().expect("a type");
    let package = mirror.join(format!(
        "registry.opentofu.org/{source}/{version}/{os}_{arch}"
    ));
    fs::create_dir_all(&package).expect("a folder");
    let file = package.join(format!("terraform-provider-{name}_v{version}"));
    fs::copy(program, file).expect("the plugin is copied");
}

/// Writes a native provider program into the sandbox: the adapter in front of a plugin there.
///
/// # Panics
/// Where it cannot be written.
pub fn adapter_program(sandbox: &Sandbox, name: &str, plugin: &str) {
    let adapter = programs().join("nixops4-resources-tfproto");
    let adapter = adapter.display();
    let text = format!("#!/bin/sh\nexec '{adapter}' --executable './{plugin}'\n");
    sandbox.write(name, &text);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(sandbox.path().join(name), mode).expect("it is ours");
}

/// Waits until something is so; how long that takes is not the test's business, within reason.
///
/// # Panics
/// Where it does not come at all.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{what} never came"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal by its name, `INT`, to a process.
///
/// # Panics
/// Where the process is not there.
pub fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success(), "no process {pid}");
}

/// Asserts that all of it is said, and that nothing has panicked.
///
/// # Panics
/// Where it is not so.
#[track_caller]
pub fn says(said: &str, expected: &[&str]) {
    for text in expected {
        assert!(said.contains(text), "{text:?} is not said:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}
