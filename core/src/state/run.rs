//! Who writes: the [`Run`] of this process.

use std::sync::atomic::{AtomicU64, Ordering};

use nixops4_proto::state::Run;

use super::IntentId;
use super::ids::random;

/// The run of this process; each call makes another.
pub fn new_run() -> Run {
    Run {
        id: format!("{:012x}", random() & 0xffff_ffff_ffff),
        pid: std::process::id(),
        host: host_name(),
    }
}

/// An id for an intent of a run.
pub(super) fn intent_id(run: &Run) -> IntentId {
    // One counter for all stores of the process: a store that is closed and opened again must not
    // give the same ids.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    IntentId::from(format!("{}-{number}", run.id))
}

/// The name of this machine.
pub(super) fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is writable and one byte longer than the length that is told, so what is
    // written ends within it.
    let failed = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) } != 0;
    let name = std::ffi::CStr::from_bytes_until_nul(&buffer).unwrap_or_default();
    match failed {
        true => String::new(),
        false => name.to_string_lossy().into_owned(),
    }
}
