//! The write pump: from the outgoing pipe through the protocol to the link.

use std::future::{Future, poll_fn};
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use monocoque_core::Protocol;
use monocoque_core::batch::Batch;
use monocoque_core::pipe::{BatchSource, Taken};

use super::shared::{Shared, TURNS_MAX, WATCH_INTERVAL};
use super::{End, Host, yield_now};
use crate::link::Link;
use crate::placement::Home;
use crate::stop::Stop;

/// How long a finished connection waits for the peer to close its side, so that nothing is reset away.
const FAREWELL: Duration = Duration::from_millis(500);
/// Turns for which the write pump leaves what it could take to a sender that has more to answer.
const GROWING_TURNS_MAX: u32 = 16;

type Timer = (Instant, Pin<Box<dyn Future<Output = ()>>>);

pub(super) struct WritePump<'a, P: Protocol, L, H> {
    pub(super) shared: &'a Shared<P, H>,
    pub(super) link: &'a L,
    pub(super) home: &'a Home,
    pub(super) stop: Stop,
    pub(super) timer: Option<Timer>,
    pub(super) turns: u32,
    /// Turns in a row in which a batch was left to grow.
    pub(super) growing: u32,
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

impl<P: Protocol, L: Link, H: Host<P>> WritePump<'_, P, L, H> {
    pub(super) async fn run(&mut self) {
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
        let mut sent = self.shared.outgoing.borrow_mut().as_mut().map_or(0, BatchSource::take_sent);
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
}
