//! Slabs: the memory that bytes are read into and encoded into.
//!
//! A [`SlabMut`] is one writer's exclusive room at a stable address. Its filled front is frozen to
//! [`Bytes`] piece by piece, one way: what is frozen is never written again. The block goes back to its
//! [`Arena`] when the writer and the last view are gone.
//!
//! All unsafe code of this crate is in this file.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::VecDeque;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::{Budget, Charge};
use crate::limits::{
    ARENA_CLASS_BYTES_MAX, ARENA_EXACT_BYTES_MAX, SLAB_HUGE_BYTES, SLAB_LARGE_BYTES, SLAB_SMALL_BYTES, SLAB_TINY_BYTES,
};
use crate::sync::Mutex;

/// Bytes between what is written and what the cache is asked for.
pub(crate) const EXPECTED_BYTES: usize = 512;
const CACHE_LINE_BYTES: usize = 64;

/// Asks the cache for the line of `at`, which is to be written soon: what another core has read last takes longer to come than a
/// message takes, and a lock waits until all that was stored before it has its lines (docs/decisions/0055).
#[inline]
pub(crate) fn expect_write<T>(at: *const T) {
    // SAFETY:
    // - accesses no memory that the language knows of, and no address faults;
    // - changes no register and no flag;
    // - is a no-op for processors that do not know it.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at.addr(), options(nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) at.addr(), options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    let _ = at;
}

/// The sizes of block that an [`Arena`] recycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlabClass {
    /// [`SLAB_TINY_BYTES`].
    Tiny,
    /// [`SLAB_SMALL_BYTES`].
    Small,
    /// [`SLAB_LARGE_BYTES`].
    Large,
    /// [`SLAB_HUGE_BYTES`].
    Huge,
}

impl SlabClass {
    /// Every class, the smallest first.
    pub const ALL: [SlabClass; 4] = [Self::Tiny, Self::Small, Self::Large, Self::Huge];

    /// Bytes of a block of this class.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Tiny => SLAB_TINY_BYTES,
            Self::Small => SLAB_SMALL_BYTES,
            Self::Large => SLAB_LARGE_BYTES,
            Self::Huge => SLAB_HUGE_BYTES,
        }
    }

    /// The smallest class of at least `bytes`, if there is one.
    pub fn fitting(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.bytes() >= bytes)
    }

    /// Bytes of the slab that [`Arena::room`] gives for `bytes`.
    pub fn rounded(bytes: usize) -> usize {
        Self::fitting(bytes).map_or(bytes, Self::bytes)
    }
}

/// The memory that was asked for is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("out of memory: {bytes} bytes asked")]
pub struct OutOfMemory {
    /// Bytes asked for.
    pub bytes: usize,
}

/// Recycles blocks of fixed sizes. A handle: clones share the same free lists.
#[derive(Clone, Default)]
pub struct Arena {
    free: Arc<FreeLists>,
}

#[derive(Default)]
struct FreeLists {
    /// With a lease around each that has no home and no charge.
    classes: [Mutex<Vec<Arc<Lease>>>; 4],
    exact: Mutex<Exact>,
    ceiling: Option<Budget>,
}

/// Blocks larger than any class, as they came back: the oldest first.
#[derive(Default)]
struct Exact {
    leases: VecDeque<Arc<Lease>>,
    bytes: usize,
}

impl Exact {
    /// One of at least `bytes` and no more than twice that: the one that came back last, which may be in a cache.
    fn take(&mut self, bytes: usize) -> Option<Arc<Lease>> {
        let fits = |lease: &Arc<Lease>| (bytes..=2 * bytes).contains(&lease.bytes());
        let lease = self.leases.iter().rposition(fits).and_then(|at| self.leases.remove(at))?;
        self.bytes -= lease.bytes();
        Some(lease)
    }

    /// Keeps `lease`; returns those that there is no room for beside it.
    fn keep(&mut self, lease: Arc<Lease>) -> Vec<Arc<Lease>> {
        self.bytes += lease.bytes();
        self.leases.push_back(lease);
        let mut over = Vec::new();
        while self.bytes > ARENA_EXACT_BYTES_MAX
            && let Some(oldest) = self.leases.pop_front()
        {
            self.bytes -= oldest.bytes();
            over.push(oldest);
        }
        over
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.free.classes.each_ref().map(|class| class.lock().len());
        f.debug_struct("Arena").field("free_blocks", &free).finish()
    }
}

