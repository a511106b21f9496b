//! [`Pool`]: how many plugins live at once, and which programs there are.
//!
//! A [`Host`] that needs a process asks for a slot. Where all are taken, the host that has been idle
//! for longest gives its own up; where none is idle, whoever asks waits. A call therefore never
//! fails because of the cap, it only waits.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use nixops4_core::provider::Secrets;
use tokio::sync::{Notify, OnceCell};
use tokio::time::{Instant, sleep_until};

use super::Host;
use crate::launch::Launch;
use crate::reattach::Attached;
use crate::schema::Schemas;

/// How long a plugin is left alone after a call: mostly another follows at once.
const GRACE: Duration = Duration::from_millis(100);
/// What a large plugin may need when it is at work.
const MEMORY_OF_PLUGIN: u64 = 400 << 20;
/// Without knowledge of the machine.
const USUAL_CAP: usize = 16;
const LEAST_CAP: usize = 2;
const MOST_CAP: usize = 64;

/// The plugins of one run.
#[derive(Debug)]
pub struct Pool {
    cap: usize,
    places: Mutex<Places>,
    changed: Notify,
    programs: Mutex<HashMap<ProgramKey, Arc<Program>>>,
}

#[derive(Debug, Default)]
struct Places {
    taken: usize,
    /// Whoever has been idle for longest first.
    idle: VecDeque<Idle>,
}

#[derive(Debug)]
struct Idle {
    since: Instant,
    host: Weak<Host>,
}

/// What tells programs apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ProgramKey {
    executable: PathBuf,
    env: Vec<(OsString, OsString)>,
    cache_dir: Option<PathBuf>,
    attach: Option<Attached>,
}

/// What is shared by all provider instances of one program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) schemas: OnceCell<Arc<Schemas>>,
    /// What its instances were given in confidence.
    pub(crate) secrets: Secrets,
    hosts: Mutex<Hosts>,
}

#[derive(Debug, Default)]
struct Hosts {
    /// Answers what needs no configuration.
    any: Weak<Host>,
    /// By configuration, encoded.
    configured: HashMap<Vec<u8>, Weak<Host>>,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(default_cap())
    }
}

impl Pool {
    /// At most `cap` plugins live at once; one always may.
    pub fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            places: Mutex::default(),
            changed: Notify::new(),
            programs: Mutex::default(),
        }
    }

    /// What is shared by all instances of a program.
    pub(crate) fn program(&self, launch: &Launch, cache_dir: Option<&PathBuf>) -> Arc<Program> {
        let key = ProgramKey {
            executable: launch.executable.clone(),
            env: launch.env.clone(),
            cache_dir: cache_dir.cloned(),
            attach: launch.attach.clone(),
        };
        lock(&self.programs).entry(key).or_default().clone()
    }

    /// Waits until one more plugin may be started.
    pub(super) async fn slot(self: &Arc<Self>) -> Slot {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.next() {
                Next::Free(slot) => return slot,
                Next::Stop(host) => host.stop_idle().await,
                Next::Wait(None) => changed.await,
                Next::Wait(Some(until)) => {
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    fn next(self: &Arc<Self>) -> Next {
        let mut places = lock(&self.places);
        if places.taken < self.cap {
            places.taken += 1;
            return Next::Free(Slot(self.clone()));
        }
        while let Some(first) = places.idle.front() {
            let ripe = first.since + GRACE;
            if ripe > Instant::now() {
                return Next::Wait(Some(ripe));
            }
            let host = places.idle.pop_front().and_then(|idle| idle.host.upgrade());
            if let Some(host) = host {
                return Next::Stop(host);
            }
        }
        Next::Wait(None)
    }
}

enum Next {
    Free(Slot),
    Stop(Arc<Host>),
    /// Until something changes, or that moment.
    Wait(Option<Instant>),
}

/// That one plugin may live.
#[derive(Debug)]
pub(super) struct Slot(Arc<Pool>);

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.places).taken -= 1;
        self.0.changed.notify_waiters();
    }
}

/// That a host is in use: its process is not stopped.
#[derive(Debug)]
pub(crate) struct Pin(Arc<Host>);

impl Pin {
    pub(super) fn new(host: &Arc<Host>) -> Self {
        let mut places = lock(&host.pool().places);
        host.users().add(&places);
        places
            .idle
            .retain(|idle| !std::ptr::eq(idle.host.as_ptr(), Arc::as_ptr(host)));
        Self(host.clone())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let pool = self.0.pool();
        let mut places = lock(&pool.places);
        if self.0.users().remove(&places) {
            places.idle.push_back(Idle {
                since: Instant::now(),
                host: Arc::downgrade(&self.0),
            });
        }
        drop(places);
        pool.changed.notify_waiters();
    }
}

/// How many calls of a host are under way; only changed with the pool locked.
#[derive(Debug, Default)]
pub(super) struct Users(std::sync::atomic::AtomicUsize);

impl Users {
    fn add(&self, _: &MutexGuard<'_, Places>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
    }

    /// Whether that was the last.
    fn remove(&self, _: &MutexGuard<'_, Places>) -> bool {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1
    }

    pub(super) fn none(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Acquire) == 0
    }
}

impl Program {
    /// A host for what needs no configuration: one that there is, or a new one.
    pub(crate) fn any(&self, make: impl FnOnce() -> Arc<Host>) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if let Some(host) = hosts.any.upgrade().filter(|host| !host.is_closed()) {
            return host;
        }
        let host = make();
        hosts.any = Arc::downgrade(&host);
        host
    }

    /// The host of a configuration: one that has it; else `own`, if it has none; else a new one.
    pub(crate) fn configured(
        &self,
        configuration: &[u8],
        own: &Arc<Host>,
        make: impl FnOnce() -> Arc<Host>,
    ) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        let there = hosts.configured.get(configuration).and_then(Weak::upgrade);
        if let Some(host) = there.filter(|host| !host.is_closed()) {
            return host;
        }
        let host = match own.take() {
            true => own.clone(),
            false => make(),
        };
        hosts
            .configured
            .insert(configuration.to_vec(), Arc::downgrade(&host));
        host
    }
}

impl Program {
    /// A configuration was refused: nobody has it.
    pub(crate) fn refused(&self, configuration: &[u8]) {
        lock(&self.hosts).configured.remove(configuration);
    }
}

/// As many plugins as half of the memory that is free now can hold.
fn default_cap() -> usize {
    let free = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| available(&text));
    match free {
        Some(bytes) => usize::try_from(bytes / 2 / MEMORY_OF_PLUGIN)
            .unwrap_or(MOST_CAP)
            .clamp(LEAST_CAP, MOST_CAP),
        None => USUAL_CAP,
    }
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole values go in and out: no panic can leave them half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_memory_is_read() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:    8000000 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(8_192_000_000));
        assert_eq!(available("nothing"), None);
        assert!((LEAST_CAP..=MOST_CAP).contains(&default_cap()));
    }

    #[tokio::test]
    async fn slots_come_back() {
        let pool = Arc::new(Pool::new(1));
        let first = pool.slot().await;
        let mut second = std::pin::pin!(pool.slot());
        let waits = tokio::select! {
            biased;
            _ = &mut second => false,
            () = tokio::task::yield_now() => true,
        };
        assert!(waits);
        drop(first);
        second.await;
    }
}
