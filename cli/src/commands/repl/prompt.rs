//! Answers lines: the evaluator with the deployment, its scope, and what is loaded into it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nixops4_core::diagnostic::Diagnostics;
use nixops4_core::engine::{StateAccess, recall, remembered};
use nixops4_core::evaluate::{Evaluate as _, EvaluateError, EvaluatorProcess};
use nixops4_proto::evaluator::{EnterInput, Entered, EvalSource, OpenScope, Show};

use super::ReplArgs;
use super::command::{self, Command, Line};
use super::external_editor::open_in_editor;
use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::interrupt::droppable;
use crate::root::{self, Root};
use crate::tools::{Providers, States};
use crate::ui::print::{err, errln, out, outln};
use crate::{session, ui};

/// How long the evaluator has to end what it does. To end it itself costs all that was bound.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a line was.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// There may be more.
    Next,
    /// The last one.
    Leave,
}

/// An evaluator with a scope.
pub struct Prompt {
    root: RootArgs,
    show_trace: bool,
    /// Where relative paths that are typed start.
    base: PathBuf,
    /// What was loaded, for reloading.
    files: Vec<PathBuf>,
    evaluator: Arc<EvaluatorProcess>,
}

impl Prompt {
    /// Starts an evaluator, and brings the deployment and files into scope.
    pub async fn open(args: ReplArgs, show_trace: bool) -> Result<Self, CommandError> {
        let ReplArgs { files, root } = args;
        let base = session::current_dir()?;
        let evaluator = start(&root, &base, show_trace).await?;
        let mut prompt = Self {
            root,
            show_trace,
            base,
            files: Vec::new(),
            evaluator,
        };
        for file in files {
            prompt.load(file).await?;
        }
        Ok(prompt)
    }

    /// The evaluator, as long as it lives.
    pub fn evaluator(&self) -> Arc<EvaluatorProcess> {
        self.evaluator.clone()
    }

    /// Ends what was started to evaluate.
    pub async fn close(&self) {
        self.evaluator.close().await;
    }

    /// Starts another evaluator, if this one has died over what it was asked.
    pub async fn revive(&mut self) -> Result<(), CommandError> {
        if !self.evaluator.is_gone() {
            return Ok(());
        }
        errln!("The evaluator is started again. What was bound is forgotten.");
        self.reload().await
    }

    /// Answers a line.
    pub async fn answer(&mut self, line: &str) -> Result<Turn, CommandError> {
        match command::parse(line)? {
            Line::Input(text) => self.enter(text, Show::Value).await?,
            Line::Command(Command::Print, text) => self.enter(text, Show::Deep).await?,
            Line::Command(Command::Type, text) => self.enter(text, Show::Type).await?,
            Line::Command(Command::Documentation, text) => {
                self.enter(text, Show::Documentation).await?;
            }
            Line::Command(Command::Edit, text) => self.edit(text).await?,
            Line::Command(Command::Dependencies, text) => {
                let asked = self.evaluator.dependencies(text);
                let found = self.asked(asked).await?;
                out!("{}", ui::dependencies::render(&found));
            }
            Line::Command(Command::Add, text) => {
                let source = EvalSource::Expr {
                    text: text.to_owned(),
                    base: self.base.clone(),
                    name: "string".to_owned(),
                };
                self.extend(source).await?;
            }
            Line::Command(Command::Load, file) => self.load(PathBuf::from(file)).await?,
            Line::Command(Command::Reload, _) => self.reload().await?,
            Line::Command(Command::Help, _) => out!("{}", command::help()),
            Line::Command(Command::Quit, _) => return Ok(Turn::Leave),
        }
        Ok(Turn::Next)
    }

    async fn enter(&self, text: &str, show: Show) -> Result<(), CommandError> {
        let ask = EnterInput {
            text: text.trim_end().to_owned(),
            show,
        };
        match self.asked(self.evaluator.enter(ask)).await? {
            Entered::Shown { text } if show == Show::Value => {
                outln!("{}", ui::printed::coloured(&text));
            }
            Entered::Shown { text } => outln!("{text}"),
            Entered::Nothing {} | Entered::Bound { .. } | Entered::Written { .. } => {}
        }
        Ok(())
    }

