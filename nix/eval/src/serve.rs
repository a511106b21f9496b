//! Reads requests, asks the session, writes answers in order.

use std::io::{self, Write};
use std::rc::Rc;
use std::sync::mpsc::Receiver;

use nixops4_proto::evaluator::{
    Cancel, Cancelled, CheckInput, CompleteInput, Configure, Configured, DescribeOperation,
    DescribeProvider, EnterInput, Eval, Evaluated, ExtendScope, Hello, ListDependencies,
    ListOperations, ListProviders, Load, Loaded, Locate, Method, OpenScope, OutputsSet,
    PROTOCOL_VERSION, Request, SetOutputs, Walk, Walked, Welcome,
};
use serde::Serialize;

use crate::cancelling::Cancelling;
use crate::engine::{Choice, Engine};
use crate::error::{WireError, plain, protocol};
use crate::session::Session;
use crate::wire::{Body, Wire};

/// Serves until there are no more requests, or nobody takes the answers.
pub fn serve(
    engine: Choice,
    requests: Receiver<String>,
    cancelling: Cancelling,
    out: impl Write + 'static,
) -> io::Result<()> {
    let wire = Rc::new(Wire::new(requests, out));
    let session = match engine.start(wire.clone(), cancelling.flag()) {
        Ok(session) => session,
        Err(error) => return refuse(&wire, &error),
    };
    let mut server = Server {
        session,
        out: wire,
        cancelling,
    };
    while let Some(line) = server.out.next() {
        server.line(&line)?;
        server.out.flush()?;
    }
    Ok(())
}

/// Answers every request with the reason why there is nobody to answer it.
fn refuse(wire: &Wire, error: &WireError) -> io::Result<()> {
    while let Some(line) = wire.next() {
        let request = serde_json::from_str::<Request>(&line);
        wire.begin(request.map_or(0, |request| request.id));
        wire.line(Body::<()>::Error(error))?;
        wire.flush()?;
    }
    Ok(())
}

struct Server {
    session: Box<dyn Engine>,
    out: Rc<Wire>,
    cancelling: Cancelling,
}

