//! Starting a plugin the way go-plugin hosts do, and ending it.
//!
//! ```text
//! private folder ─► certificate ─► process ─► handshake line ─► TLS ─► HTTP/2 ─► Plugin
//!                                     │ stderr ─► Log
//!                                     └ stdout, StreamStdio ─► Log
//! ```

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nixops4_core::provider::Secrets;
use nixops4_proto::tfplugin::plugin::grpc_controller_client::GrpcControllerClient;
use nixops4_proto::tfplugin::plugin::grpc_stdio_client::GrpcStdioClient;
use nixops4_proto::tfplugin::plugin::{Empty, stdio_data::Channel};
use rustls::ClientConfig;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;

use crate::connection::{Connection, ORIGIN};
use crate::error::{Death, LaunchError, LaunchFailure, RpcFailure};
use crate::go_runtime;
use crate::handshake::{self, Address, Handshake, Protocol, shown};
use crate::log::{Log, Tail};
use crate::process::{Exit, Process, Started};
use crate::program;
use crate::reattach::Attached;
use crate::socket_dir;
use crate::tls::Identity;
use crate::verbosity;

/// The variable, and its value, by which a plugin knows that it is started by a host.
const MAGIC_COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);
/// The protocol versions that we offer.
const PROTOCOL_VERSIONS: (&str, &str) = ("PLUGIN_PROTOCOL_VERSIONS", "5,6");
/// Where the plugin gets our certificate.
const CLIENT_CERT: &str = "PLUGIN_CLIENT_CERT";
/// Where the plugin makes its socket.
const SOCKET_DIR: &str = "PLUGIN_UNIX_SOCKET_DIR";
/// Would make the plugin answer in a form that we did not ask for.
const UNWANTED: [&str; 2] = ["PLUGIN_MULTIPLEX_GRPC", "PLUGIN_UNIX_SOCKET_GROUP"];

/// How long a plugin may take until it says how to reach it.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a plugin may take to accept a connection it has announced.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a plugin may take to end after it was asked to.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the death of a process may lag behind the break of its connection.
const DEATH_LAG: Duration = Duration::from_secs(1);
/// How long what a dead process wrote may take to arrive.
const DRAIN_LAG: Duration = Duration::from_millis(500);

/// How often it is tried to reach a plugin that runs already, and with what pauses.
const ATTACH_ATTEMPTS: u32 = 10;
const ATTACH_PAUSE: Duration = Duration::from_millis(100);

/// How much of one piece of unexpected output is logged.
const MAX_OUTPUT: usize = 1024;

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The provider, for messages.
    pub provider: Arc<str>,
    /// The program.
    pub executable: PathBuf,
    /// Variables to set beyond those that we have ourselves.
    pub env: Vec<(OsString, OsString)>,
    /// How long it may take until it says how to reach it.
    pub start_timeout: Duration,
    /// Whether to encrypt the connection.
    pub tls: bool,
    /// Where to make the folder for the socket.
    pub temp_dir: PathBuf,
    /// The plugin, if it runs already: then nothing is started.
    pub attach: Option<Attached>,
    /// What is not to be shown of what it writes and answers.
    pub secrets: Secrets,
}

impl Launch {
    /// Starts from the defaults.
    pub fn new(provider: impl Into<Arc<str>>, executable: impl Into<PathBuf>) -> Self {
        Self {
            provider: provider.into(),
            executable: executable.into(),
            env: Vec::new(),
            start_timeout: START_TIMEOUT,
            tls: true,
            temp_dir: std::env::temp_dir(),
            attach: None,
            secrets: Secrets::default(),
        }
    }

