//! [`Provider`]: reads requests, and has each answered on a thread of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nixops4_proto::native::{
    Complaint, Configure, Configured, Describe, Described, Hello, InputSpec, Method,
    PROTOCOL_VERSION, Reply, ReplyBody, Request, Stop, Stopped, Welcome,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::context::StopSign;
use super::erased::Erased;
use super::running::Running;
use super::stdio::{self, Output};
use super::{Context, Error, ResourceType, describe, signal};

/// The exit status of programs that end because of a SIGTERM.
const ENDED_BY_SIGNAL: i32 = 128 + libc::SIGTERM;

type SetConfig = Box<dyn Fn(Json) -> Result<(), Error> + Send + Sync>;

/// A provider: its name, and what it offers.
pub struct Provider {
    name: String,
    version: String,
    types: BTreeMap<String, Box<dyn Erased>>,
    config: fn() -> BTreeMap<String, InputSpec>,
    set_config: SetConfig,
}

impl Provider {
    /// A provider that offers nothing yet.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            types: BTreeMap::new(),
            config: BTreeMap::new,
            set_config: Box::new(|_| Ok(())),
        }
    }

    /// With another resource type.
    pub fn resource<R: ResourceType>(mut self, resource: R) -> Self {
        self.types.insert(resource.name(), Box::new(resource));
        self
    }

    /// With a configuration, given to `set` before anything else is asked.
    pub fn config<C: DeserializeOwned + JsonSchema>(
        mut self,
        set: impl Fn(C) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.config = describe::config::<C>;
        self.set_config = Box::new(move |config| set(serde_json::from_value(config)?));
        self
    }

    /// Answers requests until there are no more. The `main` of a provider program.
    pub fn run(self) -> ExitCode {
        match stdio::take() {
            Ok((input, output)) => {
                let stop = Arc::new(StopSign::default());
                let running = Arc::new(Running::default());
                if let Err(error) = end_on_signal(&running, &stop) {
                    eprintln!("signals cannot be handled: {error}");
                }
                self.serve(input, output, &running, &stop)
            }
            Err(error) => {
                eprintln!("standard input and output cannot be used: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn serve(
        &self,
        input: File,
        output: Output,
        running: &Arc<Running>,
        stop: &Arc<StopSign>,
    ) -> ExitCode {
        let output = Arc::new(output);
        let mut lines = BufReader::new(input);
        // Left only when every request has been answered.
        thread::scope(|scope| {
            let mut line = Vec::new();
            loop {
                line.clear();
                match lines.read_until(b'\n', &mut line) {
                    Ok(0) => {
                        running.finish(stop);
                        return ExitCode::SUCCESS;
                    }
                    Ok(_) => {}
                    Err(error) => {
                        eprintln!("requests cannot be read: {error}");
                        return ExitCode::FAILURE;
                    }
                }
                let request: Request = match serde_json::from_slice(&line) {
                    Ok(request) => request,
                    Err(error) => {
                        eprintln!("a line is no request: {error}");
                        return ExitCode::FAILURE;
                    }
                };
                if request.method == Stop::NAME {
                    stop.set();
                }
                let id = request.id;
                let context = Context {
                    request: id,
                    output: output.clone(),
                    stop: stop.clone(),
                    warnings: Mutex::default(),
                };
                // What takes no time is answered here, and so in order.
                if is_quick(&request.method) {
                    self.answer(request, &context);
                    continue;
                }
                let one = running.one();
                let work = move || {
                    self.answer(request, &context);
                    drop(one);
                };
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                    let error = Error::new(format!("no thread could be started: {error}"));
                    output.write(&reply(id, Err(error), Vec::new()));
                }
            }
        })
    }

    fn answer(&self, request: Request, context: &Context) {
        let result = self.call(&request.method, request.params, context);
        let warnings = std::mem::take(
            &mut *context
                .warnings
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        context.output.write(&reply(request.id, result, warnings));
    }

    fn call(&self, method: &str, params: Json, context: &Context) -> Result<Json, Error> {
        match method {
            Hello::NAME => json(self.hello(&serde_json::from_value(params)?)?),
            Describe::NAME => json(self.describe()),
            Configure::NAME => {
                let configure: Configure = serde_json::from_value(params)?;
                (self.set_config)(configure.config)?;
                json(Configured {})
            }
            Stop::NAME => json(Stopped {}),
            _ => self.call_type(method, params, context),
        }
    }

    fn call_type(&self, method: &str, params: Json, context: &Context) -> Result<Json, Error> {
        let name = params
            .get("type")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let Some(resource) = self.types.get(name) else {
            let text = format!("there is no resource type `{name}` (asked to `{method}`)");
            return Err(Error::new(text));
        };
        resource
            .call(context, method, params)
            .unwrap_or_else(|| Err(Error::new(format!("there is no method `{method}`"))))
    }

    fn hello(&self, hello: &Hello) -> Result<Welcome, Error> {
        if !hello.protocol_versions.contains(&PROTOCOL_VERSION) {
            return Err(Error::new(format!(
                "{} {} speaks version {PROTOCOL_VERSION} of the provider protocol, the caller \
                 speaks {:?}",
                self.name, self.version, hello.protocol_versions
            )));
        }
        Ok(Welcome {
            protocol_version: PROTOCOL_VERSION,
            provider: self.name.clone(),
            version: self.version.clone(),
        })
    }

    fn describe(&self) -> Described {
        Described {
            config: (self.config)(),
            resource_types: self
                .types
                .iter()
                .map(|(name, resource)| (name.clone(), resource.spec()))
                .collect(),
            ..Described::default()
        }
    }
}

/// Ends in an orderly way when asked to by a signal.
fn end_on_signal(running: &Arc<Running>, stop: &Arc<StopSign>) -> std::io::Result<()> {
    let (running, stop) = (running.clone(), stop.clone());
    signal::on_terminate(move || {
        // While we are stopping, it is what we have sent to our own group.
        if !stop.is_set() {
            running.finish(&stop);
            std::process::exit(ENDED_BY_SIGNAL);
        }
    })
}

fn reply(id: u64, result: Result<Json, Error>, warnings: Vec<Complaint>) -> Reply {
    let body = match result {
        Ok(result) => ReplyBody::Result(result),
        Err(error) => ReplyBody::Error(*error.0),
    };
    Reply { id, body, warnings }
}

fn is_quick(method: &str) -> bool {
    [Hello::NAME, Describe::NAME, Configure::NAME, Stop::NAME].contains(&method)
}

fn json(value: impl Serialize) -> Result<Json, Error> {
    Ok(serde_json::to_value(value)?)
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("types", &self.types.keys())
            .finish_non_exhaustive()
    }
}

/// Lets tests answer requests without a process.
#[cfg(test)]
impl Provider {
    /// The answer to one request, and the warnings beside it.
    pub(crate) fn ask(
        &self,
        method: &str,
        params: Json,
    ) -> (
        Result<Json, Box<nixops4_proto::native::Error>>,
        Vec<Complaint>,
    ) {
        let null = File::options()
            .write(true)
            .open("/dev/null")
            .expect("/dev/null");
        let context = Context {
            request: 0,
            output: Arc::new(Output::new(null)),
            stop: Arc::default(),
            warnings: Mutex::default(),
        };
        let result = self.call(method, params, &context);
        let warnings = context.warnings.into_inner().expect("not poisoned");
        (result.map_err(|error| error.0), warnings)
    }
}