impl Server {
    fn line(&mut self, line: &str) -> io::Result<()> {
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                self.out.begin(0);
                let error = protocol(format!("not a request: {error}"));
                return self.out.line(Body::<()>::Error(&error));
            }
        };
        self.out.begin(request.id);
        match request.method.as_str() {
            Hello::NAME => self.answer(request, |server, hello: Hello| {
                welcome(&hello, &*server.session)
            }),
            Configure::NAME => self.answer(request, |server, ask: Configure| {
                server.session.configure(&ask).map(|()| Configured {})
            }),
            Cancel::NAME => self.answer(request, |server, _: Cancel| {
                server.cancelling.settle();
                Ok(Cancelled {})
            }),
            SetOutputs::NAME => self.answer(request, |server, set: SetOutputs| {
                server.session.set_outputs(&set).map(|()| OutputsSet {})
            }),
            _ if self.cancelling.is_asked() => self.finish(Err::<(), _>(cancelled())),
            Load::NAME => self.answer(request, |server, load: Load| {
                server.session.load(load).map(|()| Loaded {})
            }),
            Walk::NAME => self.stream(request, |session, walk: Walk, emit| {
                session.walk(&walk, emit).map(|()| Walked {})
            }),
            DescribeProvider::NAME => self.answer(request, |server, ask: DescribeProvider| {
                server.session.describe_provider(&ask.id)
            }),
            ListProviders::NAME => self.answer(request, |server, ask: ListProviders| {
                server.session.providers(&ask)
            }),
            Locate::NAME => self.answer(request, |server, ask: Locate| server.session.locate(&ask)),
            ListOperations::NAME => self.stream(request, |session, ask: ListOperations, emit| {
                session.operations(&ask, emit)
            }),
            DescribeOperation::NAME => self.answer(request, |server, ask: DescribeOperation| {
                server.session.operation(&ask)
            }),
            Eval::NAME => self.stream(request, |session, ask: Eval, emit| {
                session.evaluate(&ask, emit).map(|()| Evaluated {})
            }),
            _ => self.prompt(request),
        }
    }

    /// The methods of a prompt.
    fn prompt(&mut self, request: Request) -> io::Result<()> {
        match request.method.as_str() {
            OpenScope::NAME => self.answer(request, |server, ask: OpenScope| {
                server.at_prompt()?.open_scope(&ask)
            }),
            ExtendScope::NAME => self.answer(request, |server, ask: ExtendScope| {
                server.at_prompt()?.extend_scope(&ask)
            }),
            CheckInput::NAME => self.answer(request, |server, ask: CheckInput| {
                Ok(server.at_prompt()?.check_input(&ask.text))
            }),
            EnterInput::NAME => self.answer(request, |server, ask: EnterInput| {
                server.at_prompt()?.enter(&ask)
            }),
            ListDependencies::NAME => self.answer(request, |server, ask: ListDependencies| {
                server.at_prompt()?.dependencies(&ask)
            }),
            CompleteInput::NAME => self.answer(request, |server, ask: CompleteInput| {
                Ok(server.at_prompt()?.complete(&ask))
            }),
            other => {
                let error = protocol(format!("there is no method `{other}`"));
                self.finish(Err::<(), _>(error))
            }
        }
    }

    fn at_prompt(&mut self) -> Result<&mut Session, WireError> {
        let name = self.session.name();
        self.session.at_prompt().ok_or_else(|| {
            let mut error = plain("evaluator", format!("{name} does not serve a prompt"));
            error
                .hints
                .push("take the native evaluator for that".to_owned());
            error
        })
    }

    fn answer<M: Method>(
        &mut self,
        request: Request,
        ask: impl FnOnce(&mut Server, M) -> Result<M::Response, WireError>,
    ) -> io::Result<()> {
        let result = parse(request).and_then(|params| ask(self, params));
        self.finish(result)
    }

    /// Answers in parts, each sent as soon as it is there.
    fn stream<M: Method>(
        &mut self,
        request: Request,
        ask: impl FnOnce(&mut dyn Engine, M, &mut dyn FnMut(M::Item)) -> Result<M::Response, WireError>,
    ) -> io::Result<()> {
        let Server {
            session,
            out,
            cancelling,
        } = self;
        let mut written = Ok(());
        let result = parse(request).and_then(|params| {
            ask(&mut **session, params, &mut |item| {
                // What a cancelled evaluation still says of something is not what it is.
                if written.is_ok() && !cancelling.is_asked() {
                    written = out.line(Body::Item(&item));
                }
            })
        });
        written?;
        let result = match self.cancelling.is_asked() {
            true => Err(cancelled()),
            false => result,
        };
        self.finish(result)
    }

    fn finish<T: Serialize>(&mut self, result: Result<T, WireError>) -> io::Result<()> {
        match result {
            Ok(result) => self.out.line(Body::Result(&result)),
            Err(error) => self.out.line(Body::<T>::Error(&error)),
        }
    }
}

fn cancelled() -> WireError {
    plain("cancelled", "evaluation was cancelled")
}

fn parse<M: Method>(request: Request) -> Result<M, WireError> {
    serde_json::from_value(request.params)
        .map_err(|error| protocol(format!("parameters of `{}`: {error}", request.method)))
}

fn welcome(hello: &Hello, engine: &dyn Engine) -> Result<Welcome, WireError> {
    if !hello.protocol_versions.contains(&PROTOCOL_VERSION) {
        return Err(protocol(format!(
            "this evaluator speaks version {PROTOCOL_VERSION} of the protocol only"
        )));
    }
    Ok(Welcome {
        protocol_version: PROTOCOL_VERSION,
        evaluator: engine.name().to_owned(),
        version: engine.version(),
    })
}
