//! Reference-counted memory of the evaluator: pointers one word wide, freed without deep recursion.
//!
//! Why not `std::rc::Rc`: a slice behind `Rc<[T]>` takes two words, which would make every [`Value`]
//! half as big again; `Rc` spends 16 bytes on counts where 8 suffice; and dropping a long chain of
//! `Rc`s recurses once per link, which overflows the stack on lists that Nix code builds easily.
//!
//! [`Value`]: crate::Value

use std::{
    alloc::Layout,
    cell::{Cell, RefCell},
    marker::PhantomData,
    mem,
    ops::Deref,
    ptr::{self, NonNull},
};

use crate::pool;

/// How many objects may free each other recursively before the rest is queued.
const MAX_FREE_DEPTH: u32 = 64;

type FreeFn = unsafe fn(NonNull<u8>);

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static QUEUED: Cell<bool> = const { Cell::new(false) };
    static QUEUE: RefCell<Vec<(NonNull<u8>, FreeFn)>> = const { RefCell::new(Vec::new()) };
}

/// How many bytes the objects of this thread take.
pub(crate) fn live_bytes() -> usize {
    LIVE.get()
}

/// Frees one object now, or queues it when already deep inside other frees.
///
/// # Safety
/// `object` must be dead (count zero) and of the type that `free` frees.
#[inline]
unsafe fn reclaim(object: NonNull<u8>, free: FreeFn) {
    let depth = DEPTH.get();
    if depth >= MAX_FREE_DEPTH {
        // When the thread is ending and the queue is gone already, the object leaks: the process
        // is about to give back everything.
        let _ = QUEUE.try_with(|queue| queue.borrow_mut().push((object, free)));
        QUEUED.set(true);
        return;
    }
    DEPTH.set(depth + 1);
    unsafe { free(object) };
    DEPTH.set(depth);
    if depth == 0 && QUEUED.get() {
        drain();
    }
}

#[cold]
fn drain() {
    DEPTH.set(1);
    while let Ok(Some((object, free))) = QUEUE.try_with(|queue| queue.borrow_mut().pop()) {
        unsafe { free(object) };
    }
    QUEUED.set(false);
    DEPTH.set(0);
}

#[cold]
#[inline(never)]
fn count_overflow() -> ! {
    // As in std: 2^32 references need 32 GB of pointers; going on would be unsound.
    std::process::abort()
}

/// Counts one more reference.
#[inline]
pub(crate) fn increment(count: &Cell<u32>) {
    match count.get().checked_add(1) {
        Some(next) => count.set(next),
        None => count_overflow(),
    }
}

#[repr(C)]
struct RefBox<T> {
    count: Cell<u32>,
    /// A word of the owner's choosing, in what would be padding otherwise.
    tag: Cell<u32>,
    value: T,
}

/// A shared, reference-counted object.
pub struct Ref<T> {
    object: NonNull<RefBox<T>>,
    owns: PhantomData<RefBox<T>>,
}

impl<T> Ref<T> {
    /// Moves `value` to the heap.
    #[inline]
    pub fn new(value: T) -> Self {
        let layout = Layout::new::<RefBox<T>>();
        LIVE.set(LIVE.get().wrapping_add(layout.size()));
        let object: NonNull<RefBox<T>> = unsafe { pool::allocate(layout) }.cast();
        let (count, tag) = (Cell::new(1), Cell::new(0));
        unsafe { object.write(RefBox { count, tag, value }) };
        Ref {
            object,
            owns: PhantomData,
        }
    }

    #[inline]
    fn inner(&self) -> &RefBox<T> {
        // Invariant: the object lives as long as any `Ref` to it.
        unsafe { self.object.as_ref() }
    }

    #[inline]
    pub(crate) fn count(&self) -> &Cell<u32> {
        &self.inner().count
    }

    #[inline]
    pub(crate) fn tag(&self) -> u32 {
        self.inner().tag.get()
    }

    #[inline]
    pub(crate) fn set_tag(&self, tag: u32) {
        self.inner().tag.set(tag);
    }

    /// Where the object is.
    pub(crate) fn address(&self) -> usize {
        self.object.as_ptr() as usize
    }

    /// Whether both are the same object.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.object == other.object
    }

    unsafe fn free(object: NonNull<u8>) {
        let layout = Layout::new::<RefBox<T>>();
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        unsafe {
            object.cast::<RefBox<T>>().drop_in_place();
            pool::release(object, layout);
        }
    }
}

