//! The reading end as a link's write pump holds it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::state::{Shared, State, keep, wake};
use super::{Taken, WriteThrough};
use crate::batch::{Batch, without_first};
use crate::limits::CUTS_MAX;
use crate::load::Load;

/// The reading end of a pipe that takes whole batches, which it does not parse: a link's.
#[derive(Debug)]
pub struct BatchSource {
    pub(super) shared: Arc<Shared>,
    /// Connections in a row that broke within the message now in front.
    cuts: u32,
    /// What is in front was put back and not taken since.
    returned: bool,
    /// Messages in front that are to be sent one by one.
    singly: usize,
    /// Bytes of what was taken last that the writer had written already.
    sent: usize,
}

impl BatchSource {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, cuts: 0, returned: false, singly: 0, sent: 0 }
    }

    /// Takes everything queued into `batch`, which must be empty, and credits the writer for it.
    pub fn take(&mut self, batch: &mut Batch) -> Taken {
        self.take_or(batch, State::nothing)
    }

    /// [`take`](Self::take) for who has something to write in any case: if nothing is queued, the turn stays with it. Whether
    /// something was.
    pub fn take_along(&mut self, batch: &mut Batch) -> bool {
        self.take_or(batch, |_| Taken::Empty) == Taken::Some
    }

    fn take_or(&mut self, batch: &mut Batch, nothing: impl FnOnce(&mut State) -> Taken) -> Taken {
        let mut state = self.shared.lock_ready();
        if state.queue.is_empty() {
            return nothing(&mut state);
        }
        if !std::mem::take(&mut self.returned) {
            // What was taken before went out, or this would not be called.
            self.cuts = 0;
        }
        state.queue.take(batch);
        state.take_turn();
        self.sent = std::mem::take(&mut state.sent);
        let waker = self.shared.credit(&mut state, Load { messages: batch.messages, bytes: batch.bytes });
        drop(state);
        wake(waker);
        Taken::Some
    }

    /// [`take`](Self::take) for a task; pending while the pipe is empty.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Taken> {
        match self.take(batch) {
            Taken::Empty => {}
            taken => return Poll::Ready(taken),
        }
        self.set_waker(cx.waker());
        match self.take(batch) {
            Taken::Empty => Poll::Pending,
            taken => Poll::Ready(taken),
        }
    }

    /// Whether there is something to take, of which more is likely to come in the same breath: the writer's application
    /// is answering one of several messages.
    pub fn is_growing(&self) -> bool {
        let state = self.shared.lock();
        state.answers_several() && (!state.queue.is_empty() || state.holds_back())
    }

    /// The messages that there are to take, if several were pushed in a row, and as many more would still be within the mark and
    /// in one write. They may be left for a while: whoever has no room for more has the turn.
    pub fn leave_stream(&mut self) -> Option<usize> {
        if !self.shared.lock().holds_back() {
            return None;
        }
        let mut state = self.shared.lock_ready();
        let messages = state.may_grow().then(|| state.queue.messages())?;
        state.turn_is_out = false;
        Some(messages)
    }

    /// Bytes in front of the batch that was taken last that the writer has written to the link already.
    pub fn take_sent(&mut self) -> usize {
        std::mem::take(&mut self.sent)
    }

    /// For who is silent: has `waker` called from here on, and gives up what an empty queue needs not. Whether it will be
    /// called: nothing has come since the pipe was found empty, and something may.
    pub fn waits_for(&self, waker: &Waker) -> bool {
        let mut state = self.shared.lock();
        keep(&mut state.reader, waker);
        state.queue.rest();
        state.waits()
    }

    /// Whether nothing has come since the pipe was found empty, and the waker will be called when something does.
    pub fn waits(&self) -> bool {
        self.shared.lock().waits()
    }

    /// Lets the writer write to `link` itself, from the next time on that [`take`](Self::take) finds nothing.
    pub fn lend_turn(&mut self, link: Arc<dyn WriteThrough>) {
        let mut state = self.shared.lock();
        state.turn = Some(link);
        state.sent = 0;
        state.take_turn();
    }

    /// Whoever reads is elsewhere from here on, and lets the writer [write](Self::lend_turn) what is little: of several answers that
    /// its application has in hand all with the last, unless that is long in coming. Whoever stands in for the reader sees to what
    /// is left by one that does not come ([`write_left`](Self::write_left)).
    pub fn go_away(&self) {
        self.shared.lock().reader_is_away = true;
    }

    /// Whoever reads is here again, and takes what is left.
    pub fn come_back(&self) {
        let mut state = self.shared.lock();
        (state.reader_is_away, state.is_left) = (false, false);
    }

    /// Writes what has been left to a later message for `least`; if there is anything, whether all of it went out.
    pub fn write_left(&self, least: Duration) -> Option<bool> {
        let mut state = self.shared.lock();
        let is_due = |turn: &Arc<dyn WriteThrough>| least.is_zero() || turn.left_for() >= least;
        state.turn.as_ref().filter(|turn| is_due(turn))?;
        let (is_out, waiting) = self.shared.write_left(&mut state)?;
        drop(state);
        wake(waiting);
        Some(is_out)
    }

    /// Takes the turn back, until [`take`](Self::take) finds nothing again. Whether the writer has written a message
    /// in part: then the rest, which `take` gives, has to be written before anything else.
    pub fn claim_turn(&mut self) -> bool {
        let mut state = self.shared.lock();
        state.take_turn();
        state.sent > 0
    }

    /// The link is lost: takes the turn back for good. What [`claim_turn`](Self::claim_turn) says.
    pub fn end_turn(&mut self) -> bool {
        self.shared.lock().turn = None;
        self.claim_turn()
    }

    /// Puts messages that were taken and not sent before everything else that is queued.
    pub fn put_back(&mut self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        self.returned = true;
        self.shared.put_back(batch);
    }

    /// [`put_back`](Self::put_back), when the link broke within the first message of `batch`; `passed` says that
    /// messages before it went out whole.
    ///
    /// A message in which [`CUTS_MAX`] connections in a row broke is given up. Returns how many were: one or none.
    pub fn put_back_cut(&mut self, batch: Batch, passed: bool) -> usize {
        self.cuts = if passed { 1 } else { self.cuts + 1 };
        if self.cuts < CUTS_MAX {
            self.put_back(batch);
            return 0;
        }
        self.cuts = 0;
        self.put_back(without_first(&batch));
        1
    }

    /// The next messages, as many, are to be sent [one by one](Self::take_single): the link broke in one of them, and it is not known in
    /// which.
    pub fn send_singly(&mut self, messages: usize) {
        self.singly = messages;
    }

    /// Whether the next message is to be sent by itself; it is one less then.
    pub fn take_single(&mut self) -> bool {
        let single = self.singly > 0;
        self.singly -= usize::from(single);
        single
    }

    /// Messages that wait in the pipe.
    pub fn queued(&self) -> usize {
        self.shared.lock_whole().queue.messages()
    }

    /// Who is to be called when something arrives in a pipe that was found empty, or it is finished.
    pub fn set_waker(&self, waker: &Waker) {
        keep(&mut self.shared.lock().reader, waker);
    }
}

impl Drop for BatchSource {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}
