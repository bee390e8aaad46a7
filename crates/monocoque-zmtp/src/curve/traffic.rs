//! MESSAGE boxes (RFC 26): frames of a pipe, sealed batch by batch, and opened where they lie.
//!
//! The nonce is a counter that only rises, so a box that comes twice, or late, ends the connection.

use bytes::Bytes;
use monocoque_core::limits::GATHER_BYTES_MIN;
use monocoque_core::wire::{COMMAND, EncodedHeader, Header, MORE};

use super::boxes::{LaneKey, TAG_BYTES};
use crate::error::{PeerMisbehaved, SessionError};
use crate::frames::{self, Cap, Judged};

const NAME: &[u8; 8] = b"\x07MESSAGE";
const NONCE_AT: usize = NAME.len();
const TAG_AT: usize = NONCE_AT + 8;
const FLAGS_AT: usize = TAG_AT + TAG_BYTES;
/// What a box adds to a frame's body.
pub(crate) const SEALED_BYTES: usize = FLAGS_AT + 1;

const SEALED_MORE: u8 = 1;
const SEALED_COMMAND: u8 = 2;

/// One direction of a connection: its key, and the last nonce that was used.
pub(crate) struct Lane {
    pub(crate) key: LaneKey,
    pub(crate) nonce: u64,
}

/// The front of the input, opened: `surplus` bytes to skip, `plain` bytes of frames as a pipe holds them, `gap` to skip.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) surplus: usize,
    pub(crate) plain: usize,
    pub(crate) gap: usize,
    pub(crate) stop: Stop,
}

/// What stands behind the boxes that were opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An incomplete box, which needs so many bytes; zero if nothing of it is there.
    Need(usize),
    /// A whole box with a large body: the next call has it at its front, and need not move it.
    Large,
    /// A box that must not be.
    Fault(SessionError),
}

impl Lane {
    pub(crate) fn new(key: LaneKey, nonce: u64) -> Self {
        Self { key, nonce }
    }

    /// Takes the next nonce of our own.
    pub(crate) fn step(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }

    /// Appends boxes of the frames in `segments`, a batch's, to `write`, in one buffer for all of them.
    pub(crate) fn seal(&mut self, segments: &[Bytes], write: &mut Vec<Bytes>) {
        let mut bytes = 0;
        each_frame(segments, |_, body| {
            bytes += EncodedHeader::new(0, SEALED_BYTES + body.len()).as_slice().len() + SEALED_BYTES + body.len();
        });
        let mut buffer = Vec::with_capacity(bytes);
        each_frame(segments, |header, body| self.seal_frame(header, body, &mut buffer));
        debug_assert_eq!(buffer.len(), bytes);
        if !buffer.is_empty() {
            write.push(buffer.into());
        }
    }

    fn seal_frame(&mut self, header: Header, body: &[u8], buffer: &mut Vec<u8>) {
        let nonce = self.step();
        // As libzmq, and unlike other commands, a box is sent as a message: its flags are inside.
        buffer.extend_from_slice(EncodedHeader::new(0, SEALED_BYTES + body.len()).as_slice());
        let at = buffer.len();
        buffer.extend_from_slice(NAME);
        buffer.extend_from_slice(&nonce.to_be_bytes());
        buffer.extend_from_slice(&[0; TAG_BYTES]);
        let more = if header.more() { SEALED_MORE } else { 0 };
        buffer.push(more | if header.command() { SEALED_COMMAND } else { 0 });
        buffer.extend_from_slice(body);
        let tag = self.key.seal(nonce, &mut buffer[at + FLAGS_AT..]);
        buffer[at + TAG_AT..at + FLAGS_AT].copy_from_slice(&tag);
    }

