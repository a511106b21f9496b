//! What a plugin writes to its standard error output: structured records, and the last lines kept
//! for failure reports.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nixops4_core::provider::Secrets;
use serde_json::{Map, Value as Json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

/// How many lines are kept.
const KEPT_LINES: usize = 100;
/// How much of each line is kept.
const KEPT_BYTES: usize = 4 * 1024;
/// The longest line that is taken apart; longer ones are logged in raw pieces.
const MAX_LINE: usize = 64 * 1024;
/// How many lines a failure report shows.
const SHOWN_LINES: usize = 10;
/// How many lines of a crash a failure report shows.
const SHOWN_CRASH_LINES: usize = 20;

/// How important a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every detail.
    Trace,
    /// For those who look for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Probably wrong.
    Warn,
    /// Wrong.
    Error,
}

impl Level {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "trace" | "TRACE" => Self::Trace,
            "debug" | "DEBUG" => Self::Debug,
            "info" | "INFO" => Self::Info,
            "warn" | "WARN" => Self::Warn,
            "error" | "ERROR" => Self::Error,
            _ => return None,
        })
    }
}

/// One record of a plugin's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// How important it is.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// The logger inside the plugin, if it says so.
    pub module: Option<String>,
    /// When, in the plugin's own words.
    pub timestamp: Option<String>,
    /// Everything else.
    pub fields: Map<String, Json>,
}

impl Record {
    /// Takes a line apart. `in_crash` tells that a crash report has begun.
    pub fn parse(line: &str, in_crash: bool) -> Self {
        match line.starts_with('{').then(|| serde_json::from_str(line)) {
            Some(Ok(Json::Object(fields))) => Self::structured(fields, line),
            _ => Self::plain(line, in_crash),
        }
    }

    fn structured(mut fields: Map<String, Json>, line: &str) -> Self {
        let mut take = |key: &str| match fields.remove(key) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        };
        let level = take("@level").and_then(|name| Level::named(&name));
        let (message, module, timestamp) = (take("@message"), take("@module"), take("@timestamp"));
        match level {
            Some(level) => Self {
                level,
                message: message.unwrap_or_default(),
                module,
                timestamp,
                fields,
            },
            // Not a record of the plugin's logger but some other JSON.
            None => Self::plain(line, false),
        }
    }

    fn plain(line: &str, in_crash: bool) -> Self {
        let tagged = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (level, message) = match tagged.map(|(tag, rest)| (Level::named(tag), rest)) {
            Some((Some(level), rest)) => (level, rest.trim_start()),
            _ if in_crash => (Level::Error, line),
            _ => (Level::Debug, line),
        };
        Self {
            level,
            message: message.to_owned(),
            module: None,
            timestamp: None,
            fields: Map::new(),
        }
    }

    /// The record without secrets.
    fn without(mut self, secrets: &Secrets) -> Self {
        self.message = secrets.hide(self.message);
        for value in self.fields.values_mut() {
            if let Json::String(text) = value {
                *text = secrets.hide(std::mem::take(text));
            }
        }
        self
    }

    /// Hands the record to whoever listens to this process's own log.
    fn emit(&self, provider: &str) {
        let module = self.module.as_deref().unwrap_or_default();
        let fields = Fields(&self.fields);
        let message = &self.message;
        // The level of an event is part of its place in the code, so there are five places.
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    target: "nixops4_tfproto::plugin",
                    tracing::Level::$level, %provider, %module, %fields, "{message}"
                )
            };
        }
        match self.level {
            Level::Trace => event!(TRACE),
            Level::Debug => event!(DEBUG),
            Level::Info => event!(INFO),
            Level::Warn => event!(WARN),
            Level::Error => event!(ERROR),
        }
    }
}

impl fmt::Display for Record {
    /// The record as one line of a failure report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = Fields(&self.fields);
        match &self.module {
            Some(module) => write!(f, "{module}: {}{fields}", self.message),
            None => write!(f, "{}{fields}", self.message),
        }
    }
}

