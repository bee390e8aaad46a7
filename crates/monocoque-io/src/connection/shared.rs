//! What both pumps of a connection see, and what they do on behalf of either.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use monocoque_core::Protocol;
use monocoque_core::batch::{Batch, unsent};
use monocoque_core::pipe::{BatchSink, BatchSource, WriteThrough};
use monocoque_core::protocol::{Output, ProtocolError};

use super::{End, Ended, Host, scratch};

/// Bytes of the protocol's own that may wait to be written before reading pauses: a peer that asks and never reads
/// must not fill our memory with answers.
pub(super) const CONTROL_BYTES_MAX: usize = 64 * 1024;
/// How often a write that waits looks at the peer's signs of life.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Writes or reads in a row before the other tasks of the thread get their turn.
pub(super) const TURNS_MAX: u32 = 4;

/// What both pumps see. They run in one task, so a waker of one is a waker of the other.
pub(super) struct Shared<P: Protocol, H> {
    pub(super) protocol: RefCell<P>,
    pub(super) host: RefCell<H>,
    /// Bytes of the protocol's own, to be written before any batch.
    pub(super) control: RefCell<Vec<Bytes>>,
    pub(super) outgoing: RefCell<Option<BatchSource>>,
    pub(super) incoming: RefCell<Option<BatchSink>>,
    /// Boxed: an idle connection has none.
    pub(super) end: RefCell<Option<Box<End<P::Error>>>>,
    pub(super) was_ready: Cell<bool>,
    /// Messages given up because links kept breaking within them.
    pub(super) cut: Cell<usize>,
    /// Messages were delivered since this was last looked at.
    pub(super) delivered: Cell<bool>,
    /// Messages were delivered since a batch was taken last.
    pub(super) heard: Cell<bool>,
    /// Messages in a row that came one by one, each after something was written.
    pub(super) calm: Cell<u32>,
    /// The peer's turns so far in a conversation: what it said at once, one message or several, between what was written.
    pub(super) talk: Cell<u32>,
    /// Of them, those since something was written.
    pub(super) unasked: Cell<u32>,
    /// It is to be lent to who waits for messages, when it is idle.
    pub(super) lends: Cell<bool>,
    /// Reading waits for room in the incoming pipe.
    pub(super) paused: Cell<bool>,
    /// The read pump waits for the peer, and holds nothing.
    pub(super) read_waits: Cell<bool>,
    /// The write pump waits for something to write, and for no deadline.
    pub(super) write_waits: Cell<bool>,
    /// A write has failed. Nothing more is written; the read side finds what the peer still sent, and the end.
    pub(super) broken: Cell<bool>,
    pub(super) task: RefCell<Option<Waker>>,
    /// What senders may write to while the write pump waits.
    pub(super) turn: Option<Arc<dyn WriteThrough>>,
}

/// What is left of it while nothing is to be done.
pub(super) struct Quiet<P, H> {
    protocol: P,
    host: H,
    outgoing: Option<BatchSource>,
    incoming: Option<BatchSink>,
    cut: usize,
}

impl<P, H> Quiet<P, H> {
    /// Has `waker` called when there is something to write; whether there is nothing by now.
    pub(super) fn waits_for(&self, waker: &Waker) -> bool {
        self.incoming.iter().for_each(BatchSink::rest);
        self.outgoing.as_ref().is_some_and(|outgoing| outgoing.waits_for(waker))
    }
}

impl<P: Protocol, H: Host<P>> Shared<P, H> {
    /// Of one that was quiet, and so is ready, and has lent its turn.
    pub(super) fn of_quiet(quiet: Quiet<P, H>) -> Self {
        let Quiet { protocol, host, outgoing, incoming, cut } = quiet;
        Self {
            outgoing: RefCell::new(outgoing),
            incoming: RefCell::new(incoming),
            was_ready: Cell::new(true),
            cut: Cell::new(cut),
            ..Self::new(protocol, host, None)
        }
    }

