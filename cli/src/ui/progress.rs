//! What is running and since when: live lines on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use anstyle::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nixops4_core::MemberPath;

use super::style::{DIM, paint};
use crate::ui::print::errln;

/// How often live lines are drawn again.
const TICK: Duration = Duration::from_millis(200);
/// Operations shorter than this are finished without their duration.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Shows operations on standard error while they run.
#[derive(Debug)]
pub struct Progress {
    live: Option<MultiProgress>,
    running: HashMap<MemberPath, ProgressBar>,
}

impl Default for Progress {
    fn default() -> Self {
        let live = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self {
            live,
            running: HashMap::new(),
        }
    }
}

impl Progress {
    /// Something begins: `creating`, `reading`. Only live: on paper, what ended is enough.
    pub fn begin(&mut self, member: &MemberPath, doing: &str) {
        let Some(live) = &self.live else { return };
        let template = "  {spinner} {msg}  {elapsed}";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = live.add(ProgressBar::new_spinner().with_style(style));
        bar.set_message(format!("{member}  {}", paint(DIM, doing)));
        bar.enable_steady_tick(TICK);
        self.running.insert(member.clone(), bar);
    }

    /// What the provider says of it: beside the live line, or a line of its own on paper.
    pub fn tell(&self, member: &MemberPath, doing: &str, message: &str) {
        match self.running.get(member) {
            Some(bar) => {
                // One line, or the live lines would be drawn over each other.
                let message = message.lines().next().unwrap_or_default();
                bar.set_message(format!(
                    "{member}  {}",
                    paint(DIM, format!("{doing}: {message}"))
                ));
            }
            None => self.line(&paint(DIM, format!("    {member}  {message}"))),
        }
    }

    /// It still runs. A live line shows that anyway.
    pub fn still(&self, member: &MemberPath, doing: &str, seconds: u64) {
        if !self.running.contains_key(member) {
            self.line(&paint(
                DIM,
                format!("    {member}  still {doing}, {seconds} s"),
            ));
        }
    }

    /// It ended, with or without a line to say so.
    pub fn end(&mut self, member: &MemberPath, line: Option<String>) {
        if let Some(bar) = self.running.remove(member) {
            bar.finish_and_clear();
        }
        if let Some(line) = line {
            self.line(&line);
        }
    }

    /// A line that stays.
    pub fn line(&self, line: &str) {
        match &self.live {
            // Drawn above the live lines; what the terminal can show is its own affair here, since
            // a terminal is what it is.
            Some(live) => live.suspend(|| errln!("{line}")),
            None => errln!("{line}"),
        }
    }

    /// Takes everything live away.
    pub fn clear(&mut self) {
        for (_, bar) in self.running.drain() {
            bar.finish_and_clear();
        }
    }
}

/// `  + vpc  created  3 s`
pub fn finished(
    style: Style,
    sign: &str,
    member: &MemberPath,
    done: &str,
    took: Duration,
) -> String {
    let time = match took >= WORTH_TELLING {
        true => format!("  {}", paint(DIM, format!("{:.0} s", took.as_secs_f64()))),
        false => String::new(),
    };
    format!(
        "{} {}  {done}{time}",
        paint(style, format!("{sign:>3}")),
        paint(style, member)
    )
}