impl Arena {
    /// An empty arena; blocks are allocated at first need.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty arena that knows of a budget for what peers send. Leases do not look at it: who reads what a peer sends
    /// takes from it first.
    pub fn under(ceiling: Budget) -> Self {
        Self { free: Arc::new(FreeLists { ceiling: Some(ceiling), ..FreeLists::default() }) }
    }

    /// The budget for what peers send, if there is one.
    pub fn ceiling(&self) -> Option<&Budget> {
        self.free.ceiling.as_ref()
    }

    /// A slab of `class`, recycled where possible.
    pub fn lease(&self, class: SlabClass) -> SlabMut {
        let recycled = self.free.classes[class as usize].lock().pop();
        let lease = recycled.unwrap_or_else(|| {
            let block = Block::allocate(class.bytes()).unwrap_or_else(|_| {
                std::alloc::handle_alloc_error(Block::layout(class.bytes()).expect("fixed sizes are valid"))
            });
            Arc::new(Lease::of(block))
        });
        self.at_home(lease, Some(class))
    }

    /// The slab of a lease that nobody else has, which comes back here.
    fn at_home(&self, mut lease: Arc<Lease>, class: Option<SlabClass>) -> SlabMut {
        let owned = Arc::get_mut(&mut lease).expect("nobody else has a lease that is free");
        owned.home = Some((Arc::clone(&self.free), class));
        SlabMut::new(lease)
    }

    /// A slab of at least `bytes`: of the smallest class that fits, or of so many, recycled where one of at most twice that is
    /// there.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocator refuses a size that is none of the classes.
    pub fn room(&self, bytes: usize) -> Result<SlabMut, OutOfMemory> {
        if let Some(class) = SlabClass::fitting(bytes) {
            return Ok(self.lease(class));
        }
        if bytes > ARENA_EXACT_BYTES_MAX {
            return SlabMut::exact(bytes);
        }
        let recycled = self.free.exact.lock().take(bytes);
        let lease = recycled.map_or_else(|| Block::allocate(bytes).map(Lease::of).map(Arc::new), Ok)?;
        Ok(self.at_home(lease, None))
    }

    /// [`room`](Self::room) for what was in `source`. If that is counted this is too, and of exactly `bytes`: over its budget
    /// if it must be.
    ///
    /// # Errors
    /// As [`room`](Self::room).
    pub fn room_beside(&self, source: &SlabMut, bytes: usize) -> Result<SlabMut, OutOfMemory> {
        match source.budget() {
            None => self.room(bytes),
            Some(budget) => Ok(SlabMut::exact(bytes)?.charged(budget.take(bytes))),
        }
    }

    /// Blocks of `class` that wait for reuse.
    pub fn free_blocks(&self, class: SlabClass) -> usize {
        self.free.classes[class as usize].lock().len()
    }

    /// Bytes of blocks larger than any class that wait for reuse.
    #[cfg(test)]
    fn free_exact_bytes(&self) -> usize {
        self.free.exact.lock().bytes
    }
}

/// One heap block. Owns its memory; knows nothing of who uses which part.
struct Block {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY:
// - a `Block` is an owned allocation with no thread affinity;
// - it hands out no reference by itself; sharing is governed by `SlabMut` and `View`.
unsafe impl Send for Block {}
// SAFETY: as above: `&Block` gives no access to the memory.
unsafe impl Sync for Block {}

impl Block {
    fn layout(bytes: usize) -> Result<Layout, OutOfMemory> {
        Layout::from_size_align(bytes, 64).map_err(|_| OutOfMemory { bytes })
    }

