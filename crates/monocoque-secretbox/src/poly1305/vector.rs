//! Four polynomials side by side: of every fourth block each, in `r`^4. They are put together at the end.
//!
//! Numbers are five limbs of 26 bits here, each in the low half of a lane, since AVX2 multiplies halves.

use std::arch::x86_64::{__m256i, _mm256_mul_epu32};

use fearless_simd::prelude::*;
use fearless_simd::{Avx2, u64x4};

use super::{BLOCK_BYTES, Factor, MASK_44, Number};

const LANES: usize = 4;
const MASK_26: u64 = (1 << 26) - 1;
/// 2^128 in the highest limb.
const ABOVE_BLOCK: u64 = 1 << 24;
/// From how many bytes on it is faster; the powers of `r` have to be made first.
pub(super) const BYTES_MIN: usize = 256;

type Four = [u8; LANES * BLOCK_BYTES];
/// A limb of each lane's number is a vector.
type Numbers = [u64x4<Avx2>; 5];

fearless_simd::kernel!(
    /// The polynomial of whole fours of blocks, of which there is at least one.
    pub(super) fn sum(avx2: Avx2, r: &Factor, fours: &[Four]) -> Number {
        let mut power = r.of;
        let mut powers = [r.of; LANES];
        for higher in &mut powers[1..] {
            power = r.times(power);
            *higher = power;
        }
        let powers = powers.map(narrow);
        let (last, before) = fours.split_last().expect("at least one");
        let mut sums = [u64x4::splat(avx2, 0); 5];
        take(avx2, &mut sums, &Factors::new(std::array::from_fn(|limb| u64x4::splat(avx2, powers[3][limb]))), before);
        // The first lane's last block stands four places from the end of these, the last one's one.
        let ends = std::array::from_fn(|limb| [3, 2, 1, 0].map(|lane: usize| powers[lane][limb]).simd_into(avx2));
        take(avx2, &mut sums, &Factors::new(ends), std::slice::from_ref(last));
        widen(sums.map(|limb| <[u64; LANES]>::from(limb).iter().sum()))
    }
);

/// Numbers to multiply by.
struct Factors {
    of: Numbers,
    /// Five times those: what stands at 2^130 and above comes back so.
    over: Numbers,
}

impl Factors {
    fn new(of: Numbers) -> Self {
        Self { of, over: of.map(|limb| limb + (limb << 2)) }
    }
}

fearless_simd::kernel!(
    /// Adds each four to the sums, and multiplies them.
    ///
    /// The factors are behind a reference, and this is not inlined, because the compiler would keep them in registers
    /// without remembering that their high halves are empty, and then multiply those too.
    #[inline(never)]
    fn take(avx2: Avx2, sums: &mut Numbers, by: &Factors, fours: &[Four]) {
        let mut of = *sums;
        for four in fours {
            let more = numbers(avx2, four);
            for (sum, more) in of.iter_mut().zip(more) {
                *sum += more;
            }
            of = carried(avx2, products(avx2, of, by));
        }
        *sums = of;
    }
);

fearless_simd::kernel!(
    #[inline]
    fn product(avx2: Avx2, a: __m256i, b: __m256i) -> __m256i {
        _mm256_mul_epu32(a, b)
    }
);

#[inline(always)]
fn numbers(avx2: Avx2, four: &Four) -> Numbers {
    let (words, _) = four.as_chunks();
    let word = |at: usize| u64::from_le_bytes(words[at]);
    let front: u64x4<Avx2> = [word(0), word(1), word(2), word(3)].simd_into(avx2);
    let back: u64x4<Avx2> = [word(4), word(5), word(6), word(7)].simd_into(avx2);
    let (low, high) = (avx2.unzip_low_u64x4(front, back), avx2.unzip_high_u64x4(front, back));
    let mask = u64x4::splat(avx2, MASK_26);
    [
        low & mask,
        (low >> 26) & mask,
        ((low >> 52) | (high << 12)) & mask,
        (high >> 14) & mask,
        (high >> 40) | u64x4::splat(avx2, ABOVE_BLOCK),
    ]
}

#[inline(always)]
fn products(avx2: Avx2, [a0, a1, a2, a3, a4]: Numbers, by: &Factors) -> Numbers {
    let times = |a: u64x4<Avx2>, b: u64x4<Avx2>| -> u64x4<Avx2> { product(avx2, a.into(), b.into()).simd_into(avx2) };
    let (b, over) = (&by.of, &by.over);
    [
        times(a0, b[0]) + times(a1, over[4]) + times(a2, over[3]) + times(a3, over[2]) + times(a4, over[1]),
        times(a0, b[1]) + times(a1, b[0]) + times(a2, over[4]) + times(a3, over[3]) + times(a4, over[2]),
        times(a0, b[2]) + times(a1, b[1]) + times(a2, b[0]) + times(a3, over[4]) + times(a4, over[3]),
        times(a0, b[3]) + times(a1, b[2]) + times(a2, b[1]) + times(a3, b[0]) + times(a4, over[4]),
        times(a0, b[4]) + times(a1, b[3]) + times(a2, b[2]) + times(a3, b[1]) + times(a4, b[0]),
    ]
}

/// Two carries at a time, from the lowest limb and the fourth, so that neither waits for all before it.
#[inline(always)]
fn carried(avx2: Avx2, [mut a, mut b, mut c, mut d, mut e]: Numbers) -> Numbers {
    let mask = u64x4::splat(avx2, MASK_26);
    b += a >> 26;
    a &= mask;
    e += d >> 26;
    d &= mask;
    c += b >> 26;
    b &= mask;
    let over = e >> 26;
    e &= mask;
    a += over + (over << 2);
    d += c >> 26;
    c &= mask;
    b += a >> 26;
    a &= mask;
    e += d >> 26;
    d &= mask;
    [a, b, c, d, e]
}

/// Limbs of 26 bits; the highest may have a bit more.
fn narrow([low, middle, high]: Number) -> [u64; 5] {
    let (middle, high) = (middle & MASK_44, high + (middle >> 44));
    [
        low & MASK_26,
        (low >> 26 | middle << 18) & MASK_26,
        (middle >> 8) & MASK_26,
        (middle >> 34 | high << 10) & MASK_26,
        high >> 16,
    ]
}

/// Limbs of 44 bits, of limbs of 26 that may have some bits more.
fn widen(mut of: [u64; 5]) -> Number {
    for limb in 0..4 {
        of[limb + 1] += of[limb] >> 26;
        of[limb] &= MASK_26;
    }
    let [a, b, c, d, e] = of;
    let low = a + (e >> 26) * 5 + (b << 26);
    let middle = (low >> 44) + (c << 8) + ((d & 0x3ff) << 34);
    [low & MASK_44, middle & MASK_44, (middle >> 44) + (d >> 10) + ((e & MASK_26) << 16)]
}