    /// Opens the file that an expression says of, and reads everything again when it is closed.
    async fn edit(&mut self, text: &str) -> Result<(), CommandError> {
        let ask = EnterInput {
            text: text.to_owned(),
            show: Show::Place,
        };
        match self.asked(self.evaluator.enter(ask)).await? {
            Entered::Written { position, shipped } if shipped => {
                let place = format!("{}:{}", position.file, position.line);
                let message = format!("{place} is part of nixops4, so it cannot be edited");
                Err(CommandError::user(message))
            }
            Entered::Written { position, .. } => {
                open_in_editor(&position).await?;
                self.reload().await
            }
            _ => Ok(()),
        }
    }

    /// Loads a file, now and whenever everything is loaded again, even if it is wrong now.
    async fn load(&mut self, file: PathBuf) -> Result<(), CommandError> {
        let path = self.base.join(file);
        if !self.files.contains(&path) {
            self.files.push(path.clone());
        }
        self.extend(EvalSource::File(path)).await
    }

    async fn extend(&self, source: EvalSource) -> Result<(), CommandError> {
        let added = self.asked(self.evaluator.extend_scope(source)).await?;
        let count = added.names.len();
        let noun = if count == 1 { "name" } else { "names" };
        errln!("{count} {noun} came into scope.");
        Ok(())
    }

    /// Everything anew: an evaluator reads each file once.
    async fn reload(&mut self) -> Result<(), CommandError> {
        let evaluator = start(&self.root, &self.base, self.show_trace).await?;
        self.evaluator.close().await;
        self.evaluator = evaluator;
        let mut wrong = CommandError::from(Diagnostics::default());
        for path in &self.files {
            if let Err(error) = self.extend(EvalSource::File(path.clone())).await {
                wrong.diagnostics.extend(error.diagnostics);
                wrong.exit = error.exit;
            }
        }
        match wrong.diagnostics.0.is_empty() {
            true => Ok(()),
            false => Err(wrong),
        }
    }

    /// Waits for an answer; Ctrl-C ends the evaluation, and nothing else.
    async fn asked<T>(
        &self,
        work: impl Future<Output = Result<T, EvaluateError>>,
    ) -> Result<T, CommandError> {
        let result = session::interruptible_within(&self.evaluator, work, PATIENCE).await;
        if matches!(&result, Err(error) if error.exit == Exit::Interrupted) {
            // Where it had to be killed, this waits until it is known to be gone.
            let _ = self.evaluator.is_whole("").await;
        }
        result
    }
}

/// Starts an evaluator with the deployment in scope, if there is one.
async fn start(
    args: &RootArgs,
    base: &std::path::Path,
    show_trace: bool,
) -> Result<Arc<EvaluatorProcess>, CommandError> {
    let evaluator = match root::is_there(args, base) {
        true => {
            let (evaluator, root) = session::load(args, show_trace).await?;
            remember(&evaluator, &root).await?;
            evaluator
        }
        false => {
            errln!("There is no deployment here: this evaluates Nix, as `nix repl` does.");
            Arc::new(session::evaluator(Arc::new(Providers::new(base))).await?)
        }
    };
    let open = OpenScope {
        base: base.to_owned(),
        show_trace,
    };
    session::interruptible(&evaluator, evaluator.open_scope(open)).await?;
    Ok(evaluator)
}

/// Tells the evaluator what is remembered. What cannot be remembered is as good as unknown.
async fn remember(evaluator: &EvaluatorProcess, root: &Root) -> Result<(), CommandError> {
    let providers = Providers::new(&root.base);
    let states = States::new(&root.base);
    let opening = remembered(evaluator, &providers, &states, StateAccess::Read);
    let opened = droppable(async { Ok(opening.await) }).await?;
    let states = match opened {
        Ok(opened) => {
            err!("{}", ui::diagnostics::render_all(&opened.warnings));
            opened.value
        }
        Err(diagnostics) => {
            err!("{}", ui::diagnostics::render_all(&diagnostics));
            errln!("What is remembered cannot be looked at: no output is known.");
            Vec::new()
        }
    };
    let recalled = recall(evaluator, &providers, &states);
    let warnings = session::interruptible(evaluator, recalled).await?;
    err!("{}", ui::diagnostics::render_all(&warnings));
    Ok(())
}
