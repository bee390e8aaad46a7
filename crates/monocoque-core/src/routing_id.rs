//! The name by which a ROUTER knows a peer.

use std::fmt;

use crate::Frame;
use crate::limits::ROUTING_ID_BYTES_MAX;

/// 1 to 255 bytes that name a peer of a ROUTER (`ZMQ_ROUTING_ID`, RFC 28).
///
/// Names that begin with a zero byte are the socket's own: it gives them to peers that bring none.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoutingId(Box<[u8]>);

/// Why bytes are not a routing id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoutingIdError {
    /// A routing id has at least one byte.
    #[error("a routing id has at least one byte")]
    Empty,
    /// A routing id has at most 255 bytes.
    #[error("a routing id has at most {ROUTING_ID_BYTES_MAX} bytes, not {0}")]
    TooLong(usize),
    /// A leading zero byte is reserved for names that a ROUTER generates.
    #[error("a routing id that begins with a zero byte is reserved for generated names")]
    Reserved,
}

impl RoutingId {
    /// A name chosen by an application.
    ///
    /// # Errors
    /// [`RoutingIdError`] by the rule that `bytes` break.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, RoutingIdError> {
        let id = Self::received(bytes.as_ref())?;
        if id.0[0] == 0 { Err(RoutingIdError::Reserved) } else { Ok(id) }
    }

    /// A name as it stands in an envelope: generated names are allowed.
    ///
    /// # Errors
    /// [`RoutingIdError::Empty`] and [`RoutingIdError::TooLong`].
    pub fn received(bytes: &[u8]) -> Result<Self, RoutingIdError> {
        match bytes.len() {
            0 => Err(RoutingIdError::Empty),
            1..=ROUTING_ID_BYTES_MAX => Ok(Self(bytes.into())),
            len => Err(RoutingIdError::TooLong(len)),
        }
    }

    /// The name a ROUTER gives to its `count`-th nameless peer: a zero byte and four of the count.
    pub fn generated(count: u32) -> Self {
        let mut bytes = [0; 5];
        bytes[1..].copy_from_slice(&count.to_be_bytes());
        Self(bytes.into())
    }

    /// Whether a ROUTER made this name up.
    pub fn is_generated(&self) -> bool {
        self.0[0] == 0
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId({self})")
    }
}

impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_generated() {
            return write!(f, "{}", self.0.escape_ascii());
        }
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<&RoutingId> for Frame {
    fn from(id: &RoutingId) -> Self {
        Frame::copy_from_slice(&id.0)
    }
}

macro_rules! try_from_bytes {
    ($($bytes:ty),*) => {$(
        impl TryFrom<$bytes> for RoutingId {
            type Error = RoutingIdError;

            fn try_from(bytes: $bytes) -> Result<Self, RoutingIdError> {
                Self::new(bytes)
            }
        }
    )*};
}
try_from_bytes!(&str, &[u8], String, Vec<u8>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_apart() {
        assert_eq!(RoutingId::new(""), Err(RoutingIdError::Empty));
        assert_eq!(RoutingId::new([1; 256]), Err(RoutingIdError::TooLong(256)));
        assert_eq!(RoutingId::new([0, 1]), Err(RoutingIdError::Reserved));
        assert!(RoutingId::new([1; 255]).is_ok());
        assert!(RoutingId::received(&[0, 1]).is_ok());
    }

    #[test]
    fn generated_names_are_five_bytes_and_reserved() {
        let id = RoutingId::generated(258);
        assert_eq!(id.as_bytes(), [0, 0, 0, 1, 2]);
        assert_eq!(id.to_string(), "0x0000000102");
    }
}