struct Fields<'a>(&'a Map<String, Json>);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// The log of one plugin. Clones share it.
#[derive(Debug, Clone)]
pub struct Log {
    provider: Arc<str>,
    /// What is not to be shown of what the plugin writes.
    secrets: Secrets,
    kept: Arc<Mutex<Kept>>,
    drained: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Whether a line that starts a crash report was seen.
    in_crash: bool,
}

impl Log {
    /// Starts an empty log.
    pub fn new(provider: Arc<str>, secrets: Secrets) -> Self {
        Self {
            provider,
            secrets,
            kept: Arc::default(),
            drained: watch::Sender::new(true),
        }
    }

    /// Reads everything until the other side is closed.
    pub fn drain<R: AsyncRead + Unpin + Send>(
        &self,
        stderr: R,
    ) -> impl Future<Output = ()> + use<R> {
        self.drained.send_replace(false);
        self.clone().read(stderr)
    }

    async fn read(self, stderr: impl AsyncRead + Unpin) {
        let mut reader = BufReader::with_capacity(MAX_LINE, stderr);
        let mut line = Vec::new();
        // An error on reading from a pipe is as good as its end.
        while let Ok(buffer) = reader.fill_buf().await {
            if buffer.is_empty() {
                break;
            }
            let room = MAX_LINE - line.len();
            let (taken, complete) = match buffer.iter().take(room).position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (buffer.len().min(room), false),
            };
            line.extend_from_slice(&buffer[..taken]);
            reader.consume(taken);
            if complete || line.len() == MAX_LINE {
                self.line(&line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.line(&line);
        }
        self.drained.send_replace(true);
    }

    fn line(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        let in_crash = self.keep(line);
        if is_wanted(line, in_crash) {
            let record = Record::parse(line, in_crash);
            record.without(&self.secrets).emit(&self.provider);
        }
    }

    /// Keeps a line for later; tells whether it is part of a crash report.
    pub(crate) fn keep(&self, line: &str) -> bool {
        let mut kept = self.lock();
        kept.in_crash |= starts_crash(line);
        if kept.lines.len() == KEPT_LINES {
            kept.lines.pop_front();
        }
        kept.lines
            .push_back(line[..line.floor_char_boundary(KEPT_BYTES)].to_owned());
        kept.in_crash
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Only whole lines go in and out: no panic can leave it half-written.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything that the plugin wrote is read.
    pub async fn drained(&self) {
        let mut drained = self.drained.subscribe();
        // The sender is part of this log, so it is there.
        let _ = drained.wait_for(|drained| *drained).await;
    }

    /// A text of the plugin's without the secrets that it was given.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.secrets.hide(text.to_owned())
    }

    /// The last lines, as they are now.
    pub fn tail(&self) -> Tail {
        Tail {
            lines: self
                .lock()
                .lines
                .iter()
                .map(|line| self.hide(line))
                .collect(),
        }
    }
}

fn starts_crash(line: &str) -> bool {
    line.starts_with("panic: ") || line.starts_with("fatal error: ")
}

/// Tells, at little cost, whether anyone may want the record in the line.
///
/// Plugins write at their lowest level unless told otherwise, and most of it is for nobody.
fn is_wanted(line: &str, in_crash: bool) -> bool {
    let max = tracing::level_filters::LevelFilter::current();
    if max == tracing::level_filters::LevelFilter::OFF {
        return false;
    }
    if in_crash || max >= tracing::Level::TRACE {
        return true;
    }
    let detail = line.contains(r#""@level":"trace""#) || line.starts_with("[TRACE]");
    match max >= tracing::Level::DEBUG {
        true => !detail,
        false => !detail && !line.contains(r#""@level":"debug""#) && has_level(line),
    }
}

/// Lines without a level are debug output.
fn has_level(line: &str) -> bool {
    line.starts_with('[') || line.starts_with('{')
}

/// The last lines of a plugin's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    lines: Vec<String>,
}

impl Tail {
    /// Makes one from lines.
    pub fn new(lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            lines: lines.into_iter().map(Into::into).collect(),
        }
    }

    /// All lines, oldest first.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What a failure report shows: the crash if there is one, else the last lines that matter.
    pub fn excerpt(&self) -> Vec<String> {
        if let Some(start) = self.lines.iter().position(|line| starts_crash(line)) {
            return self.lines[start..]
                .iter()
                .take(SHOWN_CRASH_LINES)
                .cloned()
                .collect();
        }
        let records: Vec<Record> = self.lines.iter().map(|l| Record::parse(l, false)).collect();
        let matters = |record: &&Record| record.level > Level::Trace && !record.message.is_empty();
        let shown: Vec<String> = records
            .iter()
            .rev()
            .filter(matters)
            .take(SHOWN_LINES)
            .map(Record::to_string)
            .collect();
        shown.into_iter().rev().collect()
    }
}

impl fmt::Display for Tail {
    /// Writes nothing for an empty tail, else a headline and the excerpt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excerpt = self.excerpt();
        if excerpt.is_empty() {
            return Ok(());
        }
        f.write_str("\nthe last lines of its log:")?;
        excerpt.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Record {
        Record::parse(line, false)
    }

