//! Reads requests, asks the session, writes answers in order.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc::Receiver;

use nixops4_proto::evaluator::{
    DescribeProvider, Eval, EvalError, Hello, Load, Loaded, Locate, Method, OutputsSet,
    PROTOCOL_VERSION, Request, SetOutputs, Walk, Walked, Welcome,
};
use serde::Serialize;

use crate::error::{WireError, protocol};
use crate::session::Session;

/// Answers lie here until they are whole or this many bytes.
const BUFFER: usize = 64 * 1024;

/// Serves until there are no more requests, or nobody takes the answers.
pub fn serve(requests: Receiver<String>, out: impl Write) -> io::Result<()> {
    let mut server = Server {
        session: Session::new(),
        out: Answers(BufWriter::with_capacity(BUFFER, out)),
    };
    for line in requests {
        server.line(&line)?;
        server.out.0.flush()?;
    }
    Ok(())
}

/// Where answers go.
struct Answers<W: Write>(BufWriter<W>);

#[derive(Serialize)]
struct Line<'a, T> {
    id: u64,
    #[serde(flatten)]
    body: Body<'a, T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Body<'a, T> {
    Item(&'a T),
    Result(&'a T),
    Error(&'a EvalError),
}

impl<W: Write> Answers<W> {
    fn line<T: Serialize>(&mut self, id: u64, body: Body<'_, T>) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, &Line { id, body })?;
        self.0.write_all(b"\n")
    }
}

struct Server<W: Write> {
    session: Session,
    out: Answers<W>,
}

impl<W: Write> Server<W> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                let error = protocol(format!("not a request: {error}"));
                return self.out.line(0, Body::<()>::Error(&error));
            }
        };
        match request.method.as_str() {
            Hello::NAME => self.answer(request, |_, hello: Hello| welcome(&hello)),
            Load::NAME => self.answer(request, |session, load: Load| {
                session.load(load).map(|()| Loaded {})
            }),
            Walk::NAME => self.walk(request),
            DescribeProvider::NAME => self.answer(request, |session, ask: DescribeProvider| {
                session.describe_provider(&ask.id)
            }),
            SetOutputs::NAME => self.answer(request, |session, set: SetOutputs| {
                session.set_outputs(&set).map(|()| OutputsSet {})
            }),
            Locate::NAME => self.answer(request, |session, ask: Locate| session.locate(&ask)),
            Eval::NAME => self.answer(request, |session, ask: Eval| session.evaluate(&ask)),
            other => {
                let error = protocol(format!("there is no method `{other}`"));
                self.out.line(request.id, Body::<()>::Error(&error))
            }
        }
    }

    fn answer<M: Method>(
        &mut self,
        request: Request,
        ask: impl FnOnce(&mut Session, M) -> Result<M::Response, WireError>,
    ) -> io::Result<()> {
        let id = request.id;
        let result = parse(request).and_then(|params| ask(&mut self.session, params));
        self.finish(id, result)
    }

    fn walk(&mut self, request: Request) -> io::Result<()> {
        let id = request.id;
        let walk: Walk = match parse(request) {
            Ok(walk) => walk,
            Err(error) => return self.out.line(id, Body::<()>::Error(&error)),
        };
        let mut written = Ok(());
        let out = &mut self.out;
        let result = self.session.walk(&walk, |item| {
            if written.is_ok() {
                written = out.line(id, Body::Item(&item));
            }
        });
        written?;
        self.finish(id, result.map(|()| Walked {}))
    }

    fn finish<T: Serialize>(&mut self, id: u64, result: Result<T, WireError>) -> io::Result<()> {
        match result {
            Ok(result) => self.out.line(id, Body::Result(&result)),
            Err(error) => self.out.line(id, Body::<T>::Error(&error)),
        }
    }
}

fn parse<M: Method>(request: Request) -> Result<M, WireError> {
    serde_json::from_value(request.params)
        .map_err(|error| protocol(format!("parameters of `{}`: {error}", request.method)))
}

fn welcome(hello: &Hello) -> Result<Welcome, WireError> {
    if !hello.protocol_versions.contains(&PROTOCOL_VERSION) {
        return Err(protocol(format!(
            "this evaluator speaks version {PROTOCOL_VERSION} of the protocol only"
        )));
    }
    Ok(Welcome {
        protocol_version: PROTOCOL_VERSION,
        evaluator: "nixops4-lang".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
