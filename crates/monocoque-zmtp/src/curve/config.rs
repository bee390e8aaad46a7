//! What each side of CURVE is given.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::keys::{PublicKey, SecretKey};

/// Where a session takes random bytes from: it has no source of its own.
#[derive(Clone, Copy)]
pub struct Entropy(fn(&mut [u8]) -> bool);

impl Entropy {
    /// `fill` fills all of what it is given with bytes that nobody can guess, or gives `false`.
    pub const fn new(fill: fn(&mut [u8]) -> bool) -> Self {
        Self(fill)
    }

    /// Fills `bytes`; `false` if nothing random is to be had.
    #[must_use]
    pub fn fill(self, bytes: &mut [u8]) -> bool {
        (self.0)(bytes)
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

/// What a CURVE client needs.
#[derive(Debug, Clone)]
pub struct CurveClient {
    /// The server's long-term public key: no other server is talked to.
    pub server: PublicKey,
    /// Our own long-term key, by which the server knows us.
    pub secret: SecretKey,
    /// What we say our public key is. A server turns away whose public key is not that of `secret`.
    pub public: PublicKey,
    /// For the short-term key of each connection.
    pub entropy: Entropy,
}

/// What a CURVE server needs.
#[derive(Debug, Clone)]
pub struct CurveServer {
    /// Our long-term keys.
    pub keys: CurveKeys,
    /// For the short-term key of each connection.
    pub entropy: Entropy,
}

/// The long-term keys of a CURVE server: clients may know any of them. Clones are the same keys, and those of a server
/// that runs may be changed: the next handshake sees it, and connections that are there stay.
#[derive(Clone)]
pub struct CurveKeys {
    secrets: Arc<RwLock<Vec<SecretKey>>>,
}

impl CurveKeys {
    /// These keys, the one that most clients know first.
    pub fn new(secrets: impl IntoIterator<Item = SecretKey>) -> Self {
        Self { secrets: Arc::new(RwLock::new(secrets.into_iter().collect())) }
    }

    /// Replaces all keys. With none, nobody is let in.
    pub fn replace(&self, secrets: impl IntoIterator<Item = SecretKey>) {
        let secrets = secrets.into_iter().collect();
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// The public keys, of which clients need one.
    pub fn public(&self) -> Vec<PublicKey> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).iter().map(SecretKey::public).collect()
    }

    /// The first key for which `find` gives something, and that.
    pub(crate) fn find<T>(&self, find: impl Fn(&SecretKey) -> Option<T>) -> Option<(SecretKey, T)> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().find_map(|secret| Some((secret.clone(), find(secret)?)))
    }
}

impl From<SecretKey> for CurveKeys {
    fn from(secret: SecretKey) -> Self {
        Self::new([secret])
    }
}

impl fmt::Debug for CurveKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurveKeys").field(&self.public()).finish()
    }
}
