//! Frames of a pipe made messages of WebSocket: each is one, behind a byte of flags (RFC 45).
//!
//! A server's large bodies go out by reference. A client's are copied, since a mask changes them and others may hold
//! them too.

use std::ops::Range;

use bytes::Bytes;
use monocoque_core::limits::GATHER_BYTES_MIN;
use monocoque_core::wire;
use monocoque_zmtp::SessionError;

use crate::frame::{self, Opcode};
use crate::mask::{self, Keys};

/// Flags of ZWS 2.0.
pub(crate) const MORE: u8 = 1;
pub(crate) const COMMAND: u8 = 2;

/// Bytes of flags before each body.
pub(crate) const FLAGS_BYTES: usize = 1;

/// A PING of a ZMTP session, up to where it says what nobody reads here.
const PING: &[u8] = b"\x04PING";

/// Appends to `write` what the frames in `segments` are on the wire, masked by `keys` if there are any.
pub(crate) fn encode(
    segments: &[Bytes],
    mut keys: Option<&mut Keys>,
    write: &mut Vec<Bytes>,
) -> Result<(), SessionError> {
    let (mut segments, mut buffer) = (segments.iter(), Vec::new());
    while let Some(segment) = segments.next() {
        buffer.reserve(segment.len());
        let mut at = 0;
        while at < segment.len() {
            let header = wire::Header::parse(&segment[at..]).expect("a header lies whole in its segment");
            at += header.header_len;
            let len = header.body_len as usize;
            let (body, range) = if at == segment.len() && len > 0 {
                (segments.next().expect("a body follows its header"), 0..len)
            } else {
                at += len;
                (segment, at - len..at)
            };
            // Not a command of the handshake's: libzmq answers WebSocket's own, and no other.
            if header.command() && body[range.clone()].starts_with(PING) {
                put_control(&mut buffer, Opcode::Ping, b"", keys.as_deref_mut())?;
            } else {
                put_message(header, body, range, keys.as_deref_mut(), &mut buffer, write)?;
            }
        }
        flush(&mut buffer, write);
    }
    Ok(())
}

fn put_message(
    header: wire::Header,
    segment: &Bytes,
    body: Range<usize>,
    keys: Option<&mut Keys>,
    buffer: &mut Vec<u8>,
    write: &mut Vec<Bytes>,
) -> Result<(), SessionError> {
    let key = keys.map(Keys::draw).transpose()?;
    frame::put_header(buffer, Opcode::Binary, header.body_len + FLAGS_BYTES as u64, key);
    let from = buffer.len();
    buffer.push((u8::from(header.more()) * MORE) | (u8::from(header.command()) * COMMAND));
    match key {
        None if body.len() >= GATHER_BYTES_MIN => {
            flush(buffer, write);
            write.push(segment.slice(body));
        }
        None => buffer.extend_from_slice(&segment[body]),
        Some(key) => {
            buffer.extend_from_slice(&segment[body]);
            mask::apply(&mut buffer[from..], key, 0);
        }
    }
    Ok(())
}

/// Appends a control frame to `buffer`.
pub(crate) fn put_control(
    buffer: &mut Vec<u8>,
    opcode: Opcode,
    payload: &[u8],
    keys: Option<&mut Keys>,
) -> Result<(), SessionError> {
    let key = keys.map(Keys::draw).transpose()?;
    frame::put_header(buffer, opcode, payload.len() as u64, key);
    let from = buffer.len();
    buffer.extend_from_slice(payload);
    mask::apply(&mut buffer[from..], key.unwrap_or_default(), 0);
    Ok(())
}

fn flush(buffer: &mut Vec<u8>, write: &mut Vec<Bytes>) {
    if !buffer.is_empty() {
        write.push(std::mem::take(buffer).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(monocoque_zmtp::Entropy::new(|bytes| {
            bytes.fill(0xff);
            true
        }))
    }

    #[test]
    fn each_frame_is_a_message_behind_its_flags() {
        let batch = [Bytes::from_static(b"\x01\x01a\x04\x06\x05READY\x00\x00")];
        let mut write = Vec::new();
        assert_eq!(encode(&batch, None, &mut write), Ok(()));
        assert_eq!(write.concat(), b"\x82\x02\x01a\x82\x07\x02\x05READY\x82\x01\x00");
    }

    #[test]
    fn a_client_masks_flags_and_body() {
        let mut write = Vec::new();
        assert_eq!(encode(&[Bytes::from_static(b"\x00\x01a")], Some(&mut keys()), &mut write), Ok(()));
        assert_eq!(write.concat(), [&b"\x82\x82\xff\xff\xff\xff\xff"[..], &[!b'a']].concat());
    }

    #[test]
    fn a_ping_is_websockets_own() {
        let mut write = Vec::new();
        assert_eq!(encode(&[Bytes::from_static(b"\x04\x07\x04PING\0\0")], None, &mut write), Ok(()));
        assert_eq!(write.concat(), b"\x89\x00");
    }

    #[test]
    fn a_servers_large_body_is_not_copied() {
        let body = Bytes::from(vec![7; GATHER_BYTES_MIN]);
        let header = wire::EncodedHeader::new(0, body.len());
        let batch = [Bytes::copy_from_slice(header.as_slice()), body.clone(), Bytes::from_static(b"\x00\x01b")];
        let mut write = Vec::new();
        assert_eq!(encode(&batch, None, &mut write), Ok(()));
        assert_eq!((&write[0][..], write[1].as_ptr()), (&b"\x82\x7e\x20\x01\x00"[..], body.as_ptr()));
        assert_eq!(write[2], &b"\x82\x02\x00b"[..]);
    }
}
