//! The reading end of a batch: messages are parsed out of it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Batch, Found, SEGMENTS_KEPT_MAX, Unit};
use crate::limits::SPENT_BYTES_MAX;
use crate::message::FRAMES_FEW;
use crate::wire::Header;
use crate::{Frame, Message};
/// Parses messages out of batches: the reading end.
#[derive(Debug, Default)]
pub(crate) struct BatchReader {
    segments: VecDeque<Bytes>,
    bodies: VecDeque<Bytes>,
    current: Bytes,
    at: usize,
    /// Bodies that were read over, in a batch whose bodies lie apart. Their sender may hold them too, and works with their
    /// counts on another core: they are let go of together.
    spent: Vec<Bytes>,
    spent_bytes: usize,
}

impl BatchReader {
    /// Adds the segments of `batch` behind what is left.
    pub(crate) fn refill(&mut self, batch: &mut Batch) {
        self.segments.extend(batch.segments.drain(..));
        self.bodies.extend(batch.bodies.drain(..));
        batch.clear();
    }

    /// Whether its lists are worth keeping for others.
    pub(crate) fn is_small(&self) -> bool {
        let lists = [self.segments.capacity(), self.bodies.capacity(), self.spent.capacity()];
        lists.iter().all(|&capacity| capacity <= SEGMENTS_KEPT_MAX)
    }

    /// The reader is drained: nothing of what it read stays in memory because of it.
    pub(crate) fn let_go(&mut self) {
        debug_assert!(self.segments.is_empty() && self.at == self.current.len(), "there is more to read");
        (self.current, self.at) = (Bytes::new(), 0);
        self.forget();
    }

    /// Lets go of a body that was read over: at the end of the batch, or when so many were that it is worth it.
    #[inline]
    fn spend(&mut self, body: Bytes) {
        self.spent_bytes += body.len();
        self.spent.push(body);
        if self.spent_bytes >= SPENT_BYTES_MAX {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.spent.clear();
        self.spent_bytes = 0;
    }

    /// Reads the next message or command into `into`; `None` when the reader is drained.
    ///
    /// In place, because a message that is returned is copied by every hand it passes through.
    ///
    /// # Panics
    /// If the batch breaks its invariant: whoever fills a batch has validated it.
    #[inline]
    pub(crate) fn next_into(&mut self, into: &mut Message) -> Option<Found> {
        let header = self.next_frame(into.only_frame())?;
        if header.command() {
            return Some(Found::Command);
        }
        if header.more() {
            self.read_rest(into);
        }
        Some(Found::Message)
    }

    fn read_rest(&mut self, into: &mut Message) {
        let mut frames = Vec::with_capacity(FRAMES_FEW);
        frames.push(std::mem::take(into.only_frame()));
        loop {
            let mut frame = Frame::new();
            let header = self.next_frame(&mut frame).expect("a batch holds whole messages");
            frames.push(frame);
            if !header.more() {
                *into = frames.into();
                return;
            }
        }
    }

    /// The next message or command; `None` when the reader is drained.
    pub(crate) fn next_unit(&mut self) -> Option<Unit> {
        let mut message = Message::new();
        self.next_into(&mut message).map(|found| found.unit(message))
    }

    #[inline]
    fn next_frame(&mut self, into: &mut Frame) -> Option<Header> {
        if self.at == self.current.len() {
            self.current = self.segments.pop_front()?;
            self.at = 0;
        }
        let header = Header::parse(&self.current[self.at..]).expect("a header lies whole in its segment");
        self.at += header.header_len;
        let len = header.body_len as usize;
        let apart = header.apart();
        if apart || (self.at == self.current.len() && len > 0) {
            self.read_reference(into, apart, len);
        } else {
            into.assign(&self.current, self.at, len);
            self.at += len;
        }
        Some(header)
    }

    /// Reads a body of `len` bytes that is a segment of its own, or lies apart.
    #[inline(never)]
    fn read_reference(&mut self, into: &mut Frame, apart: bool, len: usize) {
        let row = if apart { &mut self.bodies } else { &mut self.segments };
        let body = row.pop_front().expect("a body follows its header");
        assert_eq!(body.len(), len, "a body of its own segment fills it");
        if let Some(before) = into.replace(body)
            && apart
        {
            self.spend(before);
        }
    }
}
