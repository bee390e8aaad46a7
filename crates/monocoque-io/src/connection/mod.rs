//! The connection actor: two pumps that drive any protocol over any link.
//!
//! The read pump waits until something is there and reads it, hands what came to the protocol and appends whole messages
//! to the incoming pipe. The write pump takes *everything* that is queued in one swap and writes it; while
//! that write is in flight the next batch piles up, so an idle connection sends at once and a loaded one
//! batches by itself. Neither pump is ever dropped in mid-operation: ending means shutting the link down,
//! which completes what is in flight.

mod intake;
mod lent;
mod memory;
mod patience;
mod read;
mod readable;
mod scratch;
mod shared;
mod write;

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures_util::FutureExt;
use monocoque_core::Protocol;
use monocoque_core::pipe::{BatchSink, BatchSource, ReadTurns};
use monocoque_core::slab::Arena;

use self::memory::Memory;
use self::read::ReadPump;
use self::readable::Readable;
use self::shared::{Quiet, Shared};
use self::write::WritePump;
use crate::link::Link;
use crate::placement::Home;
use crate::stop::Stop;

/// The socket's ends of a connection.
#[derive(Debug)]
pub struct Pipes {
    /// What is to be written.
    pub outgoing: BatchSource,
    /// Where received messages go.
    pub incoming: BatchSink,
}

/// Who a connection reports to.
pub trait Host<P: Protocol>: Send + 'static {
    /// The handshake is done. The pipes to serve, or `None` to turn the peer away.
    fn ready(&mut self, peer: P::Peer) -> Option<Pipes>;

    /// Messages were appended to `incoming`, except for `lost` of them: nobody reads it any more.
    fn delivered(&mut self, incoming: &BatchSink, lost: usize) {
        let _ = (incoming, lost);
    }

    /// The socket finished its pipe, and the peer's system has everything that was in it. The connection goes on until
    /// the peer has closed too, which nobody need wait for.
    fn parted(&mut self) {}

    /// Where the connection may be lent to who waits for its messages.
    fn turns(&self) -> Option<&ReadTurns> {
        None
    }
}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End<E> {
    /// The socket finished its pipe, and everything in it was written.
    Finished,
    /// The peer closed.
    PeerClosed {
        /// Bytes of a unit that the peer began and did not end.
        truncated: usize,
    },
    /// We were told to stop.
    Stopped,
    /// The host turned the peer away.
    Refused,
    /// The ceiling for what peers send was reached, and this one did not end the message for which it held memory.
    Stalled,
    /// The link failed.
    Link(io::Error),
    /// The protocol gave up.
    Protocol(E),
}

/// What is left of a connection.
#[derive(Debug)]
pub struct Ended<E> {
    /// Why it ended.
    pub end: End<E>,
    /// The outgoing pipe, with messages that were not written whole put back at its front.
    pub outgoing: Option<BatchSource>,
    /// Whether the handshake was done and the host took the peer.
    pub was_ready: bool,
    /// Messages given up: this link and those before it broke while they were being written.
    pub cut: usize,
}

/// One connection: a protocol over a link.
#[derive(Debug)]
pub struct Connection<P: Protocol, L> {
    protocol: P,
    link: L,
    arena: Arena,
}

impl<P: Protocol, L: Link> Connection<P, L> {
    /// A connection of `protocol` over `link`, reading into slabs of `arena`, under its ceiling if it has one.
    pub fn new(protocol: P, link: L, arena: Arena) -> Self {
        Self { protocol, link, arena }
    }

    /// Runs until either side ends it; gives the host back.
    ///
    /// An idle connection is this future and what it points to: `async` blocks that await it in passing hold it once, and
    /// [`map`](futures_util::FutureExt::map) is the way to do something after it. Its pumps are on the heap while there is
    /// something to do for them.
    ///
    /// # Cancel safety
    /// Not cancel-safe: use `stop`. Dropping the future loses what is in flight.
    pub fn run<H: Host<P>>(self, host: H, stop: Stop, home: Home) -> impl Future<Output = (H, Ended<P::Error>)> {
        self.begin(host, stop, home, Stay::Here).map(|outcome| match outcome {
            Outcome::Ended(host, ended) => (host, ended),
            Outcome::Silent(_) => unreachable!("it stays"),
        })
    }

