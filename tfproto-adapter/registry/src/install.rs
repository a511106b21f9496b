//! `providers install` and `providers lock`: every provider that a deployment asks for is chosen,
//! fetched, verified and locked.
//!
//! ```text
//! Wish ──► lock file, or the newest version that the methods have   (search)
//!      ──► the first method that has it for the platform            (search ─► registry, mirrors)
//!      ──► verified, unpacked, found by discovery from now on       (fetch)
//!      ──► its hashes in the lock file                              (here)
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use nixops4_tfproto::discovery::{Environment, LocateError, ProviderSource, Request, locate};
use nixops4_tfproto::lockfile::{LockFile, LockedProvider, PackageHash};
use nixops4_tfproto::reattach::{self, Reattach};

use crate::context::Context;
use crate::error::{Failure, Failures, InstallError};
use crate::fetch::{Wanted, install};
use crate::search::{Search, failed};
use crate::wish::{Done, Options, Outcome, Report, Wish, merged};

/// Installs and locks what is asked for, for the deployment in the folder `base`.
pub fn run(
    environment: &Environment,
    base: &Path,
    wishes: &[Wish],
    options: &Options,
) -> Result<Report, Failures> {
    let context = Context::new(environment)?;
    run_in(&context, base, wishes, options).map_err(|failures| context.with_warnings(failures))
}

/// What all wishes of a run have in common.
struct Job<'a> {
    context: &'a Context,
    lock: &'a LockFile,
    options: &'a Options,
    /// What is left alone since it runs already.
    attached: Reattach,
}

fn run_in(
    context: &Context,
    base: &Path,
    wishes: &[Wish],
    options: &Options,
) -> Result<Report, Failures> {
    let before = LockFile::load(base)?;
    let lock = before.clone().unwrap_or_default();
    let wishes = merged(wishes, &lock);
    let job = Job {
        context,
        lock: &lock,
        options,
        attached: attached(context, options)?,
    };
    if options.read_only {
        job.check_lock(&wishes)?;
    }
    // Fetching is waiting: all at once.
    let results: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = wishes
            .iter()
            .map(|wish| scope.spawn(|| job.fulfil(wish)))
            .collect();
        running.into_iter().map(|thread| thread.join()).collect()
    });
    let mut after = lock.clone();
    let (mut outcomes, mut kept) = (Vec::new(), BTreeSet::new());
    let mut failures = Vec::new();
    for (wish, result) in wishes.iter().zip(results) {
        let (outcome, locked) = match result {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                failures.push(wish.failed(error));
                continue;
            }
            Err(panic) => std::panic::resume_unwind(panic),
        };
        kept.insert(outcome.source.clone());
        if let Some(locked) = locked {
            after.set(outcome.source.clone(), locked);
        }
        outcomes.push(outcome);
    }
    if !failures.is_empty() {
        // Whoever mends one of them should know of the others.
        let warnings = outcomes.into_iter().flat_map(|outcome| outcome.warnings);
        let warnings = warnings.collect();
        return Err(Failures { failures, warnings });
    }
    if !options.keep_unasked {
        after.retain(|source| kept.contains(source));
    }
    let lock_changed = match &before {
        Some(before) => before.to_string() != after.to_string(),
        None => after.providers().next().is_some(),
    };
    // More hashes of what is locked already need not be written down.
    let lock_changed = lock_changed && !options.read_only;
    if lock_changed {
        after.save(base)?;
    }
    Ok(Report {
        outcomes,
        lock_changed,
        warnings: context.take_warnings(),
    })
}

/// What `TF_REATTACH_PROVIDERS` names, where that is to be left alone.
fn attached(context: &Context, options: &Options) -> Result<Reattach, InstallError> {
    let variable = context.environment.path_variable(reattach::VARIABLE);
    match variable.filter(|_| !options.attached) {
        Some(text) => Ok(Reattach::parse(&text.to_string_lossy())?),
        None => Ok(Reattach::default()),
    }
}

