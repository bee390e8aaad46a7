//! The connection actor: two pumps that drive any protocol over any link.
//!
//! The read pump waits until something is there and reads it, hands what came to the protocol and appends whole messages
//! to the incoming pipe. The write pump takes *everything* that is queued in one swap and writes it; while
//! that write is in flight the next batch piles up, so an idle connection sends at once and a loaded one
//! batches by itself. Neither pump is ever dropped in mid-operation: ending means shutting the link down,
//! which completes what is in flight.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use monocoque_core::Protocol;
use monocoque_core::batch::{Batch, unsent};
use monocoque_core::limits::SLAB_TINY_BYTES;
use monocoque_core::pipe::{PipeReader, PipeWriter, Taken, WriteThrough};
use monocoque_core::protocol::{Need, Output};
use monocoque_core::slab::{Arena, SlabClass, SlabMut};

use crate::link::Link;
use crate::placement::Home;
use crate::stop::Stop;

/// How long a finished connection waits for the peer to close its side, so that nothing is reset away.
const FAREWELL: Duration = Duration::from_millis(500);
/// Bytes of the protocol's own that may wait to be written before reading pauses: a peer that asks and never reads
/// must not fill our memory with answers.
const CONTROL_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are read past a full pipe after a write has failed: what the kernel may still hold of the peer's.
const BROKEN_BYTES_MAX: usize = 8 << 20;
/// How often a write that waits looks at the peer's signs of life.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Turns for which the write pump leaves what it could take to a sender that has more to answer.
const GROWING_TURNS_MAX: u32 = 16;
/// Writes or reads in a row before the other tasks of the thread get their turn.
const TURNS_MAX: u32 = 4;

/// The socket's ends of a connection.
#[derive(Debug)]
pub struct Pipes {
    /// What is to be written.
    pub outgoing: PipeReader,
    /// Where received messages go.
    pub incoming: PipeWriter,
}

/// Who a connection reports to.
pub trait Host<P: Protocol> {
    /// The handshake is done. The pipes to serve, or `None` to turn the peer away.
    fn ready(&mut self, peer: P::Peer) -> Option<Pipes>;

    /// Messages were appended to `incoming`, except for `lost` of them: nobody reads it any more.
    fn delivered(&mut self, incoming: &PipeWriter, lost: usize) {
        let _ = (incoming, lost);
    }

    /// The socket finished its pipe, and the peer's system has everything that was in it. The connection goes on until
    /// the peer has closed too, which nobody need wait for.
    fn parted(&mut self) {}
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
    pub outgoing: Option<PipeReader>,
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
    /// A connection of `protocol` over `link`, reading into slabs of `arena`.
    pub fn new(protocol: P, link: L, arena: Arena) -> Self {
        Self { protocol, link, arena }
    }

    /// Runs until either side ends it.
    ///
    /// # Cancel safety
    /// Not cancel-safe: use `stop`. Dropping the future loses what is in flight.
    pub fn run<H: Host<P>>(self, host: &mut H, stop: Stop, home: Home) -> impl Future<Output = Ended<P::Error>> {
        let Self { protocol, link, arena } = self;
        let shared = Shared::new(protocol, host, link.write_through());
        // What the block borrows it holds once; what an async function is given it holds twice.
        async move {
            let reads = ReadPump {
                shared: &shared,
                link: &link,
                arena: &arena,
                home: &home,
                hot: false,
                met: false,
                beyond: 0,
            };
            let writes =
                WritePump { shared: &shared, link: &link, home: &home, stop, timer: None, turns: 0, growing: 0 };
            home.spin.touch();
            shared.act(|protocol, out| {
                protocol.connected(Instant::now(), out);
                Ok(())
            });
            both(pin!(reads.run()), pin!(writes.run())).await;
            // Where one has gone another often comes.
            home.spin.touch();
            shared.into_ended()
        }
    }
}

