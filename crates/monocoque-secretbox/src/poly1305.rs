//! Poly1305, the authenticator: D. J. Bernstein, "The Poly1305-AES message-authentication code", 2005; RFC 8439, section 2.5.
//!
//! A message is a polynomial in `r` over the integers modulo 2^130 - 5, a block of 16 bytes a coefficient. Numbers are
//! three limbs of 44, 44 and 42 bits, so that products fit 128 bits. Where there is AVX2, `vector` takes long messages
//! four blocks at a time. Nothing here branches on, or looks up by, what is secret.

#[cfg(target_arch = "x86_64")]
mod vector;

use zeroize::Zeroize;

use crate::{KEY_BYTES, TAG_BYTES};

const BLOCK_BYTES: usize = 16;
const MASK_44: u64 = (1 << 44) - 1;
const MASK_42: u64 = (1 << 42) - 1;
/// 2^128, which stands above each whole block, in the highest limb.
const ABOVE_BLOCK: u64 = 1 << 40;

/// A number modulo 2^130 - 5, not always reduced: each limb may have a bit more than its own.
type Number = [u64; 3];

/// The authenticator of `bytes` under a key that is used once.
pub(crate) fn tag(key: &[u8; KEY_BYTES], bytes: &[u8]) -> [u8; TAG_BYTES] {
    let (r, s) = key.split_first_chunk::<BLOCK_BYTES>().expect("32 bytes");
    let mut state = State::new(r);
    let rest = state.take_long(bytes);
    state.take(rest);
    let sum = reduced(state.sum).wrapping_add(u128::from_le_bytes(s.try_into().expect("16 bytes")));
    sum.to_le_bytes()
}

/// The polynomial so far. Wiped when dropped.
struct State {
    r: Factor,
    sum: Number,
}

impl State {
    fn new(r: &[u8; BLOCK_BYTES]) -> Self {
        const CLAMP: u128 = 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
        let clamped = u128::from_le_bytes(*r) & CLAMP;
        Self { r: Factor::new(number(&clamped.to_le_bytes())), sum: [0; 3] }
    }

    /// Takes the front of a message that is long enough to gain by it, and gives what is left.
    fn take_long<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        #[cfg(target_arch = "x86_64")]
        if bytes.len() >= vector::BYTES_MIN
            && let Some(avx2) = crate::level::LEVEL.as_avx2()
        {
            let (fours, rest) = bytes.as_chunks();
            self.sum = vector::sum(avx2, &self.r, fours);
            return rest;
        }
        bytes
    }

    fn take(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks();
        for block in blocks {
            let [low, middle, high] = number(block);
            self.add([low, middle, high | ABOVE_BLOCK]);
        }
        if !rest.is_empty() {
            let mut last = [0; BLOCK_BYTES];
            last[..rest.len()].copy_from_slice(rest);
            last[rest.len()] = 1;
            self.add(number(&last));
        }
    }

    #[inline(always)]
    fn add(&mut self, coefficient: Number) {
        let sum = std::array::from_fn(|limb| self.sum[limb] + coefficient[limb]);
        self.sum = self.r.times(sum);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.r.of.zeroize();
        self.sum.zeroize();
    }
}

/// A number to multiply by.
struct Factor {
    of: Number,
}

impl Factor {
    fn new(of: Number) -> Self {
        Self { of }
    }

    #[inline(always)]
    fn times(&self, [a0, a1, a2]: Number) -> Number {
        let [b0, b1, b2] = self.of;
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        // What stands at 2^132 and above comes back as four times five.
        let (over1, over2) = (20 * b1, 20 * b2);
        carried([
            wide(a0, b0) + wide(a1, over2) + wide(a2, over1),
            wide(a0, b1) + wide(a1, b0) + wide(a2, over2),
            wide(a0, b2) + wide(a1, b1) + wide(a2, b0),
        ])
    }
}

#[inline(always)]
fn carried(mut sums: [u128; 3]) -> Number {
    sums[1] += sums[0] >> 44;
    sums[2] += sums[1] >> 44;
    let low = (sums[0] as u64 & MASK_44) + (sums[2] >> 42) as u64 * 5;
    [low & MASK_44, (sums[1] as u64 & MASK_44) + (low >> 44), sums[2] as u64 & MASK_42]
}

#[inline(always)]
fn number(block: &[u8; BLOCK_BYTES]) -> Number {
    let whole = u128::from_le_bytes(*block);
    let (low, high) = (whole as u64, (whole >> 64) as u64);
    [low & MASK_44, (low >> 44 | high << 20) & MASK_44, high >> 24]
}

