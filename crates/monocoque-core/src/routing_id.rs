//! The name by which a ROUTER knows a peer.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Frame;
use crate::limits::ROUTING_ID_BYTES_MAX;

/// 1 to 255 bytes that name a peer of a ROUTER (`ZMQ_ROUTING_ID`, RFC 28).
///
/// Names that begin with a zero byte are the socket's own: it gives them to peers that bring none. libzmq lets applications
/// have such names too, and so do sockets that do as it does.
///
/// A short name, as every generated one, lies in the value itself; a longer one is shared. Cloning allocates nothing.
#[derive(Clone)]
pub struct RoutingId(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Shared(Arc<[u8]>),
}

/// What lies beside a tag in the room of a shared name.
const INLINE_BYTES: usize = 22;

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
        if id.is_generated() { Err(RoutingIdError::Reserved) } else { Ok(id) }
    }

    /// A name as it stands in an envelope, or as libzmq lets an application choose it: generated names are allowed.
    ///
    /// # Errors
    /// [`RoutingIdError::Empty`] and [`RoutingIdError::TooLong`].
    pub fn received(bytes: &[u8]) -> Result<Self, RoutingIdError> {
        match bytes.len() {
            0 => Err(RoutingIdError::Empty),
            1..=ROUTING_ID_BYTES_MAX => Ok(Self(Repr::from(bytes))),
            len => Err(RoutingIdError::TooLong(len)),
        }
    }

    /// The name a ROUTER gives to its `count`-th nameless peer: a zero byte and four of the count.
    pub fn generated(count: u32) -> Self {
        let mut bytes = [0; 5];
        bytes[1..].copy_from_slice(&count.to_be_bytes());
        Self(Repr::from(&bytes[..]))
    }

    /// Whether a ROUTER made this name up.
    pub fn is_generated(&self) -> bool {
        self.as_bytes()[0] == 0
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Repr {
    fn from(name: &[u8]) -> Self {
        if name.len() > INLINE_BYTES {
            return Self::Shared(name.into());
        }
        let mut bytes = [0; INLINE_BYTES];
        bytes[..name.len()].copy_from_slice(name);
        Self::Inline { len: name.len() as u8, bytes }
    }
}

impl PartialEq for RoutingId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RoutingId {}

impl PartialOrd for RoutingId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RoutingId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for RoutingId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// A table of names is asked by bytes: both hash, compare and order alike.
impl Borrow<[u8]> for RoutingId {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
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
            return write!(f, "{}", self.as_bytes().escape_ascii());
        }
        f.write_str("0x")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<&RoutingId> for Frame {
    fn from(id: &RoutingId) -> Self {
        Frame::copy_from_slice(id.as_bytes())
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
    fn short_and_long_names_are_names_alike() {
        use std::collections::HashMap;

        assert_eq!(size_of::<RoutingId>(), 24);
        let names: Vec<_> =
            (1..=ROUTING_ID_BYTES_MAX).map(|len| RoutingId::new(vec![7; len]).expect("valid")).collect();
        assert!(names.is_sorted());
        let table: HashMap<_, _> = names.iter().map(|name| (name.clone(), name.as_bytes().len())).collect();
        assert!((1..=ROUTING_ID_BYTES_MAX).all(|len| table.get(&vec![7; len][..]) == Some(&len)));
    }

    #[test]
    fn generated_names_are_five_bytes_and_reserved() {
        let id = RoutingId::generated(258);
        assert_eq!(id.as_bytes(), [0, 0, 0, 1, 2]);
        assert_eq!(id.to_string(), "0x0000000102");
    }
}