impl Job<'_> {
    /// Checks that the lock file need not change, before anything is fetched.
    fn check_lock(&self, wishes: &[Wish]) -> Result<(), Failures> {
        let (mut failures, mut asked) = (Vec::new(), BTreeSet::new());
        for wish in wishes {
            let candidates = self.lock.candidates(&wish.source);
            let left = self.left_alone(wish, &candidates);
            let Some(source) = left
                .as_ref()
                .map(|(source, _)| source)
                .or(candidates.first())
            else {
                continue;
            };
            asked.insert(source.clone());
            let error = match self.lock.get(source) {
                _ if left.is_some() => continue,
                Some(locked) => check_locked(wish, source, locked).err(),
                None => Some(InstallError::OutOfDate(format!("{source} is not in it"))),
            };
            failures.extend(error.map(|error| wish.failed(error)));
        }
        let locked = self.lock.providers().map(|(source, _)| source);
        let left_over: Vec<_> = locked
            .filter(|source| !self.options.keep_unasked && !asked.contains(*source))
            .map(ToString::to_string)
            .collect();
        if !left_over.is_empty() {
            let error = format!("nobody asks for {} any more", left_over.join(", "));
            let (provider, error) = (None, InstallError::OutOfDate(error));
            failures.push(Failure { provider, error });
        }
        let warnings = Vec::new();
        match failures.is_empty() {
            true => Ok(()),
            false => Err(Failures { failures, warnings }),
        }
    }

    /// Which provider it is and why, if somebody else sees to it.
    fn left_alone(
        &self,
        wish: &Wish,
        candidates: &[ProviderSource],
    ) -> Option<(ProviderSource, Done)> {
        if self.attached.get(&wish.source).is_some() {
            return Some((candidates.first()?.clone(), Done::Attached));
        }
        let source = overridden(self.context, candidates)?;
        Some((source.clone(), Done::Overridden))
    }

    /// What is to be said of an override whose folder is not there.
    fn missing_override(&self, source: &ProviderSource) -> Option<String> {
        let config = &self.context.config;
        let dir = config.installation.as_ref()?.dev_overrides.get(source)?;
        let (place, shown) = (config.override_place(source), dir.display());
        let is_missing = !dir.is_dir();
        is_missing
            .then(|| format!("{place}: {source} is overridden by {shown}, which does not exist"))
    }

    fn fulfil(&self, wish: &Wish) -> Result<(Outcome, Option<LockedProvider>), InstallError> {
        let candidates = self.lock.candidates(&wish.source);
        if let Some((source, done)) = self.left_alone(wish, &candidates) {
            let locked = self.lock.get(&source).cloned();
            let outcome = Outcome {
                warnings: match done {
                    Done::Overridden => self.missing_override(&source).into_iter().collect(),
                    _ => Vec::new(),
                },
                source,
                version: None,
                done,
                platforms: Vec::new(),
            };
            return Ok((outcome, locked));
        }
        fulfil(self.context, wish, self.lock, self.options)
    }
}