/// The low 128 bits of the one number below 2^130 - 5 that this is.
fn reduced(mut of: Number) -> u128 {
    for _ in 0..2 {
        of[1] += of[0] >> 44;
        of[2] += of[1] >> 44;
        let over = of[2] >> 42;
        of = [(of[0] & MASK_44) + over * 5, of[1] & MASK_44, of[2] & MASK_42];
    }
    // If five more reach 2^130, it was 2^130 - 5 or above.
    let mut less = [of[0] + 5, of[1], of[2]];
    less[1] += less[0] >> 44;
    less[2] += less[1] >> 44;
    let reaches = (less[2] >> 42).wrapping_neg();
    let chosen: [u64; 3] = std::array::from_fn(|limb| of[limb] ^ ((of[limb] ^ less[limb]) & reaches));
    let [low, middle, high] = [chosen[0] & MASK_44, chosen[1], chosen[2]].map(u128::from);
    low.wrapping_add((middle & u128::from(MASK_44)) << 44).wrapping_add((high & u128::from(MASK_42)) << 88)
}

#[cfg(test)]
mod tests {
    use poly1305::Poly1305;
    use poly1305::universal_hash::KeyInit;
    use proptest::prelude::*;

    use super::*;

    fn of_another(key: &[u8; KEY_BYTES], bytes: &[u8]) -> [u8; TAG_BYTES] {
        Poly1305::new(key.into()).compute_unpadded(bytes).into()
    }

    #[test]
    fn the_example_of_rfc_8439_comes_out() {
        let key = [
            0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33, 0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5, 0x06, 0xa8, 0x01, 0x03,
            0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd, 0x4a, 0xbf, 0xf6, 0xaf, 0x41, 0x49, 0xf5, 0x1b,
        ];
        let wanted = [0xa8, 0x06, 0x1d, 0xc1, 0x30, 0x51, 0x36, 0xc6, 0xc2, 0x2b, 0x8b, 0xaf, 0x0c, 0x01, 0x27, 0xa9];
        assert_eq!(tag(&key, b"Cryptographic Forum Research Group"), wanted);
    }

    #[test]
    fn numbers_at_the_edge_are_reduced_alike() {
        for r in [0, 1, 2, 5, u128::MAX] {
            for fill in [0, 1, 0xfa, 0xfb, 0xfc, 0xff] {
                for len in (0..70).chain(250..600).chain(4090..4100) {
                    let key: [u8; KEY_BYTES] = [r.to_le_bytes(), [fill; 16]].concat().try_into().expect("32 bytes");
                    let mut bytes = vec![0xff; len];
                    bytes.iter_mut().step_by(16).for_each(|byte| *byte = fill);
                    assert_eq!(tag(&key, &bytes), of_another(&key, &bytes), "{r:x} {fill} {len}");
                }
            }
        }
    }

    #[test]
    fn a_sum_just_at_the_modulus_becomes_nothing() {
        for (sum, wanted) in [
            ([MASK_44 - 5, MASK_44, MASK_42], u128::MAX - 5),
            ([MASK_44 - 4, MASK_44, MASK_42], 0),
            ([MASK_44, MASK_44, MASK_42], 4),
            ([0, 0, 1 << 42], 5),
            ([1 << 44, MASK_44, MASK_42], 5),
        ] {
            assert_eq!(reduced(sum), wanted, "{sum:x?}");
        }
    }

    proptest! {
        #[test]
        fn tags_are_those_of_another_implementation(key: [u8; KEY_BYTES], bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
            prop_assert_eq!(tag(&key, &bytes), of_another(&key, &bytes));
        }

        /// As on a processor without AVX2.
        #[test]
        fn long_messages_are_the_same_block_by_block(key: [u8; KEY_BYTES], bytes in prop::collection::vec(any::<u8>(), 200..900)) {
            let mut state = State::new(key.first_chunk().expect("32 bytes"));
            state.take(&bytes);
            let sum = reduced(state.sum).wrapping_add(u128::from_le_bytes(key[16..].try_into().expect("16 bytes")));
            prop_assert_eq!(sum.to_le_bytes(), of_another(&key, &bytes));
        }

        #[test]
        fn reducing_agrees_with_long_division(limbs in [0..=MASK_44 + 1, 0..=MASK_44 + 1, 0..=MASK_42 + 1]) {
            // 2^130 is 5: fold what stands above the low 128 bits by hand.
            let low = u128::from(limbs[0]) + (u128::from(limbs[1]) << 44);
            let (low, carry) = low.overflowing_add(u128::from(limbs[2] & ((1 << 40) - 1)) << 88);
            let mut above = (limbs[2] >> 40) + u64::from(carry);
            let (mut low, carry) = low.overflowing_add(u128::from(above >> 2) * 5);
            above = (above & 3) + u64::from(carry);
            if above == 4 {
                (low, above) = (low + 5, 0);
            }
            if above == 3 && low >= u128::MAX - 4 {
                low = low.wrapping_add(5);
            }
            prop_assert_eq!(reduced(limbs), low);
        }
    }
}
