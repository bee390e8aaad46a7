//! Once memory is warm, no message of 64 bytes costs an allocation, on either side. A batch costs a few.
//!
//! # The sum
//! What a batch of 1000 such messages (66,000 bytes) allocates at both sides together, in local placement:
//!
//! | side | what | allocations |
//! |---|---|---|
//! | sender | slabs leased: two of 4 KiB for what goes first, one of 64 KiB | 3 |
//! | sender | pieces of them frozen | 4 |
//! | sender | lists of segments: of what is written, and a copy to tell what was not sent if the link breaks | 3 |
//! | receiver | a slab leased | 1 |
//! | receiver | what came, frozen, a piece for each read | 2 to 3 |
//! | receiver | the read that waits, at compio | 1 |
//! | both | places in the wait lists of the two sockets | 1 to 2 |
//!
//! So 16, and 6 for a message that travels alone. A slab's memory comes from the arena; what is allocated is its
//! reference count, and that of each frozen piece. Shared placement allocates the same for each batch, but the scheduler
//! decides how large a batch is.
//!
//! A binary of its own, for its allocator. A failure names the places that allocated.

#[path = "common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{TCP, both, in_local, in_shared, watched};
use monocoque::{Context, Message, Pull, Push, Socket};

/// Allocations of a batch at both sides: twice the sum, for a batch that is written or read in two pieces.
const BATCH_ALLOCATIONS_MAX: u64 = 30;
/// Messages of a full pipe, and so of the largest batch.
const BATCH_MESSAGES_MAX: u64 = 1000;
/// Messages of a batch while the sender is faster than the link: room is given back in steps of half the mark.
const LOADED_BATCH_MESSAGES_MIN: u64 = BATCH_MESSAGES_MAX / 2;
/// Messages that an I/O thread of its own finds, on average, each time it comes back. Usually hundreds, but when it comes
/// back is the scheduler's affair: this only tells batches from messages. Local placement, where nothing is chance, runs
/// the same code.
const SHARED_BATCH_MESSAGES_MIN: u64 = 50;
/// Messages that are counted, and as many before that warm memory up.
const MESSAGES: u64 = 200_000;
const BODY: [u8; 64] = [7; 64];

/// The system's allocator, counting while it is told to.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Where some of the allocations came from: one in `1 << TRACED_BITS`, because tracing takes so long that a sender which
/// traces sends no batches.
static TRACES: Mutex<Vec<Backtrace>> = Mutex::new(Vec::new());
const TRACED_BITS: u32 = 7;

