//! MESSAGE boxes (RFC 26): frames of a pipe, sealed batch by batch, and opened where they lie.
//!
//! The nonce is a counter that only rises, so a box that comes twice, or late, ends the connection.

use bytes::{Buf, Bytes};
use monocoque_core::limits::GATHER_BYTES_MIN;
use monocoque_core::wire::{COMMAND, EncodedHeader, Header, MORE};
use monocoque_secretbox::{LaneKey, Messages, TAG_BYTES};

use smallvec::SmallVec;

use crate::error::{PeerMisbehaved, SessionError};
use crate::frames::{self, Cap, Judged};

const NAME: &[u8; 8] = b"\x07MESSAGE";
const NONCE_AT: usize = NAME.len();
const TAG_AT: usize = NONCE_AT + 8;
const FLAGS_AT: usize = TAG_AT + TAG_BYTES;
/// What a box adds to a frame's body.
pub(crate) const SEALED_BYTES: usize = FLAGS_AT + 1;

/// Bytes that are sealed at a time.
const SEAL_BYTES_MAX: usize = 128 * 1024;
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
    /// More whole boxes, for the next call. One with a large body is left for it, which need not move it then.
    More,
    /// A box that must not be.
    Fault(SessionError),
}

impl Lane {
    pub(crate) fn new(key: LaneKey, nonce: u64) -> Self {
        Self { key, nonce }
    }

    /// Takes whole messages off the front of `segments`, a batch's, and appends boxes of their frames to `write`, in one
    /// buffer. Of a long batch it takes a part, so that the peer can open that while the next is sealed.
    pub(crate) fn seal(&mut self, segments: &mut Vec<Bytes>, write: &mut Vec<Bytes>) {
        let (mut bytes, mut count) = (0, 0);
        let mut behind = Frames::of(segments);
        for (header, body) in behind.by_ref() {
            bytes += EncodedHeader::new(0, SEALED_BYTES + body.len()).as_slice().len() + SEALED_BYTES + body.len();
            count += 1;
            if bytes >= SEAL_BYTES_MAX && !header.more() {
                break;
            }
        }
        let (left, within) = (behind.segments.len(), behind.rest.len());
        let frames = Frames::of(segments).take(count);
        let mut buffer = Vec::with_capacity(bytes);
        let nonces = self.nonce + 1..;
        self.nonce += count as u64;
        let lens = frames.clone().map(|(_, body)| 1 + body.len());
        let mut messages = self.key.messages(nonces.clone().zip(lens));
        for (nonce, (header, body)) in nonces.zip(frames) {
            // As libzmq, and unlike other commands, a box is sent as a message: its flags are inside.
            buffer.extend_from_slice(EncodedHeader::new(0, SEALED_BYTES + body.len()).as_slice());
            let at = buffer.len();
            buffer.extend_from_slice(NAME);
            buffer.extend_from_slice(&nonce.to_be_bytes());
            buffer.extend_from_slice(&[0; TAG_BYTES]);
            let more = if header.more() { SEALED_MORE } else { 0 };
            buffer.push(more | if header.command() { SEALED_COMMAND } else { 0 });
            buffer.extend_from_slice(body);
            let tag = messages.seal(&mut buffer[at + FLAGS_AT..]);
            buffer[at + TAG_AT..at + FLAGS_AT].copy_from_slice(&tag);
        }
        debug_assert_eq!(buffer.len(), bytes);
        if !buffer.is_empty() {
            write.push(buffer.into());
        }
        drop(messages);
        let unfinished = usize::from(within > 0);
        segments.drain(..segments.len() - left - unfinished);
        if within > 0 {
            let first = &mut segments[0];
            first.advance(first.len() - within);
        }
    }