    /// Starts the plugin and connects to it.
    ///
    /// # Errors
    /// Whatever goes wrong, nothing of the plugin is left running.
    pub async fn start(&self) -> Result<Plugin, LaunchError> {
        let log = Log::new(self.provider.clone(), self.secrets.clone());
        match self.attempt(&log).await {
            Ok(plugin) => Ok(plugin),
            Err(reason) => Err(LaunchError {
                provider: self.provider.clone(),
                executable: self.executable.clone(),
                reason,
                // The process is dying; what it wrote may still be on its way.
                tail: {
                    let _ = timeout(DRAIN_LAG, log.drained()).await;
                    log.tail()
                },
            }),
        }
    }

    async fn attempt(&self, log: &Log) -> Result<Plugin, LaunchFailure> {
        match &self.attach {
            Some(attached) => self.attach(attached, log).await,
            None => self.spawn(log).await,
        }
    }

    /// Connects to a plugin that runs already.
    async fn attach(&self, attached: &Attached, log: &Log) -> Result<Plugin, LaunchFailure> {
        // It may have told its address a moment before it listens.
        let mut attempts = 1;
        let connection = loop {
            match connect(&attached.address, None).await {
                Err(LaunchFailure::Connect { .. }) if attempts < ATTACH_ATTEMPTS => attempts += 1,
                Err(LaunchFailure::Connect { address, error }) => {
                    return Err(LaunchFailure::Attach { address, error });
                }
                connected => break connected?,
            }
            tokio::time::sleep(ATTACH_PAUSE).await;
        };
        Ok(Plugin {
            provider: self.provider.clone(),
            protocol: attached.protocol,
            connection,
            process: Process::foreign(attached.pid),
            log: log.clone(),
            death: OnceCell::new(),
            stopped: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            socket: None,
            _tasks: JoinSet::new(),
        })
    }

    async fn spawn(&self, log: &Log) -> Result<Plugin, LaunchFailure> {
        program::check(&self.executable)?;
        let socket_dir = socket_dir::make(&self.temp_dir)
            .map_err(|e| prepare("a folder for the plugin's socket", &e))?;
        let identity = match self.tls {
            true => Some(Identity::generate().map_err(|e| prepare("a certificate", &e))?),
            false => None,
        };
        let command = self.command(socket_dir.path(), identity.as_ref());
        let Started {
            process,
            stdout,
            stderr,
        } = Process::start(command)
            .await
            .map_err(|e| self.explain_spawn(e))?;
        let mut tasks = JoinSet::new();
        let (stdout, stderr) = (
            tokio::process::ChildStdout::from_std(stdout).map_err(LaunchFailure::Spawn)?,
            tokio::process::ChildStderr::from_std(stderr).map_err(LaunchFailure::Spawn)?,
        );
        // Not one of the tasks that end with the plugin: it ends with the output, so that the last
        // words of a plugin that fails to start are not lost.
        tokio::spawn(log.drain(stderr));
        let mut stdout = BufReader::new(stdout);
        let handshake = self.await_handshake(&process, &mut stdout).await?;
        tasks.spawn(drain_stdout(stdout, log.clone()));
        let tls = match (identity, handshake.certificate) {
            (Some(identity), Some(certificate)) => Some(tls_config(identity, certificate)?),
            (Some(_), None) => return Err(LaunchFailure::NoCertificate),
            (None, _) => None,
        };
        let connection = connect(&handshake.address, tls).await?;
        tasks.spawn(stream_stdio(connection.clone(), log.clone()));
        Ok(Plugin {
            provider: self.provider.clone(),
            protocol: handshake.protocol,
            connection,
            process,
            log: log.clone(),
            death: OnceCell::new(),
            stopped: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            socket: Some(Socket {
                address: handshake.address,
                _dir: socket_dir,
            }),
            _tasks: tasks,
        })
    }

    fn command(&self, socket_dir: &Path, identity: Option<&Identity>) -> Command {
        let mut command = Command::new(&self.executable);
        for name in UNWANTED {
            command.env_remove(name);
        }
        command.envs(go_runtime::variables(&self.env));
        let read = LevelFilter::current();
        command.envs(verbosity::variables(read, &self.executable, &self.env));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
            .envs([MAGIC_COOKIE, PROTOCOL_VERSIONS])
            .env(SOCKET_DIR, socket_dir);
        match identity {
            Some(identity) => command.env(CLIENT_CERT, identity.certificate_pem()),
            None => command.env_remove(CLIENT_CERT),
        };
        command
    }