    /// Opens whole boxes at the front of `bytes`, and puts the frames in them side by side.
    ///
    /// All that was opened is counted in what is returned, and must be taken off the input before the next call.
    pub(crate) fn open(&mut self, bytes: &mut [u8], cap: Cap) -> Opened {
        let cap = Cap { bytes: cap.bytes.saturating_add(SEALED_BYTES as u64), ..cap };
        let (mut surplus, mut plain, mut at) = (0, 0, 0);
        let stop = loop {
            let (header_len, frame_len) = match judge(&bytes[at..], cap) {
                Ok(frame) => frame,
                Err(stop) => break stop,
            };
            let len = frame_len - header_len - SEALED_BYTES;
            if len >= GATHER_BYTES_MIN && plain > 0 {
                break Stop::Large;
            }
            let flags = match self.open_body(&mut bytes[at + header_len..at + frame_len]) {
                Ok(flags) => flags,
                Err(error) => break Stop::Fault(error),
            };
            let header = EncodedHeader::new(flags, len);
            let header = header.as_slice();
            let body_at = at + frame_len - len;
            if plain == 0 {
                surplus = body_at - header.len();
            }
            let to = surplus + plain;
            bytes[to..to + header.len()].copy_from_slice(header);
            if to + header.len() != body_at {
                bytes.copy_within(body_at..body_at + len, to + header.len());
            }
            plain += header.len() + len;
            at += frame_len;
        };
        Opened { surplus, plain, gap: at - surplus - plain, stop }
    }

    /// Opens a MESSAGE in place, and gives the flags of the frame in it.
    fn open_body(&mut self, body: &mut [u8]) -> Result<u8, SessionError> {
        let (front, contents) = body.split_at_mut(FLAGS_AT);
        let nonce = u64::from_be_bytes(front[NONCE_AT..TAG_AT].try_into().expect("8 bytes"));
        // spec: 26/CURVEZMQ, MESSAGE — the nonce shall strictly increase; anything else is to be treated as an attack.
        if nonce <= self.nonce {
            return Err(PeerMisbehaved::NonceReused { nonce, last: self.nonce }.into());
        }
        let tag = front[TAG_AT..].try_into().expect("16 bytes");
        if !self.key.open(nonce, tag, contents) {
            return Err(PeerMisbehaved::BoxForged("MESSAGE").into());
        }
        self.nonce = nonce;
        match contents[0] {
            0 => Ok(0),
            SEALED_MORE => Ok(MORE),
            SEALED_COMMAND => Ok(COMMAND),
            flags => Err(PeerMisbehaved::SealedFlags(flags).into()),
        }
    }
}

fn judge(bytes: &[u8], cap: Cap) -> Result<(usize, usize), Stop> {
    let Some(&flags) = bytes.first() else {
        return Err(Stop::Need(0));
    };
    let fault = |error: PeerMisbehaved| Stop::Fault(error.into());
    let (header_len, frame_len) = match frames::judge(bytes, cap).map_err(Stop::Fault)? {
        Judged::Whole { header, frame_len } => (header.header_len, frame_len),
        Judged::Part { needed } => return Err(Stop::Need(needed)),
    };
    let body = &bytes[header_len..frame_len];
    if flags & MORE != 0 || body.len() < SEALED_BYTES || !body.starts_with(NAME) {
        return Err(fault(PeerMisbehaved::NotSealed));
    }
    Ok((header_len, frame_len))
}

/// Walks the frames of a batch; a body may lie in the segment behind its header's.
fn each_frame(segments: &[Bytes], mut take: impl FnMut(Header, &[u8])) {
    let mut segments = segments.iter();
    while let Some(segment) = segments.next() {
        let mut at = 0;
        while at < segment.len() {
            let header = Header::parse(&segment[at..]).expect("a header lies whole in its segment");
            at += header.header_len;
            let len = header.body_len as usize;
            if at == segment.len() && len > 0 {
                take(header, segments.next().expect("a body follows its header"));
            } else {
                take(header, &segment[at..at + len]);
                at += len;
            }
        }
    }
}
