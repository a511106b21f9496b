//! Recursion without a fear of the native stack's end.

/// How much stack must be left before a recursive step.
const RED_ZONE: usize = 128 * 1024;
/// How much to add when there is less; only what is touched costs memory.
const SEGMENT: usize = 16 * 1024 * 1024;

/// Runs `step` with enough stack for anything but its own recursion, which must come here too.
#[inline(always)]
pub(crate) fn grow_stack<R>(step: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, SEGMENT, step)
}
