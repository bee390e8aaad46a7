//! The keys of CURVE (RFC 26): 32 bytes on Curve25519, written in Z85.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use crate::z85::{self, Z85Error};

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not Z85.
    #[error(transparent)]
    Z85(#[from] Z85Error),
    /// A key has 32 bytes: 40 characters.
    #[error("a key of {0} bytes instead of 32")]
    Length(usize),
}

/// A public key. Prints as its 40 characters of Z85.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// A key of raw bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&z85::encode(self.0).expect("32 bytes are whole groups"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Ok(Self(*parse(text)?))
    }
}

/// A secret key. Wiped when dropped, compared in constant time, and never printed.
#[derive(Clone)]
pub struct SecretKey {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    public: PublicKey,
}

impl SecretKey {
    /// A key of raw bytes, all of which may be random.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        let public = x25519_dalek::PublicKey::from(&StaticSecret::from(bytes));
        Self { secret: Zeroizing::new(bytes), public: PublicKey(public.to_bytes()) }
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Its 40 characters of Z85, to be stored where nobody else reads them.
    pub fn to_z85(&self) -> Zeroizing<String> {
        Zeroizing::new(z85::encode(*self.secret).expect("32 bytes are whole groups"))
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.secret.ct_eq(&*other.secret).into()
    }
}

impl Eq for SecretKey {}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Ok(Self::from_bytes(*parse(text)?))
    }
}

fn parse(text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    let bytes = Zeroizing::new(z85::decode(text)?);
    let key = bytes.as_slice().try_into().map_err(|_| KeyError::Length(bytes.len()))?;
    Ok(Zeroizing::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_follows_from_its_secret() {
        // The pair of libzmq's manual, zmq_curve(7).
        let secret: SecretKey = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs".parse().expect("a key");
        assert_eq!(secret.public().to_string(), "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretKey::from_bytes([7; 32]);
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
        assert_eq!(secret.to_z85().parse(), Ok(secret));
    }

    #[test]
    fn texts_that_are_no_key_are_named() {
        assert_eq!("HelloWorld".parse::<PublicKey>(), Err(KeyError::Length(8)));
        assert_eq!("abc".parse::<SecretKey>(), Err(KeyError::Z85(Z85Error::Chars(3))));
    }
}