    fn explain_spawn(&self, error: io::Error) -> LaunchFailure {
        let folder = self.executable.is_dir();
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::PermissionDenied, _) if folder => LaunchFailure::Folder,
            (io::ErrorKind::PermissionDenied, _) => LaunchFailure::NotExecutable,
            (io::ErrorKind::NotFound, _) if self.executable.exists() => LaunchFailure::NoLoader,
            (io::ErrorKind::NotFound, _) => LaunchFailure::Missing,
            _ => LaunchFailure::Spawn(error),
        }
    }

    async fn await_handshake(
        &self,
        process: &Process,
        stdout: &mut (impl AsyncBufReadExt + Unpin),
    ) -> Result<Handshake, LaunchFailure> {
        let limit = self.start_timeout;
        let read = timeout(limit, first_line(process, stdout)).await;
        let line = read.unwrap_or(Err(LaunchFailure::Timeout {
            awaited: "handshake line on its standard output",
            limit,
        }))?;
        Ok(handshake::parse(&line)?)
    }
}

fn prepare(what: &'static str, error: &impl ToString) -> LaunchFailure {
    LaunchFailure::Prepare {
        what,
        error: error.to_string(),
    }
}

/// Reads until the first line end.
async fn first_line(
    process: &Process,
    stdout: &mut (impl AsyncBufReadExt + Unpin),
) -> Result<String, LaunchFailure> {
    let mut line = Vec::new();
    let limit = u64::try_from(handshake::MAX_LINE).unwrap_or(u64::MAX);
    // An error on reading from a pipe is as good as its end.
    let _ = (&mut *stdout)
        .take(limit)
        .read_until(b'\n', &mut line)
        .await;
    let text = String::from_utf8_lossy(&line).into_owned();
    if line.ends_with(b"\n") {
        return Ok(text);
    }
    if line.len() >= handshake::MAX_LINE {
        return Err(LaunchFailure::Endless(shown(&text)));
    }
    match timeout(DEATH_LAG, process.ended()).await {
        Ok(exit) => Err(LaunchFailure::Ended(exit)),
        Err(_) => Err(LaunchFailure::Closed),
    }
}

fn tls_config(identity: Identity, certificate: Vec<u8>) -> Result<ClientConfig, LaunchFailure> {
    identity
        .client_config(certificate)
        .map_err(|e| prepare("the encrypted connection", &e))
}

async fn connect(
    address: &Address,
    tls: Option<ClientConfig>,
) -> Result<Connection, LaunchFailure> {
    timeout(CONNECT_TIMEOUT, Connection::open(address, tls))
        .await
        .unwrap_or(Err(LaunchFailure::Timeout {
            awaited: "answer to our connection",
            limit: CONNECT_TIMEOUT,
        }))
}

/// Reads what else comes on stdout, so that the plugin never blocks on it.
async fn drain_stdout(mut stdout: impl AsyncRead + Unpin, log: Log) {
    let mut buffer = vec![0; MAX_OUTPUT];
    while let Ok(read @ 1..) = stdout.read(&mut buffer).await {
        unexpected(&log, "stdout", &buffer[..read]);
    }
}

/// Reads what the plugin's own code prints, so that it never blocks on it.
async fn stream_stdio(connection: Connection, log: Log) {
    let origin = http::Uri::from_static(ORIGIN);
    let mut client = GrpcStdioClient::with_origin(connection, origin);
    // Old plugins do not have this service; they do not need it either.
    let Ok(stream) = client.stream_stdio(()).await else {
        return;
    };
    let mut stream = stream.into_inner();
    while let Ok(Some(piece)) = stream.message().await {
        let name = match piece.channel() {
            Channel::Stderr => "stderr",
            _ => "stdout",
        };
        unexpected(&log, name, &piece.data);
    }
}