    fn allocate(bytes: usize) -> Result<Self, OutOfMemory> {
        let bytes = bytes.max(1);
        let layout = Self::layout(bytes)?;
        // SAFETY: `layout` has a non-zero size: `bytes` is at least one.
        let start = unsafe { alloc(layout) };
        let start = NonNull::new(start).ok_or(OutOfMemory { bytes })?;
        Ok(Self { start, bytes })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let layout = Self::layout(self.bytes).expect("the layout was valid at allocation");
        // SAFETY:
        // - `start` came from `alloc` with this very layout in `allocate`;
        // - a `Block` is not `Clone`, so it is freed once.
        unsafe { dealloc(self.start.as_ptr(), layout) }
    }
}

/// A leased block, shared by its writer and its views; returns to the arena when the last is gone.
struct Lease {
    block: Option<Block>,
    /// Where it goes back to; without a class if it is larger than any.
    home: Option<(Arc<FreeLists>, Option<SlabClass>)>,
    /// What it was taken off, if it is counted.
    charge: Option<Charge>,
}

impl Lease {
    fn of(block: Block) -> Self {
        Self { block: Some(block), home: None, charge: None }
    }

    fn bytes(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.bytes)
    }

    fn start(&self) -> NonNull<u8> {
        self.block.as_ref().expect("only drop takes the block").start
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (Some(block), Some((lists, class))) = (self.block.take(), self.home.take()) {
            lists.give_back(class, Arc::new(Self::of(block)));
        }
    }
}

impl FreeLists {
    /// Keeps `lease`, which has no home any more, if there is room for more of `class`.
    fn give_back(&self, class: Option<SlabClass>, lease: Arc<Lease>) {
        let Some(class) = class else {
            let over = self.exact.lock().keep(lease);
            return drop(over);
        };
        let mut free = self.classes[class as usize].lock();
        if free.len() * class.bytes() < ARENA_CLASS_BYTES_MAX {
            free.push(lease);
        }
    }
}

/// A frozen range of a slab, whose block it keeps.
#[derive(Clone)]
pub struct View {
    lease: Arc<Lease>,
    from: usize,
    len: usize,
}

impl View {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes `next` in if it lies right behind this; whether it does.
    #[inline]
    pub(crate) fn extend(&mut self, next: &View) -> bool {
        let follows = self.from + self.len == next.from && Arc::ptr_eq(&self.lease, &next.lease);
        // Both ranges are frozen, and so is their union.
        self.len += if follows { next.len } else { 0 };
        follows
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("from", &self.from).field("len", &self.len).finish()
    }
}

impl From<View> for Bytes {
    fn from(view: View) -> Self {
        Bytes::from_owner(view)
    }
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // SAFETY:
        // - in bounds: `from + len <= filled <= capacity` held when the view was made, and `extend` adds only a range of the
        //   same lease for which it held too, right behind;
        // - initialised: only filled bytes are frozen;
        // - not written meanwhile: the writer's room starts behind every frozen range, and it takes a range
        //   back only in `reclaim`, which requires that no view is left;
        // - alive: `lease` keeps the block.
        unsafe { std::slice::from_raw_parts(self.lease.start().as_ptr().add(self.from), self.len) }
    }
}

/// One writer's exclusive room in a block: `[start, filled)` is initialised, `[filled, capacity)` is spare.
///
/// The address of the spare room is stable until the slab is dropped or reclaimed, wherever the `SlabMut`
/// itself is moved: the kernel may write there while an operation owns the slab.
pub struct SlabMut {
    /// Only drop takes it.
    lease: Option<Arc<Lease>>,
    /// Of the block, beside the lease that keeps it: looked at for every frame.
    base: NonNull<u8>,
    end: usize,
    start: usize,
    filled: usize,
}

// SAFETY:
// - `base` points into the block that `lease` owns, and `Lease` is `Send`;
// - the room from `start` to `end` is this slab's alone, wherever it is moved.
unsafe impl Send for SlabMut {}
// SAFETY: `&SlabMut` reads filled bytes only, and nobody writes those.
unsafe impl Sync for SlabMut {}

impl fmt::Debug for SlabMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabMut").field("filled", &self.len()).field("spare", &self.spare_len()).finish()
    }
}

