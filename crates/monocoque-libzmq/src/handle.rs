//! Handles: what a `void *` of the API points to.
//!
//! A handle points to a cell of sixteen bytes with a tag and the object. Cells are never freed, and are used again only
//! after a thousand others: a handle that was closed, or a pointer to something else, is told by its tag. What another
//! thread closes while a function works with it, is not: the manual forbids that.

use std::collections::VecDeque;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use libc::c_void;

/// How many closed cells there are before the oldest is used again.
const REST_CELLS_MIN: usize = 1024;
/// The tag of a cell whose handle was closed.
const CLOSED: u32 = 0xdead_beef;

/// What there are handles of. Each type has a tag of its own.
pub(crate) trait Tagged: Sized + 'static {
    const TAG: u32;
}

#[repr(C)]
struct Cell {
    tag: AtomicU32,
    /// Of a closed one in [`JUST_CLOSED`], the cell below it.
    object: AtomicPtr<c_void>,
}

/// Cells whose handles were closed, a stack. Whoever closes waits for nobody: in a forked child the owner of a lock may be
/// gone for good.
static JUST_CLOSED: AtomicPtr<Cell> = AtomicPtr::new(ptr::null_mut());
/// Those that were taken off it, the oldest first.
static RESTING: Mutex<VecDeque<&'static Cell>> = Mutex::new(VecDeque::new());

/// A handle of `object`.
pub(crate) fn open<T: Tagged>(object: T) -> *mut c_void {
    let new = || &*Box::leak(Box::new(Cell { tag: AtomicU32::new(CLOSED), object: AtomicPtr::default() }));
    let cell = rested().unwrap_or_else(new);
    cell.object.store(Box::into_raw(Box::new(object)).cast(), Ordering::Relaxed);
    cell.tag.store(T::TAG, Ordering::Release);
    ptr::from_ref(cell).cast_mut().cast()
}

fn rested() -> Option<&'static Cell> {
    let mut resting = RESTING.try_lock().ok()?;
    let mut taken = Vec::new();
    let mut above = JUST_CLOSED.swap(ptr::null_mut(), Ordering::Acquire);
    // SAFETY: cells are never freed.
    while let Some(cell) = unsafe { above.as_ref() } {
        taken.push(cell);
        above = cell.object.swap(ptr::null_mut(), Ordering::Relaxed).cast();
    }
    resting.extend(taken.into_iter().rev());
    if resting.len() > REST_CELLS_MIN { resting.pop_front() } else { None }
}

/// The object of a handle; `None` if it is null, closed, or of something else.
///
/// # Safety
/// `handle` is null or can be read from, and it is not closed while the reference is in use.
#[inline]
pub(crate) unsafe fn get<'a, T: Tagged>(handle: *mut c_void) -> Option<&'a T> {
    // SAFETY: what `cell` asks for, the caller promised.
    let cell = unsafe { cell::<T>(handle) }?;
    // SAFETY: the tag says that the cell has a `T`, which lives until the handle is closed.
    Some(unsafe { &*cell.object.load(Ordering::Relaxed).cast() })
}

/// Closes a handle; its object, unless somebody else has closed it.
///
/// # Safety
/// As of [`get`].
pub(crate) unsafe fn close<T: Tagged>(handle: *mut c_void) -> Option<Box<T>> {
    // SAFETY: what `cell` asks for, the caller promised.
    let cell = unsafe { cell::<T>(handle) }?;
    cell.tag.compare_exchange(T::TAG, CLOSED, Ordering::AcqRel, Ordering::Relaxed).ok()?;
    let object = cell.object.swap(ptr::null_mut(), Ordering::AcqRel);
    rest(cell);
    // SAFETY: `open` made it of a box, and whoever changes the tag, which one caller does, has it for itself.
    Some(unsafe { Box::from_raw(object.cast()) })
}

/// # Safety
/// `handle` is null or can be read from.
#[inline]
unsafe fn cell<T: Tagged>(handle: *mut c_void) -> Option<&'static Cell> {
    if handle.is_null() || !handle.cast::<Cell>().is_aligned() {
        return None;
    }
    // SAFETY: it is aligned, and the caller says that it can be read.
    let tag = unsafe { &*handle.cast::<AtomicU32>() };
    if tag.load(Ordering::Acquire) != T::TAG {
        return None;
    }
    // SAFETY: only cells have the tag, and they are never freed.
    Some(unsafe { &*handle.cast::<Cell>() })
}

fn rest(cell: &'static Cell) {
    let mut below = JUST_CLOSED.load(Ordering::Relaxed);
    loop {
        cell.object.store(below.cast(), Ordering::Relaxed);
        let this = ptr::from_ref(cell).cast_mut();
        match JUST_CLOSED.compare_exchange_weak(below, this, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => below = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Tests that open and close count the cells of all.
    static TURN: Mutex<()> = Mutex::new(());

    struct Thing(u8);

    impl Tagged for Thing {
        const TAG: u32 = 1;
    }

    struct Other;

    impl Tagged for Other {
        const TAG: u32 = 2;
    }

    #[test]
    fn no_cell_is_lost_between_threads() {
        let _turn = TURN.lock();
        let churn = || {
            let opened = (0..20_000).map(|_| {
                let handle = open(Thing(0));
                // SAFETY: it was just opened.
                drop(unsafe { close::<Thing>(handle) });
                handle.addr()
            });
            opened.collect::<HashSet<_>>()
        };
        let threads = [(); 4].map(|()| std::thread::spawn(churn));
        let used = threads.into_iter().flat_map(|thread| thread.join().expect("it closes what it opens"));
        let used = used.collect::<HashSet<_>>();
        rested().into_iter().for_each(rest);
        let resting = RESTING.lock().expect("nobody panics with it");
        let mut found = resting.iter().map(|cell| ptr::from_ref(*cell).addr()).collect::<HashSet<_>>();
        found.insert(JUST_CLOSED.load(Ordering::Acquire).addr());
        assert_eq!(used.difference(&found).count(), 0);
    }

    #[test]
    fn a_closed_handle_and_one_of_something_else_are_told() {
        let _turn = TURN.lock();
        let handle = open(Thing(7));
        let mut foreign = 0u64;
        // SAFETY: all of these can be read from, and nobody else closes them.
        unsafe {
            assert_eq!(get::<Thing>(handle).map(|thing| thing.0), Some(7));
            assert!(get::<Other>(handle).is_none() && close::<Other>(handle).is_none());
            assert!(get::<Thing>((&raw mut foreign).cast()).is_none() && get::<Thing>(ptr::null_mut()).is_none());
            assert_eq!(close::<Thing>(handle).map(|thing| thing.0), Some(7));
            assert!(get::<Thing>(handle).is_none() && close::<Thing>(handle).is_none());
        }
    }

    #[test]
    fn a_cell_rests_before_it_is_used_again() {
        let _turn = TURN.lock();
        let first = open(Thing(0));
        // SAFETY: it was just opened.
        drop(unsafe { close::<Thing>(first) });
        for _ in 0..REST_CELLS_MIN / 2 {
            let next = open(Thing(0));
            assert_ne!(next, first);
            // SAFETY: the same.
            drop(unsafe { close::<Thing>(next) });
        }
    }
}
