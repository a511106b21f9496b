//! A server on loopback with TLS that answers as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server; it ends with this value.
pub struct Server {
    address: SocketAddr,
    certificate: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// What is answered by path; of several answers each is given once, the last for ever.
    replies: Mutex<BTreeMap<String, Vec<Reply>>>,
    requests: Mutex<Vec<Request>>,
    ended: AtomicBool,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path, with the query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Waits until the client goes away.
    Silent,
    /// Ends before the body does.
    Cut,
    /// Sends the body byte by byte.
    Trickling,
}

impl Reply {
    /// A body of some type.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            fault: Fault::None,
        }
        .header("Content-Type", content_type)
    }

    /// A JSON document.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::new("application/json", value.to_string())
    }

    /// A file.
    pub fn file(body: impl Into<Vec<u8>>) -> Self {
        Self::new("application/octet-stream", body)
    }

    /// Only a status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::new("text/plain", "said the server")
        }
    }

    /// A redirection.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("Location", location)
    }

    /// None at all: the connection stays open until the client has had enough.
    pub fn never() -> Self {
        Self {
            fault: Fault::Silent,
            ..Self::status(200)
        }
    }

    /// Breaks off in the middle of the body.
    pub fn cut(self) -> Self {
        let fault = Fault::Cut;
        Self { fault, ..self }
    }

    /// Sends a byte of the body every half second.
    pub fn trickling(self) -> Self {
        let fault = Fault::Trickling;
        Self { fault, ..self }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Server {
    /// Starts one that knows nothing yet.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub fn start() -> Self {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        let thread = std::thread::spawn(move || serve(&listener, &Arc::new(config), &serving));
        Self {
            address,
            certificate: made.cert.pem(),
            shared,
            thread: Some(thread),
        }
    }

    /// Host and port, as they stand in the source of a provider.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host())
    }

    /// The certificate to trust, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Answers so from now on.
    pub fn set(&self, path: &str, reply: Reply) {
        self.set_all(path, vec![reply]);
    }

    /// Answers so, one after the other, and with the last from then on.
    pub fn set_all(&self, path: &str, replies: Vec<Reply>) {
        lock(&self.shared.replies).insert(path.to_owned(), replies);
    }

    /// Knows nothing of a path any more.
    pub fn unset(&self, path: &str) {
        lock(&self.shared.replies).remove(path);
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        let requests = self.requests();
        requests.iter().filter(|asked| asked.path == path).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, shared: &Arc<Shared>) {
    let mut clients = Vec::new();
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            break;
        }
        let (Ok(stream), config, shared) = (stream, config.clone(), shared.clone()) else {
            continue;
        };
        clients.push(std::thread::spawn(move || {
            // A client that goes away is no failure of the server.
            let _ = answer(stream, config, &shared);
        }));
    }
    for client in clients {
        let _ = client.join();
    }
}

fn answer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    shared: &Shared,
) -> Result<(), Box<dyn std::error::Error>> {
    let connection = ServerConnection::new(config)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let Some(path) = line.split(' ').nth(1).map(str::to_owned) else {
        return Ok(());
    };
    let mut authorization = None;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.trim().to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    let reply = choose(shared, &path, authorization.as_deref());
    lock(&shared.requests).push(Request {
        path,
        authorization,
    });
    if reply.fault == Fault::Silent {
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let stream = stream.get_mut();
    let length = reply.body.len();
    let mut head = format!(
        "HTTP/1.1 {} Told\r\nContent-Length: {length}\r\n",
        reply.status
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if reply.fault == Fault::Trickling {
        for byte in reply.body.chunks(1) {
            stream.write_all(byte)?;
            stream.flush()?;
            std::thread::sleep(Duration::from_millis(500));
        }
        return Ok(());
    }
    let end = match reply.fault {
        Fault::Cut => length / 2,
        _ => length,
    };
    stream.write_all(&reply.body[..end])?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

/// A path may be told apart by who asks: `path user-or-token` comes before `path`.
fn choose(shared: &Shared, path: &str, authorization: Option<&str>) -> Reply {
    let mut replies = lock(&shared.replies);
    let own = format!("{path} {}", authorization.unwrap_or_default());
    let key = if replies.contains_key(&own) {
        own.as_str()
    } else {
        path
    };
    match replies.get_mut(key) {
        Some(replies) if replies.len() > 1 => replies.remove(0),
        Some(replies) => replies[0].clone(),
        None => Reply::status(404),
    }
}
