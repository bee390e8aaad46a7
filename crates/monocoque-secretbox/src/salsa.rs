//! Salsa20's key stream, many blocks at a time, whichever messages they belong to.
//!
//! A short message needs two blocks, which fill no vector; so blocks of several messages are made together. The cipher
//! is D. J. Bernstein's "Salsa20 specification", 2005.

#[cfg(target_arch = "x86_64")]
mod wide;

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch, u32x8};
use zeroize::{Zeroize, Zeroizing};

use crate::KEY_BYTES;
use crate::level::LEVEL;

pub(crate) const BLOCK_BYTES: usize = 64;
/// Of 8 bytes each: what a block is taken in.
pub(crate) const BLOCK_WORDS: usize = BLOCK_BYTES / 8;
/// Blocks that a vector of 256 bits makes.
const LANES: usize = 8;
/// Blocks that are made at a time.
const READY: usize = 2 * LANES;
const DOUBLE_ROUNDS: usize = 10;
/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A block of the stream, as little-endian words.
pub(crate) type Block = [u64; BLOCK_WORDS];

/// Which block of which message: the message's nonce, and the block's number in its stream.
pub(crate) type BlockAt = (u64, u64);

/// A key of Salsa20, as words.
pub(crate) struct StreamKey(Zeroizing<[u32; KEY_BYTES / 4]>);

impl StreamKey {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let (words, _) = key.as_chunks();
        let mut key = Zeroizing::new([0; KEY_BYTES / 4]);
        key.iter_mut().zip(words).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
        Self(key)
    }

    /// The stream of the blocks that `wanted` names, in its order.
    pub(crate) fn blocks<I: Iterator<Item = BlockAt>>(&self, wanted: I) -> Blocks<'_, I> {
        Blocks { key: self, wanted, ready: [[0; BLOCK_WORDS]; READY], made: 0, most: 0, taken: 0 }
    }
}

/// A row of blocks. Wiped when dropped.
pub(crate) struct Blocks<'k, I> {
    key: &'k StreamKey,
    wanted: I,
    ready: [Block; READY],
    /// Of `ready`, from its front.
    made: usize,
    /// The most that were at once.
    most: usize,
    taken: usize,
}

impl<I: Iterator<Item = BlockAt>> Blocks<'_, I> {
    /// The next block. Behind the last one that is wanted are blocks of nothing.
    #[inline]
    pub(crate) fn take(&mut self) -> &Block {
        if self.taken == self.made {
            self.fill();
        }
        self.taken += 1;
        &self.ready[self.taken - 1]
    }

    fn fill(&mut self) {
        let mut at = [(0, u64::MAX); READY];
        let mut wanted = 0;
        for (at, next) in at.iter_mut().zip(&mut self.wanted) {
            *at = next;
            wanted += 1;
        }
        self.made = if wanted <= LANES { LANES } else { READY };
        self.most = self.most.max(self.made);
        self.taken = 0;
        make(&self.key.0, &at, &mut self.ready, self.made);
    }
}

impl<I> Drop for Blocks<'_, I> {
    fn drop(&mut self) {
        self.ready[..self.most].iter_mut().for_each(Zeroize::zeroize);
    }
}

/// The first `count` blocks of `at`, a multiple of [`LANES`].
fn make(key: &[u32; 8], at: &[BlockAt; READY], out: &mut [Block; READY], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if count == READY && wide::make(key, at, out) {
        return;
    }
    let (at, _) = at[..count].as_chunks();
    let (out, _) = out[..count].as_chunks_mut();
    dispatch!(*LEVEL, simd => {
        for (at, out) in at.iter().zip(out) {
            make_each(simd, key, at, out);
        }
    });
}

#[inline(always)]
fn make_each<S: Simd>(simd: S, key: &[u32; 8], at: &[BlockAt; LANES], out: &mut [Block; LANES]) {
    let start = start(simd, key, at);
    let mut words = start;
    for _ in 0..DOUBLE_ROUNDS {
        double_round(
            &mut words,
            #[inline(always)]
            |word, a, b, by| {
                let sum = a + b;
                word ^ ((sum << by) | (sum >> (u32::BITS - by)))
            },
        );
    }
    words.iter_mut().zip(start).for_each(|(word, start)| *word += start);
    write(simd, words, out);
}

/// What the rounds begin with: word `i` of all blocks is vector `i`.
#[inline(always)]
fn start<S: Simd>(simd: S, key: &[u32; 8], at: &[BlockAt; LANES]) -> [u32x8<S>; 16] {
    let all = |word: u32| u32x8::splat(simd, word);
    let each = |word: fn(BlockAt) -> u32| -> u32x8<S> { at.map(word).simd_into(simd) };
    let [c0, c1, c2, c3] = CONSTANTS.map(all);
    let [k0, k1, k2, k3, k4, k5, k6, k7] = key.map(all);
    let nonce = [each(|(nonce, _)| nonce.swap_bytes() as u32), each(|(nonce, _)| (nonce.swap_bytes() >> 32) as u32)];
    let number = [each(|(_, number)| number as u32), each(|(_, number)| (number >> 32) as u32)];
    [c0, k0, k1, k2, k3, c1, nonce[0], nonce[1], number[0], number[1], c2, k4, k5, k6, k7, c3]
}