    /// Of one that is [idle](Self::is_idle).
    pub(super) fn into_quiet(self) -> Quiet<P, H> {
        debug_assert!(self.control.borrow().is_empty() && !self.is_ended(), "there is something to do");
        Quiet {
            protocol: self.protocol.into_inner(),
            host: self.host.into_inner(),
            outgoing: self.outgoing.into_inner(),
            incoming: self.incoming.into_inner(),
            cut: self.cut.into_inner(),
        }
    }

    pub(super) fn new(protocol: P, host: H, turn: Option<Arc<dyn WriteThrough>>) -> Self {
        Self {
            protocol: RefCell::new(protocol),
            host: RefCell::new(host),
            control: RefCell::default(),
            outgoing: RefCell::default(),
            incoming: RefCell::default(),
            end: RefCell::default(),
            was_ready: Cell::new(false),
            cut: Cell::new(0),
            delivered: Cell::new(false),
            heard: Cell::new(false),
            calm: Cell::new(0),
            talk: Cell::new(0),
            unasked: Cell::new(0),
            lends: Cell::new(false),
            paused: Cell::new(false),
            read_waits: Cell::new(false),
            write_waits: Cell::new(false),
            broken: Cell::new(false),
            task: RefCell::default(),
            turn,
        }
    }

    pub(super) fn into_ended(self) -> (H, Ended<P::Error>) {
        let ended = Ended {
            end: self.end.into_inner().map_or(End::Stopped, |end| *end),
            outgoing: self.outgoing.into_inner(),
            was_ready: self.was_ready.get(),
            cut: self.cut.get(),
        };
        (self.host.into_inner(), ended)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Whether nothing is to be done until the task is woken.
    pub(super) fn is_idle(&self) -> bool {
        self.read_waits.get() && self.write_waits.get()
    }

    /// Whether too much of the protocol's own waits to be written.
    pub(super) fn is_congested(&self) -> bool {
        self.control.borrow().iter().map(Bytes::len).sum::<usize>() > CONTROL_BYTES_MAX
    }

    /// Ends the connection; the first reason stays.
    pub(super) fn end(&self, end: End<P::Error>) {
        self.end.borrow_mut().get_or_insert_with(|| Box::new(end));
        self.wake();
    }

    /// Has the task polled again: the other pump may have work now.
    pub(super) fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    pub(super) fn watch(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }

    /// Calls the protocol and does what it wants done.
    pub(super) fn act<T: Default>(&self, call: impl FnOnce(&mut P, &mut Output<P::Peer>) -> Result<T, P::Error>) -> T {
        let mut out = Output { deliver: scratch::take(), ..Output::default() };
        let mut protocol = self.protocol.borrow_mut();
        let before = protocol.deadline();
        let result = call(&mut protocol, &mut out);
        let deadline = protocol.deadline();
        drop(protocol);
        if deadline.is_some_and(|at| before.is_none_or(|before| at < before)) {
            // The timer is the write pump's.
            self.wake();
        }
        if !out.write.is_empty() {
            self.control.borrow_mut().append(&mut out.write);
            self.wake();
        }
        if let Some(peer) = out.ready.take() {
            self.ready(peer);
        }
        if !out.deliver.is_empty() {
            self.deliver(&mut out.deliver);
        }
        scratch::give_back(out.deliver);
        result.unwrap_or_else(|error| {
            match error.is_end() {
                true => self.end_by_peer(End::PeerClosed { truncated: 0 }),
                false => self.end(End::Protocol(error)),
            }
            T::default()
        })
    }

    /// The peer has ended the connection: as the protocol understands it, if it does.
    pub(super) fn end_by_peer(&self, end: End<P::Error>) {
        let why = self.protocol.borrow().left();
        self.end(why.map_or(end, End::Protocol));
    }

    /// Looks at the peer's signs of life while nothing can be written. Silence that we cause is forgiven.
    pub(super) fn judge(&self) {
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

    pub(super) fn ready(&self, peer: P::Peer) {
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
    pub(super) fn put_back(&self, taken: &[Bytes], written: usize) {
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

    /// Whether the next message is to be sent by itself, where the bytes of the wire are made.
    pub(super) fn takes_single(&self) -> bool {
        let is_made = !self.protocol.borrow().is_verbatim();
        is_made && self.outgoing.borrow_mut().as_mut().is_some_and(BatchSource::take_single)
    }

    /// [`put_back`](Self::put_back) where the bytes of the wire were made, and some of them went out if it `began`. Any message of
    /// `taken` may be the one in which the link broke, so they are sent one by one the next time; of a `single` one it is known, and
    /// whether others `passed` before it.
    pub(super) fn put_back_made(&self, taken: &[Bytes], began: bool, single: bool, passed: bool) {
        let mut outgoing = self.outgoing.borrow_mut();
        let Some(outgoing) = &mut *outgoing else { return };
        let rest = unsent(taken, 0);
        if began || single {
            outgoing.send_singly(rest.messages);
        }
        if began && single {
            self.cut.set(self.cut.get() + outgoing.put_back_cut(rest, passed));
        } else {
            outgoing.put_back(rest);
        }
    }

    pub(super) fn deliver(&self, batch: &mut Batch) {
        self.calm.set(if batch.messages == 1 { self.calm.get().saturating_add(1) } else { 0 });
        if let Some(incoming) = &mut *self.incoming.borrow_mut() {
            let lost = incoming.append(batch);
            self.host.borrow_mut().delivered(incoming, lost);
        }
        self.delivered.set(true);
        self.heard.set(true);
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::protocol::{Blame, Need, ProtocolError};
    use monocoque_core::slab::SlabMut;

    use super::super::Pipes;
    use super::*;
    use crate::wakes::Wakes;

    /// Has a deadline, and does nothing.
    struct Timed(Option<Instant>);

    #[derive(Debug, Clone, thiserror::Error)]
    #[error("never")]
    struct Never;

    impl ProtocolError for Never {
        fn blame(&self) -> Blame {
            Blame::PeerMisbehaved
        }
    }

    impl Protocol for Timed {
        type Peer = ();
        type Error = Never;

        fn connected(&mut self, _now: Instant, _out: &mut Output<()>) {}

        fn received(&mut self, _now: Instant, _input: &mut SlabMut, _out: &mut Output<()>) -> Result<Need, Never> {
            Ok(Need(0))
        }

        fn send(&mut self, _now: Instant, _batch: &mut Batch, _out: &mut Output<()>) -> Result<(), Never> {
            Ok(())
        }

        fn deadline(&self) -> Option<Instant> {
            self.0
        }

        fn timeout(&mut self, _now: Instant, _out: &mut Output<()>) -> Result<(), Never> {
            Ok(())
        }
    }

    struct Nobody;

    impl Host<Timed> for Nobody {
        fn ready(&mut self, (): ()) -> Option<Pipes> {
            None
        }
    }

    #[test]
    fn a_deadline_that_comes_nearer_wakes_the_task_whose_timer_is_set_for_later() {
        let shared = Shared::new(Timed(None), Nobody, None);
        let wakes = Arc::new(Wakes::default());
        shared.watch(&Context::from_waker(&wakes.waker()));
        let soon = Instant::now();
        let later = soon + Duration::from_secs(1);
        let steps = [(None, 0), (Some(later), 1), (Some(later), 1), (Some(soon), 2), (Some(later), 2), (None, 2)];
        for (step, (deadline, woken)) in steps.into_iter().enumerate() {
            shared.act(|protocol, _| {
                protocol.0 = deadline;
                Ok(())
            });
            assert_eq!(wakes.count(), woken, "step {step}");
        }
    }
}