    /// [`run`](Self::run), of a connection that need not stay here while it is silent.
    pub(crate) fn begin<H: Host<P>>(
        self,
        host: H,
        stop: Stop,
        home: Home,
        stay: Stay,
    ) -> impl Future<Output = Outcome<P, L, H>> {
        let Self { protocol, link, arena } = self;
        let memory = Memory::under(arena.ceiling(), |input| protocol.beside(input));
        let shared = Shared::new(protocol, host, link.write_through());
        let (read, written) = (intake::Kept::new(memory), write::Kept::default());
        Running { shared, lasting: Lasting { link, arena, stop, read, written } }.run(home, Begin::New, stay)
    }
}

/// Where a connection goes when it is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// It stays as it is.
    Here,
    /// To the others that are, and soon: it has not been there yet, and may never speak.
    Soon,
    /// The same, but later: it came from there.
    Later,
}

/// What made a connection run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It is new.
    New,
    /// It was silent, and somebody has called it.
    Called,
    /// It was silent, and has something to read.
    Readable,
}

/// Why a connection runs no more.
pub(crate) enum Outcome<P: Protocol, L, H> {
    Ended(H, Ended<P::Error>),
    Silent(Silent<P, L, H>),
}

/// A connection that runs.
struct Running<P: Protocol, L, H> {
    shared: Shared<P, H>,
    lasting: Lasting<L>,
}

/// A connection that does not run: its peer is silent, and nothing is to be written.
pub(crate) struct Silent<P, L, H> {
    quiet: Quiet<P, H>,
    lasting: Lasting<L>,
}

/// What a connection has whether it runs or not.
struct Lasting<L> {
    link: L,
    arena: Arena,
    stop: Stop,
    read: intake::Kept,
    written: write::Kept,
}

impl<P: Protocol, L: Link, H: Host<P>> Running<P, L, H> {
    #[expect(clippy::manual_async_fn, reason = "an async function holds twice what it is given")]
    fn run(mut self, home: Home, begin: Begin, stay: Stay) -> impl Future<Output = Outcome<P, L, H>> {
        // What the block borrows it holds once; what an async function is given it holds twice.
        async move {
            if begin == Begin::New {
                home.spin.touch();
                self.shared.act(|protocol, out| {
                    protocol.connected(Instant::now(), out);
                    Ok(())
                });
            }
            let mut is_idle = begin == Begin::Called;
            loop {
                let rest = {
                    let Self { shared, lasting: Lasting { link, arena, stop, read, written } } = &mut self;
                    let (shared, link) = (&*shared, &*link);
                    let wait = pin!(None);
                    let readable = Readable::new(link, L::readable, wait);
                    loop {
                        let reads = ReadPump::new(shared, link, &readable, arena, &home, read);
                        let writes = WritePump::new(shared, link, &home, stop, written);
                        is_idle = Box::pin(pump(reads, writes, is_idle)).await;
                        if !is_idle {
                            break Rest::Over;
                        }
                        if shared.lends.take() {
                            break Rest::ToLend;
                        }
                        if woken(&home, stay).await == Woken::ToPark {
                            break Rest::ToPark;
                        }
                    }
                };
                match rest {
                    Rest::Over => break,
                    Rest::ToPark => {
                        let Self { shared, lasting } = self;
                        return Outcome::Silent(Silent { quiet: shared.into_quiet(), lasting });
                    }
                    Rest::ToLend => {
                        self = *lent::lend(self).await;
                        is_idle = false;
                    }
                }
            }
            // Where one has gone another often comes.
            home.spin.touch();
            home.spin.note(false);
            let (host, ended) = self.shared.into_ended();
            Outcome::Ended(host, ended)
        }
    }
}

impl<P: Protocol, L: Link, H: Host<P>> Silent<P, L, H> {
    /// What tells that there is something to read.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.lasting.link.descriptor()
    }

    /// Has `waker` called when there is something to write, or it is stopped; whether neither is so by now.
    pub(crate) fn waits(&mut self, waker: &Waker) -> bool {
        let is_stopped = self.lasting.stop.poll_stopped(&mut Context::from_waker(waker)).is_ready();
        self.quiet.waits_for(waker) && !is_stopped
    }

    /// Runs on.
    pub(crate) fn run(self, home: Home, begin: Begin, stay: Stay) -> impl Future<Output = Outcome<P, L, H>> {
        let Self { quiet, mut lasting } = self;
        if begin == Begin::Readable {
            lasting.read.look();
        }
        Running { shared: Shared::of_quiet(quiet), lasting }.run(home, begin, stay)
    }
}