/// Turns vectors of words into blocks.
#[inline(always)]
fn write<S: Simd>(simd: S, words: [u32x8<S>; 16], out: &mut [Block; LANES]) {
    let (rows, _) = words.as_chunks::<8>();
    for (half, rows) in rows.iter().enumerate() {
        for (block, row) in out.iter_mut().zip(transposed(simd, *rows)) {
            let words: [u32; LANES] = row.into();
            for (at, pair) in words.as_chunks::<2>().0.iter().enumerate() {
                block[4 * half + at] = u64::from(pair[0]) | u64::from(pair[1]) << 32;
            }
        }
    }
}

/// Each round deals the rows' words out to twice as many places as before.
#[inline(always)]
fn transposed<S: Simd>(simd: S, mut rows: [u32x8<S>; 8]) -> [u32x8<S>; 8] {
    for _ in 0..LANES.ilog2() {
        let [a, b, c, d, e, f, g, h] = rows;
        let (low, high) = (
            [(a, e), (b, f), (c, g), (d, h)].map(|(a, b)| simd.zip_low_u32x8(a, b)),
            [(a, e), (b, f), (c, g), (d, h)].map(|(a, b)| simd.zip_high_u32x8(a, b)),
        );
        rows = [low[0], high[0], low[1], high[1], low[2], high[2], low[3], high[3]];
    }
    rows
}

/// The columns, then the rows. `step` turns a word, two others and a distance into the word with their sum, turned that
/// far, added without carry.
#[inline(always)]
fn double_round<V: Copy>(words: &mut [V; 16], step: impl Fn(V, V, V, u32) -> V) {
    quarters(words, [[0, 4, 8, 12], [5, 9, 13, 1], [10, 14, 2, 6], [15, 3, 7, 11]], &step);
    quarters(words, [[0, 1, 2, 3], [5, 6, 7, 4], [10, 11, 8, 9], [15, 12, 13, 14]], &step);
}

/// Four quarter-rounds side by side, since each waits for itself. Written out: as loops they are not unrolled, and the
/// words then lie in memory (82 µs for 64 KiB, 39 so).
#[inline(always)]
fn quarters<V: Copy>(words: &mut [V; 16], of: [[usize; 4]; 4], step: &impl Fn(V, V, V, u32) -> V) {
    steps(words, of, [1, 0, 3], 7, step);
    steps(words, of, [2, 1, 0], 9, step);
    steps(words, of, [3, 2, 1], 13, step);
    steps(words, of, [0, 3, 2], 18, step);
}

#[inline(always)]
fn steps<V: Copy>(
    words: &mut [V; 16],
    [p, q, r, s]: [[usize; 4]; 4],
    [to, a, b]: [usize; 3],
    by: u32,
    step: &impl Fn(V, V, V, u32) -> V,
) {
    words[p[to]] = step(words[p[to]], words[p[a]], words[p[b]], by);
    words[q[to]] = step(words[q[to]], words[q[a]], words[q[b]], by);
    words[r[to]] = step(words[r[to]], words[r[a]], words[r[b]], by);
    words[s[to]] = step(words[s[to]], words[s[a]], words[s[b]], by);
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
        let (words, _) = block.as_chunks();
        std::array::from_fn(|at| u64::from_le_bytes(words[at]))
    }

    proptest! {
        #[test]
        fn blocks_are_those_of_another_implementation(
            key: [u8; 32],
            wanted in prop::collection::vec((any::<u64>(), 0u64..1 << 34), 1..70),
        ) {
            let stream = StreamKey::new(&key);
            let mut blocks = stream.blocks(wanted.iter().copied());
            for at in &wanted {
                prop_assert_eq!(blocks.take(), &of_another(&key, *at));
            }
        }

        /// As on a processor that has no more than each of its kind.
        #[test]
        fn blocks_are_the_same_without_long_vectors(key: [u8; 32], at in prop::array::uniform8((any::<u64>(), 0u64..1 << 34))) {
            let mut out = [[0; BLOCK_WORDS]; LANES];
            let words = StreamKey::new(&key);
            dispatch!(fearless_simd::Level::baseline(), simd => make_each(simd, &words.0, &at, &mut out));
            for (block, at) in out.iter().zip(at) {
                prop_assert_eq!(block, &of_another(&key, at));
            }
        }
    }
}