fn fulfil(
    context: &Context,
    wish: &Wish,
    lock: &LockFile,
    options: &Options,
) -> Result<(Outcome, Option<LockedProvider>), InstallError> {
    let candidates = lock.candidates(&wish.source);
    let locked = candidates.first().and_then(|source| lock.get(source));
    let locked = locked.filter(|_| !options.upgrade);
    let platforms = options.platforms.clone();
    let own = context.environment.platform();
    let platforms = platforms.unwrap_or_else(|| vec![own.clone()]);
    if let (Some(locked), Some(source)) = (locked, candidates.first()) {
        check_locked(wish, source, locked)?;
        // Where only the version is locked, its hashes are to be learnt.
        let is_all = options.platforms.is_none()
            && !options.accept_new_hashes
            && (!locked.hashes.is_empty() || options.read_only);
        if is_all && is_present(context, wish, lock)? {
            let outcome = Outcome {
                source: source.clone(),
                version: Some(locked.version.clone()),
                done: Done::Present,
                platforms: Vec::new(),
                warnings: Vec::new(),
            };
            return Ok((outcome, Some(relocked(locked, wish))));
        }
    }
    let mut search = Search::new(context, &wish.source, &wish.constraints)
        .for_locked(locked.map(|locked| &locked.version));
    let (source, version) = match (locked, candidates.first()) {
        (Some(locked), Some(source)) => (source.clone(), locked.version.clone()),
        _ => search.choose(&candidates, &wish.constraints)?,
    };
    // A version that is locked must stay what it was, also where it was chosen anew.
    let required = lock
        .get(&source)
        .filter(|known| known.version == version && !known.hashes.is_empty())
        .filter(|_| !options.accept_new_hashes);
    let mut hashes = BTreeSet::new();
    let mut outcome = Outcome {
        source,
        version: Some(version.clone()),
        done: Done::Locked,
        platforms: Vec::new(),
        warnings: Vec::new(),
    };
    for platform in &platforms {
        let wanted = Wanted {
            source: &outcome.source,
            version: &version,
            platform,
            locked: required,
        };
        let (done, warnings) =
            lock_one(context, &mut search, &wanted, platform == own, &mut hashes)?;
        outcome.warnings.extend(warnings);
        outcome.platforms.push(platform.clone());
        if platform == own {
            outcome.done = done;
        }
    }
    outcome.warnings.sort();
    outcome.warnings.dedup();
    let mut entry = LockedProvider {
        version,
        constraints: wish.constraints.clone(),
        hashes,
    };
    if let Some(known) = lock.get(&outcome.source)
        && known.version == entry.version
    {
        entry.hashes.extend(known.hashes.iter().cloned());
    }
    Ok((outcome, Some(entry)))
}

/// Collects the hashes of a package, and puts it in its place if it is for this machine.
fn lock_one(
    context: &Context,
    search: &mut Search<'_>,
    wanted: &Wanted<'_>,
    is_own: bool,
    hashes: &mut BTreeSet<PackageHash>,
) -> Result<(Done, Vec<String>), InstallError> {
    let found = search.offer(wanted.source, wanted.version, wanted.platform)?;
    let fail = |error| failed(wanted.source, wanted.version, &found.method.kind, error);
    // Where somebody who is trusted vouches for the hash, a foreign package need not be seen.
    let mut done = Done::Locked;
    if is_own {
        let installed = install(context, found.method, &found.offer, wanted).map_err(fail)?;
        done = match installed.was_there {
            true => Done::Present,
            false => Done::Installed(found.method.kind.to_string()),
        };
        hashes.extend(installed.hashes);
    } else if !found.offer.is_vouched {
        let seen = crate::fetch::hashes(context, found.method, &found.offer, wanted);
        hashes.extend(seen.map_err(fail)?);
    }
    hashes.extend(found.offer.vouched.iter().cloned());
    Ok((done, found.offer.warnings))
}

fn overridden<'a>(
    context: &Context,
    candidates: &'a [ProviderSource],
) -> Option<&'a ProviderSource> {
    let installation = context.config.installation.as_ref()?;
    let is_overridden = |source: &&ProviderSource| installation.dev_overrides.contains_key(*source);
    candidates.iter().find(is_overridden)
}

pub fn check_locked(
    wish: &Wish,
    source: &ProviderSource,
    locked: &LockedProvider,
) -> Result<(), InstallError> {
    if wish.constraints.allows(&locked.version) {
        return Ok(());
    }
    Err(InstallError::LockedOtherwise {
        provider: Box::new(source.clone()),
        version: locked.version.clone(),
        constraints: wish.constraints.clone(),
    })
}

/// Whether a run would find what is locked.
fn is_present(context: &Context, wish: &Wish, lock: &LockFile) -> Result<bool, InstallError> {
    let request = Request {
        source: wish.source.clone(),
        constraints: wish.constraints.clone(),
    };
    match locate(&request, &context.environment, Some(lock)) {
        Ok(_) => Ok(true),
        Err(LocateError::NotFound(_) | LocateError::Package { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The same, with what is asked for now.
fn relocked(locked: &LockedProvider, wish: &Wish) -> LockedProvider {
    LockedProvider {
        constraints: wish.constraints.clone(),
        ..locked.clone()
    }
}
