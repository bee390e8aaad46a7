//! Masks (RFC 6455, 5.3), and the keys that a client draws for them.

use monocoque_zmtp::{Entropy, SessionError};

/// A key of a mask.
pub(crate) type Key = [u8; KEY_BYTES];

pub(crate) const KEY_BYTES: usize = 4;
/// Bytes that are drawn at once: the system is asked once for 64 frames.
const POOL_BYTES: usize = 256;

/// The keys of one connection.
#[derive(Debug)]
pub(crate) struct Keys {
    entropy: Entropy,
    pool: [u8; POOL_BYTES],
    /// Bytes of the pool that are used up.
    used: usize,
}

impl Keys {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self { entropy, pool: [0; POOL_BYTES], used: POOL_BYTES }
    }

    // spec: 6455, masking — a fresh key for each frame, from a strong source of entropy.
    pub(crate) fn draw(&mut self) -> Result<Key, SessionError> {
        if self.used == POOL_BYTES {
            if !self.entropy.fill(&mut self.pool) {
                return Err(SessionError::NoEntropy);
            }
            self.used = 0;
        }
        let key = self.pool[self.used..].first_chunk().copied().unwrap_or_default();
        self.used += KEY_BYTES;
        Ok(key)
    }
}

const _: () = assert!(POOL_BYTES.is_multiple_of(KEY_BYTES));

/// Masks `bytes`, or unmasks them, of which the first is the payload's byte number `at`.
pub(crate) fn apply(bytes: &mut [u8], key: Key, at: usize) {
    // Eight bytes at a time, which the compiler makes more of.
    let turned: Key = std::array::from_fn(|i| key[(at + i) % KEY_BYTES]);
    let [a, b, c, d] = turned;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        if let Some(word) = word.first_chunk_mut::<8>() {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
    }
    words.into_remainder().iter_mut().zip(turned.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_masked_text_of_the_rfc_is_unmasked() {
        // spec: 6455, examples — a single-frame masked text message contains "Hello".
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn no_key_comes_twice_and_no_randomness_is_told() {
        fn count(bytes: &mut [u8]) -> bool {
            bytes.iter_mut().zip(0..=u8::MAX).for_each(|(byte, number)| *byte = number);
            true
        }
        let mut keys = Keys::new(Entropy::new(count));
        assert_eq!(keys.draw(), Ok([0, 1, 2, 3]));
        assert_eq!(keys.draw(), Ok([4, 5, 6, 7]));
        assert_eq!(Keys::new(Entropy::new(|_| false)).draw(), Err(SessionError::NoEntropy));
    }

    proptest! {
        #[test]
        fn each_byte_is_masked_by_its_place(bytes in prop::collection::vec(any::<u8>(), 0..50), key: [u8; 4], at in 0usize..9) {
            let mut masked = bytes.clone();
            apply(&mut masked, key, at);
            let expected: Vec<u8> = bytes.iter().enumerate().map(|(i, byte)| byte ^ key[(at + i) % 4]).collect();
            prop_assert_eq!(masked, expected);
        }
    }
}
