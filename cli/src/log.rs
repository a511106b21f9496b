//! The log of a run: what we and the providers have to say beside the matter.
//!
//! The variables are those that users of Terraform and OpenTofu know: `TF_LOG` says how much,
//! `TF_LOG_CORE` and `TF_LOG_PROVIDER` say it for us and for providers, `TF_LOG_PATH` says where to.
//! `-v` and `-vv` are shorter ways to say it. Without any of them there is no log, and what a
//! provider said last is shown where it fails.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::ui::print::{err, errln};
use nixops4_core::state::timestamp;
use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// Events that providers are the source of.
const PROVIDER_TARGETS: [&str; 2] = ["nixops4_tfproto::plugin", "nixops4::provider"];
/// What of the events is ours at all; libraries have nothing to say that helps.
const OUR_TARGET: &str = "nixops4";

/// How much is logged, and where to.
#[derive(Debug)]
struct Log {
    core: LevelFilter,
    provider: LevelFilter,
    json: bool,
    /// Standard error, if it is not a file.
    file: Option<Mutex<File>>,
}

/// What the variables say.
#[derive(Debug, PartialEq)]
struct Wish {
    core: LevelFilter,
    provider: LevelFilter,
    json: bool,
    path: Option<PathBuf>,
    /// What cannot be understood.
    complaints: Vec<String>,
}

/// Starts logging, if that is wanted.
pub fn start(verbose: u8) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let wish = Wish::new(verbose, variable);
    for complaint in &wish.complaints {
        errln!("{complaint}");
    }
    if wish.core == LevelFilter::OFF && wish.provider == LevelFilter::OFF {
        return;
    }
    let file = wish.path.as_ref().and_then(|path| {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened
            .inspect_err(|error| {
                let path = path.display();
                errln!("the log cannot be written to {path}: {error}");
            })
            .ok()
    });
    let log = Log {
        core: wish.core,
        provider: wish.provider,
        json: wish.json,
        file: file.map(Mutex::new),
    };
    // There is no other: nothing was started before.
    let _ = tracing::subscriber::set_global_default(log);
}

impl Wish {
    fn new(verbose: u8, variable: impl Fn(&str) -> Option<String>) -> Self {
        let usual = match verbose {
            0 => LevelFilter::OFF,
            1 => LevelFilter::INFO,
            _ => LevelFilter::TRACE,
        };
        let mut wish = Self {
            core: usual,
            provider: usual,
            json: false,
            path: variable("TF_LOG_PATH").map(PathBuf::from),
            complaints: Vec::new(),
        };
        if let Some(level) = wish.read(&variable, "TF_LOG") {
            (wish.core, wish.provider) = (level, level);
        } else if let Some(level) = wish.read(&variable, "TF_LOG_CORE") {
            wish.core = level;
        }
        if let Some(level) = wish.read(&variable, "TF_LOG_PROVIDER") {
            wish.provider = level;
        }
        wish
    }

    fn read(
        &mut self,
        variable: &impl Fn(&str) -> Option<String>,
        name: &str,
    ) -> Option<LevelFilter> {
        let value = variable(name)?;
        Some(match value.to_ascii_uppercase().as_str() {
            "TRACE" => LevelFilter::TRACE,
            "DEBUG" => LevelFilter::DEBUG,
            "INFO" => LevelFilter::INFO,
            "WARN" => LevelFilter::WARN,
            "ERROR" => LevelFilter::ERROR,
            "OFF" => LevelFilter::OFF,
            "JSON" => {
                self.json = true;
                LevelFilter::TRACE
            }
            _ => {
                self.complaints.push(format!(
                    "{name}={value}: no such level, so everything is logged; there are TRACE, \
                     DEBUG, INFO, WARN, ERROR, OFF and JSON"
                ));
                LevelFilter::TRACE
            }
        })
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let most = match PROVIDER_TARGETS.contains(&target) {
            true => self.provider,
            false if target.starts_with(OUR_TARGET) => self.core,
            false => LevelFilter::OFF,
        };
        metadata.is_event() && *metadata.level() <= most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.core.max(self.provider))
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match self.json {
            true => fields.json(event.metadata()),
            false => fields.text(event.metadata()),
        };
        // A log that cannot be written is no reason to do nothing else.
        match &self.file {
            Some(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = file.write_all(line.as_bytes());
            }
            None => err!("{line}"),
        }
    }

    // Nothing of ours has spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The fields of an event, with those that have a place of their own in a line.
