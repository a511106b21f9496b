//! One HTTP/2 connection to a plugin, over a unix socket or TCP, with or without TLS.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tower_service::Service;

use crate::error::LaunchFailure;
use crate::handshake::Address;
use crate::tls::SERVER_NAME;

/// The URI that calls are made under; plugins do not look at it.
pub(crate) const ORIGIN: &str = "http://localhost";

/// How much the plugin may send before we have read it: a whole schema at once.
const WINDOW: u32 = 16 * 1024 * 1024;
/// The longest error message, with the rest of the trailers, that is read.
const MAX_TRAILERS: u32 = 16 * 1024 * 1024;
/// The size of the pieces that messages are sent in.
const MAX_FRAME: u32 = 1024 * 1024;

/// A connection. Clones share it.
#[derive(Debug, Clone)]
pub struct Connection {
    sender: SendRequest<Body>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connection {
    /// Connects. The connection ends when the last clone is dropped.
    pub async fn open(address: &Address, tls: Option<ClientConfig>) -> Result<Self, LaunchFailure> {
        let stream = dial(address)
            .await
            .map_err(|error| LaunchFailure::Connect {
                address: address.to_string(),
                error,
            })?;
        match tls {
            Some(config) => {
                let stream = encrypt(stream, config).await.map_err(LaunchFailure::Tls)?;
                Self::over(stream).await
            }
            None => Self::over(stream).await,
        }
    }

    async fn over(stream: impl Stream + 'static) -> Result<Self, LaunchFailure> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(MAX_FRAME)
            .max_header_list_size(MAX_TRAILERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| LaunchFailure::Http(e.to_string()))?;
        // Ends by itself with the stream or with the last sender; calls report what went wrong.
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!("connection to a plugin ended: {e}");
            }
        });
        Ok(Self { sender })
    }
}

async fn dial(address: &Address) -> io::Result<Box<dyn Stream>> {
    match address {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
    }
}

async fn encrypt(stream: Box<dyn Stream>, config: ClientConfig) -> io::Result<impl Stream> {
    let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        // HTTP/2 always has room for one more call. That the connection is closed comes out of the
        // call itself, with a cause by which it is told from what the plugin says.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