thread_local! {
    /// The allocation is the counter's own.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method passes its arguments on to `System` and gives back what that gives; counting comes before and
// touches none of them.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's obligations are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: as above; `start` came from `System`, as all memory of this allocator does.
        unsafe { System.realloc(start, layout, bytes) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}

fn count() {
    if !COUNTS.load(Ordering::Relaxed) || WITHIN.get() {
        return;
    }
    // Scattered, because batches allocate in a rhythm.
    let scattered = ALLOCATIONS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if scattered.leading_zeros() >= TRACED_BITS {
        WITHIN.set(true);
        traces().push(Backtrace::force_capture());
        WITHIN.set(false);
    }
}

fn traces() -> MutexGuard<'static, Vec<Backtrace>> {
    TRACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Allocations of all threads while `run` runs.
async fn counted(run: impl Future<Output = ()>) -> u64 {
    traces().clear();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    COUNTS.store(true, Ordering::SeqCst);
    run.await;
    COUNTS.store(false, Ordering::SeqCst);
    ALLOCATIONS.load(Ordering::SeqCst) - before
}

/// The places that allocated in the last [`counted`] run, most frequent first.
fn places() -> String {
    let mut places = BTreeMap::<String, u64>::new();
    traces().iter().for_each(|trace| *places.entry(ours_of(trace)).or_default() += 1 << TRACED_BITS);
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    places.iter().map(|(place, times)| format!("some {times} x {place}\n")).collect()
}

/// The innermost lines of a backtrace that are in this workspace.
fn ours_of(trace: &Backtrace) -> String {
    let trace = trace.to_string();
    let ours = trace.lines().filter_map(|line| line.trim().strip_prefix("at ")).filter(|line| line.contains("crates/"));
    ours.filter(|line| !line.contains(file!())).take(6).collect::<Vec<_>>().join("\n      ")
}

/// One test counts at a time.
fn alone() -> MutexGuard<'static, ()> {
    static COUNTER: Mutex<()> = Mutex::new(());
    COUNTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the application receives.
#[derive(Debug, Clone, Copy)]
enum How {
    Recv,
    RecvInto,
}

/// A PUSH and a PULL over TCP whose memory is warm.
struct Line {
    push: Socket<Push>,
    pull: Socket<Pull>,
    how: How,
}

impl Line {
    async fn new(ctx: &Context, how: How) -> Self {
        let pull = ctx.pull().bind(TCP).await.expect("a port");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let push = ctx.push().connect(endpoint).expect("an endpoint");
        push.wait_for_peers(1).await;
        let line = Self { push, pull, how };
        line.bursts(MESSAGES / BATCH_MESSAGES_MAX, BATCH_MESSAGES_MAX).await;
        line.pass(MESSAGES).await;
        line
    }

    async fn send(&self, messages: u64) {
        for _ in 0..messages {
            self.push.send(&BODY).await.expect("connected");
        }
    }

    async fn receive(&self, messages: u64) {
        let mut message = Message::new();
        for _ in 0..messages {
            match self.how {
                How::Recv => message = self.pull.recv().await.expect("messages come"),
                How::RecvInto => self.pull.recv_into(&mut message).await.expect("messages come"),
            }
            assert_eq!(*message.first(), BODY);
        }
    }

    /// Messages that are received while others are being sent.
    async fn pass(&self, messages: u64) {
        both(self.send(messages), self.receive(messages)).await;
    }

    /// Messages in bursts, each received whole before the next is sent.
    async fn bursts(&self, bursts: u64, messages: u64) {
        for _ in 0..bursts {
            self.pass(messages).await;
        }
    }
}

/// Asserts that `allocations` for `messages` are those of batches of at least `batch` messages.
fn assert_paid_by_batches(what: &str, messages: u64, allocations: u64, batch: u64) {
    let max = messages / batch * BATCH_ALLOCATIONS_MAX;
    println!("{what}: {allocations} allocations for {messages} messages, at most {max}");
    assert!(
        allocations < max,
        "{what}: {allocations} allocations for {messages} messages, at most {max}\n{}",
        places()
    );
}

/// On one thread the size of a batch is no matter of chance.
#[test]
fn a_batch_of_a_thousand_allocates_no_more_than_one_of_ten() {
    const BURSTS: u64 = MESSAGES / BATCH_MESSAGES_MAX;
    let _alone = alone();
    for how in [How::Recv, How::RecvInto] {
        in_local(async move |ctx| {
            let line = Line::new(&ctx, how).await;
            for burst in [1, 10, 100, BATCH_MESSAGES_MAX] {
                let allocations = counted(line.bursts(BURSTS, burst)).await;
                assert_paid_by_batches(&format!("bursts of {burst}, {how:?}"), BURSTS * burst, allocations, burst);
            }
        });
    }
}

#[test]
fn a_stream_allocates_by_the_batch() {
    let _alone = alone();
    for how in [How::Recv, How::RecvInto] {
        in_local(async move |ctx| {
            let line = Line::new(&ctx, how).await;
            let allocations = counted(line.pass(MESSAGES)).await;
            let what = format!("a stream, local, {how:?}");
            assert_paid_by_batches(&what, MESSAGES, allocations, LOADED_BATCH_MESSAGES_MIN);
        });
        in_shared(async move |ctx| {
            let line = Line::new(&ctx, how).await;
            let allocations = counted(line.pass(MESSAGES)).await;
            let what = format!("a stream, shared, {how:?}");
            assert_paid_by_batches(&what, MESSAGES, allocations, SHARED_BATCH_MESSAGES_MIN);
        });
    }
}

/// Sender, receiver and I/O are three threads.
#[test]
fn threads_that_block_allocate_by_the_batch() {
    let _alone = alone();
    for how in [How::Recv, How::RecvInto] {
        watched(move || {
            let ctx = Context::new();
            let line = smol::block_on(Line::new(&ctx, how));
            let pass = async {
                std::thread::scope(|scope| {
                    scope.spawn(|| (0..MESSAGES).for_each(|_| line.push.blocking().send(&BODY).expect("connected")));
                    receive_blocking(&line.pull, how);
                });
            };
            let allocations = smol::block_on(counted(pass));
            let what = format!("threads, shared, {how:?}");
            assert_paid_by_batches(&what, MESSAGES, allocations, SHARED_BATCH_MESSAGES_MIN);
        });
    }
}

fn receive_blocking(pull: &Socket<Pull>, how: How) {
    let (pull, mut message) = (pull.blocking(), Message::new());
    for _ in 0..MESSAGES {
        match how {
            How::Recv => message = pull.recv().expect("messages come"),
            How::RecvInto => pull.recv_into(&mut message).expect("messages come"),
        }
        assert_eq!(*message.first(), BODY);
    }
}