#[derive(Default)]
struct Fields {
    message: String,
    provider: String,
    module: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            "provider" => self.provider = text,
            "module" => self.module = text,
            _ if text.is_empty() => {}
            name => self.others.push((name, text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl Fields {
    /// Who says it: `nixops4`, or `provider.aws: sdk.proto`.
    fn source(&self) -> String {
        match (self.provider.as_str(), self.module.as_str()) {
            ("", _) => "nixops4".to_owned(),
            (provider, "") => format!("provider.{provider}"),
            (provider, module) => format!("provider.{provider}: {module}"),
        }
    }

    fn text(&self, metadata: &Metadata<'_>) -> String {
        let level = format!("[{}]", metadata.level());
        let (time, source) = (timestamp(), self.source());
        let mut line = format!("{time} {level:<7} {source}: {}", self.message.trim_end());
        for (name, value) in &self.others {
            // What a plugin says beside its message comes as one field, ready to be read.
            let _ = match *name {
                "fields" => write!(line, "{value}"),
                name => write!(line, " {name}={value}"),
            };
        }
        line.push('\n');
        line
    }

    fn json(&self, metadata: &Metadata<'_>) -> String {
        let mut object = Map::new();
        let mut field = |name: &str, value: String| {
            object.insert(name.to_owned(), Json::String(value));
        };
        field("@timestamp", timestamp());
        field("@level", level_word(metadata.level()).to_owned());
        field("@module", self.source());
        field("@message", self.message.trim_end().to_owned());
        for (name, value) in &self.others {
            field(name, value.trim().to_owned());
        }
        format!("{}\n", Json::Object(object))
    }
}

fn level_word(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(verbose: u8, variables: &[(&str, &str)]) -> Wish {
        Wish::new(verbose, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn levels(verbose: u8, variables: &[(&str, &str)]) -> (LevelFilter, LevelFilter) {
        let wish = wish(verbose, variables);
        (wish.core, wish.provider)
    }

    #[test]
    fn the_variables_mean_what_they_mean_elsewhere() {
        use LevelFilter as L;
        assert_eq!(levels(0, &[]), (L::OFF, L::OFF));
        assert_eq!(levels(0, &[("TF_LOG", "debug")]), (L::DEBUG, L::DEBUG));
        assert_eq!(levels(1, &[("TF_LOG", "OFF")]), (L::OFF, L::OFF));
        let both = [("TF_LOG", "WARN"), ("TF_LOG_PROVIDER", "TRACE")];
        assert_eq!(levels(0, &both), (L::WARN, L::TRACE));
        // That of the core counts only where there is none for all.
        let core = [("TF_LOG", "WARN"), ("TF_LOG_CORE", "TRACE")];
        assert_eq!(levels(0, &core), (L::WARN, L::WARN));
        assert_eq!(levels(0, &[("TF_LOG_CORE", "INFO")]), (L::INFO, L::OFF));
        assert_eq!(levels(1, &[]), (L::INFO, L::INFO));
        assert_eq!(levels(2, &[]), (L::TRACE, L::TRACE));
    }

    #[test]
    fn json_is_everything_and_what_is_not_understood_too() {
        let json = wish(0, &[("TF_LOG", "json"), ("TF_LOG_PATH", "x.log")]);
        assert!(json.json && json.provider == LevelFilter::TRACE);
        assert_eq!(json.path, Some("x.log".into()));
        let odd = wish(0, &[("TF_LOG", "loud")]);
        assert_eq!(odd.core, LevelFilter::TRACE);
        assert!(odd.complaints[0].starts_with("TF_LOG=loud: no such level"));
    }
}
