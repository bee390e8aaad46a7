//! The name of a group, which a RADIO sends to and a DISH joins.

use std::fmt;

use crate::Frame;
use crate::limits::GROUP_BYTES_MAX;

/// A group of a RADIO and its DISHes (RFC 48): up to 255 bytes, compared whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Group(Frame);

/// More than 255 bytes are no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group has at most {GROUP_BYTES_MAX} bytes, not {0}")]
pub struct GroupTooLong(pub usize);

impl Group {
    /// The group of this name.
    ///
    /// # Errors
    /// [`GroupTooLong`].
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self, GroupTooLong> {
        let name = name.as_ref();
        if name.len() > GROUP_BYTES_MAX {
            return Err(GroupTooLong(name.len()));
        }
        Ok(Self(Frame::copy_from_slice(name)))
    }

    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The frame in which the name travels.
    pub fn into_frame(self) -> Frame {
        self.0
    }
}

impl AsRef<[u8]> for Group {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({self})")
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

macro_rules! try_from_bytes {
    ($($bytes:ty),*) => {$(
        impl TryFrom<$bytes> for Group {
            type Error = GroupTooLong;

            fn try_from(name: $bytes) -> Result<Self, GroupTooLong> {
                Self::new(name)
            }
        }
    )*};
}
try_from_bytes!(&str, &[u8], String, Vec<u8>, Frame);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_up_to_255_bytes() {
        assert_eq!(Group::new([7; 256]), Err(GroupTooLong(256)));
        assert_eq!(Group::new([7; 255]).map(|group| group.as_bytes().len()), Ok(255));
        assert_eq!(Group::new("").map(|group| group.to_string()), Ok(String::new()));
    }
}