    #[test]
    fn structured_lines_are_taken_apart() {
        let record = record(
            r#"{"@level":"warn","@message":"slow","@module":"sdk.proto","@timestamp":"2026-01-02T03:04:05.000000Z","tf_rpc":"Plan","n":1}"#,
        );
        assert_eq!(record.level, Level::Warn);
        assert_eq!(record.module.as_deref(), Some("sdk.proto"));
        assert_eq!(
            record.timestamp.as_deref(),
            Some("2026-01-02T03:04:05.000000Z")
        );
        assert_eq!(record.to_string(), r#"sdk.proto: slow n=1 tf_rpc="Plan""#);
    }

    #[test]
    fn plain_lines_have_the_level_of_their_tag() {
        assert_eq!(record("[ERROR] no").level, Level::Error);
        assert_eq!(record("[ERROR] no").message, "no");
        assert_eq!(record("hello").level, Level::Debug);
        assert_eq!(record("[x] hello").message, "[x] hello");
        assert_eq!(Record::parse("goroutine 1", true).level, Level::Error);
    }

    #[test]
    fn other_json_is_debug_output_as_it_is() {
        let line = r#"{"a":1}"#;
        assert_eq!(
            (record(line).level, record(line).message.as_str()),
            (Level::Debug, line)
        );
        assert_eq!(record("{oops").message, "{oops");
    }

    #[tokio::test]
    async fn the_last_lines_are_kept() {
        let log = Log::new("p".into(), Secrets::default());
        let text: String = (0..1000).map(|i| format!("line {i}\n")).collect();
        log.drain(text.as_bytes()).await;
        log.drained().await;
        let tail = log.tail();
        assert_eq!(tail.lines().len(), KEPT_LINES);
        assert_eq!(tail.excerpt().first().unwrap(), "line 990");
        assert_eq!(tail.excerpt().last().unwrap(), "line 999");
    }

    #[tokio::test]
    async fn long_lines_and_a_missing_end_of_line_lose_nothing() {
        let log = Log::new("p".into(), Secrets::default());
        let text = format!("{}\nlast", "x".repeat(MAX_LINE + 10));
        log.drain(text.as_bytes()).await;
        let lengths: Vec<usize> = log.tail().lines().iter().map(String::len).collect();
        assert_eq!(lengths, [KEPT_BYTES, 10, 4]);
    }

    #[test]
    fn a_crash_is_shown_from_its_start() {
        let mut lines = vec!["before".to_owned(), "panic: boom".to_owned()];
        lines.extend((0..50).map(|i| format!("goroutine {i}")));
        let excerpt = Tail::new(lines).excerpt();
        assert_eq!(excerpt.first().unwrap(), "panic: boom");
        assert_eq!(excerpt.len(), SHOWN_CRASH_LINES);
    }

    #[test]
    fn trace_output_is_not_shown() {
        let tail = Tail::new([r#"{"@level":"trace","@message":"detail"}"#, "[INFO] ready"]);
        assert_eq!(tail.to_string(), "\nthe last lines of its log:\n  ready");
        assert_eq!(Tail::default().to_string(), "");
    }
}
