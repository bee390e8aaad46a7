//! The frame header that pipes and ZMTP share: flags, then a size of one byte or eight.
//!
//! Pipes hold encoded frames so that for a plain peer the queued bytes *are* the bytes on the wire
//! (RFC 37/ZMTP, "Framing"). What is here is a pure function of bytes.

use crate::limits::{FRAME_HEADER_BYTES_MAX, SHORT_FRAME_BYTES_MAX};
use crate::slab::SlabMut;

/// Flag bit: more frames of the same message follow.
pub const MORE: u8 = 0b001;
/// Flag bit: the size takes eight bytes.
pub const LONG: u8 = 0b010;
/// Flag bit: a command, not a part of a message.
pub const COMMAND: u8 = 0b100;
/// Flag bit of pipes with no link behind them, never on a wire: the body lies apart from its header.
pub(crate) const APART: u8 = 0b1000_0000;
/// Flag bits 7–3 must be zero (RFC 37).
pub const RESERVED: u8 = !(MORE | LONG | COMMAND);

/// A decoded frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The flags as they stood on the wire.
    pub flags: u8,
    /// Bytes that the header itself takes: 2 or 9.
    pub header_len: usize,
    /// Bytes of the body.
    pub body_len: u64,
}

impl Header {
    /// Whether more frames of the same message follow.
    pub const fn more(self) -> bool {
        self.flags & MORE != 0
    }

    /// Whether the frame is a command.
    pub const fn command(self) -> bool {
        self.flags & COMMAND != 0
    }

    /// Whether the body lies apart.
    pub(crate) const fn apart(self) -> bool {
        self.flags & APART != 0
    }

    /// Reads the header at the front of `bytes`; `None` if it is not all there.
    ///
    /// Judges nothing: reserved bits and absurd sizes are the caller's to refuse.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&flags, rest) = bytes.split_first()?;
        if flags & LONG == 0 {
            let &size = rest.first()?;
            return Some(Self { flags, header_len: 2, body_len: u64::from(size) });
        }
        let size = rest.first_chunk::<8>()?;
        Some(Self { flags, header_len: FRAME_HEADER_BYTES_MAX, body_len: u64::from_be_bytes(*size) })
    }
}

/// Bytes of the header of a body of `body_len` bytes.
#[inline]
pub(crate) const fn header_len(body_len: usize) -> usize {
    if body_len <= SHORT_FRAME_BYTES_MAX { 2 } else { FRAME_HEADER_BYTES_MAX }
}

/// An encoded frame header.
#[derive(Debug, Clone, Copy)]
pub struct EncodedHeader {
    bytes: [u8; FRAME_HEADER_BYTES_MAX],
    len: u8,
}

impl EncodedHeader {
    /// Encodes the header of a body of `body_len` bytes; `flags` without [`LONG`].
    #[inline]
    pub fn new(flags: u8, body_len: usize) -> Self {
        debug_assert_eq!(flags & (LONG | RESERVED & !APART), 0);
        let mut bytes = [0; FRAME_HEADER_BYTES_MAX];
        if body_len <= SHORT_FRAME_BYTES_MAX {
            bytes[0] = flags;
            bytes[1] = body_len as u8;
            return Self { bytes, len: 2 };
        }
        bytes[0] = flags | LONG;
        bytes[1..].copy_from_slice(&(body_len as u64).to_be_bytes());
        Self { bytes, len: FRAME_HEADER_BYTES_MAX as u8 }
    }

    /// The encoded bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends the encoded bytes to `slab`, which has room for them.
    #[inline]
    pub(crate) fn encode(&self, slab: &mut SlabMut) {
        match self.bytes {
            // On its own, because nine bytes would be loaded at once, and wait for the two just stored.
            [flags, size, ..] if self.len == 2 => slab.extend_from_front(&[flags, size], 2),
            bytes => slab.extend_from_front(&bytes, usize::from(self.len)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_size_grows_to_eight_bytes_after_255() {
        assert_eq!(EncodedHeader::new(MORE, 255).as_slice(), [1, 255]);
        assert_eq!(EncodedHeader::new(0, 256).as_slice(), [2, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    proptest! {
        #[test]
        fn headers_round_trip(flags in prop::sample::select(vec![0, MORE, COMMAND]), len in any::<usize>()) {
            let encoded = EncodedHeader::new(flags, len);
            let bytes = encoded.as_slice();
            let header = Header::parse(bytes).expect("whole");
            prop_assert_eq!(header.flags & !LONG, flags);
            prop_assert_eq!(header.body_len, len as u64);
            prop_assert_eq!(header.header_len, bytes.len());
            for cut in 0..bytes.len() {
                prop_assert_eq!(Header::parse(&bytes[..cut]), None);
            }
        }
    }
}