impl SlabMut {
    /// The whole block of `lease`, which nobody else has.
    fn new(lease: Arc<Lease>) -> Self {
        let block = lease.block.as_ref().expect("only drop takes the block");
        let (base, end) = (block.start, block.bytes);
        Self { lease: Some(lease), base, end, start: 0, filled: 0 }
    }

    fn lease(&self) -> &Arc<Lease> {
        self.lease.as_ref().expect("only drop takes it")
    }

    /// The lease, if no view and no other slab has it.
    fn only_lease(&mut self) -> Option<&mut Lease> {
        self.lease.as_mut().and_then(Arc::get_mut)
    }

    /// A slab of exactly `bytes`, for a frame larger than any class. It is freed, not recycled.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocator refuses: the size may be a peer's claim.
    pub fn exact(bytes: usize) -> Result<Self, OutOfMemory> {
        Ok(Self::new(Arc::new(Lease::of(Block::allocate(bytes)?))))
    }

    /// The same slab, which holds `charge` until its last view is dropped. It must be new: what is shared is not charged.
    #[must_use]
    pub fn charged(mut self, charge: Charge) -> Self {
        if let Some(lease) = self.only_lease() {
            lease.charge = Some(charge);
        }
        self
    }

    /// What it was taken off, if it is counted.
    pub fn budget(&self) -> Option<&Budget> {
        self.lease().charge.as_ref().map(Charge::budget)
    }