impl<T> Clone for Ref<T> {
    #[inline]
    fn clone(&self) -> Self {
        increment(&self.inner().count);
        Ref {
            object: self.object,
            owns: PhantomData,
        }
    }
}

impl<T> Drop for Ref<T> {
    #[inline]
    fn drop(&mut self) {
        let count = self.inner().count.get() - 1;
        self.inner().count.set(count);
        if count == 0 {
            unsafe { reclaim(self.object.cast(), Self::free) };
        }
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

#[repr(C)]
struct SliceBox<H> {
    count: Cell<u32>,
    len: u32,
    head: H,
}

/// A shared, immutable sequence with a head, in one allocation.
pub struct Slice<H, T> {
    object: NonNull<SliceBox<H>>,
    owns: PhantomData<(SliceBox<H>, T)>,
}

impl<H, T> Slice<H, T> {
    const ITEMS: usize = {
        let align = mem::align_of::<T>();
        mem::size_of::<SliceBox<H>>().div_ceil(align) * align
    };

    fn layout(len: usize) -> Layout {
        let align = mem::align_of::<SliceBox<H>>().max(mem::align_of::<T>());
        let bytes = mem::size_of::<T>()
            .checked_mul(len)
            .and_then(|b| b.checked_add(Self::ITEMS));
        match bytes.map(|bytes| Layout::from_size_align(bytes, align)) {
            Some(Ok(layout)) if u32::try_from(len).is_ok() => layout,
            _ => panic!("a single value of more than 2^32 elements"),
        }
    }

    #[inline]
    fn inner(&self) -> &SliceBox<H> {
        // Invariant: the object lives as long as any `Slice` to it.
        unsafe { self.object.as_ref() }
    }

    #[inline]
    fn items(object: NonNull<SliceBox<H>>) -> *mut T {
        unsafe { object.as_ptr().cast::<u8>().add(Self::ITEMS).cast() }
    }

    #[inline]
    pub(crate) fn count(&self) -> &Cell<u32> {
        &self.inner().count
    }

    /// The head that travels with the sequence.
    #[inline]
    pub fn head(&self) -> &H {
        &self.inner().head
    }

    /// Whether both are the same object.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.object == other.object
    }

    /// The object's address, for recognising it again.
    #[inline]
    pub fn address(&self) -> usize {
        self.object.as_ptr() as usize
    }

    /// Copies `items`.
    pub fn from_slice(head: H, items: &[T]) -> Self
    where
        T: Copy,
    {
        let mut builder = SliceBuilder::new(items.len());
        unsafe { ptr::copy_nonoverlapping(items.as_ptr(), builder.items(), items.len()) };
        builder.len = items.len();
        builder.finish(head)
    }

    /// Moves the items of a vector.
    pub fn from_vec(head: H, items: Vec<T>) -> Self {
        let mut builder = SliceBuilder::new(items.len());
        for item in items {
            builder.push(item);
        }
        builder.finish(head)
    }

    unsafe fn free(object: NonNull<u8>) {
        let object = object.cast::<SliceBox<H>>();
        unsafe {
            let len = object.as_ref().len as usize;
            ptr::drop_in_place(ptr::slice_from_raw_parts_mut(Self::items(object), len));
            ptr::drop_in_place(&raw mut (*object.as_ptr()).head);
            let layout = Self::layout(len);
            LIVE.set(LIVE.get().wrapping_sub(layout.size()));
            pool::release(object.cast(), layout);
        }
    }
}

impl<H, T> Clone for Slice<H, T> {
    #[inline]
    fn clone(&self) -> Self {
        increment(&self.inner().count);
        Slice {
            object: self.object,
            owns: PhantomData,
        }
    }
}

impl<H, T> Drop for Slice<H, T> {
    #[inline]
    fn drop(&mut self) {
        let count = self.inner().count.get() - 1;
        self.inner().count.set(count);
        if count == 0 {
            unsafe { reclaim(self.object.cast(), Self::free) };
        }
    }
}

impl<H, T> Deref for Slice<H, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let len = self.inner().len as usize;
        unsafe { std::slice::from_raw_parts(Self::items(self.object), len) }
    }
}

