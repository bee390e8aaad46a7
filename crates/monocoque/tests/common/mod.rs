//! What the tests share: both placements, a watchdog, patience with a limit, and a peer that speaks ZMTP by hand.

#![allow(dead_code)] // each test takes what it needs

pub mod raw;
pub mod tls;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use monocoque::{Context, Event, Message, Monitor, Reconnect, local_runtime};

/// How long anything may take that is to happen at once.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long a whole test may take.
const TEST_TIME_MAX: Duration = Duration::from_secs(25);

/// Runs `test` on a thread of its own and fails it if it hangs.
pub fn watched(test: impl FnOnce() + Send + 'static) {
    watched_for(TEST_TIME_MAX, test);
}

/// [`watched`], for a test that may take so long.
pub fn watched_for(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let run = move || drop(done.send(catch_unwind(AssertUnwindSafe(test))));
    thread::Builder::new().name(name).spawn(run).expect("a thread");
    match wait.recv_timeout(limit) {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("hangs: not done after {limit:?}"),
    }
}

/// Runs `test` with a context that has I/O threads of its own.
pub fn in_shared(test: impl AsyncFnOnce(Context) + Send + 'static) {
    watched(move || smol::block_on(test(Context::new())));
}

/// Runs `test` on a compio runtime that does the I/O too.
pub fn in_local(test: impl AsyncFnOnce(Context) + Send + 'static) {
    let run = async || test(Context::local().expect("on a runtime")).await;
    watched(move || local_runtime().expect("a runtime").block_on(run()));
}

/// Runs `test` in both placements.
pub fn everywhere(test: impl AsyncFnOnce(Context) + Send + Copy + 'static) {
    in_shared(test);
    in_local(test);
}

/// `future`, which must be done soon.
#[track_caller]
pub fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move {
        let late = async {
            smol::Timer::after(PATIENCE).await;
            None
        };
        let done = smol::future::or(async { Some(future.await) }, late).await;
        done.unwrap_or_else(|| panic!("{caller}: not done after {PATIENCE:?}"))
    }
}

/// Waits until `condition` holds: for what no event tells.
#[track_caller]
pub fn eventually(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    soon(async move {
        while !condition() {
            smol::Timer::after(Duration::from_millis(1)).await;
        }
    })
}

/// Polls `future` whenever it is woken, at most `times`; then drops it.
pub async fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs two futures to their end on one task.
pub async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    smol::future::zip(a, b).await
}

/// Runs all futures to their end on one task.
pub async fn all<'a, T>(futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>) -> Vec<T> {
    futures_util::future::join_all(futures).await
}

/// An inproc endpoint that nobody else uses.
pub fn inproc() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("inproc://{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub const TCP: &str = "tcp://127.0.0.1:*";
pub const IPC: &str = "ipc://*";

/// What to bind for each transport.
pub fn transports() -> [String; 3] {
    [TCP.to_owned(), IPC.to_owned(), inproc()]
}

/// Waits so short that tests of reconnecting take no time.
pub const QUICK: Reconnect = Reconnect { first: Duration::from_millis(1), max: Duration::from_millis(5) };

pub fn number(n: u64) -> Message {
    Message::from(&n.to_be_bytes())
}

pub fn to_number(body: &[u8]) -> u64 {
    u64::from_be_bytes(body.try_into().expect("eight bytes"))
}

/// The next event of a monitor that `wanted` takes; those before are dropped.
#[track_caller]
pub fn event<'a, T: 'a>(
    monitor: &'a Monitor,
    wanted: impl Fn(Event) -> Option<T> + 'a,
) -> impl Future<Output = T> + 'a {
    soon(async move {
        loop {
            let event = monitor.recv().await.expect("the socket lives");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    })
}

pub fn disconnected(event: Event) -> Option<monocoque::DisconnectReason> {
    match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    }
}

pub fn handshake_failed(event: Event) -> Option<monocoque::DisconnectReason> {
    match event {
        Event::HandshakeFailed { reason, .. } => Some(reason),
        _ => None,
    }
}

pub fn succeeded(event: Event) -> Option<monocoque::ConnectionFacts> {
    match event {
        Event::HandshakeSucceeded(facts) => Some(facts),
        _ => None,
    }
}
