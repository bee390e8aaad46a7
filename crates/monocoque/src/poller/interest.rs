//! What a poller is asked to look for.

use std::ops::BitOr;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interest {
    readable: bool,
    writable: bool,
}

impl Interest {
    /// Nothing: what has this is not looked at.
    pub const NONE: Self = Self { readable: false, writable: false };
    /// A message to receive, or bytes to read.
    pub const READABLE: Self = Self { readable: true, writable: false };
    /// Room for a message to send, or for bytes to write.
    pub const WRITABLE: Self = Self { readable: false, writable: true };
    /// Either.
    pub const BOTH: Self = Self { readable: true, writable: true };

    /// Whether a message or bytes are waited for.
    pub const fn is_readable(self) -> bool {
        self.readable
    }

    /// Whether room is waited for.
    pub const fn is_writable(self) -> bool {
        self.writable
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { readable: self.readable | other.readable, writable: self.writable | other.writable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interests_add_up() {
        assert_eq!(Interest::READABLE | Interest::WRITABLE, Interest::BOTH);
        assert_eq!(Interest::NONE | Interest::READABLE, Interest::READABLE);
        assert!(Interest::BOTH.is_readable() && Interest::BOTH.is_writable());
        assert_eq!(Interest::default(), Interest::NONE);
    }
}
