//! Bytes that must not be shown, and leave no copy behind.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::limits::CREDENTIAL_BYTES_MAX;

/// A password of at most 255 bytes. It is wiped when it is dropped, compared in a time that does not depend on what it
/// is, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    bytes: Box<[u8; CREDENTIAL_BYTES_MAX]>,
    len: u8,
}

/// A user name or password is longer than 255 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name or password of {0} bytes, of which {CREDENTIAL_BYTES_MAX} are allowed")]
pub struct TooLong(pub usize);

impl Secret {
    /// Keeps a copy of `secret`.
    ///
    /// # Errors
    /// [`TooLong`] for more than 255 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, TooLong> {
        let secret = secret.as_ref();
        let len = u8::try_from(secret.len()).map_err(|_| TooLong(secret.len()))?;
        let mut bytes = Box::new([0; CREDENTIAL_BYTES_MAX]);
        bytes[..secret.len()].copy_from_slice(secret);
        Ok(Self { bytes, len })
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether both are the same. The padding is compared too, so that the time tells neither lengths nor bytes.
    pub(crate) fn matches(&self, other: &Self) -> Choice {
        self.bytes[..].ct_eq(&other.bytes[..]) & self.len.ct_eq(&other.len)
    }
}

/// Empty.
impl Default for Secret {
    fn default() -> Self {
        Self { bytes: Box::new([0; CREDENTIAL_BYTES_MAX]), len: 0 }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_and_never_printed() {
        let secret = |bytes: &[u8]| Secret::new(bytes).expect("short");
        assert_eq!(secret(b"hunter2"), secret(b"hunter2"));
        assert_ne!(secret(b"hunter2"), secret(b"hunter3"));
        assert_ne!(secret(b"a"), secret(b"a\0"));
        assert_eq!(secret(&[7; 255]).expose(), [7; 255]);
        assert_eq!(Secret::new([0; 256]), Err(TooLong(256)));
        assert_eq!(format!("{:?}", secret(b"hunter2")), "Secret");
    }
}
