//! Keys for CURVE, drawn from the system.

use std::io;

use monocoque_zmtp::{Entropy, SecretKey};

/// What sessions draw short-term keys from.
pub(crate) const ENTROPY: Entropy = Entropy::new(|bytes| getrandom::fill(bytes).is_ok());

/// A new secret key (`zmq_curve_keypair`); [`SecretKey::public`] gives what peers are to know.
///
/// ```
/// let secret = monocoque::new_secret_key()?;
/// assert_eq!(secret.public().to_string().len(), 40);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The system gives no random bytes.
pub fn new_secret_key() -> io::Result<SecretKey> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
    Ok(SecretKey::from_bytes(*bytes))
}
