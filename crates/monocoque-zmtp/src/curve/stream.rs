//! Salsa20's key stream, many blocks at a time, whichever messages they belong to.
//!
//! A short message needs two blocks, which fill no vector; so blocks of several messages are made together. No crate
//! offers that (docs/decisions/0023). The cipher is D. J. Bernstein's "Salsa20 specification", 2005.

use std::sync::LazyLock;

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, u32x8};
use zeroize::{Zeroize, Zeroizing};

use super::keys::KEY_BYTES;

pub(super) const BLOCK_BYTES: usize = 64;
const LANES: usize = 8;
const DOUBLE_ROUNDS: usize = 10;
/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

pub(super) type Block = [u8; BLOCK_BYTES];

/// Which block of which message: the message's nonce, and the block's number in its stream.
pub(super) type BlockAt = (u64, u64);

/// What this processor has.
static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);

/// A key of Salsa20, as words.
pub(super) struct StreamKey(Zeroizing<[u32; KEY_BYTES / 4]>);

impl StreamKey {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let (words, _) = key.as_chunks();
        let mut key = Zeroizing::new([0; KEY_BYTES / 4]);
        key.iter_mut().zip(words).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
        Self(key)
    }

    /// The stream of the blocks that `wanted` names, in its order.
    pub(super) fn blocks<I: Iterator<Item = BlockAt>>(&self, wanted: I) -> Blocks<'_, I> {
        Blocks { key: self, wanted, ready: [[0; BLOCK_BYTES]; LANES], left: 0 }
    }
}

/// A row of blocks. Wiped when dropped.
pub(super) struct Blocks<'k, I> {
    key: &'k StreamKey,
    wanted: I,
    ready: [Block; LANES],
    /// How many of `ready` were not taken, from its end.
    left: usize,
}

impl<I: Iterator<Item = BlockAt>> Blocks<'_, I> {
    /// The next block. Behind the last one that is wanted are blocks of nothing.
    pub(super) fn take(&mut self) -> &Block {
        if self.left == 0 {
            self.fill();
        }
        self.left -= 1;
        &self.ready[LANES - 1 - self.left]
    }

    fn fill(&mut self) {
        let mut at = [(0, u64::MAX); LANES];
        at.iter_mut().zip(&mut self.wanted).for_each(|(at, wanted)| *at = wanted);
        let (key, out) = (&*self.key.0, &mut self.ready);
        dispatch!(*LEVEL, simd => make(simd, key, &at, out));
        self.left = LANES;
    }
}

impl<I> Drop for Blocks<'_, I> {
    fn drop(&mut self) {
        self.ready.zeroize();
    }
}

/// Word `i` of all blocks is vector `i`.
#[inline(always)]
fn make<S: Simd>(simd: S, key: &[u32; 8], at: &[BlockAt; LANES], out: &mut [Block; LANES]) {
    let all = |word: u32| u32x8::splat(simd, word);
    let each = |word: fn(BlockAt) -> u32| -> u32x8<S> { at.map(word).simd_into(simd) };
    let [c0, c1, c2, c3] = CONSTANTS.map(all);
    let [k0, k1, k2, k3, k4, k5, k6, k7] = key.map(all);
    let nonce = [each(|(nonce, _)| nonce.swap_bytes() as u32), each(|(nonce, _)| (nonce.swap_bytes() >> 32) as u32)];
    let number = [each(|(_, number)| number as u32), each(|(_, number)| (number >> 32) as u32)];
    let start = [c0, k0, k1, k2, k3, c1, nonce[0], nonce[1], number[0], number[1], c2, k4, k5, k6, k7, c3];
    let mut words = start;
    for _ in 0..DOUBLE_ROUNDS {
        double_round(&mut words);
    }
    for (index, (word, start)) in words.into_iter().zip(start).enumerate() {
        let sums: [u32; LANES] = (word + start).into();
        for (block, sum) in out.iter_mut().zip(sums) {
            block[4 * index..4 * index + 4].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

/// The columns, then the rows.
#[inline(always)]
fn double_round<S: Simd>(words: &mut [u32x8<S>; 16]) {
    for [a, b, c, d] in [
        [0, 4, 8, 12],
        [5, 9, 13, 1],
        [10, 14, 2, 6],
        [15, 3, 7, 11],
        [0, 1, 2, 3],
        [5, 6, 7, 4],
        [10, 11, 8, 9],
        [15, 12, 13, 14],
    ] {
        step(words, b, [a, d], 7);
        step(words, c, [b, a], 9);
        step(words, d, [c, b], 13);
        step(words, a, [d, c], 18);
    }
}

#[inline(always)]
fn step<S: Simd>(words: &mut [u32x8<S>; 16], to: usize, [a, b]: [usize; 2], by: u32) {
    let sum = words[a] + words[b];
    words[to] ^= (sum << by) | (sum >> (u32::BITS - by));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use salsa20::Salsa20;
    use salsa20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

    use super::*;

    fn of_another(key: &[u8; 32], (nonce, number): BlockAt) -> Block {
        let mut stream = Salsa20::new(key.into(), &nonce.to_be_bytes().into());
        stream.seek(number * BLOCK_BYTES as u64);
        let mut block = [0; BLOCK_BYTES];
        stream.apply_keystream(&mut block);
        block
    }

    proptest! {
        #[test]
        fn blocks_are_those_of_another_implementation(
            key: [u8; 32],
            wanted in prop::collection::vec((any::<u64>(), 0u64..1 << 34), 1..40),
        ) {
            let stream = StreamKey::new(&key);
            let mut blocks = stream.blocks(wanted.iter().copied());
            for at in &wanted {
                prop_assert_eq!(blocks.take(), &of_another(&key, *at));
            }
        }
    }
}
