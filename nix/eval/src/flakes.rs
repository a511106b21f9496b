//! Flakes: the deployment's own, locked as the command line says, and what evaluated text fetches.

use std::{cell::RefCell, path::Path, rc::Rc};

use nixops4_flake::{
    Config, Entry, FlakeError, FlakeRef, LockOptions, Network, ParseOptions, Sources, parse,
    parse_input_path,
};
use nixops4_lang::{
    Fetched, Fetcher, FlakeName, HostError, LockedFlake, SourceAttrs, TreeRequest, UrlRequest,
};
use nixops4_proto::evaluator::LockFlags;

/// What fetches, for the evaluator and for the session.
#[derive(Clone)]
pub struct Flakes(Rc<RefCell<Sources>>);

impl Flakes {
    /// Fetches as this machine is configured, and says warnings.
    pub fn new(mut say: impl FnMut(&str) + 'static) -> Flakes {
        let warn = move |message: &str| say(&format!("warning: {message}"));
        let sources = Config::read(|name| std::env::var(name).ok())
            .sources(Box::new(Network::default()), Box::new(warn));
        Flakes(Rc::new(RefCell::new(sources)))
    }

    /// The deployment's flake with its inputs pinned. Relative references start at `base`, and
    /// without a reference it is the flake there.
    pub fn deployment(
        &self,
        base: &Path,
        reference: Option<&str>,
        flags: &LockFlags,
    ) -> Result<LockedFlake, FlakeError> {
        let mut sources = self.0.borrow_mut();
        let (options, entries) = options(base, flags)?;
        sources.set_flag_registry(entries);
        let reference = match reference {
            Some(text) => parse(text, typed(base, false))?,
            None => FlakeRef::local(base)?,
        };
        sources.locked_flake(&reference, &options)
    }
}

/// How references on the command line are read.
fn typed(base: &Path, allow_missing: bool) -> ParseOptions<'_> {
    ParseOptions {
        base: Some(base),
        allow_missing,
        is_flake: true,
        keep_relative: false,
    }
}

fn options(base: &Path, flags: &LockFlags) -> Result<(LockOptions, Vec<Entry>), FlakeError> {
    let mut options = LockOptions {
        recreate: flags.recreate,
        may_update: !flags.no_update,
        write: !flags.no_write,
        ..LockOptions::default()
    };
    for (path, reference) in &flags.override_inputs {
        let reference = parse(reference, typed(base, true))?;
        options.overrides.push((parse_input_path(path)?, reference));
        // What was typed for once is not meant for ever.
        options.write = false;
    }
    for path in &flags.update_inputs {
        options.update.push(parse_input_path(path)?);
    }
    let entry = |(from, to): &(String, String)| {
        Ok(Entry {
            from: parse(from, typed(base, true))?.input,
            to: parse(to, typed(base, true))?,
            exact: false,
        })
    };
    let entries: Result<Vec<Entry>, FlakeError> = flags.override_flakes.iter().map(entry).collect();
    Ok((options, entries?))
}

impl Fetcher for Flakes {
    fn fetch_tree(&mut self, request: &TreeRequest) -> Result<Fetched, HostError> {
        self.0.borrow_mut().fetch_tree(request)
    }

    fn fetch_url(&mut self, request: &UrlRequest) -> Result<Fetched, HostError> {
        self.0.borrow_mut().fetch_url(request)
    }

    fn lock_flake(&mut self, flake: &FlakeName, pure: bool) -> Result<LockedFlake, HostError> {
        self.0.borrow_mut().lock_flake(flake, pure)
    }

    fn parse_flake_ref(&mut self, text: &str) -> Result<SourceAttrs, HostError> {
        self.0.borrow_mut().parse_flake_ref(text)
    }

    fn print_flake_ref(&mut self, attrs: &SourceAttrs) -> Result<String, HostError> {
        self.0.borrow_mut().print_flake_ref(attrs)
    }
}
