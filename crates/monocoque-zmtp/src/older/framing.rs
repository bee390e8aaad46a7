//! The frames of ZMTP 1.0 (RFC 13), turned into those of a pipe and back.
//!
//! There the length comes first and counts the flags, which follow it. In one byte it makes a header of two bytes, as a
//! pipe's is, and after `FF` in eight one of ten, where a pipe's has nine. So what comes is rewritten where it lies, and
//! in front of a long frame one byte falls away: no body is copied. What goes is written anew, with its large bodies by
//! reference.

use std::ops::Range;

use bytes::Bytes;
use monocoque_core::limits::GATHER_BYTES_MIN;
use monocoque_core::wire::{Header, LONG, MORE};

use crate::error::SessionError;
use crate::frames::{self, Cap, Scan};

/// The first byte of a length that takes eight more.
const LONG_MARK: u8 = 0xff;
const SHORT_LENGTH_BYTES: usize = 1;
const LONG_LENGTH_BYTES: usize = 9;

/// The front of the input, rewritten.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// Bytes at the very front that a pipe has no place for.
    pub(crate) surplus: usize,
    /// What stands behind those: frames as a pipe holds them.
    pub(crate) scan: Scan<Stop>,
}

/// What stands behind the frames that were rewritten.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An incomplete frame, which needs so many bytes; zero if nothing of it is there.
    Need(usize),
    /// Something whole that begins with a surplus: the next call has it at its front.
    Surplus,
    /// A frame that must not be.
    Fault(SessionError),
}

/// What stands at the front of the input, all of it, behind a length of so many bytes.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Frame { length_bytes: usize, body_len: usize },
    Nothing { length_bytes: usize },
}

impl Unit {
    fn surplus(self) -> usize {
        match self {
            Self::Frame { length_bytes: SHORT_LENGTH_BYTES, .. } => 0,
            Self::Frame { .. } => 1,
            Self::Nothing { length_bytes } => length_bytes,
        }
    }
}

/// Rewrites whole frames at the front of `bytes`, up to the first that would leave a gap.
///
/// All that is rewritten is counted in what is returned, and must be taken off the input before the next call.
pub(crate) fn rewrite(bytes: &mut [u8], cap: Cap) -> Rewritten {
    let (mut surplus, mut at, mut whole, mut messages) = (0, 0, 0, 0);
    let stop = loop {
        let rest = &mut bytes[surplus + at..];
        let unit = match judge(rest, cap) {
            Ok(unit) => unit,
            Err(stop) => break stop,
        };
        if unit.surplus() > 0 && at > 0 {
            break Stop::Surplus;
        }
        surplus += unit.surplus();
        let Unit::Frame { length_bytes, body_len } = unit else { continue };
        let header = put(rest, length_bytes, body_len);
        at += header.header_len + body_len;
        if !header.more() {
            whole = at;
            messages += 1;
        }
    };
    Rewritten { surplus, scan: Scan { whole, messages, taken: at, stop } }
}

fn judge(bytes: &[u8], cap: Cap) -> Result<Unit, Stop> {
    let Some((length, length_bytes)) = length(bytes) else {
        return Err(Stop::Need(if bytes.is_empty() { 0 } else { LONG_LENGTH_BYTES }));
    };
    // spec: 13/ZMTP, framing — a length of 0 is invalid, and such frames should be discarded silently.
    let Some(body_len) = length.checked_sub(1) else {
        return Ok(Unit::Nothing { length_bytes });
    };
    let header = Header { flags: 0, header_len: length_bytes + 1, body_len };
    let frame_len = frames::check_size(header, cap).map_err(Stop::Fault)?;
    if bytes.len() < frame_len {
        return Err(Stop::Need(frame_len));
    }
    Ok(Unit::Frame { length_bytes, body_len: frame_len - header.header_len })
}

/// The length at the front of `bytes`, and the bytes that it takes itself; `None` if it is not all there.
pub(super) fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    match bytes {
        [] => None,
        [LONG_MARK, rest @ ..] => Some((u64::from_be_bytes(*rest.first_chunk()?), LONG_LENGTH_BYTES)),
        [length, ..] => Some((u64::from(*length), SHORT_LENGTH_BYTES)),
    }
}

/// Puts a pipe's header right before the body of the frame at the front of `frame`.
fn put(frame: &mut [u8], length_bytes: usize, body_len: usize) -> Header {
    // spec: 13/ZMTP, framing — bits 1–7 are reserved and should be zero. Nobody may rely on that, so they are ignored.
    let flags = frame[length_bytes] & MORE;
    if length_bytes == SHORT_LENGTH_BYTES {
        frame[0] = flags;
        frame[1] = body_len as u8;
        return Header { flags, header_len: 2, body_len: body_len as u64 };
    }
    let flags = flags | LONG;
    frame[1] = flags;
    frame[2..10].copy_from_slice(&(body_len as u64).to_be_bytes());
    Header { flags, header_len: 9, body_len: body_len as u64 }
}

