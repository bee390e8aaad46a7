//! The write pump: from the outgoing pipe through the protocol to the link.

use std::future::{Future, poll_fn};
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use monocoque_core::Protocol;
use monocoque_core::batch::{Batch, split_first};
use monocoque_core::pipe::{BatchSource, Taken};

use super::patience::Patience;
use super::shared::{Shared, TURNS_MAX, WATCH_INTERVAL};
use super::{End, Host, scratch, yield_now};
use crate::link::Link;
use crate::placement::Home;
use crate::stop::Stop;

/// How long a finished connection waits for the peer to close its side, so that nothing is reset away.
const FAREWELL: Duration = Duration::from_millis(500);

type Timer = (Instant, Pin<Box<dyn Future<Output = ()>>>);

pub(super) struct WritePump<'a, P: Protocol, L, H> {
    shared: &'a Shared<P, H>,
    link: &'a L,
    home: &'a Home,
    stop: &'a mut Stop,
    timer: Option<Timer>,
    kept: &'a mut Kept,
    /// The link ends within what was made for it.
    torn: bool,
}

/// What a connection that is idle keeps of its writing.
#[derive(Default)]
pub(super) struct Kept {
    patience: Patience,
    /// Writes.
    turns: u32,
}

/// What the write pump is to do next.
enum Work {
    /// Write the protocol's own bytes.
    Control,
    /// Write the batch that was taken, behind what the protocol has to say.
    Batch(Batch),
    /// The protocol's deadline has come.
    Deadline,
    /// The outgoing pipe is finished and drained.
    Finished,
    /// The connection has ended.
    Ended,
}

/// Why writing pauses.
#[derive(Debug, Clone, Copy)]
enum Pause {
    /// The link takes no more now.
    Full,
    /// The other tasks of the thread have their turn.
    Turn,
}

/// What is left to be written.
type Rest<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What is being written.
#[derive(Debug, Default)]
struct Sending {
    /// What is left of the wire's bytes that were made last.
    bytes: Vec<Bytes>,
    /// Of those, how many went out, and how many there were.
    written: usize,
    wire: usize,
    /// Segments that were left of the batch when they were made, and bytes of the first.
    before: (usize, usize),
    /// Of those in front, how many the protocol had said of its own.
    said: usize,
    /// They are of one message.
    single: bool,
    /// Others of the batch went out before them.
    passed: bool,
    /// What the protocol has not taken yet.
    batch: Batch,
    /// Bytes of it that its sender has written.
    sent: usize,
    /// Views of the batch as it was, for what a broken link leaves unsent: a count for each segment.
    views: Vec<Bytes>,
}

impl Sending {
    fn batch(batch: Batch, sent: usize) -> Self {
        Self { views: batch.segments.clone(), batch, sent, ..Self::default() }
    }

    fn is_out(&self) -> bool {
        self.bytes.is_empty() && self.batch.segments.is_empty()
    }

    fn end(self) {
        scratch::give_back(self.batch);
    }
}

impl<'a, P: Protocol, L: Link, H: Host<P>> WritePump<'a, P, L, H> {
    pub(super) fn new(
        shared: &'a Shared<P, H>,
        link: &'a L,
        home: &'a Home,
        stop: &'a mut Stop,
        kept: &'a mut Kept,
    ) -> Self {
        Self { shared, link, home, stop, timer: None, kept, torn: false }
    }

    pub(super) async fn run(&mut self) {
        loop {
            let turns = self.kept.turns;
            match poll_fn(|cx| self.poll_work(cx)).await {
                Work::Control => {
                    if let Some(rest) = self.write_control() {
                        rest.await;
                    }
                }
                Work::Batch(batch) => {
                    self.home.spin.touch();
                    if let Some(rest) = self.write(Sending::batch(batch, self.take_sent())) {
                        rest.await;
                    }
                }
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
            if self.kept.turns != turns && self.kept.turns.is_multiple_of(TURNS_MAX) {
                yield_now().await;
            }
        }
        if !self.end_turn() && !self.torn && !self.shared.broken.get() {
            self.last_words();
        }
        self.link.shutdown(Shutdown::Both);
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Work> {
        self.shared.watch(cx);
        self.shared.write_waits.set(false);
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
                let mut batch = scratch::take();
                if outgoing.take_along(&mut batch) {
                    return Poll::Ready(self.took(batch));
                }
                scratch::give_back(batch);
                return Poll::Ready(Work::Control);
            }
            if self.kept.patience.lasts_with_answers() && outgoing.is_growing() {
                self.kept.patience.wait_for_answers();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // On other threads than its sender's a batch grows while the one before is written. What may be an answer is waited for.
            if self.home.is_local
                && !self.shared.heard.get()
                && self.kept.patience.lasts_with_streams()
                && outgoing.leave_stream().is_some_and(|messages| self.kept.patience.leaves(messages))
                && self.home.spin.next_turn(cx.waker())
            {
                self.home.spin.touch();
                return Poll::Pending;
            }
            let mut batch = scratch::take();
            match outgoing.poll_take(cx, &mut batch) {
                Poll::Ready(Taken::Some) => return Poll::Ready(self.took(batch)),
                Poll::Ready(_) => return Poll::Ready(Work::Finished),
                Poll::Pending => {
                    self.kept.patience.rest();
                    scratch::give_back(batch);
                    self.shared.write_waits.set(!has_control && self.timer.is_none());
                }
            }
        }
        Poll::Pending
    }

    fn took(&mut self, batch: Batch) -> Work {
        self.kept.patience.took();
        self.shared.heard.set(false);
        if batch.messages > 1 {
            self.home.spin.note(false);
        }
        Work::Batch(batch)
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

    fn write_control(&mut self) -> Option<Rest<'_>> {
        let bytes = self.take_control();
        self.write(Sending { bytes, ..Sending::default() })
    }

    fn take_control(&self) -> Vec<Bytes> {
        if self.shared.is_congested() {
            self.shared.wake();
        }
        std::mem::take(&mut *self.shared.control.borrow_mut())
    }

    fn take_sent(&self) -> usize {
        self.shared.outgoing.borrow_mut().as_mut().map_or(0, BatchSource::take_sent)
    }

    /// Writes `sending`, as far as that needs no waiting: what is left to be done is on the heap, for an idle connection has no
    /// room for it.
    fn write(&mut self, mut sending: Sending) -> Option<Rest<'_>> {
        match self.proceed(&mut sending) {
            None => {
                sending.end();
                None
            }
            Some(pause) => Some(Box::pin(self.write_rest(sending, pause))),
        }
    }