/// Runs both futures to their end.
async fn both(mut a: Pin<&mut impl Future<Output = ()>>, mut b: Pin<&mut impl Future<Output = ()>>) {
    let (mut a_done, mut b_done) = (false, false);
    poll_fn(|cx| {
        a_done = a_done || a.as_mut().poll(cx).is_ready();
        b_done = b_done || b.as_mut().poll(cx).is_ready();
        if a_done && b_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
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

/// What both pumps see. They run in one task, so a waker of one is a waker of the other.
struct Shared<'h, P: Protocol, H> {
    protocol: RefCell<P>,
    host: RefCell<&'h mut H>,
    out: RefCell<Output<P::Peer>>,
    /// Bytes of the protocol's own, to be written before any batch.
    control: RefCell<Vec<Bytes>>,
    outgoing: RefCell<Option<PipeReader>>,
    incoming: RefCell<Option<PipeWriter>>,
    end: RefCell<Option<End<P::Error>>>,
    was_ready: Cell<bool>,
    /// Messages given up because links kept breaking within them.
    cut: Cell<usize>,
    /// Reading waits for room in the incoming pipe.
    paused: Cell<bool>,
    /// A write has failed. Nothing more is written; the read side finds what the peer still sent, and the end.
    broken: Cell<bool>,
    task: RefCell<Option<Waker>>,
    /// What senders may write to while the write pump waits.
    turn: Option<Arc<dyn WriteThrough>>,
}

impl<'h, P: Protocol, H: Host<P>> Shared<'h, P, H> {
    fn new(protocol: P, host: &'h mut H, turn: Option<Arc<dyn WriteThrough>>) -> Self {
        Self {
            protocol: RefCell::new(protocol),
            host: RefCell::new(host),
            out: RefCell::default(),
            control: RefCell::default(),
            outgoing: RefCell::default(),
            incoming: RefCell::default(),
            end: RefCell::default(),
            was_ready: Cell::new(false),
            cut: Cell::new(0),
            paused: Cell::new(false),
            broken: Cell::new(false),
            task: RefCell::default(),
            turn,
        }
    }

    fn into_ended(self) -> Ended<P::Error> {
        Ended {
            end: self.end.into_inner().unwrap_or(End::Stopped),
            outgoing: self.outgoing.into_inner(),
            was_ready: self.was_ready.get(),
            cut: self.cut.get(),
        }
    }

    fn is_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Whether too much of the protocol's own waits to be written.
    fn is_congested(&self) -> bool {
        self.control.borrow().iter().map(Bytes::len).sum::<usize>() > CONTROL_BYTES_MAX
    }

    /// Ends the connection; the first reason stays.
    fn end(&self, end: End<P::Error>) {
        self.end.borrow_mut().get_or_insert(end);
        self.wake();
    }

    /// Has the task polled again: the other pump may have work now.
    fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    fn watch(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }

    /// Calls the protocol and does what it wants done.
    fn act<T: Default>(&self, call: impl FnOnce(&mut P, &mut Output<P::Peer>) -> Result<T, P::Error>) -> T {
        let mut out = self.out.borrow_mut();
        let result = call(&mut self.protocol.borrow_mut(), &mut out);
        if !out.write.is_empty() {
            // Taken whole, so that nothing of it stays with an idle connection.
            self.control.borrow_mut().extend(std::mem::take(&mut out.write));
            self.wake();
        }
        if let Some(peer) = out.ready.take() {
            self.ready(peer);
        }
        if !out.deliver.is_empty() {
            self.deliver(&mut out.deliver);
        }
        result.unwrap_or_else(|error| {
            self.end(End::Protocol(error));
            T::default()
        })
    }

    /// Looks at the peer's signs of life while nothing can be written. Silence that we cause is forgiven.
    fn judge(&self) {
        let now = Instant::now();
        let mut protocol = self.protocol.borrow_mut();
        if self.paused.get() {
            protocol.forgive(now);
        }
        let judged = protocol.judge(now);
        drop(protocol);
        if let Err(error) = judged {
            self.end(End::Protocol(error));
        }
    }

    fn ready(&self, peer: P::Peer) {
        let Some(mut pipes) = self.host.borrow_mut().ready(peer) else {
            return self.end(End::Refused);
        };
        // Senders know no protocol: they write what they have encoded.
        if let Some(turn) = self.turn.clone().filter(|_| self.protocol.borrow().is_verbatim()) {
            pipes.outgoing.lend_turn(turn);
        }
        self.was_ready.set(true);
        *self.outgoing.borrow_mut() = Some(pipes.outgoing);
        *self.incoming.borrow_mut() = Some(pipes.incoming);
        self.wake();
    }

    /// Puts back what of `taken` did not go out whole with its first `written` bytes, or gives it up.
    fn put_back(&self, taken: &[Bytes], written: usize) {
        let mut outgoing = self.outgoing.borrow_mut();
        let Some(outgoing) = &mut *outgoing else { return };
        let rest = unsent(taken, written);
        let passed = taken.iter().map(Bytes::len).sum::<usize>() - rest.bytes;
        if rest.is_empty() || passed >= written {
            outgoing.put_back(rest);
        } else {
            self.cut.set(self.cut.get() + outgoing.put_back_cut(rest, passed > 0));
        }
    }

    fn deliver(&self, batch: &mut Batch) {
        if let Some(incoming) = &mut *self.incoming.borrow_mut() {
            let lost = incoming.append(batch);
            self.host.borrow_mut().delivered(incoming, lost);
        }
        batch.clear();
    }
}

struct ReadPump<'a, 'h, P: Protocol, L, H> {
    shared: &'a Shared<'h, P, H>,
    link: &'a L,
    arena: &'a Arena,
    home: &'a Home,
    /// The last read filled its room: more is likely there.
    hot: bool,
    /// The link was looked at once.
    met: bool,
    /// Room that was read into past a full pipe.
    beyond: usize,
}

impl<P: Protocol, L: Link, H: Host<P>> ReadPump<'_, '_, P, L, H> {
    async fn run(mut self) {
        let mut slab = self.arena.lease(SlabClass::Tiny);
        let mut need = Need(0);
        let mut turns: u32 = 0;
        while !self.shared.is_ended() {
            slab = match self.room(slab, need.0) {
                Ok(slab) => slab,
                Err(error) => return self.shared.end(End::Link(io::Error::new(io::ErrorKind::OutOfMemory, error))),
            };
            let before = slab.len();
            let spare = slab.spare_len();
            let result;
            (result, slab) = self.read(slab).await;
            let count = match result {
                Ok(0) => return self.shared.end(End::PeerClosed { truncated: before }),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                    continue;
                }
                Err(error) => return self.shared.end(End::Link(error)),
            };
            self.home.spin.touch();
            self.hot = count == spare || count >= SLAB_TINY_BYTES;
            need = self.shared.act(|protocol, out| protocol.received(Instant::now(), &mut slab, out));
            while !self.shared.was_ready.get() && self.was_blocked().await {
                need = self.shared.act(|protocol, out| protocol.received(Instant::now(), &mut slab, out));
            }
            self.wait_for_room().await;
            turns += 1;
            if turns.is_multiple_of(TURNS_MAX) {
                yield_now().await;
            }
        }
    }

    /// Waits for what the handshake waits for that does not come from the peer; whether there was something.
    async fn was_blocked(&self) -> bool {
        let mut look = None;
        poll_fn(|cx| {
            self.shared.watch(cx);
            if self.shared.is_ended() || self.shared.broken.get() {
                return Poll::Ready(false);
            }
            let unblocked = self.shared.protocol.borrow_mut().poll_unblocked(cx);
            if unblocked.is_pending() {
                self.poll_left(&mut look, cx);
            }
            unblocked
        })
        .await
    }

    /// Looks now and then whether the peer has gone: nothing is read meanwhile that would tell.
    fn poll_left(&self, look: &mut Option<Pin<Box<dyn Future<Output = ()>>>>, cx: &mut Context<'_>) {
        let later = || -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(compio::time::sleep(WATCH_INTERVAL)) };
        let timer = look.get_or_insert_with(later);
        while timer.as_mut().poll(cx).is_ready() {
            if self.link.was_left() {
                return self.shared.end(End::PeerClosed { truncated: 0 });
            }
            *timer = later();
        }
    }

    /// Reads what is there at once if more is likely there; else waits, without memory if none is pinned.
    async fn read(&mut self, mut slab: SlabMut) -> (io::Result<usize>, SlabMut) {
        if self.hot {
            match self.link.try_read(&mut slab) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return (result, slab),
            }
            // The room stays while the runtime polls: after a burst comes another.
            self.hot = false;
        }
        if let Some(result) = self.read_soon(&mut slab).await {
            return (result, slab);
        }
        // Whoever waits for long holds no room to read into.
        let held = Some(slab).filter(|slab| !slab.is_empty());
        let ready = self.link.readable().await;
        let mut slab = held.unwrap_or_else(|| self.arena.lease(SlabClass::Tiny));
        (ready.and_then(|()| self.link.try_read(&mut slab)), slab)
    }

    /// Reads what comes while the runtime polls in any case.
    async fn read_soon(&mut self, slab: &mut SlabMut) -> Option<io::Result<usize>> {
        // What is there now was seen by the read before. What a peer said before we met is answered with our greeting.
        let mut look = !std::mem::replace(&mut self.met, true);
        poll_fn(|cx| {
            if std::mem::replace(&mut look, true) {
                self.home.spin.pause();
                match self.link.try_read(slab) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(Some(result)),
                }
            }
            if self.home.spin.watches(cx.waker()) { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    /// A slab with the unconsumed bytes of `slab` and room for `need` bytes in all.
    fn room(&self, mut slab: SlabMut, need: usize) -> Result<SlabMut, monocoque_core::slab::OutOfMemory> {
        let held = slab.len();
        let wanted = if self.hot { SlabClass::Huge.bytes() } else { SlabClass::Tiny.bytes() };
        let enough = |slab: &SlabMut| {
            let room_for_more = if self.hot { wanted / 4 } else { wanted / 2 };
            slab.capacity() >= need && slab.spare_len() >= if need > held { need - held } else { room_for_more }
        };
        if enough(&slab) {
            return Ok(slab);
        }
        if held == 0 && slab.reclaim() && enough(&slab) {
            return Ok(slab);
        }
        let mut next = match SlabClass::fitting(need.max(wanted).max(held + 1)) {
            Some(class) => self.arena.lease(class),
            None => SlabMut::exact(need.max(held + 1))?,
        };
        next.extend_from_slice(slab.filled());
        Ok(next)
    }

    /// Pauses reading while the incoming pipe is full, or too much of the protocol's own waits to be written.
    /// Silence in that time is ours.
    async fn wait_for_room(&mut self) {
        let full = self.shared.incoming.borrow_mut().as_mut().is_some_and(|incoming| !incoming.has_room());
        if !full && !self.shared.is_congested() {
            return;
        }
        if self.shared.broken.get() {
            return self.read_on();
        }
        self.shared.paused.set(true);
        poll_fn(|cx| {
            self.shared.watch(cx);
            if self.shared.is_ended() || self.shared.broken.get() {
                return Poll::Ready(());
            }
            if self.shared.is_congested() {
                return Poll::Pending;
            }
            self.shared.incoming.borrow_mut().as_mut().map_or(Poll::Ready(()), |incoming| incoming.poll_room(cx))
        })
        .await;
        self.shared.paused.set(false);
        self.shared.protocol.borrow_mut().forgive(Instant::now());
    }

    /// Nothing can be written any more: only by reading on is the end found. The kernel holds no more than a bound.
    fn read_on(&mut self) {
        self.beyond += SlabClass::Huge.bytes();
        if self.beyond > BROKEN_BYTES_MAX {
            self.shared.end(End::Link(io::ErrorKind::BrokenPipe.into()));
        }
    }
}

type Timer = (Instant, Pin<Box<dyn Future<Output = ()>>>);

struct WritePump<'a, 'h, P: Protocol, L, H> {
    shared: &'a Shared<'h, P, H>,
    link: &'a L,
    home: &'a Home,
    stop: Stop,
    timer: Option<Timer>,
    turns: u32,
    /// Turns in a row in which a batch was left to grow.
    growing: u32,
}

/// What the write pump is to do next.
enum Work {
    /// Write the protocol's own bytes.
    Control,
    /// Write the batch that was taken.
    Batch,
    /// The protocol's deadline has come.
    Deadline,
    /// The outgoing pipe is finished and drained.
    Finished,
    /// The connection has ended.
    Ended,
}

impl<P: Protocol, L: Link, H: Host<P>> WritePump<'_, '_, P, L, H> {
    async fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            match poll_fn(|cx| self.poll_work(cx, &mut batch)).await {
                Work::Control => self.write_control().await,
                Work::Batch => self.write_batch(&mut batch).await,
                Work::Deadline => {
                    let paused = self.shared.paused.get();
                    self.shared.act(|protocol, out| {
                        if paused {
                            protocol.forgive(Instant::now());
                        }
                        protocol.timeout(Instant::now(), out)
                    });
                }
                Work::Finished => {
                    Box::pin(self.say_farewell()).await;
                    break;
                }
                Work::Ended => break,
            }
        }
        if !self.end_turn() && !self.shared.broken.get() {
            self.last_words();
        }
        self.link.shutdown(Shutdown::Both);
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Work> {
        self.shared.watch(cx);
        if self.shared.is_ended() {
            return Poll::Ready(Work::Ended);
        }
        if self.stop.poll_stopped(cx).is_ready() {
            self.shared.end(End::Stopped);
            return Poll::Ready(Work::Ended);
        }
        // Before the pipe, which may never be empty.
        if self.poll_deadline(cx).is_ready() {
            return Poll::Ready(Work::Deadline);
        }
        if self.shared.broken.get() {
            return Poll::Pending;
        }
        let has_control = !self.shared.control.borrow().is_empty();
        let mut outgoing = self.shared.outgoing.borrow_mut();
        if outgoing.is_none() && has_control {
            return Poll::Ready(Work::Control);
        }
        if let Some(outgoing) = &mut *outgoing {
            // Nothing goes between the halves of a message that its sender began to write.
            if has_control && !outgoing.claim_turn() {
                return Poll::Ready(Work::Control);
            }
            if self.growing < GROWING_TURNS_MAX && outgoing.is_growing() {
                self.growing += 1;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.growing = 0;
            match outgoing.poll_take(cx, batch) {
                Poll::Ready(Taken::Some) => return Poll::Ready(Work::Batch),
                Poll::Ready(_) => return Poll::Ready(Work::Finished),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.shared.protocol.borrow().deadline() else {
            self.timer = None;
            return Poll::Pending;
        };
        loop {
            // A timer that fires early is set anew; one that would fire late is replaced.
            let (at, timer) = match &mut self.timer {
                Some((at, timer)) if *at <= deadline => (*at, timer),
                stale => {
                    let sleep = Box::pin(compio::time::sleep_until(deadline));
                    let (at, timer) = stale.insert((deadline, sleep));
                    (*at, timer)
                }
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
            if at >= deadline {
                return Poll::Ready(());
            }
        }
    }

    async fn write_control(&mut self) {
        if self.shared.is_congested() {
            self.shared.wake();
        }
        let control = std::mem::take(&mut *self.shared.control.borrow_mut());
        self.write_all(control).await;
    }

    async fn write_batch(&mut self, batch: &mut Batch) {
        self.home.spin.touch();
        let mut sent = self.shared.outgoing.borrow_mut().as_mut().map_or(0, PipeReader::take_sent);
        // Views of what goes out, for what a broken link leaves unsent: a count for each segment.
        let mut views = batch.segments.clone();
        while let Some(first) = batch.segments.first() {
            let before = (batch.segments.len(), first.len());
            let mut bytes = self.shared.act(|protocol, out| {
                protocol.send(Instant::now(), batch, out)?;
                Ok(std::mem::take(&mut out.write))
            });
            let verbatim = self.shared.protocol.borrow().is_verbatim();
            advance(&mut bytes, sent);
            let wire = sent + bytes.iter().map(Bytes::len).sum::<usize>();
            let written = sent + self.write_all(bytes).await;
            if self.shared.is_ended() || self.shared.broken.get() {
                // Of what went out whole nothing is left, whatever it was on the wire.
                if written < wire {
                    keep_last(&mut views, before);
                    self.shared.put_back(&views, if verbatim { written } else { 0 });
                } else {
                    self.shared.put_back(&batch.segments, 0);
                }
                break;
            }
            sent = 0;
        }
        batch.clear();
    }

    /// Writes all of `segments` unless the connection ends or breaks before; returns how many bytes went out.
    async fn write_all(&mut self, mut segments: Vec<Bytes>) -> usize {
        let mut written = 0;
        while !segments.is_empty() && !self.shared.broken.get() && !self.shared.is_ended() {
            let count = match self.link.try_write(&segments) {
                // Boxed: an idle connection has no room for it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    Box::pin(self.wait_to_write()).await.map(|()| 0)
                }
                result => result,
            };
            match count {
                Ok(count) => {
                    written += count;
                    advance(&mut segments, count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.shared.broken.set(true);
                    self.shared.wake();
                }
            }
        }
        self.turns += 1;
        if self.turns.is_multiple_of(TURNS_MAX) {
            yield_now().await;
        }
        written
    }

    /// Waits for room to write; a stop or an end shuts the link down, which completes it.
    async fn wait_to_write(&mut self) -> io::Result<()> {
        let mut room = pin!(self.link.writable());
        let mut told = false;
        let mut watch = self.watch_timer();
        poll_fn(|cx| {
            self.shared.watch(cx);
            while watch.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
                self.shared.judge();
                watch = self.watch_timer();
            }
            if !told && self.stop.poll_stopped(cx).is_ready() {
                self.shared.end(End::Stopped);
            }
            if !told && self.shared.is_ended() {
                told = true;
                self.link.shutdown(Shutdown::Both);
            }
            room.as_mut().poll(cx)
        })
        .await
    }

    /// The next look at the peer's signs of life, if the protocol asks for any.
    fn watch_timer(&self) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
        self.shared.protocol.borrow().deadline()?;
        Some(Box::pin(compio::time::sleep(WATCH_INTERVAL)))
    }

    /// Whether a sender has begun a message that nobody will end: its rest was discarded.
    fn has_half(&self) -> bool {
        self.shared.outgoing.borrow_mut().as_mut().is_some_and(PipeReader::claim_turn)
    }

    /// Senders write no more. Whether one of them has written a message in part, which is put back then.
    fn end_turn(&mut self) -> bool {
        let mut held = self.shared.outgoing.borrow_mut();
        let Some(outgoing) = &mut *held else { return false };
        if !outgoing.end_turn() {
            return false;
        }
        let mut batch = Batch::default();
        outgoing.take(&mut batch);
        let sent = outgoing.take_sent();
        drop(held);
        self.shared.put_back(&batch.segments, sent);
        true
    }

    /// What the protocol still wanted to say, as far as the kernel takes it at once: why we close.
    fn last_words(&self) {
        let control = std::mem::take(&mut *self.shared.control.borrow_mut());
        if !control.is_empty() {
            // The connection is over either way.
            let _ = self.link.try_write(&control);
        }
    }

    /// Everything is written: tells the peer, and gives it time to read and close.
    async fn say_farewell(&mut self) {
        self.shared.act(|protocol, out| {
            protocol.finish(out);
            Ok(())
        });
        if !self.has_half() {
            self.write_control().await;
        }
        let parted = self.link.is_acknowledged();
        self.link.shutdown(Shutdown::Write);
        if parted {
            self.shared.host.borrow_mut().parted();
        }
        let mut patience = pin!(compio::time::sleep(FAREWELL));
        poll_fn(|cx| {
            self.shared.watch(cx);
            // Whoever closes may stop the rest as soon as it hears that we parted.
            if self.shared.is_ended() || (!parted && self.stop.poll_stopped(cx).is_ready()) {
                return Poll::Ready(());
            }
            patience.as_mut().poll(cx)
        })
        .await;
        *self.shared.end.borrow_mut() = Some(End::Finished);
        self.shared.wake();
    }
}

/// Drops the first `count` bytes of `segments`.
fn advance(segments: &mut Vec<Bytes>, mut count: usize) {
    let whole = segments
        .iter()
        .take_while(|segment| {
            let fits = segment.len() <= count;
            count -= if fits { segment.len() } else { 0 };
            fits
        })
        .count();
    segments.drain(..whole);
    if let Some(first) = segments.first_mut() {
        first.advance(count);
    }
}

/// Leaves the last `count` segments, and of the first of those the last `first_len` bytes.
fn keep_last(segments: &mut Vec<Bytes>, (count, first_len): (usize, usize)) {
    segments.drain(..segments.len() - count);
    let first = &mut segments[0];
    first.advance(first.len() - first_len);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_dropped_to_the_byte() {
        let all = [&b"abc"[..], b"d", b"efgh"];
        let total = all.iter().map(|segment| segment.len()).sum::<usize>();
        for count in 0..=total {
            let mut segments = all.map(Bytes::from_static).to_vec();
            advance(&mut segments, count);
            assert_eq!(segments.concat(), b"abcdefgh"[count..]);
            assert!(segments.iter().all(|segment| !segment.is_empty()), "{count}: {segments:?}");
        }
    }

    #[test]
    fn empty_segments_do_not_hold_the_rest_up() {
        let mut segments = vec![Bytes::new(), Bytes::from_static(b"ab"), Bytes::new()];
        advance(&mut segments, 1);
        assert_eq!(segments.concat(), b"b");
        advance(&mut segments, 1);
        assert!(segments.is_empty(), "{segments:?}");
    }

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
        runtime.block_on(async { both(pin!(half('a', 1)), pin!(half('b', 3))).await });
        assert_eq!(steps.into_inner(), ['a', 'b', 'b', 'b']);
    }
}