    /// Whether views of the block are left, or other slabs in it: dropping this one frees nothing.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(self.lease()) > 1
    }

    /// Bytes that the slab can hold from its current start: filled and spare.
    pub fn capacity(&self) -> usize {
        self.end - self.start
    }

    /// Filled bytes that are not frozen yet.
    pub fn len(&self) -> usize {
        self.filled - self.start
    }

    /// Whether nothing is filled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that can still be written.
    #[inline]
    pub fn spare_len(&self) -> usize {
        self.end - self.filled
    }

    /// The filled bytes that are not frozen yet.
    pub fn filled(&self) -> &[u8] {
        // SAFETY:
        // - in bounds and initialised: `start <= filled <= capacity`, and `filled` only grows over written bytes;
        // - not aliased mutably: `&self` borrows the only writer.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(self.start), self.len()) }
    }

    /// The filled bytes that are not frozen yet, to be rewritten where they lie.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY:
        // - in bounds and initialised: `start <= filled <= capacity`, and `filled` only grows over written bytes;
        // - exclusive: views end at or before `start`, and `&mut self` is the only writer.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(self.start), self.len()) }
    }

    /// The spare room, to be written by the caller or the kernel.
    #[inline]
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        let spare = self.spare_len();
        // SAFETY:
        // - in bounds: `filled + spare == capacity`;
        // - exclusive: views end at or before `start <= filled`, and `&mut self` is the only writer;
        // - `MaybeUninit` makes no claim of initialisation.
        unsafe {
            let at = self.base.as_ptr().add(self.filled).cast::<MaybeUninit<u8>>();
            std::slice::from_raw_parts_mut(at, spare)
        }
    }

    /// Declares the next `count` bytes of the spare room filled.
    ///
    /// # Safety
    /// The first `count` bytes of [`spare`](Self::spare) have been initialised.
    ///
    /// # Panics
    /// If `count` exceeds the spare room.
    pub unsafe fn advance(&mut self, count: usize) {
        assert!(count <= self.spare_len(), "advanced past the slab");
        self.filled += count;
    }

    /// Appends `bytes`.
    ///
    /// # Panics
    /// If they do not fit the spare room.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let spare = &mut self.spare()[..bytes.len()];
        spare.write_copy_of_slice(bytes);
        self.filled += bytes.len();
    }

    /// The `bytes` that are written now are likely to be followed by as many soon: the cache is asked for what lies behind them.
    #[inline]
    pub(crate) fn expect_more(&self, bytes: usize) {
        self.lines_behind(bytes).for_each(|at| expect_write(self.base.as_ptr().wrapping_add(at)));
    }

    /// Where the cache is asked for lines with the next `bytes`: in each of those, and in none that are others'.
    #[inline]
    fn lines_behind(&self, bytes: usize) -> impl Iterator<Item = usize> + use<> {
        let from = self.filled + EXPECTED_BYTES;
        let to = self.end.min(from + bytes.min(EXPECTED_BYTES));
        (from..to).step_by(CACHE_LINE_BYTES)
    }

    /// Appends the first `count` of `bytes`, copying all of them where there is room: a copy whose size the
    /// compiler knows is several times cheaper than one of any size.
    ///
    /// # Panics
    /// If `count` bytes do not fit the spare room, or are not there.
    #[inline]
    pub(crate) fn extend_from_front<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        assert!(count <= N, "the front is part of the bytes");
        match self.spare().first_chunk_mut::<N>() {
            Some(spare) => {
                spare.write_copy_of_slice(bytes);
                self.filled += count;
            }
            None => self.extend_from_slice(&bytes[..count]),
        }
    }

    /// Freezes the first `count` filled bytes and moves the start behind them.
    ///
    /// # Panics
    /// If fewer than `count` bytes are filled.
    pub fn split_to(&mut self, count: usize) -> Bytes {
        if count == 0 { Bytes::new() } else { self.split_view(count).into() }
    }

    /// [`split_to`](Self::split_to), with nothing allocated.
    ///
    /// # Panics
    /// If fewer than `count` bytes are filled.
    #[inline]
    pub(crate) fn split_view(&mut self, count: usize) -> View {
        assert!(count <= self.len(), "split past the filled bytes");
        let view = View { lease: Arc::clone(self.lease()), from: self.start, len: count };
        self.start += count;
        view
    }

    /// Gives the first `count` filled bytes to a slab of their own, still to be rewritten, and moves the start behind
    /// them. The new slab has no spare room.
    ///
    /// # Panics
    /// If fewer than `count` bytes are filled.
    pub fn split_front(&mut self, count: usize) -> SlabMut {
        assert!(count <= self.len(), "split past the filled bytes");
        // The ranges do not meet, each slab writes in its own only, and neither can reclaim while the other is there.
        let end = self.start + count;
        let front = Self { lease: self.lease.clone(), base: self.base, end, start: self.start, filled: end };
        self.start = end;
        front
    }

    /// Discards the first `count` filled bytes.
    ///
    /// # Panics
    /// If fewer than `count` bytes are filled.
    pub fn skip(&mut self, count: usize) {
        assert!(count <= self.len(), "skipped past the filled bytes");
        self.start += count;
    }

    /// Freezes everything filled; the spare room is given up.
    pub fn freeze(mut self) -> Bytes {
        self.split_to(self.len())
    }

    /// Takes the whole block back when no view of it is left, keeping the filled bytes.
    ///
    /// Returns whether the start is now the block's.
    pub fn reclaim(&mut self) -> bool {
        if self.start == 0 {
            return true;
        }
        if self.only_lease().is_none() {
            return false;
        }
        let len = self.len();
        let base = self.base.as_ptr();
        // SAFETY:
        // - in bounds: `start + len == filled <= capacity`, and the target is the block's front;
        // - exclusive: `Arc::get_mut` proved that no view is left and ordered us behind their last reads;
        // - the ranges may overlap, which `copy` allows.
        unsafe { std::ptr::copy(base.add(self.start), base, len) };
        self.start = 0;
        self.filled = len;
        true
    }
}

