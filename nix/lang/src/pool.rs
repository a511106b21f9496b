//! Memory for the small objects of a heap: lists of free blocks, one for each size.
//!
//! Evaluation makes and drops thunks and frames by the million, mostly of two or three sizes. A
//! general allocator spends a fifth of the time on that, and 8 bytes of its own on each block.
//! Blocks go back to their list, never to the system: an evaluator that was large once may be so
//! again, and its process ends with its work.

use std::{
    alloc::{self, Layout},
    cell::Cell,
    ptr::{self, NonNull},
};

/// Sizes are multiples of this, and no object needs a larger alignment.
const STEP: usize = 8;
/// Larger objects come from the general allocator.
const LARGEST: usize = 256;
/// How much to take from the general allocator at first.
const SMALL_CHUNK: usize = 128 * 1024;
/// How much to take once there is more than this already: whole huge pages, which spare the
/// kernel 511 page faults of 512.
const LARGE_CHUNK: usize = 4 * 1024 * 1024;
const HUGE_PAGE: usize = 2 * 1024 * 1024;
const CLASSES: usize = LARGEST / STEP + 1;

/// A free block: where the next one of its size is.
struct Free {
    next: *mut Free,
}

struct Pool {
    free: [Cell<*mut Free>; CLASSES],
    /// What is left of the newest chunk.
    rest: Cell<*mut u8>,
    rest_len: Cell<usize>,
    /// What all chunks have together.
    total: Cell<usize>,
}

thread_local! {
    static POOL: Pool = const {
        Pool {
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            rest: Cell::new(ptr::null_mut()),
            rest_len: Cell::new(0),
            total: Cell::new(0),
        }
    };
}

fn is_pooled(layout: Layout) -> bool {
    layout.size() <= LARGEST && layout.align() <= STEP
}

/// Memory of that layout, which is never empty.
///
/// # Safety
/// It is to be given back with [`release`], under the same layout and in the same thread.
#[inline]
pub(crate) unsafe fn allocate(layout: Layout) -> NonNull<u8> {
    if !is_pooled(layout) {
        let memory = unsafe { alloc::alloc(layout) };
        return NonNull::new(memory).unwrap_or_else(|| alloc::handle_alloc_error(layout));
    }
    let class = layout.size().div_ceil(STEP);
    POOL.with(|pool| {
        let head = &pool.free[class];
        match NonNull::new(head.get()) {
            Some(block) => {
                // Blocks in the list are free, and ours.
                head.set(unsafe { block.as_ref().next });
                block.cast()
            }
            None => pool.carve(class * STEP),
        }
    })
}

/// Gives memory back.
///
/// # Safety
/// It must come from [`allocate`] under the same layout, in this thread, and not be used any more.
#[inline]
pub(crate) unsafe fn release(memory: NonNull<u8>, layout: Layout) {
    if !is_pooled(layout) {
        unsafe { alloc::dealloc(memory.as_ptr(), layout) };
        return;
    }
    let class = layout.size().div_ceil(STEP);
    POOL.with(|pool| {
        let head = &pool.free[class];
        let block: NonNull<Free> = memory.cast();
        unsafe { block.write(Free { next: head.get() }) };
        head.set(block.as_ptr());
    });
}

/// Moves what a block holds to a smaller one, or makes the block smaller.
///
/// # Safety
/// As for [`release`]; the new layout is not larger and has the same alignment.
#[cold]
pub(crate) unsafe fn shrink(memory: NonNull<u8>, old: Layout, new: Layout) -> NonNull<u8> {
    if !is_pooled(new) {
        let shrunk = unsafe { alloc::realloc(memory.as_ptr(), old, new.size()) };
        return NonNull::new(shrunk).unwrap_or_else(|| alloc::handle_alloc_error(new));
    }
    unsafe {
        let smaller = allocate(new);
        smaller.copy_from_nonoverlapping(memory, new.size());
        release(memory, old);
        smaller
    }
}

impl Pool {
    /// A new block from the chunk. What is left when a chunk is too short is lost: less than one
    /// block.
    ///
    /// Does not unwind, as the ABI tells the compiler: callers would have to keep what they are about
    /// to move to the block at an address until this returns, for cleaning up, and copy it from there.
    #[cold]
    extern "C" fn carve(&self, size: usize) -> NonNull<u8> {
        if self.rest_len.get() < size {
            self.take_chunk();
        }
        let block = self.rest.get();
        // Within the chunk: there are at least `size` bytes left.
        self.rest.set(unsafe { block.add(size) });
        self.rest_len.set(self.rest_len.get() - size);
        match NonNull::new(block) {
            Some(block) => block,
            None => unreachable!("a chunk was allocated"),
        }
    }
}

impl Pool {
    fn take_chunk(&self) {
        let total = self.total.get();
        let large = total >= LARGE_CHUNK;
        let (size, align) = if large {
            (LARGE_CHUNK, HUGE_PAGE)
        } else {
            (SMALL_CHUNK, STEP)
        };
        let Ok(layout) = Layout::from_size_align(size, align) else {
            unreachable!("a chunk has a valid layout");
        };
        let chunk = unsafe { alloc::alloc(layout) };
        if chunk.is_null() {
            alloc::handle_alloc_error(layout);
        }
        if large {
            advise_huge_pages(chunk, size);
        }
        self.rest.set(chunk);
        self.rest_len.set(size);
        self.total.set(total + size);
    }
}

#[cfg(target_os = "linux")]
fn advise_huge_pages(memory: *mut u8, size: usize) {
    // A kernel that does not follow the advice is as good as one that is not asked.
    let _ = unsafe { libc::madvise(memory.cast(), size, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_again() {
        let layout = Layout::from_size_align(40, 8).unwrap();
        unsafe {
            let first = allocate(layout);
            let second = allocate(layout);
            assert_ne!(first, second);
            first.write_bytes(1, 40);
            second.write_bytes(2, 40);
            assert_eq!(first.add(39).read(), 1);
            release(first, layout);
            assert_eq!(allocate(layout), first);
            release(first, layout);
            release(second, layout);
        }
    }

    #[test]
    fn large_blocks_come_from_elsewhere() {
        let layout = Layout::from_size_align(1 << 20, 8).unwrap();
        unsafe {
            let block = allocate(layout);
            block.write_bytes(3, 1 << 20);
            release(block, layout);
        }
    }
}
