//! Disks that fail, for tests.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use super::log::{Disk, Opener, open_private};

/// What a disk does, changed while it is in use.
#[derive(Debug)]
pub(super) struct Faults {
    /// How many bytes it still takes.
    pub room: AtomicU64,
    pub sync_fails: AtomicBool,
    pub cut_fails: AtomicBool,
    pub syncs: AtomicUsize,
    /// While there is one, a sync first says that it is waiting, and waits to be let go.
    pub gate: Mutex<Option<Gate>>,
}

/// Both ends of what a waiting sync needs.
#[derive(Debug)]
pub(super) struct Gate {
    pub reached: mpsc::Sender<()>,
    pub go: mpsc::Receiver<()>,
}

impl Faults {
    /// A disk without faults so far.
    pub fn none() -> Arc<Self> {
        Arc::new(Self {
            room: AtomicU64::new(u64::MAX),
            sync_fails: AtomicBool::new(false),
            cut_fails: AtomicBool::new(false),
            syncs: AtomicUsize::new(0),
            gate: Mutex::new(None),
        })
    }

    /// Opens files on such a disk.
    pub fn opener(self: &Arc<Self>) -> Opener {
        let faults = self.clone();
        Box::new(move |path: &Path, create| {
            let file = open_private(path, OpenOptions::new().append(true).create(create))?;
            Ok(Box::new(FaultyDisk {
                file,
                faults: faults.clone(),
            }))
        })
    }
}

struct FaultyDisk {
    file: File,
    faults: Arc<Faults>,
}

impl Disk for FaultyDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.faults.room.load(Ordering::SeqCst);
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.file.append(&bytes[..fits])?;
        if room != u64::MAX {
            self.faults.room.fetch_sub(fits as u64, Ordering::SeqCst);
        }
        match fits == bytes.len() {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.syncs.fetch_add(1, Ordering::SeqCst);
        let gate = self.faults.gate.lock().expect("no panic").take();
        if let Some(gate) = gate {
            gate.reached.send(()).expect("the test waits");
            gate.go.recv().expect("the test lets go");
        }
        match self.faults.sync_fails.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => Disk::sync(&mut self.file),
        }
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        match self.faults.cut_fails.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(libc::EIO)),
            false => Disk::set_len(&mut self.file, len),
        }
    }

    fn status(&self) -> io::Result<(u64, bool)> {
        self.file.status()
    }
}
