//! Properties: the names and values that READY carries (RFC 37, "Connection Metadata").

use std::iter::FusedIterator;

use monocoque_core::limits::ROUTING_ID_BYTES_MAX;

use crate::config::SessionConfig;
use crate::error::PeerMisbehaved;
use crate::limits::PROPERTY_VALUE_BYTES_MAX;

pub(crate) const SOCKET_TYPE: &str = "Socket-Type";
pub(crate) const IDENTITY: &str = "Identity";
/// As whom an authenticator let a peer in: never the peer's own word.
pub(crate) const USER_ID: &str = "User-Id";

/// The properties that a session tells by itself.
pub(crate) const OWN_PROPERTIES: [&str; 2] = [SOCKET_TYPE, IDENTITY];

const NAME_SIZE_BYTES: usize = 1;
const VALUE_SIZE_BYTES: usize = 4;
const SOCKET_TYPE_BYTES_MAX: usize = "DEALER".len();

/// What READY takes at most beside the application's properties.
pub(crate) const OWN_BYTES_MAX: usize = "\u{5}READY".len()
    + (NAME_SIZE_BYTES + SOCKET_TYPE.len() + VALUE_SIZE_BYTES + SOCKET_TYPE_BYTES_MAX)
    + (NAME_SIZE_BYTES + IDENTITY.len() + VALUE_SIZE_BYTES + ROUTING_ID_BYTES_MAX);

/// Whether `name` is a property's name.
pub(crate) fn is_name(name: &[u8]) -> bool {
    // spec: 37/ZMTP, NULL — name-char = ALPHA | DIGIT | "-" | "_" | "." | "+"; zero-sized names are not valid.
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(byte);
    (1..=usize::from(u8::MAX)).contains(&name.len()) && name.iter().all(is_char)
}

/// Bytes that a property takes.
pub(crate) fn encoded_len(name: &str, value: &[u8]) -> usize {
    NAME_SIZE_BYTES + name.len() + VALUE_SIZE_BYTES + value.len()
}

/// All that we tell of ourselves: the socket type, the identity of types that tell one, the rest.
pub(crate) fn encode(config: &SessionConfig) -> Vec<u8> {
    let mut out = Vec::with_capacity(OWN_BYTES_MAX);
    put(&mut out, SOCKET_TYPE, config.socket_type.name().as_bytes());
    // spec: 37/ZMTP, Identity — told by REQ, DEALER and ROUTER, and like libzmq also when it is empty.
    if config.socket_type.tells_identity() {
        put(&mut out, IDENTITY, config.told_identity());
    }
    config.metadata().iter().for_each(|(name, value)| put(&mut out, name, value));
    out
}

pub(crate) fn put(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(is_name(name.as_bytes()));
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    let size = u32::try_from(value.len()).expect("metadata is limited where it is configured");
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(value);
}

/// The properties in encoded metadata, each judged as it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Properties<'a> {
    rest: &'a [u8],
}

impl<'a> Properties<'a> {
    pub(crate) fn new(encoded: &'a [u8]) -> Self {
        Self { rest: encoded }
    }

    fn parse(&mut self) -> Result<(&'a str, &'a [u8]), PeerMisbehaved> {
        let name_size = usize::from(self.take(NAME_SIZE_BYTES)?[0]);
        let name = self.take(name_size)?;
        if !is_name(name) {
            return Err(PeerMisbehaved::PropertyName);
        }
        let name = str::from_utf8(name).map_err(|_| PeerMisbehaved::PropertyName)?;
        let size = self.take(VALUE_SIZE_BYTES)?.first_chunk().expect("as many as taken");
        let size = u32::from_be_bytes(*size);
        // spec: 37/ZMTP, NULL — a value is 0 to 2^31-1 octets of opaque data.
        if size > PROPERTY_VALUE_BYTES_MAX {
            return Err(PeerMisbehaved::PropertySize(size));
        }
        let value = self.take(usize::try_from(size).map_err(|_| PeerMisbehaved::PropertySize(size))?)?;
        Ok((name, value))
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], PeerMisbehaved> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(PeerMisbehaved::PropertyTruncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = Result<(&'a str, &'a [u8]), PeerMisbehaved>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let property = self.parse();
        if property.is_err() {
            self.rest = &[];
        }
        Some(property)
    }
}

impl FusedIterator for Properties<'_> {}

#[cfg(test)]
mod tests {
    use monocoque_core::{RoutingId, SocketType};
    use proptest::prelude::*;

    use super::*;

    fn decode(encoded: &[u8]) -> Result<Vec<(&str, &[u8])>, PeerMisbehaved> {
        Properties::new(encoded).collect()
    }

    #[test]
    fn types_that_tell_an_identity_tell_it_even_when_empty() {
        for kind in SocketType::ZMTP {
            let mut config = SessionConfig::new(kind);
            let names = |config: &SessionConfig| decode(&encode(config)).expect("ours").len();
            assert_eq!(names(&config), if kind.tells_identity() { 2 } else { 1 }, "{kind}");
            config.identity = Some(RoutingId::new("me").expect("valid"));
            assert_eq!(names(&config), if kind.tells_identity() { 2 } else { 1 }, "{kind}");
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        assert_eq!(decode(b"\0\0\0\0\0"), Err(PeerMisbehaved::PropertyName));
        assert_eq!(decode(b"\x02X:\0\0\0\0"), Err(PeerMisbehaved::PropertyName));
        assert_eq!(decode(b"\x01X\x80\0\0\0"), Err(PeerMisbehaved::PropertySize(1 << 31)));
        for cut in [&b"\x02X"[..], b"\x01X\0\0\0", b"\x01X\0\0\0\x02v", b"\x01X\x7f\xff\xff\xff"] {
            assert_eq!(decode(cut), Err(PeerMisbehaved::PropertyTruncated), "{cut:?}");
        }
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut properties = Properties::new(b"\x01:\0\0\0\0\x01X\0\0\0\0");
        assert!(properties.next().is_some_and(|property| property.is_err()));
        assert_eq!(properties.next(), None);
    }

    proptest! {
        #[test]
        fn metadata_round_trips(
            properties in prop::collection::vec(
                ("[A-Za-z0-9_.+-]{1,255}", prop::collection::vec(any::<u8>(), 0..300)),
                0..8,
            )
        ) {
            let mut encoded = Vec::new();
            properties.iter().for_each(|(name, value)| put(&mut encoded, name, value));
            let len = properties.iter().map(|(name, value)| encoded_len(name, value)).sum::<usize>();
            prop_assert_eq!(encoded.len(), len);
            let wanted = properties.iter().map(|(name, value)| (name.as_str(), &value[..])).collect::<Vec<_>>();
            prop_assert_eq!(decode(&encoded), Ok(wanted));
        }

        #[test]
        fn any_metadata_is_judged_without_panic(encoded in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&encoded);
        }
    }
}
