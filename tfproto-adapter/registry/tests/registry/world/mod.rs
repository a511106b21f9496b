//! A home, a project and a server, with nothing of the machine around them.

#![allow(dead_code, reason = "each test program uses a part")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nixops4_registry::{
    Failures, InstallError, MirrorReport, Options, Outcome, Report, Wish, install, mirror,
};
use nixops4_registry_server::Server;
use nixops4_tfproto::discovery::{Constraints, Environment, Platform, Request, SourceSpec, locate};
use nixops4_tfproto::lockfile::{LOCK_FILE, LockFile};
use tempfile::TempDir;

/// All of it.
pub struct World {
    dir: TempDir,
    /// What answers.
    pub server: Server,
    variables: Vec<(OsString, OsString)>,
    source: String,
}

/// A platform that this is not.
pub fn other_platform() -> Platform {
    Platform::new("plan9", "386")
}

impl World {
    /// A new one, whose provider is on its own server.
    pub fn new() -> Self {
        let (dir, server) = (tempfile::tempdir().expect("a directory"), Server::start());
        for name in ["home", "project", "shared"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        let source = format!("{}/acme/thing", server.host());
        let mut world = Self {
            dir,
            server,
            variables: Vec::new(),
            source,
        };
        world.write("ca.pem", world.server.certificate().as_bytes());
        world.set("HOME", &world.path("home").display().to_string());
        world.set(
            "NIXOPS4_EXTRA_CA_FILE",
            &world.path("ca.pem").display().to_string(),
        );
        world
    }

    /// The same, asking for another provider.
    pub fn asking_for(self, source: &str) -> Self {
        let source = source.to_owned();
        Self { source, ..self }
    }

    /// Trusts a second server.
    pub fn trust(&self, server: &Server) {
        let both = format!("{}{}", self.server.certificate(), server.certificate());
        self.write("ca.pem", both.as_bytes());
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    /// Writes the CLI configuration.
    pub fn configure(&self, text: &str) {
        self.write("home/.tofurc", text.as_bytes());
    }

    /// Makes its folder `mirror` the only place where plugins come from.
    pub fn mirrored_here(&self) {
        let mirror = self.path("mirror");
        self.configure(&format!(
            "provider_installation {{\n filesystem_mirror {{ path = \"{}\" }}\n}}\n",
            mirror.display()
        ));
    }

    /// Makes a file one that can be run.
    pub fn runnable(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(name), mode).expect("a file");
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    }

    /// The surroundings of a run.
    pub fn environment(&self) -> Environment {
        Environment::new(self.variables.clone(), self.path("project"))
            .with_system_data_dirs(Vec::new())
    }

    /// The wish for the provider in a version.
    pub fn wish(&self, constraints: &str) -> Wish {
        Wish {
            source: SourceSpec::parse(&self.source).expect("a source"),
            constraints: Constraints::parse(constraints).expect("constraints"),
        }
    }

    /// Installs.
    pub fn install(&self, constraints: &str, options: &Options) -> Result<Report, Failures> {
        self.install_in(&self.path("project"), constraints, options)
    }

    /// Installs for another project.
    pub fn install_in(
        &self,
        base: &Path,
        constraints: &str,
        options: &Options,
    ) -> Result<Report, Failures> {
        self.install_all(base, &[self.wish(constraints)], options)
    }

    /// Installs several for a project.
    pub fn install_all(
        &self,
        base: &Path,
        wishes: &[Wish],
        options: &Options,
    ) -> Result<Report, Failures> {
        install(&self.environment(), base, wishes, options)
    }

    /// Installs, and expects it to be done.
    pub fn installed(&self, constraints: &str) -> Outcome {
        match self.install(constraints, &Options::default()) {
            Ok(report) => report.outcomes.into_iter().next().expect("an outcome"),
            Err(failures) => panic!("{}", said(&failures)),
        }
    }

    /// Installs, and expects that not to be done; gives what is said.
    pub fn error(&self, constraints: &str) -> String {
        let error = self.install(constraints, &Options::default());
        said(&error.expect_err("an error"))
    }

    /// Mirrors.
    pub fn mirror(&self, dir: &Path, platforms: &[Platform]) -> Result<MirrorReport, Failures> {
        let base = self.path("project");
        mirror(&self.environment(), &base, &[self.wish("")], dir, platforms)
    }

    /// The program that a run would start.
    pub fn found(&self, constraints: &str) -> PathBuf {
        self.try_found(constraints)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, or what is said.
    pub fn try_found(&self, constraints: &str) -> Result<PathBuf, String> {
        let Wish {
            source,
            constraints,
        } = self.wish(constraints);
        let request = Request {
            source,
            constraints,
        };
        let lock = LockFile::load(&self.path("project")).expect("a lock file, or none");
        match locate(&request, &self.environment(), lock.as_ref()) {
            Ok(located) => Ok(located.executable),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Removes all that was installed.
    pub fn forget(&self) {
        std::fs::remove_dir_all(self.path("home/.cache")).expect("removed");
    }

    /// The text of the lock file.
    pub fn lock_file(&self) -> String {
        std::fs::read_to_string(self.path("project").join(LOCK_FILE)).expect("a lock file")
    }

    /// Whether there is one.
    pub fn has_lock_file(&self) -> bool {
        self.path("project").join(LOCK_FILE).exists()
    }

    /// Removes it.
    pub fn remove_lock_file(&self) {
        std::fs::remove_file(self.path("project").join(LOCK_FILE)).expect("removed");
    }
}

/// All that went wrong, with causes and what to do.
pub fn said(failures: &Failures) -> String {
    let texts: Vec<_> = failures
        .failures
        .iter()
        .map(|failure| said_of(&failure.error))
        .collect();
    texts.join("\n")
}

fn said_of(error: &InstallError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    for hint in error.hints() {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

/// All files below a directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}