/// Appends to `write` what the frames in `segments`, a batch's, are on the wire.
pub(crate) fn encode(segments: &[Bytes], write: &mut Vec<Bytes>) {
    let (mut segments, mut buffer) = (segments.iter(), Vec::new());
    while let Some(segment) = segments.next() {
        // A body of 254 bytes takes a header of ten bytes instead of two: no other grows as much.
        buffer.reserve(segment.len() + segment.len() / 32);
        let mut at = 0;
        while at < segment.len() {
            let header = Header::parse(&segment[at..]).expect("a header lies whole in its segment");
            debug_assert!(!header.command(), "the hub has no commands for peers that take none");
            at += header.header_len;
            put_header(header, &mut buffer);
            let len = header.body_len as usize;
            if at == segment.len() && len > 0 {
                let body = segments.next().expect("a body follows its header");
                put_body(body, 0..len, &mut buffer, write);
            } else {
                put_body(segment, at..at + len, &mut buffer, write);
                at += len;
            }
        }
        flush(&mut buffer, write);
    }
}

fn put_header(header: Header, buffer: &mut Vec<u8>) {
    // spec: 13/ZMTP, framing — the length includes the flags; of 255 and more it is FF and eight octets.
    let (flags, length) = (header.flags & MORE, header.body_len + 1);
    match u8::try_from(length) {
        Ok(length) if length < LONG_MARK => buffer.extend_from_slice(&[length, flags]),
        _ => {
            buffer.push(LONG_MARK);
            buffer.extend_from_slice(&length.to_be_bytes());
            buffer.push(flags);
        }
    }
}

fn put_body(segment: &Bytes, body: Range<usize>, buffer: &mut Vec<u8>, write: &mut Vec<Bytes>) {
    if body.len() < GATHER_BYTES_MIN {
        return buffer.extend_from_slice(&segment[body]);
    }
    flush(buffer, write);
    write.push(segment.slice(body));
}