fn unexpected(log: &Log, channel: &str, data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(MAX_OUTPUT)]);
    for line in text.lines() {
        log.keep(line);
        tracing::debug!(target: "nixops4_tfproto::plugin", channel, "unexpected output: {line}");
    }
}

/// A running plugin and the connection to it. Dropping it kills the process.
#[derive(Debug)]
pub struct Plugin {
    provider: Arc<str>,
    protocol: Protocol,
    connection: Connection,
    process: Process,
    log: Log,
    death: OnceCell<Death>,
    stopped: AtomicBool,
    given_up: AtomicBool,
    /// Nothing where the plugin is not ours.
    socket: Option<Socket>,
    _tasks: JoinSet<()>,
}

/// The plugin's socket, with its folder; both vanish with the plugin.
#[derive(Debug)]
struct Socket {
    address: Address,
    _dir: TempDir,
}

impl Socket {
    /// Removes a socket outside our folder that a killed plugin left behind.
    fn remove(&self) {
        if let Address::Unix(path) = &self.address {
            let is_socket = path
                .symlink_metadata()
                .is_ok_and(|m| m.file_type().is_socket());
            if is_socket {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Plugin {
    /// The provider, for messages.
    pub fn provider(&self) -> &Arc<str> {
        &self.provider
    }

    /// The protocol version it chose.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The last lines of its log.
    pub fn tail(&self) -> Tail {
        self.log.tail()
    }

    /// A text of its without the secrets that it was given.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.log.hide(text)
    }

    /// Why it cannot be called any more, if that is so.
    pub(crate) async fn unusable(&self) -> Option<RpcFailure> {
        match self.process.exit() {
            Some(_) => Some(self.ended().await),
            None if self.stopped.load(Ordering::Acquire) => Some(RpcFailure::Stopped),
            None => None,
        }
    }

    /// Whether no call will be answered any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.process.exit().is_some() || self.given_up.load(Ordering::Acquire)
    }

    /// Ends what can no longer be talked to.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
        self.process.kill();
    }

    /// Waits until the process has ended; tells why calls fail from now on.
    pub(crate) async fn ended(&self) -> RpcFailure {
        let death = self.death.get_or_init(|| self.await_death()).await;
        match self.stopped.load(Ordering::Acquire) {
            true => RpcFailure::Stopped,
            false => RpcFailure::Died(death.clone()),
        }
    }

    async fn await_death(&self) -> Death {
        let exit = self.process.ended().await;
        // Its last words may still be in the pipe.
        let _ = timeout(DRAIN_LAG, self.log.drained()).await;
        Death {
            exit,
            tail: self.log.tail(),
        }
    }

    /// Finds the reason of a broken connection: mostly the process has died.
    pub(crate) async fn broken(&self, message: String) -> RpcFailure {
        match timeout(DEATH_LAG, self.ended()).await {
            Ok(failure) => failure,
            Err(_) => RpcFailure::Disconnected {
                message,
                tail: self.log.tail(),
            },
        }
    }

    /// Ends the plugin: asks it, waits, kills it. Calls that still run fail.
    pub async fn shutdown(&self) -> Exit {
        self.stopped.store(true, Ordering::Release);
        let Some(socket) = &self.socket else {
            // Whoever has started it ends it.
            return self.process.exit().unwrap_or(Exit::unknown());
        };
        let asked = async {
            let origin = http::Uri::from_static(ORIGIN);
            let mut controller = GrpcControllerClient::with_origin(self.connection(), origin);
            // The plugin may be gone before it has answered, so the answer says nothing.
            let _ = controller.shutdown(Empty {}).await;
            self.process.ended().await
        };
        let exit = match timeout(SHUTDOWN_TIMEOUT, asked).await {
            Ok(exit) => exit,
            Err(_) => {
                self.process.kill();
                self.process.ended().await
            }
        };
        socket.remove();
        exit
    }
}
