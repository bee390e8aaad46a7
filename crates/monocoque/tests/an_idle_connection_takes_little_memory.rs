//! What an accepted connection on which nothing happens takes of the heap: a peer that waits costs no more than it must
//! (docs/decisions/0049).
//!
//! A binary of its own, for its allocator.

#[path = "common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::raw::Raw;
use common::{TCP, eventually, everywhere};
use monocoque::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Peers that are there before, so that tables have grown once and the tasks that park run.
const BEFORE: usize = 64;
/// Peers that are counted. With those before they are a power of two, up to which the tables grow.
const PEERS: usize = 1024 - BEFORE;
/// Bytes that each may take: what it was when this was written (1,650), and a tenth.
const EACH_MAX: usize = 1_800;

/// Bytes that are allocated.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method passes its arguments on to `System` and gives back what that gives; counting touches none of them.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's obligations are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        HELD.fetch_add(bytes, Ordering::Relaxed);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; `start` came from `System`, as all memory of this allocator does.
        unsafe { System.realloc(start, layout, bytes) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}

#[test]
fn a_router_with_a_thousand_silent_peers() {
    // Both ends of each connection are here.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("up to what is allowed");
    everywhere(async |ctx: Context| {
        let router = ctx.router().build().expect("valid");
        let endpoint = router.bind(TCP).await.expect("free").to_string();
        // The runtime of a local context is this thread's, so another one connects.
        let join = |count: usize| {
            let endpoint = endpoint.clone();
            smol::unblock(move || (0..count).map(|_| Raw::connect_as(&endpoint, "DEALER", b"")).collect::<Vec<_>>())
        };
        let mut peers = join(BEFORE).await;
        let before = HELD.load(Ordering::Relaxed);
        peers.extend(join(PEERS).await);
        let each = || HELD.load(Ordering::Relaxed).saturating_sub(before) / PEERS;
        eventually(|| each() <= EACH_MAX).await;
        assert!(each() > EACH_MAX / 2, "{} bytes: what is counted is what the peers take", each());
    });
}