fn flush(buffer: &mut Vec<u8>, write: &mut Vec<Bytes>) {
    if !buffer.is_empty() {
        write.push(std::mem::take(buffer).into());
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::wire::EncodedHeader;
    use proptest::prelude::*;

    use super::*;
    use crate::error::{Limit, PeerMisbehaved};

    const CAP: Cap = Cap { limit: Limit::MessageFrame, bytes: 100_000 };

    /// Everything that rewriting makes of `bytes`: pieces, messages, bytes that are left, and why it stopped.
    fn drain(bytes: &[u8], cap: Cap) -> (Vec<Vec<u8>>, usize, usize, Stop) {
        let (mut bytes, mut pieces, mut messages) = (bytes.to_vec(), Vec::new(), 0);
        loop {
            let Rewritten { surplus, scan } = rewrite(&mut bytes, cap);
            bytes.drain(..surplus);
            if scan.taken > 0 {
                pieces.push(bytes.drain(..scan.taken).collect());
            }
            messages += scan.messages;
            if scan.stop != Stop::Surplus {
                return (pieces, messages, bytes.len(), scan.stop);
            }
        }
    }

    fn fault(bytes: &[u8], cap: Cap) -> SessionError {
        match drain(bytes, cap).3 {
            Stop::Fault(error) => error,
            stop => panic!("{stop:?}"),
        }
    }

    #[test]
    fn short_frames_are_rewritten_in_one_piece() {
        let (pieces, messages, left, stop) = drain(b"\x02\x00a\x01\x01\x03\x00bc\x05\x00d", CAP);
        assert_eq!(pieces, [b"\x00\x01a\x01\x00\x00\x02bc"]);
        assert_eq!((messages, left, stop), (2, 3, Stop::Need(6)));
    }

    #[test]
    fn a_long_frame_begins_a_piece() {
        let long = [&b"\xff\0\0\0\0\0\0\x01\x01\x01"[..], &[7; 256]].concat();
        let (pieces, messages, ..) = drain(&[&b"\x02\0a"[..], &long, b"\x02\0b", &long].concat(), CAP);
        let header = b"\x03\0\0\0\0\0\0\x01\0";
        let second = [&header[..], &[7; 256], b"\0\x01b"].concat();
        assert_eq!(pieces, [b"\0\x01a".to_vec(), second, [&header[..], &[7; 256]].concat()]);
        assert_eq!(messages, 2);
    }

    #[test]
    fn a_length_of_zero_is_discarded() {
        let bytes = b"\0\0\x02\x01a\0\xff\0\0\0\0\0\0\0\0\x02\0b\0";
        assert_eq!(drain(bytes, CAP), (vec![b"\x01\x01a".to_vec(), b"\0\x01b".to_vec()], 1, 0, Stop::Need(0)));
    }

    #[test]
    fn reserved_flags_are_ignored() {
        assert_eq!(drain(b"\x02\xffa\x02\xfeb", CAP).0, [b"\x01\x01a\0\x01b"]);
    }

    #[test]
    fn the_need_grows_as_the_frame_is_known() {
        let long = [&b"\xff\0\0\0\0\0\0\x01\x01\0"[..], &[7; 256]].concat();
        let need = |len: usize| drain(&long[..len], CAP).3;
        assert_eq!((need(0), need(1), need(8)), (Stop::Need(0), Stop::Need(9), Stop::Need(9)));
        assert_eq!((need(9), need(265), need(266)), (Stop::Need(266), Stop::Need(266), Stop::Need(0)));
        assert_eq!(drain(b"\x01", CAP).3, Stop::Need(2));
    }

    #[test]
    fn sizes_are_judged_before_their_bodies_are_awaited() {
        let cap = Cap { bytes: 100, ..CAP };
        let limit = |asked| SessionError::LimitExceeded { limit: Limit::MessageFrame, asked, allowed: 100 };
        assert_eq!(fault(b"\x66", cap), limit(101));
        assert_eq!(fault(b"\xff\0\0\0\0\0\0\x01\0", cap), limit(255));
        assert_eq!(fault(b"\xff\x80\0\0\0\0\0\0\x01", cap), PeerMisbehaved::FrameSize(1 << 63).into());
        assert_eq!(fault(&[0xff; 9], cap), PeerMisbehaved::FrameSize(u64::MAX - 1).into());
    }

    #[test]
    fn headers_grow_with_the_body_at_254_bytes() {
        for (len, header) in [
            (0, &b"\x01\x01"[..]),
            (253, b"\xfe\x01"),
            (254, b"\xff\0\0\0\0\0\0\0\xff\x01"),
            (255, b"\xff\0\0\0\0\0\0\x01\0\x01"),
        ] {
            let body = vec![9; len];
            let frame = [EncodedHeader::new(MORE, len).as_slice(), &body].concat();
            let mut write = Vec::new();
            encode(&[frame.into()], &mut write);
            assert_eq!(write.concat(), [header, &body].concat(), "{len}");
        }
    }

    #[test]
    fn large_bodies_are_not_copied_either_way() {
        let body = Bytes::from(vec![1; GATHER_BYTES_MIN]);
        let header = Bytes::copy_from_slice(EncodedHeader::new(0, body.len()).as_slice());
        let one = Bytes::from([&header[..], &body].concat());
        for segments in [vec![header, body.clone()], vec![one]] {
            let mut write = Vec::new();
            encode(&segments, &mut write);
            let last = segments.last().expect("a body");
            assert_eq!(write[1].as_ptr(), last[last.len() - body.len()..].as_ptr());
            assert_eq!((write.len(), write[0].len(), write[1].len()), (2, 10, body.len()));
        }
    }

    proptest! {
        #[test]
        fn frames_round_trip(
            frames in prop::collection::vec((0u8..2, prop::sample::select(vec![0usize, 1, 253, 254, 255, 256, 9000])), 0..12),
            apart in any::<bool>(),
        ) {
            let mut segments: Vec<Bytes> = Vec::new();
            for (flags, len) in &frames {
                let header = EncodedHeader::new(*flags, *len);
                segments.push(Bytes::copy_from_slice(header.as_slice()));
                segments.push(vec![*len as u8; *len].into());
            }
            segments.retain(|segment| !segment.is_empty());
            if !apart && !segments.is_empty() {
                segments = vec![segments.concat().into()];
            }
            let mut write = Vec::new();
            encode(&segments, &mut write);
            prop_assert!(write.iter().all(|segment| !segment.is_empty()));
            let (pieces, messages, left, stop) = drain(&write.concat(), CAP);
            prop_assert_eq!((left, stop), (0, Stop::Need(0)));
            prop_assert_eq!(messages, frames.iter().filter(|(flags, _)| *flags == 0).count());
            let (pieces, mut rest, mut found) = (pieces.concat(), 0, Vec::new());
            while rest < pieces.len() {
                let header = Header::parse(&pieces[rest..]).expect("whole");
                found.push((header.flags & MORE, header.body_len as usize));
                rest += header.header_len + header.body_len as usize;
            }
            prop_assert_eq!(found, frames);
        }

        #[test]
        fn any_bytes_are_rewritten_without_panic(
            bytes in prop::collection::vec(prop_oneof![3 => 0u8..4, 1 => any::<u8>()], 0..200),
        ) {
            let (pieces, _, left, stop) = drain(&bytes, CAP);
            prop_assert!(pieces.concat().len() + left <= bytes.len());
            prop_assert!(!matches!(stop, Stop::Need(need) if need != 0 && need <= left));
        }
    }
}
