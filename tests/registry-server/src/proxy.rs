//! A proxy on loopback that tunnels, as `HTTPS_PROXY` names one.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A proxy; it ends with this value.
pub struct Proxy {
    address: SocketAddr,
    tunnels: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tunnels, ended) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default());
        let (noted, over) = (tunnels.clone(), Arc::clone(&ended));
        let thread = std::thread::spawn(move || serve(&listener, &noted, &over));
        Self {
            address,
            tunnels,
            ended,
            thread: Some(thread),
        }
    }

    /// What `HTTPS_PROXY` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hosts, with ports, that it was asked to connect to.
    pub fn tunnels(&self) -> Vec<String> {
        let tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        tunnels.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, tunnels: &Arc<Mutex<Vec<String>>>, ended: &AtomicBool) {
    let mut clients = Vec::new();
    for stream in listener.incoming() {
        if ended.load(Ordering::SeqCst) {
            break;
        }
        let (Ok(stream), tunnels) = (stream, tunnels.clone()) else {
            continue;
        };
        clients.push(std::thread::spawn(move || {
            // A client that goes away is no failure of the proxy.
            let _ = tunnel(stream, &tunnels);
        }));
    }
    for client in clients {
        let _ = client.join();
    }
}

fn tunnel(client: TcpStream, tunnels: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (Some("CONNECT"), Some(target)) = (words.next(), words.next()) else {
        return Ok(());
    };
    let target = target.to_owned();
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let server = TcpStream::connect(&target)?;
    tunnels
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(target);
    let mut answer = client.try_clone()?;
    answer.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut up, mut down) = (server.try_clone()?, server);
    let back = std::thread::spawn(move || {
        let _ = std::io::copy(&mut down, &mut answer);
        let _ = answer.shutdown(std::net::Shutdown::Both);
    });
    let _ = std::io::copy(&mut reader, &mut up);
    let _ = up.shutdown(std::net::Shutdown::Both);
    let _ = back.join();
    Ok(())
}
