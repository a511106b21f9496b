//! Recursion without a fear of the native stack's end.

use std::cell::Cell;

/// How much stack must be left before a recursive step.
const RED_ZONE: usize = 128 * 1024;
/// How much to add when there is less; only what is touched costs memory.
const SEGMENT: usize = 16 * 1024 * 1024;

thread_local! {
    /// The addresses from which a step may start, as far as they are known: the first, and how
    /// many follow it.
    static ROOMY: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Runs `step` with enough stack for anything but its own recursion, which must come here too.
#[inline(always)]
pub(crate) fn grow_stack<R>(step: impl FnOnce() -> R) -> R {
    // Asking stacker each time would cost more than most steps do.
    let (start, len) = ROOMY.get();
    if here().wrapping_sub(start) < len {
        step()
    } else {
        look_closer(step)
    }
}

/// Roughly where the stack is.
#[inline(always)]
fn here() -> usize {
    let marker = 0_u8;
    &raw const marker as usize
}

/// Finds out how much stack is left, and adds some if need be.
#[cold]
#[inline(never)]
fn look_closer<R>(step: impl FnOnce() -> R) -> R {
    if let Some(left) = stacker::remaining_stack()
        && left > RED_ZONE
    {
        let start = here() - (left - RED_ZONE);
        ROOMY.set((start, left - RED_ZONE + 1));
        return step();
    }
    // What is known of this stack holds again afterwards, even after a panic.
    struct Restore((usize, usize));
    impl Drop for Restore {
        fn drop(&mut self) {
            ROOMY.set(self.0);
        }
    }
    let _restore = Restore(ROOMY.get());
    stacker::grow(SEGMENT, || {
        ROOMY.set((
            here() - (SEGMENT - 2 * RED_ZONE),
            SEGMENT - 2 * RED_ZONE + 1,
        ));
        step()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(left: u32) -> u32 {
        let Some(below) = left.checked_sub(1) else {
            return 0;
        };
        // Frames of some size, which the compiler may not do without.
        let frame = std::hint::black_box([1_u32; 64]);
        grow_stack(|| depth(below)) + frame[below as usize % 64]
    }

    #[test]
    fn recursion_goes_on_beyond_any_stack() {
        assert_eq!(depth(200_000), 200_000);
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let outcome = thread.spawn(|| depth(100_000)).unwrap().join();
        assert_eq!(outcome.unwrap(), 100_000);
    }

    #[test]
    fn a_panic_leaves_what_is_known_of_the_stack_as_it_was() {
        fn fail(left: u32) {
            grow_stack(|| {
                if left == 0 {
                    panic!("as intended")
                } else {
                    fail(left - 1)
                }
            });
        }
        assert!(std::panic::catch_unwind(|| fail(100_000)).is_err());
        assert_eq!(depth(100_000), 100_000);
    }
}
