//! Headers of WebSocket frames (RFC 6455, 5.2): a pure function of bytes, judged in their order.

use monocoque_core::protocol::Side;

use crate::error::FrameFault;
use crate::mask::{KEY_BYTES, Key};

/// Set in the first byte: the message ends with this frame.
const FIN: u8 = 0x80;
/// For extensions, of which there are none.
const RESERVED: u8 = 0x70;
/// Set in the second byte: a key follows the length.
const MASKED: u8 = 0x80;
/// Says in place of a length that two bytes of it follow, or eight.
const IN_TWO: u8 = 126;
const IN_EIGHT: u8 = 127;
/// The longest payload of a control frame, and of any whose length is in the second byte.
pub(crate) const SHORT_BYTES_MAX: u64 = 125;
/// The longest payload whose length is in two bytes.
pub(crate) const MEDIUM_BYTES_MAX: u64 = u16::MAX as u64;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    // spec: 6455, control frames — an opcode with its top bit set is one.
    pub(crate) fn is_control(self) -> bool {
        self != Self::Binary
    }
}

/// A decoded header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    pub(crate) key: Option<Key>,
    /// Bytes that the header itself takes: 2 to 14.
    pub(crate) header_len: usize,
    pub(crate) payload_len: u64,
}

/// What the front of the input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    Header(Header),
    /// Not a whole header: at least so many bytes are needed; zero if nothing is there.
    Part {
        needed: usize,
    },
}

/// Reads the header at the front of `bytes`, sent by a peer to us on `side`.
pub(crate) fn parse(bytes: &[u8], side: Side) -> Result<Parsed, FrameFault> {
    let Some(&first) = bytes.first() else { return Ok(Parsed::Part { needed: 0 }) };
    let opcode = opcode(first)?;
    let Some(&second) = bytes.get(1) else { return Ok(Parsed::Part { needed: 2 }) };
    let masked = second & MASKED != 0;
    match side {
        // spec: 6455, overview — a server must close upon a frame that is not masked, a client upon one that is.
        Side::Listener if !masked => return Err(FrameFault::NotMasked),
        Side::Dialer if masked => return Err(FrameFault::Masked),
        _ => {}
    }
    let short = second & !MASKED;
    if opcode.is_control() && u64::from(short) > SHORT_BYTES_MAX {
        return Err(FrameFault::ControlTooLong(length(bytes).unwrap_or(u64::from(short))));
    }
    let length_len = match short {
        IN_TWO => 2,
        IN_EIGHT => 8,
        _ => 0,
    };
    let header_len = 2 + length_len + if masked { KEY_BYTES } else { 0 };
    let Some(payload_len) = length(bytes) else { return Ok(Parsed::Part { needed: header_len }) };
    check_length(payload_len, length_len)?;
    let Some(key) = bytes.get(2 + length_len..header_len) else { return Ok(Parsed::Part { needed: header_len }) };
    Ok(Parsed::Header(Header { opcode, key: key.first_chunk().copied(), header_len, payload_len }))
}

fn opcode(first: u8) -> Result<Opcode, FrameFault> {
    if first & RESERVED != 0 {
        return Err(FrameFault::ReservedBits(first));
    }
    let opcode = match first & 0x0f {
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        // The rest of a fragmented message.
        0 => return Err(FrameFault::Fragmented),
        other => return Err(FrameFault::Opcode(other)),
    };
    if first & FIN == 0 { Err(FrameFault::Fragmented) } else { Ok(opcode) }
}

/// The length of the payload, if all its bytes are there.
fn length(bytes: &[u8]) -> Option<u64> {
    let (second, rest) = bytes.get(1..)?.split_first()?;
    match second & !MASKED {
        IN_TWO => rest.first_chunk().map(|&length| u16::from_be_bytes(length).into()),
        IN_EIGHT => rest.first_chunk().map(|&length| u64::from_be_bytes(length)),
        short => Some(short.into()),
    }
}

fn check_length(payload_len: u64, length_len: usize) -> Result<(), FrameFault> {
    // spec: 6455, base framing — the minimal number of bytes must be used, and the most significant bit be 0.
    match length_len {
        2 if payload_len <= SHORT_BYTES_MAX => Err(FrameFault::LengthForm(payload_len)),
        8 if payload_len <= MEDIUM_BYTES_MAX => Err(FrameFault::LengthForm(payload_len)),
        8 if payload_len > i64::MAX as u64 => Err(FrameFault::Length(payload_len)),
        _ => Ok(()),
    }
}

