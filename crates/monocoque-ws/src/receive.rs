//! Messages of WebSocket made frames of a pipe.
//!
//! A header here is up to 15 bytes with its flags and a pipe's 2 or 9, so frames do not lie as they must: those of less
//! than 64 KiB are unmasked into a slab of their own, side by side. A longer one, which the reader has brought whole into
//! memory, is unmasked and given its header where it lies.

use monocoque_core::limits::{FRAME_HEADER_BYTES_MAX, SLAB_HUGE_BYTES, SLAB_LARGE_BYTES};
use monocoque_core::slab::{Arena, SlabClass, SlabMut};
use monocoque_core::wire::{self, EncodedHeader};

use crate::error::FrameFault;
use crate::frame::{Header, MEDIUM_BYTES_MAX};
use crate::mask;
use crate::send::{COMMAND, FLAGS_BYTES, MORE};

/// The flags of ZMTP that the first byte of a message stands for.
pub(crate) fn flags(header: Header, first: u8) -> Result<u8, FrameFault> {
    match first ^ header.key.map_or(0, |key| key[0]) {
        0 => Ok(0),
        MORE => Ok(wire::MORE),
        COMMAND => Ok(wire::COMMAND),
        flags => Err(FrameFault::Flags(flags)),
    }
}

/// Frames of a pipe, side by side.
#[derive(Debug, Default)]
pub(crate) struct Run(Option<SlabMut>);

impl Run {
    /// Whether a message is short enough to be copied into a run.
    pub(crate) fn takes(header: Header) -> bool {
        header.payload_len <= MEDIUM_BYTES_MAX
    }

    /// What has been gathered, to be given on.
    pub(crate) fn take(&mut self) -> Option<SlabMut> {
        self.0.take()
    }

    /// Whether a message of `bytes` fits what is gathered already.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.0.as_ref().is_none_or(|slab| slab.spare_len() >= bytes + FRAME_HEADER_BYTES_MAX)
    }

    /// Appends the message at the front of `input`, masked and whole. There is room for it, and in a new slab for what is
    /// likely to follow.
    pub(crate) fn push(&mut self, flags: u8, header: Header, input: &SlabMut, arena: &Arena) {
        let (to_come, payload_len) = (input.len(), header.payload_len as usize);
        let payload = &input.filled()[header.header_len..header.header_len + payload_len];
        let body = &payload[FLAGS_BYTES..];
        let slab = self.0.get_or_insert_with(|| {
            // One of 64 KiB and its header need the class above.
            let likely = (to_come + to_come / 32).min(SLAB_LARGE_BYTES).max(body.len()) + FRAME_HEADER_BYTES_MAX;
            arena.room_beside(input, likely).unwrap_or_else(|_| arena.lease(SlabClass::Huge))
        });
        slab.extend_from_slice(EncodedHeader::new(flags, body.len()).as_slice());
        let at = slab.len();
        slab.extend_from_slice(body);
        if let Some(key) = header.key {
            mask::apply(&mut slab.filled_mut()[at..], key, FLAGS_BYTES);
        }
    }
}

/// Bytes that the runs out of `input` bytes may take: a little more than those, for the heads. More than the largest slab is
/// read for one frame only, which stays where it lies.
pub(crate) fn beside(input: usize) -> usize {
    if input > SLAB_HUGE_BYTES { 0 } else { input + input / 16 + 4 * FRAME_HEADER_BYTES_MAX }
}

/// Makes the message at the front of `input`, longer than a run takes, a frame of a pipe where it lies.
pub(crate) fn rewrite(flags: u8, header: Header, input: &mut SlabMut) -> SlabMut {
    let payload_len = header.payload_len as usize;
    let mut frame = input.split_front(header.header_len + payload_len);
    let body_at = header.header_len + FLAGS_BYTES;
    if let Some(key) = header.key {
        mask::apply(&mut frame.filled_mut()[body_at..], key, FLAGS_BYTES);
    }
    let encoded = EncodedHeader::new(flags, payload_len - FLAGS_BYTES);
    frame.skip(body_at - FRAME_HEADER_BYTES_MAX);
    frame.filled_mut()[..FRAME_HEADER_BYTES_MAX].copy_from_slice(encoded.as_slice());
    frame
}