/// Fills a [`Slice`] in place.
pub struct SliceBuilder<H, T> {
    object: NonNull<SliceBox<H>>,
    capacity: usize,
    /// Invariant: that many items, and no more, are initialised; at most `capacity`.
    len: usize,
    owns: PhantomData<T>,
}

impl<H, T> SliceBuilder<H, T> {
    /// Room for `capacity` items.
    #[inline]
    pub fn new(capacity: usize) -> Self {
        let layout = Slice::<H, T>::layout(capacity);
        // The layout is never empty: it holds at least the counts.
        let object = unsafe { pool::allocate(layout) }.cast();
        SliceBuilder {
            object,
            capacity,
            len: 0,
            owns: PhantomData,
        }
    }

    #[inline]
    fn items(&mut self) -> *mut T {
        Slice::<H, T>::items(self.object)
    }

    /// Adds an item. Panics when full, which is a mistake of the caller.
    #[inline]
    pub fn push(&mut self, item: T) {
        assert!(self.len < self.capacity, "more items than announced");
        unsafe { self.items().add(self.len).write(item) };
        self.len += 1;
    }

    /// Adds copies of some items. Panics when full, which is a mistake of the caller.
    #[inline]
    pub fn extend(&mut self, items: &[T])
    where
        T: Clone,
    {
        assert!(
            items.len() <= self.capacity - self.len,
            "more items than announced"
        );
        let end = unsafe { self.items().add(self.len) };
        for (index, item) in items.iter().enumerate() {
            // Counted one by one, so that nothing is lost if a copy should panic.
            unsafe { end.add(index).write(item.clone()) };
            self.len += 1;
        }
    }

    /// How many items there are already.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Ends the filling, giving back what room is left.
    #[inline]
    pub fn finish(self, head: H) -> Slice<H, T> {
        let (mut object, len, capacity) = (self.object, self.len, self.capacity);
        mem::forget(self);
        if len < capacity {
            object = Self::shrink(object, len, capacity);
        }
        LIVE.set(LIVE.get().wrapping_add(Slice::<H, T>::layout(len).size()));
        unsafe {
            object.as_ptr().write(SliceBox {
                count: Cell::new(1),
                len: len as u32,
                head,
            });
        }
        Slice {
            object,
            owns: PhantomData,
        }
    }

    #[cold]
    fn shrink(object: NonNull<SliceBox<H>>, len: usize, capacity: usize) -> NonNull<SliceBox<H>> {
        let (old, new) = (Slice::<H, T>::layout(capacity), Slice::<H, T>::layout(len));
        unsafe { pool::shrink(object.cast(), old, new) }.cast()
    }
}

impl<H, T> Drop for SliceBuilder<H, T> {
    fn drop(&mut self) {
        unsafe {
            ptr::drop_in_place(ptr::slice_from_raw_parts_mut(self.items(), self.len));
            pool::release(self.object.cast(), Slice::<H, T>::layout(self.capacity));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn slices_drop_head_and_items_once() {
        let witness = Rc::new(());
        let mut builder = SliceBuilder::new(5);
        builder.push(witness.clone());
        builder.push(witness.clone());
        let slice: Slice<Rc<()>, Rc<()>> = builder.finish(witness.clone());
        let other = slice.clone();
        assert_eq!((slice.len(), Rc::strong_count(&witness)), (2, 4));
        drop(slice);
        assert_eq!(Rc::strong_count(&witness), 4);
        drop(other);
        assert_eq!(Rc::strong_count(&witness), 1);
    }

    #[test]
    fn an_unfinished_builder_drops_what_it_has() {
        let witness = Rc::new(());
        let mut builder: SliceBuilder<(), Rc<()>> = SliceBuilder::new(2);
        builder.push(witness.clone());
        drop(builder);
        assert_eq!(Rc::strong_count(&witness), 1);
    }

    struct Link {
        _next: Option<Ref<Link>>,
    }

    #[test]
    fn long_chains_are_freed_without_recursion() {
        let mut chain = None;
        for _ in 0..1_000_000 {
            chain = Some(Ref::new(Link { _next: chain }));
        }
        drop(chain);
    }

    #[test]
    fn bytes_are_copied() {
        let text: Slice<(), u8> = Slice::from_slice((), b"hello");
        assert_eq!(&*text, b"hello");
        assert_eq!(mem::size_of::<Option<Slice<(), u8>>>(), 8);
    }
}
