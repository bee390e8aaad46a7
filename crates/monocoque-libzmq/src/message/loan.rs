//! Memory of users, which comes with a function that is called when it is not needed any more.
//!
//! The function may call anything, of this library too, and wait for anything, as pyzmq's does for a thread that needs what the caller of
//! `zmq_close` holds. So it is called where nothing of ours is locked and nobody waits for us: by whoever closes a message
//! ([`at_once`]), and for all that ends inside of the library on a thread of its own.

use std::cell::Cell;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use libc::c_void;
use monocoque::raw;

/// `zmq_free_fn`.
pub type FreeFn = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

/// A user's memory, given back once, when whoever has it last lets go.
struct UserData {
    loan: Loan,
    len: usize,
}

/// What the function is called with, once.
#[derive(Clone, Copy)]
struct Loan {
    data: *mut c_void,
    free: FreeFn,
    hint: *mut c_void,
}

// SAFETY: the manual says that the function may be called on any thread.
unsafe impl Send for Loan {}
// SAFETY: the bytes are only read, and the function is called by the last holder only.
unsafe impl Sync for UserData {}

impl Loan {
    fn end(self) {
        // SAFETY: it is the user's function, called with what the user gave for it, and once: when the last holder is dropped.
        unsafe { (self.free)(self.data, self.hint) }
    }
}

impl AsRef<[u8]> for UserData {
    fn as_ref(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the user promised so many bytes until the function is called.
        unsafe { std::slice::from_raw_parts(self.loan.data.cast(), self.len) }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        give_back(self.loan);
    }
}

/// `len` bytes at `data`, for which `free` is called when the last of their holders is gone.
///
/// # Safety
/// They stay there, and as they are, until then.
pub(super) unsafe fn bytes(data: *mut c_void, len: usize, free: FreeFn, hint: *mut c_void) -> Bytes {
    Bytes::from_owner(UserData { loan: Loan { data, free, hint }, len })
}

thread_local! {
    static AT_ONCE: Cell<bool> = const { Cell::new(false) };
    /// On the thread that gives back.
    static IS_RETURNS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act`, which locks nothing: what it lets go of is given back by the calling thread.
#[inline]
pub(super) fn at_once<T>(act: impl FnOnce() -> T) -> T {
    AT_ONCE.set(true);
    let done = act();
    AT_ONCE.set(false);
    done
}

fn give_back(loan: Loan) {
    // What the function itself calls may lock.
    if AT_ONCE.replace(false) {
        loan.end();
        return AT_ONCE.set(true);
    }
    if let Err(loan) = post(Parcel::Loan(loan)) {
        // There is no thread to be had.
        loan.open();
    }
}

/// What the thread that gives back is sent.
enum Parcel {
    Loan(Loan),
    /// All that was sent before is given back when it is dropped.
    Receipt(#[expect(dead_code)] Sender<()>),
}

impl Parcel {
    fn open(self) {
        if let Self::Loan(loan) = self {
            loan.end();
        }
    }
}

/// The thread that gives back, and of which process: a forked child has no such thread.
static RETURNS: Mutex<Option<(u32, Sender<Parcel>)>> = Mutex::new(None);

fn post(parcel: Parcel) -> Result<(), Parcel> {
    let process = std::process::id();
    let mut returns = RETURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let to = match &*returns {
        Some((of, to)) if *of == process => to,
        _ => {
            let (to, parcels) = channel::<Parcel>();
            let open_all = move || {
                IS_RETURNS.set(true);
                parcels.iter().for_each(Parcel::open);
            };
            if raw::start_thread("ZMQbg/Returns".to_owned(), open_all).is_err() {
                return Err(parcel);
            }
            &returns.insert((process, to)).1
        }
    };
    to.send(parcel).map_err(|unsent| unsent.0)
}

/// Waits until all that was let go of before has been given back, unless a function that does so asks for it.
pub(crate) fn wait_until_given_back() {
    let is_there = RETURNS.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    if !is_there || IS_RETURNS.get() {
        return;
    }
    let (receipt, given_back) = channel();
    if post(Parcel::Receipt(receipt)).is_ok() {
        // It ends when the receipt is dropped.
        let _ = given_back.recv();
    }
}