    async fn write_rest(&mut self, mut sending: Sending, mut pause: Pause) {
        loop {
            match pause {
                Pause::Turn => yield_now().await,
                Pause::Full => {
                    let waited = self.wait_to_write().await;
                    waited.unwrap_or_else(|error| self.fail(&error));
                }
            }
            match self.proceed(&mut sending) {
                None => break,
                Some(next) => pause = next,
            }
        }
        sending.end();
    }

    /// Writes until all of `sending` is out or cannot be sent any more, or something has to be waited for.
    fn proceed(&mut self, sending: &mut Sending) -> Option<Pause> {
        while !sending.is_out() {
            if sending.bytes.is_empty() {
                if self.is_over() {
                    // What the protocol has said of that is its last word.
                    self.take_back(sending);
                    return None;
                }
                self.encode(sending);
            }
            while !sending.bytes.is_empty() && !self.is_over() {
                match self.link.try_write(&sending.bytes) {
                    Ok(count) => {
                        sending.written += count;
                        advance(&mut sending.bytes, count);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(Pause::Full),
                    Err(error) => self.fail(&error),
                }
            }
            if self.is_over() {
                self.take_back(sending);
                return None;
            }
            self.kept.turns = self.kept.turns.wrapping_add(1);
            if self.kept.turns.is_multiple_of(TURNS_MAX) && !sending.is_out() {
                return Some(Pause::Turn);
            }
        }
        None
    }

    /// Has the protocol make bytes of the wire of what comes next.
    fn encode(&self, sending: &mut Sending) {
        let batch = &mut sending.batch;
        let Some(first) = batch.segments.first() else { return };
        sending.before = (batch.segments.len(), first.len());
        sending.passed = sending.wire > 0;
        // What the protocol has said so far was made before what it makes now: boxes are counted, and so are records. Nothing
        // goes between the halves of a message that its sender began to write.
        let mut said = if sending.sent == 0 { self.take_control() } else { Vec::new() };
        sending.said = said.iter().map(Bytes::len).sum();
        sending.single = self.shared.takes_single();
        let made = self.shared.act(|protocol, out| {
            if sending.single {
                protocol.send(Instant::now(), &mut split_first(&mut batch.segments), out)?;
            } else {
                protocol.send(Instant::now(), batch, out)?;
            }
            Ok(std::mem::take(&mut out.write))
        });
        sending.bytes = if said.is_empty() {
            made
        } else {
            said.extend(made);
            said
        };
        sending.written = std::mem::take(&mut sending.sent);
        advance(&mut sending.bytes, sending.written);
        sending.wire = sending.written + sending.bytes.iter().map(Bytes::len).sum::<usize>();
    }

    /// The link is lost or the connection over: puts back what did not go out whole, whatever it was on the wire.
    fn take_back(&mut self, sending: &mut Sending) {
        if sending.written < sending.wire {
            self.torn = true;
            keep_last(&mut sending.views, sending.before);
            let written = sending.written.saturating_sub(sending.said);
            if self.shared.protocol.borrow().is_verbatim() {
                self.shared.put_back(&sending.views, written);
            } else {
                self.shared.put_back_made(&sending.views, written > 0, sending.single, sending.passed);
            }
        } else {
            self.shared.put_back(&sending.batch.segments, 0);
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_ended() || self.shared.broken.get()
    }

    /// A write has failed: of whatever is written next, too, unless it was only interrupted.
    fn fail(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::Interrupted {
            self.shared.broken.set(true);
            self.shared.wake();
        }
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
        self.shared.outgoing.borrow_mut().as_mut().is_some_and(BatchSource::claim_turn)
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
        if !self.has_half()
            && let Some(rest) = self.write_control()
        {
            rest.await;
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
        *self.shared.end.borrow_mut() = Some(Box::new(End::Finished));
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
}
