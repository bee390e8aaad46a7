//! Commands: what two sessions say to each other between the messages (RFC 37, "Commands").

use bytes::Bytes;
use monocoque_core::SocketType;
use monocoque_core::wire::{COMMAND, EncodedHeader};

use crate::error::PeerMisbehaved;

pub(crate) const READY: &str = "READY";
pub(crate) const HELLO: &str = "HELLO";
pub(crate) const WELCOME: &str = "WELCOME";
pub(crate) const INITIATE: &str = "INITIATE";
pub(crate) const ERROR: &str = "ERROR";
pub(crate) const PING: &str = "PING";
pub(crate) const PONG: &str = "PONG";
pub(crate) const SUBSCRIBE: &str = "SUBSCRIBE";
pub(crate) const CANCEL: &str = "CANCEL";
pub(crate) const JOIN: &str = "JOIN";
pub(crate) const LEAVE: &str = "LEAVE";

/// A command's name and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a [u8],
}

impl<'a> Command<'a> {
    /// Parses the body of a command frame.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, PeerMisbehaved> {
        // spec: 37/ZMTP, formal grammar — command-name = short-size 1*255command-name-char, which is ALPHA.
        let (&size, rest) = body.split_first().ok_or(PeerMisbehaved::CommandName)?;
        let (name, data) = rest.split_at_checked(usize::from(size)).ok_or(PeerMisbehaved::CommandName)?;
        if name.is_empty() || !name.iter().all(u8::is_ascii_alphabetic) {
            return Err(PeerMisbehaved::CommandName);
        }
        let name = str::from_utf8(name).map_err(|_| PeerMisbehaved::CommandName)?;
        Ok(Self { name, data })
    }

    /// The rule that this command breaks by coming at all, now.
    pub(crate) fn unwelcome(&self) -> PeerMisbehaved {
        let name = self.name.to_owned();
        match self.name {
            READY | ERROR | PING | PONG | SUBSCRIBE | CANCEL | JOIN | LEAVE | HELLO | WELCOME | INITIATE => {
                PeerMisbehaved::UnexpectedCommand(name)
            }
            _ => PeerMisbehaved::UnknownCommand(name),
        }
    }

    /// The reason in an ERROR, made printable.
    pub(crate) fn error_reason(&self) -> Result<String, PeerMisbehaved> {
        // spec: 37/ZMTP, NULL — error-reason = short-size 0*255VCHAR; it has no defined semantic value.
        let (&size, reason) = self.data.split_first().ok_or(PeerMisbehaved::ErrorReason)?;
        if reason.len() != usize::from(size) {
            return Err(PeerMisbehaved::ErrorReason);
        }
        Ok(reason.escape_ascii().to_string())
    }
}

/// Which commands of a ready peer are for our hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wishes {
    /// None: we publish nothing.
    None,
    /// SUBSCRIBE and CANCEL.
    Topics,
    /// JOIN and LEAVE (RFC 48).
    Groups,
}

impl Wishes {
    /// What a socket of type `ours` is told.
    pub(crate) fn of(ours: SocketType) -> Self {
        match ours {
            SocketType::Radio => Self::Groups,
            _ if ours.publishes() => Self::Topics,
            _ => Self::None,
        }
    }

    /// Whether the body of a command frame is one of them.
    pub(crate) fn include(self, body: &[u8]) -> bool {
        match self {
            Self::None => false,
            Self::Topics => body.starts_with(b"\x09SUBSCRIBE") || body.starts_with(b"\x06CANCEL"),
            Self::Groups => body.starts_with(b"\x04JOIN") || body.starts_with(b"\x05LEAVE"),
        }
    }
}

/// Appends a command frame to `out`.
pub(crate) fn put(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    debug_assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let size = u8::try_from(name.len()).expect("our command names are short");
    let body_len = 1 + name.len() + data.len();
    // spec: 37/ZMTP, framing — a command of up to 255 octets takes a short size, a longer one a long size.
    out.extend_from_slice(EncodedHeader::new(COMMAND, body_len).as_slice());
    out.push(size);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(data);
}

/// A command frame.
pub(crate) fn encode(name: &str, data: &[u8]) -> Bytes {
    let mut frame = Vec::new();
    put(&mut frame, name, data);
    frame.into()
}

/// An ERROR frame. `reason` has no spaces: they are not VCHAR.
pub(crate) fn encode_error(reason: &str) -> Bytes {
    debug_assert!(reason.bytes().all(|byte| byte.is_ascii_graphic()));
    let reason = &reason.as_bytes()[..reason.len().min(usize::from(u8::MAX))];
    encode(ERROR, &[&[reason.len() as u8], reason].concat())
}

#[cfg(test)]
mod tests {
    use monocoque_core::wire::Header;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_judged() {
        let command = |body| Command::parse(body).map(|command| (command.name, command.data));
        assert_eq!(command(b"\x04PING\0\x01x"), Ok(("PING", &b"\0\x01x"[..])));
        for bad in [&b""[..], b"\0", b"\x05PING", b"\x04PI G", b"\x02\xff\xff", b"\x04P1NG"] {
            assert_eq!(command(bad), Err(PeerMisbehaved::CommandName), "{bad:?}");
        }
    }

    #[test]
    fn reasons_are_judged_and_printable() {
        let reason = |data| Command { name: ERROR, data }.error_reason();
        assert_eq!(reason(b"\x03no\n"), Ok("no\\n".to_owned()));
        assert_eq!(reason(b"\0"), Ok(String::new()));
        for bad in [&b""[..], b"\x03no", b"\x01no"] {
            assert_eq!(reason(bad), Err(PeerMisbehaved::ErrorReason), "{bad:?}");
        }
        assert_eq!(encode_error("go-away"), b"\x04\x0e\x05ERROR\x07go-away"[..]);
    }

    #[test]
    fn each_publisher_is_told_in_its_own_words() {
        let told = |ours, body| Wishes::of(ours).include(body);
        for (ours, topics, groups) in
            [(SocketType::XPub, true, false), (SocketType::Radio, false, true), (SocketType::Pull, false, false)]
        {
            assert!([&b"\x09SUBSCRIBEa"[..], b"\x06CANCEL"].iter().all(|body| told(ours, body) == topics), "{ours}");
            assert!([&b"\x04JOINa"[..], b"\x05LEAVE"].iter().all(|body| told(ours, body) == groups), "{ours}");
            assert!(!told(ours, b"\x04PING"));
        }
    }

    proptest! {
        #[test]
        fn commands_round_trip(name in "[A-Za-z]{1,255}", data in prop::collection::vec(any::<u8>(), 0..600)) {
            let frame = encode(&name, &data);
            let header = Header::parse(&frame).expect("whole");
            prop_assert!(header.command() && !header.more());
            prop_assert_eq!(header.header_len + header.body_len as usize, frame.len());
            prop_assert_eq!(header.header_len == 2, header.body_len <= 255);
            let command = Command::parse(&frame[header.header_len..]);
            prop_assert_eq!(command, Ok(Command { name: &name, data: &data }));
        }

        #[test]
        fn any_body_is_judged_without_panic(body in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(command) = Command::parse(&body) {
                let _ = (command.unwelcome(), command.error_reason());
            }
        }
    }
}
