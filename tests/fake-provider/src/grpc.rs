//! gRPC over HTTP/2 by hand, so that everything about an answer can be wrong.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::dispatch::Dispatcher;

/// A status with which a call ends.
pub type Status = (u32, String);

/// The status of a call that is not known.
pub fn unimplemented(call: &str) -> Status {
    (12, format!("unknown method {call}"))
}

/// Where an answer is written to, piece by piece.
#[derive(Debug, Clone)]
pub struct Answer(mpsc::Sender<Frame<Bytes>>);

impl Answer {
    /// Writes a message.
    pub async fn message(&self, message: &[u8]) {
        self.framed(u32::try_from(message.len()).unwrap_or(u32::MAX), message)
            .await;
    }

    /// Writes a message that claims a length of its own.
    pub async fn framed(&self, claimed: u32, message: &[u8]) {
        let mut frame = BytesMut::with_capacity(5 + message.len());
        frame.put_u8(0);
        frame.put_u32(claimed);
        frame.put_slice(message);
        // The caller may have gone.
        let _ = self.0.send(Frame::data(frame.freeze())).await;
    }

    /// Writes how the call ended.
    pub async fn status(&self, (code, message): Status) {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(code));
        if let Ok(message) = HeaderValue::from_str(&message) {
            trailers.insert("grpc-message", message);
        }
        let _ = self.0.send(Frame::trailers(trailers)).await;
    }

    /// Waits until the other side has taken or left everything.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

struct Body(mpsc::Receiver<Frame<Bytes>>);

impl tokio_stream::Stream for Body {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// Serves one connection until it ends or the dispatcher wants it to.
pub async fn serve<S>(stream: S, dispatcher: Arc<Dispatcher>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let for_calls = dispatcher.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let dispatcher = for_calls.clone();
        async move { Ok::<_, Infallible>(answer(request, dispatcher).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .max_frame_size(1024 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        () = dispatcher.disconnected() => {}
    }
}

async fn answer(
    request: Request<Incoming>,
    dispatcher: Arc<Dispatcher>,
) -> Response<StreamBody<Body>> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let path = request.uri().path().to_owned();
        let Ok(body) = request.into_body().collect().await else {
            return;
        };
        dispatcher
            .call(&path, &messages(&body.to_bytes()), Answer(sender))
            .await;
    });
    let mut response = Response::new(StreamBody::new(Body(receiver)));
    let grpc = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// Splits a body into its messages.
fn messages(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some(([_, a, b, c, d], rest)) = body.split_first_chunk::<5>() {
        let len = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        let Some((message, rest)) = rest.split_at_checked(len) else {
            break;
        };
        messages.push(message.to_vec());
        body = rest;
    }
    messages
}
