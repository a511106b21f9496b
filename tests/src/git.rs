//! Git repositories, and a server for files, for tests of what is fetched.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// A repository with a work tree.
pub struct Repository(PathBuf);

impl Repository {
    /// Makes one in `dir`, with what is there already committed.
    ///
    /// # Panics
    /// Where `git` does not do it.
    pub fn new(dir: &Path) -> Repository {
        fs::create_dir_all(dir).expect("a folder");
        let repository = Repository(dir.to_owned());
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit("first");
        repository
    }

    /// Where it is.
    pub fn path(&self) -> String {
        self.0.display().to_string()
    }

    /// Writes a file.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Commits everything that is there, and gives the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs `git` here, and gives what it prints.
    ///
    /// # Panics
    /// With what it says, where it fails.
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=n@example.org"])
            .args(["-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(&self.0)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", "2024-02-29T12:34:56Z")
            .env("GIT_COMMITTER_DATE", "2024-02-29T12:34:56Z")
            .output()
            .expect("git starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The last commit as an archive, in a folder of that name.
    ///
    /// # Panics
    /// Where `git` does not make one.
    pub fn archive(&self, folder: &str) -> Vec<u8> {
        let output = Command::new("git")
            .args(["archive", "--format=tar.gz", "HEAD"])
            .arg(format!("--prefix={folder}/"))
            .current_dir(&self.0)
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git archive");
        output.stdout
    }
}

/// A server on this machine that hands out files, for as long as the test runs.
pub struct FileServer {
    url: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Default for FileServer {
    fn default() -> Self {
        Self::new()
    }
}

impl FileServer {
    /// A server without files.
    ///
    /// # Panics
    /// Where there is no port.
    pub fn new() -> FileServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = FileServer {
            url: format!("http://{address}"),
            files: Arc::default(),
            asked: Arc::default(),
        };
        let (files, asked) = (server.files.clone(), server.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                while lines.next().is_some_and(|line| !line.is_empty()) {}
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let file = files.lock().expect("files").get(&path).cloned();
                asked.lock().expect("asked").push(path);
                let (status, body) = match file {
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                // Who asked may have gone.
                let _ = (&stream).write_all(head.as_bytes());
                let _ = (&stream).write_all(&body);
            }
        });
        server
    }

    /// Hands out a file, and gives its URL.
    ///
    /// # Panics
    /// Where another test's thread broke the server.
    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) -> String {
        let mut files = self.files.lock().expect("files");
        files.insert(path.to_owned(), content.into());
        format!("{}{path}", self.url)
    }

    /// What was asked for.
    ///
    /// # Panics
    /// Where another test's thread broke the server.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("asked").clone()
    }
}
