//! The least that a message costs anybody: it is copied behind a header of its own, sent in full writes, found by its
//! header and copied into memory of the caller's. No queue, no routing, no other thread.

use bench_common::{Failure, Outcome};

use crate::link::Stream;

/// Of a long frame's header, the longer one.
const HEADER_BYTES_MAX: usize = 9;
const LONG: u8 = 2;

/// Both directions of one stream.
pub struct Framed {
    /// Written, and read, at a time.
    chunks: (usize, usize),
    outbox: Vec<u8>,
    inbox: Vec<u8>,
    /// What was read and not looked at.
    unread: std::ops::Range<usize>,
    body: Vec<u8>,
}

impl Framed {
    /// For bodies of `size` bytes, and so many bytes written and read at a time.
    pub fn new(size: usize, chunks: (usize, usize)) -> Self {
        let frame_bytes_max = HEADER_BYTES_MAX + size;
        Self {
            chunks,
            outbox: Vec::with_capacity(chunks.0 + frame_bytes_max),
            inbox: vec![0; chunks.1 + frame_bytes_max],
            unread: 0..0,
            body: Vec::with_capacity(size),
        }
    }

    /// Encodes one message, and writes when there is enough for a write.
    #[inline]
    pub fn send(&mut self, stream: &mut Stream, body: &[u8]) -> Outcome {
        match u8::try_from(body.len()) {
            Ok(length) => self.outbox.extend_from_slice(&[0, length]),
            Err(_) => {
                self.outbox.push(LONG);
                self.outbox.extend_from_slice(&(body.len() as u64).to_be_bytes());
            }
        }
        self.outbox.extend_from_slice(body);
        if self.outbox.len() >= self.chunks.0 {
            stream.write_all(&self.outbox)?;
            self.outbox.clear();
        }
        Ok(())
    }

    /// The next message, read if need be.
    #[inline]
    pub fn recv(&mut self, stream: &mut Stream) -> Outcome<&[u8]> {
        loop {
            if let Some(body) = self.next() {
                self.body.clear();
                self.body.extend_from_slice(&self.inbox[body]);
                return Ok(&self.body);
            }
            self.read(stream)?;
        }
    }

    /// Where the next body is, if all of it is there; it counts as looked at then.
    #[inline]
    fn next(&mut self) -> Option<std::ops::Range<usize>> {
        let unread = &self.inbox[self.unread.clone()];
        let (header_bytes, body_bytes) = match *unread.first()? {
            flags if flags & LONG == 0 => (2, usize::from(*unread.get(1)?)),
            _ => (HEADER_BYTES_MAX, u64::from_be_bytes(*unread.get(1..)?.first_chunk()?) as usize),
        };
        let frame_bytes = header_bytes + body_bytes;
        if unread.len() < frame_bytes {
            return None;
        }
        let start = self.unread.start + header_bytes;
        self.unread.start += frame_bytes;
        Some(start..start + body_bytes)
    }

    /// Reads once, behind what is left of the last read.
    #[cold]
    fn read(&mut self, stream: &mut Stream) -> Outcome {
        self.inbox.copy_within(self.unread.clone(), 0);
        let left = self.unread.len();
        let room = self.inbox.len().min(left + self.chunks.1);
        let bytes = stream.read(&mut self.inbox[left..room])?;
        if bytes == 0 {
            return Err(Failure::failed("the other side closed the connection, or a frame is too long"));
        }
        self.unread = 0..left + bytes;
        Ok(())
    }
}
