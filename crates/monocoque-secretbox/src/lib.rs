//! XSalsa20-Poly1305, NaCl's `crypto_secretbox`, for many messages of one connection at a time.
//!
//! All nonces of one direction of a CURVE connection begin with the same 16 bytes, and XSalsa20 turns a key and those into
//! a key of Salsa20. That step is taken once, for a [`LaneKey`]. A short message needs two blocks of Salsa20, where the
//! vectors of a processor hold eight or sixteen: [`LaneKey::messages`] makes the blocks of many messages together.
//!
//! | file | owns |
//! |---|---|
//! | `salsa` | the key stream, and in `wide` what AVX-512 makes of it |
//! | `poly1305` | the authenticator, and in `vector` what AVX2 makes of it |
//! | `level` | what this processor has |
//!
//! Both are ours because no crate makes blocks of several messages together, and because the authenticators that there
//! are take twice as long (docs/decisions/0036). Each is held against another implementation by property tests, and the boxes
//! against libsodium's (in `monocoque-zmtp`). The one `unsafe` block calls what was compiled for AVX-512 where that is there.

#![deny(unsafe_code)]

mod level;
mod poly1305;
mod salsa;

use salsa20::cipher::consts::U10;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use salsa::{BLOCK_BYTES, BLOCK_WORDS, Block, BlockAt, Blocks, StreamKey};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of the authenticator in front of a box's contents.
pub const TAG_BYTES: usize = 16;

/// A key from another and 16 bytes: the beginning of XSalsa20, and the end of agreeing on a key for `crypto_box`.
///
/// Source: D. J. Bernstein, "Extending the Salsa20 nonce", 2011.
pub fn hsalsa20(key: &[u8; KEY_BYTES], input: &[u8; 16]) -> Zeroizing<[u8; KEY_BYTES]> {
    Zeroizing::new(salsa20::hsalsa::<U10>(key.into(), input.into()).into())
}

/// A key for boxes whose nonces begin alike; the last 8 bytes of a nonce are a big-endian number.
pub struct LaneKey(StreamKey);

impl LaneKey {
    /// The key for nonces that begin with `prefix`.
    pub fn new(key: &[u8; KEY_BYTES], prefix: &[u8; 16]) -> Self {
        Self(StreamKey::new(&hsalsa20(key, prefix)))
    }

    /// To seal or open messages of these nonces and lengths, in this order.
    pub fn messages<I>(&self, messages: I) -> Messages<'_, impl Iterator<Item = (u64, u64)>>
    where
        I: Iterator<Item = (u64, usize)>,
    {
        Messages(self.0.blocks(messages.flat_map(|(nonce, len)| {
            // The first 32 bytes of the stream are the authenticator's key.
            let count = (KEY_BYTES + len).div_ceil(BLOCK_BYTES) as u64;
            (0..count).map(move |number| (nonce, number))
        })))
    }

    /// Encrypts the contents of one message where they lie, and gives their authenticator.
    pub fn seal(&self, nonce: u64, contents: &mut [u8]) -> [u8; TAG_BYTES] {
        self.messages(std::iter::once((nonce, contents.len()))).seal(contents)
    }

    /// Decrypts the contents of one message where they lie; `false`, and nothing done, if they are not authentic.
    #[must_use = "what is not authentic must not be used"]
    pub fn open(&self, nonce: u64, tag: &[u8; TAG_BYTES], contents: &mut [u8]) -> bool {
        self.messages(std::iter::once((nonce, contents.len()))).open(tag, contents)
    }
}

/// A row of messages, taken one by one.
pub struct Messages<'k, I>(Blocks<'k, I>);

impl<I: Iterator<Item = BlockAt>> Messages<'_, I> {
    /// Encrypts the contents of the next message where they lie, and gives their authenticator.
    pub fn seal(&mut self, contents: &mut [u8]) -> [u8; TAG_BYTES] {
        let begun = self.begin();
        self.apply(&begun, contents);
        begun.tag(contents)
    }

    /// Decrypts the contents of the next message where they lie. If they are not authentic they stay as they are, and no
    /// other message may follow.
    #[must_use = "what is not authentic must not be used"]
    pub fn open(&mut self, tag: &[u8; TAG_BYTES], contents: &mut [u8]) -> bool {
        let begun = self.begin();
        let authentic = bool::from(begun.tag(contents).ct_eq(tag));
        if authentic {
            self.apply(&begun, contents);
        }
        authentic
    }

    fn begin(&mut self) -> First {
        First(*self.0.take())
    }

    fn apply(&mut self, first: &First, contents: &mut [u8]) {
        let (head, rest) = contents.split_at_mut(contents.len().min(BLOCK_BYTES - KEY_BYTES));
        xor(head, &first.0[KEY_BYTES / 8..]);
        let (whole, tail) = rest.as_chunks_mut::<BLOCK_BYTES>();
        whole.iter_mut().for_each(|chunk| xor_whole(chunk, self.0.take()));
        if !tail.is_empty() {
            xor(tail, self.0.take());
        }
    }
}

/// A message's first block: the authenticator's key, and the beginning of its stream.
struct First(Block);

impl First {
    fn tag(&self, contents: &[u8]) -> [u8; TAG_BYTES] {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let (words, _) = key.as_chunks_mut();
        words.iter_mut().zip(self.0).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        poly1305::tag(&key, contents)
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[inline]
fn xor_whole(bytes: &mut [u8; BLOCK_BYTES], stream: &Block) {
    let (words, _) = bytes.as_chunks_mut();
    for at in 0..BLOCK_WORDS {
        words[at] = (u64::from_le_bytes(words[at]) ^ stream[at]).to_le_bytes();
    }
}

fn xor(bytes: &mut [u8], stream: &[u64]) {
    for (bytes, word) in bytes.chunks_mut(8).zip(stream) {
        bytes.iter_mut().zip(word.to_le_bytes()).for_each(|(byte, other)| *byte ^= other);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_made_together_are_those_made_alone(
            key: [u8; KEY_BYTES],
            first: u64,
            lens in prop::collection::vec(prop_oneof![0usize..200, 0usize..5000], 1..12),
        ) {
            let lane = LaneKey::new(&key, b"CurveZMQMESSAGEC");
            let nonces = (0..).map(|at| first.wrapping_add(at));
            let mut together = lane.messages(nonces.clone().zip(lens.iter().copied()));
            let mut opened = lane.messages(nonces.clone().zip(lens.iter().copied()));
            for (nonce, &len) in nonces.zip(&lens) {
                let plain: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
                let (mut one, mut alone) = (plain.clone(), plain.clone());
                let tag = together.seal(&mut one);
                prop_assert_eq!(lane.seal(nonce, &mut alone), tag);
                prop_assert_eq!(&one, &alone);
                prop_assert!(lane.open(nonce, &tag, &mut alone));
                prop_assert!(opened.open(&tag, &mut one));
                prop_assert_eq!((&one, &alone), (&plain, &plain));
            }
        }
    }

    #[test]
    fn what_was_changed_stays_as_it_is() {
        let lane = LaneKey::new(&[7; KEY_BYTES], &[9; 16]);
        let mut contents = *b"contents";
        let mut tag = lane.seal(1, &mut contents);
        let sealed = contents;
        tag[0] ^= 1;
        assert!(!lane.open(1, &tag, &mut contents));
        assert_eq!(contents, sealed);
        tag[0] ^= 1;
        assert!(!lane.open(2, &tag, &mut contents), "another nonce");
        assert!(lane.open(1, &tag, &mut contents));
        assert_eq!(&contents, b"contents");
    }
}
