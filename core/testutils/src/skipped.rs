//! Tests that need something that is not on this machine.

use std::io::{self, Write as _};

/// Says that the running test is skipped, and why: past the test harness, which keeps to itself what
/// tests print that pass. `tests/scripts/test.sh` counts these lines.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(io::stderr(), "SKIPPED: {test}: {why}");
}