/// Runs both pumps until they have nothing to do, or to their end; whether the connection is idle. It `was_idle` if they go on
/// from there.
#[expect(clippy::manual_async_fn, reason = "an async function holds twice what it is given")]
fn pump<'a, P: Protocol, L: Link, H: Host<P>>(
    mut reads: ReadPump<'a, P, L, H>,
    mut writes: WritePump<'a, P, L, H>,
    was_idle: bool,
) -> impl Future<Output = bool> + use<'a, P, L, H> {
    async move {
        let (shared, home) = (reads.shared, reads.home);
        // Who only looks for what came has nothing to write: what gives the write pump work wakes the task.
        let is_whole = || !home.spin.is_looking();
        both(pin!(reads.run(was_idle)), pin!(writes.run()), is_whole, || shared.is_idle()).await
    }
}

/// Why the pumps of a connection have come to rest.
enum Rest {
    /// It has ended.
    Over,
    /// It is silent, and need not be a task.
    ToPark,
    /// Who waits for messages reads it.
    ToLend,
}

/// What a connection that is idle is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// There may be something to do.
    ToWork,
    /// It was idle for so long that it need not be a task.
    ToPark,
}

/// Waits until the task is woken: by its link, its pipes, whoever stops it or parks it.
fn woken(home: &Home, stay: Stay) -> impl Future<Output = Woken> {
    let mut waited = false;
    poll_fn(move |_| {
        // It is not among those who are looked at for what came.
        if home.spin.is_looking() {
            return Poll::Pending;
        }
        if !std::mem::replace(&mut waited, true) {
            home.rests(stay);
            return Poll::Pending;
        }
        Poll::Ready(if home.works_again() { Woken::ToWork } else { Woken::ToPark })
    })
}

/// Runs both futures to their end, or until they are idle after a poll of both; whether they are. The second, once it has
/// begun, is polled only in polls that are whole.
fn both(
    mut a: Pin<&mut impl Future<Output = ()>>,
    mut b: Pin<&mut impl Future<Output = ()>>,
    is_whole: impl Fn() -> bool,
    is_idle: impl Fn() -> bool,
) -> impl Future<Output = bool> {
    let (mut a_done, mut b_done, mut b_begun) = (false, false, false);
    poll_fn(move |cx| {
        a_done = a_done || a.as_mut().poll(cx).is_ready();
        let b_due = is_whole() || !std::mem::replace(&mut b_begun, true);
        b_done = b_done || (b_due && b.as_mut().poll(cx).is_ready());
        match (a_done && b_done, b_due && is_idle()) {
            (true, _) => Poll::Ready(false),
            (false, true) => Poll::Ready(true),
            (false, false) => Poll::Pending,
        }
    })
}

/// Lets the other tasks of this thread run.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[test]
    fn both_halves_run_to_their_own_end() {
        let steps = RefCell::new(Vec::new());
        let half = |name: char, turns: u32| {
            let steps = &steps;
            async move {
                for _ in 0..turns {
                    steps.borrow_mut().push(name);
                    yield_now().await;
                }
            }
        };
        let runtime = crate::DriverChoice::default().runtime().expect("a driver");
        let idle = runtime.block_on(async { both(pin!(half('a', 1)), pin!(half('b', 3)), || true, || false).await });
        assert!(!idle);
        assert_eq!(steps.take(), ['a', 'b', 'b', 'b']);
        let parts = Cell::new(2u32);
        let is_whole = || parts.replace(parts.get().saturating_sub(1)) == 0;
        runtime.block_on(async { both(pin!(half('a', 4)), pin!(half('b', 2)), is_whole, || false).await });
        assert_eq!(steps.take(), ['a', 'b', 'a', 'a', 'b', 'a'], "the first poll is never left out");
        parts.set(2);
        let idle = runtime.block_on(async { both(pin!(half('a', 9)), pin!(half('b', 9)), is_whole, || true).await });
        assert!(idle);
        assert_eq!(steps.take(), ['a', 'b'], "they begin before they are found idle");
    }
}