/// Appends the header of a frame, the whole of its message.
pub(crate) fn put_header(buffer: &mut Vec<u8>, opcode: Opcode, payload_len: u64, key: Option<Key>) {
    buffer.push(FIN | opcode as u8);
    let masked = if key.is_some() { MASKED } else { 0 };
    if payload_len <= SHORT_BYTES_MAX {
        buffer.push(masked | payload_len as u8);
    } else if let Ok(length) = u16::try_from(payload_len) {
        buffer.push(masked | IN_TWO);
        buffer.extend_from_slice(&length.to_be_bytes());
    } else {
        buffer.push(masked | IN_EIGHT);
        buffer.extend_from_slice(&payload_len.to_be_bytes());
    }
    buffer.extend(key.into_iter().flatten());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from_server(bytes: &[u8]) -> Result<Parsed, FrameFault> {
        parse(bytes, Side::Dialer)
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // spec: 6455, examples.
        let header =
            |opcode, key, header_len, payload_len| Ok(Parsed::Header(Header { opcode, key, header_len, payload_len }));
        assert_eq!(from_server(b"\x89\x05Hello"), header(Opcode::Ping, None, 2, 5));
        let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(parse(pong, Side::Listener), header(Opcode::Pong, Some([0x37, 0xfa, 0x21, 0x3d]), 6, 5));
        assert_eq!(from_server(b"\x82\x7e\x01\x00"), header(Opcode::Binary, None, 4, 256));
        assert_eq!(from_server(b"\x82\x7f\0\0\0\0\0\x01\0\0"), header(Opcode::Binary, None, 10, 65536));
    }

    #[test]
    fn each_rule_has_its_fault_as_soon_as_it_is_broken() {
        for (bytes, fault) in [
            (&b"\xc2"[..], FrameFault::ReservedBits(0xc2)),
            (b"\x81", FrameFault::Opcode(1)),
            (b"\x83", FrameFault::Opcode(3)),
            (b"\x8f", FrameFault::Opcode(15)),
            (b"\x02", FrameFault::Fragmented),
            (b"\x80", FrameFault::Fragmented),
            (b"\x09", FrameFault::Fragmented),
            (b"\x82\x80", FrameFault::Masked),
            (b"\x89\x7e", FrameFault::ControlTooLong(126)),
            (b"\x88\x7e\x01\x00", FrameFault::ControlTooLong(256)),
            (b"\x82\x7e\x00\x7d", FrameFault::LengthForm(125)),
            (b"\x82\x7f\0\0\0\0\0\0\xff\xff", FrameFault::LengthForm(65535)),
            (b"\x82\x7f\x80\0\0\0\0\0\0\0", FrameFault::Length(1 << 63)),
        ] {
            assert_eq!(from_server(bytes), Err(fault), "{bytes:02x?}");
        }
        assert_eq!(parse(b"\x82\x05", Side::Listener), Err(FrameFault::NotMasked));
    }

    proptest! {
        #[test]
        fn headers_round_trip(
            opcode in prop::sample::select(vec![Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong]),
            len in prop::sample::select(vec![0u64, 1, 125, 126, 65535, 65536, i64::MAX as u64]),
            key in any::<Option<[u8; 4]>>(),
        ) {
            prop_assume!(!opcode.is_control() || len <= SHORT_BYTES_MAX);
            let side = if key.is_some() { Side::Listener } else { Side::Dialer };
            let mut bytes = Vec::new();
            put_header(&mut bytes, opcode, len, key);
            let header = Header { opcode, key, header_len: bytes.len(), payload_len: len };
            // Without a key the parser has an empty slice to look at, and finds none.
            prop_assert_eq!(parse(&bytes, side), Ok(Parsed::Header(header)));
            let mut needed_before = 0;
            for cut in 0..bytes.len() {
                let Ok(Parsed::Part { needed }) = parse(&bytes[..cut], side) else { panic!("{cut}") };
                prop_assert!(needed >= needed_before && needed <= bytes.len() && (cut == 0 || needed > cut));
                needed_before = needed;
            }
        }
    }
}