    /// Opens whole boxes at the front of `bytes`, and puts the frames in them side by side.
    ///
    /// All that was opened is counted in what is returned, and must be taken off the input before the next call.
    pub(crate) fn open(&mut self, bytes: &mut [u8], cap: Cap) -> Opened {
        let cap = Cap { bytes: cap.bytes.saturating_add(SEALED_BYTES as u64), ..cap };
        let (mut surplus, mut plain, mut taken) = (0, 0, 0);
        let (found, mut stop) = find(bytes, cap);
        let mut messages = self.key.messages(found.iter().map(|found| (found.nonce, found.len + 1)));
        for &Found { at, front, nonce, len } in &found {
            let flags = match open_one(&mut self.nonce, &mut messages, nonce, &mut bytes[at..at + front + len]) {
                Ok(flags) => flags,
                Err(error) => {
                    stop = Stop::Fault(error);
                    break;
                }
            };
            let header = EncodedHeader::new(flags, len);
            let header = header.as_slice();
            let body_at = at + front;
            if plain == 0 {
                surplus = body_at - header.len();
            }
            let to = surplus + plain;
            bytes[to..to + header.len()].copy_from_slice(header);
            if to + header.len() != body_at {
                bytes.copy_within(body_at..body_at + len, to + header.len());
            }
            plain += header.len() + len;
            taken = body_at + len;
        }
        Opened { surplus, plain, gap: taken - surplus - plain, stop }
    }
}

/// Boxes that are found before any is opened.
const FOUND_MAX: usize = 64;

/// A box that is there whole: where it begins, what stands before the body, and the body's length.
#[derive(Clone, Copy)]
struct Found {
    at: usize,
    front: usize,
    nonce: u64,
    len: usize,
}

/// The whole boxes at the front of `bytes`, as many as one call opens, and what stands behind them.
fn find(bytes: &[u8], cap: Cap) -> (SmallVec<[Found; FOUND_MAX]>, Stop) {
    let (mut found, mut at) = (SmallVec::new(), 0);
    while found.len() < FOUND_MAX {
        let (header_len, frame_len) = match judge(&bytes[at..], cap) {
            Ok(frame) => frame,
            Err(stop) => return (found, stop),
        };
        let len = frame_len - header_len - SEALED_BYTES;
        if len >= GATHER_BYTES_MIN && !found.is_empty() {
            break;
        }
        let nonce_at = at + header_len + NONCE_AT;
        let nonce = u64::from_be_bytes(bytes[nonce_at..nonce_at + 8].try_into().expect("8 bytes"));
        found.push(Found { at, front: header_len + SEALED_BYTES, nonce, len });
        at += frame_len;
    }
    (found, Stop::More)
}

/// Opens the box at the end of `frame` in place, and gives the flags of the frame in it.
fn open_one<I: Iterator<Item = (u64, u64)>>(
    last: &mut u64,
    messages: &mut Messages<'_, I>,
    nonce: u64,
    frame: &mut [u8],
) -> Result<u8, SessionError> {
    // spec: 26/CURVEZMQ, MESSAGE — the nonce shall strictly increase; anything else is to be treated as an attack.
    if nonce <= *last {
        return Err(PeerMisbehaved::NonceReused { nonce, last: *last }.into());
    }
    let header_len = Header::parse(frame).map_or(0, |header| header.header_len);
    let (front, contents) = frame[header_len..].split_at_mut(FLAGS_AT);
    let tag = front[TAG_AT..].try_into().expect("16 bytes");
    if !messages.open(tag, contents) {
        return Err(PeerMisbehaved::BoxForged("MESSAGE").into());
    }
    *last = nonce;
    match contents[0] {
        0 => Ok(0),
        SEALED_MORE => Ok(MORE),
        SEALED_COMMAND => Ok(COMMAND),
        flags => Err(PeerMisbehaved::SealedFlags(flags).into()),
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

/// The frames of a batch; a body may lie in the segment behind its header's.
#[derive(Clone)]
struct Frames<'a> {
    rest: &'a [u8],
    segments: std::slice::Iter<'a, Bytes>,
}

impl<'a> Frames<'a> {
    fn of(segments: &'a [Bytes]) -> Self {
        Self { rest: &[], segments: segments.iter() }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (Header, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.is_empty() {
            self.rest = self.segments.next()?;
        }
        let header = Header::parse(self.rest).expect("a header lies whole in its segment");
        let (behind, len) = (&self.rest[header.header_len..], header.body_len as usize);
        if behind.is_empty() && len > 0 {
            self.rest = behind;
            return Some((header, self.segments.next().expect("a body follows its header")));
        }
        let (body, rest) = behind.split_at(len);
        self.rest = rest;
        Some((header, body))
    }
}