impl Drop for SlabMut {
    fn drop(&mut self) {
        // Where no view is left the lease is worth keeping with its block: the next writer allocates nothing.
        let Some(mut lease) = self.lease.take().filter(|lease| Arc::strong_count(lease) == 1) else { return };
        let owned = Arc::get_mut(&mut lease);
        let home = owned.and_then(|owned| (owned.charge.take(), owned.home.take()).1);
        if let Some((lists, class)) = home {
            lists.give_back(class, lease);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_may_be_expected_to_be_written() {
        let ours = 7_u64;
        for at in [std::ptr::null(), std::ptr::dangling(), std::ptr::without_provenance(usize::MAX), &raw const ours] {
            expect_write(at);
        }
        assert_eq!(ours, 7);
    }

    #[test]
    fn each_line_of_a_slab_is_expected_and_none_behind_it() {
        for bytes in [2, 18, 66, 258, EXPECTED_BYTES] {
            let mut slab = Arena::new().lease(SlabClass::Small);
            let (mut expected, end) = (Vec::new(), slab.spare_len());
            while slab.spare_len() >= bytes {
                expected.extend(slab.lines_behind(bytes));
                slab.extend_from_slice(&vec![7; bytes]);
            }
            assert!(expected.iter().all(|at| *at < end), "{bytes}");
            expected.iter_mut().for_each(|at| *at /= CACHE_LINE_BYTES);
            expected.dedup();
            assert!(expected.into_iter().eq(EXPECTED_BYTES / CACHE_LINE_BYTES..end / CACHE_LINE_BYTES), "{bytes}");
        }
    }

    #[test]
    fn frozen_bytes_survive_the_writer_and_recycle_the_block() {
        let arena = Arena::new();
        let mut slab = arena.lease(SlabClass::Tiny);
        slab.extend_from_slice(b"hello world");
        let hello = slab.split_to(5);
        slab.skip(1);
        let world = slab.freeze();
        assert_eq!((&hello[..], &world[..]), (&b"hello"[..], &b"world"[..]));
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 0);
        drop(hello);
        drop(world);
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 1);
        drop(arena.lease(SlabClass::Tiny));
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 1);
    }

    #[test]
    fn a_slab_without_views_is_recycled_with_its_lease() {
        let arena = Arena::new();
        let slab = arena.lease(SlabClass::Tiny);
        let first = Arc::as_ptr(slab.lease());
        drop(slab);
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 1);
        let mut slab = arena.lease(SlabClass::Tiny);
        assert_eq!(Arc::as_ptr(slab.lease()), first);
        assert!(slab.is_empty() && slab.capacity() == SLAB_TINY_BYTES);
        slab.extend_from_slice(b"kept");
        let view = slab.freeze();
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 0, "its view has it");
        drop(view);
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 1);
    }

    #[test]
    fn a_block_larger_than_any_class_serves_again_who_asks_for_about_as_much() {
        let arena = Arena::new();
        let large = |bytes| arena.room(bytes).expect("some memory");
        let slab = large(1 << 20);
        let (bytes, address) = (slab.capacity(), slab.base);
        drop(slab.freeze());
        assert_eq!((bytes, arena.free_exact_bytes()), (1 << 20, 1 << 20));
        drop(large(SLAB_HUGE_BYTES + 1));
        assert_eq!(arena.free_exact_bytes(), (1 << 20) + SLAB_HUGE_BYTES + 1, "too large for that");
        let mut slab = large((1 << 20) - 1000);
        assert_eq!((slab.base, arena.free_exact_bytes()), (address, SLAB_HUGE_BYTES + 1));
        slab.extend_from_slice(b"its views keep it");
        let view = slab.freeze();
        assert_eq!(arena.free_exact_bytes(), SLAB_HUGE_BYTES + 1);
        drop(view);
        assert_eq!(arena.free_exact_bytes(), (1 << 20) + SLAB_HUGE_BYTES + 1);
    }

    #[test]
    fn of_large_blocks_no_more_than_a_bound_are_kept_and_the_last_first() {
        let arena = Arena::new();
        let large = |bytes| arena.room(bytes).expect("some memory");
        let bytes = ARENA_EXACT_BYTES_MAX / 4;
        let slabs = [(); 6].map(|()| large(bytes));
        let last = slabs[5].base;
        drop(slabs);
        assert_eq!(arena.free_exact_bytes(), ARENA_EXACT_BYTES_MAX);
        assert_eq!(large(bytes).base, last);
        drop(large(ARENA_EXACT_BYTES_MAX));
        assert_eq!(arena.free_exact_bytes(), ARENA_EXACT_BYTES_MAX, "the others made room");
        drop(large(ARENA_EXACT_BYTES_MAX + 1));
        assert_eq!(arena.free_exact_bytes(), ARENA_EXACT_BYTES_MAX, "what is larger is not kept");
    }

    #[test]
    fn a_free_lease_keeps_neither_its_arena_nor_its_charge() {
        let budget = Budget::new(1 << 20);
        let arena = Arena::new();
        let lists = Arc::downgrade(&arena.free);
        let charge = budget.take(100);
        let left = budget.left();
        drop(arena.lease(SlabClass::Tiny).charged(charge));
        assert_eq!(budget.left(), left + 100);
        assert_eq!(arena.free_blocks(SlabClass::Tiny), 1);
        drop(arena);
        assert!(lists.upgrade().is_none());
    }

    #[test]
    fn a_block_goes_back_once_when_its_writer_and_its_view_go_at_once() {
        let arena = Arena::new();
        for _ in 0..100 {
            let mut slab = arena.lease(SlabClass::Tiny);
            slab.extend_from_slice(b"both");
            let view = slab.split_to(4);
            let other = std::thread::spawn(move || drop(view));
            drop(slab);
            other.join().expect("it drops");
            assert_eq!(arena.free_blocks(SlabClass::Tiny), 1);
        }
    }

    #[test]
    fn reclaim_waits_for_the_last_view() {
        let mut slab = Arena::new().lease(SlabClass::Tiny);
        slab.extend_from_slice(b"abcdef");
        let view = slab.split_to(4);
        assert!(!slab.reclaim());
        assert_eq!(&view[..], b"abcd");
        drop(view);
        assert!(slab.reclaim());
        assert_eq!((slab.filled(), slab.capacity()), (&b"ef"[..], SLAB_TINY_BYTES));
    }

    #[test]
    fn address_is_stable_while_the_slab_moves() {
        let mut slab = Arena::new().lease(SlabClass::Tiny);
        let before = slab.spare().as_ptr();
        let mut moved = Box::new(slab);
        assert_eq!(before, moved.spare().as_ptr());
    }

    #[test]
    fn what_is_not_frozen_yet_can_be_rewritten() {
        let mut slab = Arena::new().lease(SlabClass::Tiny);
        slab.extend_from_slice(b"frozen filled");
        let frozen = slab.split_to(7);
        slab.filled_mut()[0] = b'F';
        slab.extend_from_slice(b"!");
        assert_eq!((&frozen[..], &slab.freeze()[..]), (&b"frozen "[..], &b"Filled!"[..]));
    }

    #[test]
    fn a_front_of_its_own_is_rewritten_beside_the_rest() {
        let arena = Arena::new();
        let mut slab = arena.lease(SlabClass::Tiny);
        slab.extend_from_slice(b"frozen front rest");
        let frozen = slab.split_to(7);
        let mut front = slab.split_front(6);
        assert_eq!((front.filled(), front.spare_len()), (&b"front "[..], 0));
        front.filled_mut()[0] = b'F';
        slab.filled_mut()[0] = b'R';
        slab.extend_from_slice(b"!");
        assert!(!slab.reclaim());
        let front = front.freeze();
        assert_eq!((&frozen[..], &front[..], slab.filled()), (&b"frozen "[..], &b"Front "[..], &b"Rest!"[..]));
        drop((frozen, front));
        assert!(slab.reclaim());
        assert_eq!((slab.filled(), slab.capacity()), (&b"Rest!"[..], SLAB_TINY_BYTES));
    }

    #[test]
    fn written_spare_becomes_filled() {
        let mut slab = SlabMut::exact(4).expect("four bytes");
        slab.spare()[0].write(7);
        // SAFETY: one byte was written just above.
        unsafe { slab.advance(1) };
        assert_eq!(slab.filled(), [7]);
        assert_eq!(slab.spare_len(), 3);
    }

    #[test]
    fn an_absurd_size_is_refused() {
        assert!(SlabMut::exact(usize::MAX).is_err());
        assert!(SlabMut::exact(isize::MAX as usize - 4096).is_err());
    }

    #[test]
    fn views_cross_threads() {
        let mut slab = Arena::new().lease(SlabClass::Small);
        slab.extend_from_slice(&[9; 100]);
        let view = slab.split_to(100);
        let reader = std::thread::spawn(move || view.iter().map(|&b| u32::from(b)).sum::<u32>());
        slab.extend_from_slice(&[1; 100]);
        assert_eq!(reader.join().expect("reader"), 900);
    }
}
