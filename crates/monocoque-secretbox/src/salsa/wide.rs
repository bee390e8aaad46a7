//! Sixteen blocks at a time, where the processor has AVX-512: its vectors hold them, and turn words in one instruction.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_castsi256_si512, _mm512_castsi512_si256, _mm512_extracti64x4_epi64,
    _mm512_inserti64x4, _mm512_rolv_epi32, _mm512_set1_epi32, _mm512_shuffle_i32x4, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};
use std::sync::LazyLock;

use fearless_simd::prelude::*;
use fearless_simd::{Avx2, u64x4};

use super::{Block, BlockAt, DOUBLE_ROUNDS, LANES, READY, double_round, start};
use crate::level::LEVEL;

/// `Level` knows AVX-512 only with all that later processors have of it.
static WIDE: LazyLock<Option<Avx2>> =
    LazyLock::new(|| LEVEL.as_avx2().filter(|_| std::arch::is_x86_feature_detected!("avx512f")));

/// Makes the blocks; `false` if this processor cannot.
#[expect(unsafe_code)]
pub(super) fn make(key: &[u32; 8], at: &[BlockAt; READY], out: &mut [Block; READY]) -> bool {
    let Some(avx2) = *WIDE else { return false };
    // SAFETY: an `Avx2` is only there where its features are, and `WIDE` only where AVX-512F is too.
    unsafe { make_wide(avx2, key, at, out) };
    true
}

#[target_feature(enable = "avx512f,avx2,bmi1,bmi2,cmpxchg16b,f16c,fma,fxsr,lzcnt,movbe,popcnt,xsave")]
fn make_wide(avx2: Avx2, key: &[u32; 8], at: &[BlockAt; READY], out: &mut [Block; READY]) {
    let ([low, high], _) = at.as_chunks::<LANES>() else { unreachable!("twice as many") };
    let (low, high) = (start(avx2, key, low), start(avx2, key, high));
    let start: [__m512i; 16] = std::array::from_fn(|word| {
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low[word].into()), high[word].into())
    });
    let mut words = start;
    for _ in 0..DOUBLE_ROUNDS {
        double_round(
            &mut words,
            #[inline]
            |word, a, b, by| {
                let turned = _mm512_rolv_epi32(_mm512_add_epi32(a, b), _mm512_set1_epi32(by as i32));
                _mm512_xor_si512(word, turned)
            },
        );
    }
    for (word, start) in words.iter_mut().zip(start) {
        *word = _mm512_add_epi32(*word, start);
    }
    transpose(&mut words);
    for (block, row) in out.iter_mut().zip(words) {
        let low: u64x4<Avx2> = _mm512_castsi512_si256(row).simd_into(avx2);
        let high: u64x4<Avx2> = _mm512_extracti64x4_epi64::<1>(row).simd_into(avx2);
        let (front, back) = block.split_at_mut(4);
        front.copy_from_slice(low.as_slice());
        back.copy_from_slice(high.as_slice());
    }
}

/// Turns vectors of words into blocks: words to pairs, pairs to fours within each quarter of a vector, then quarters.
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512i; 16]) {
    for [a, b, c, d] in rows.as_chunks_mut().0 {
        let (low, high) = (_mm512_unpacklo_epi32(*a, *b), _mm512_unpackhi_epi32(*a, *b));
        let (low_next, high_next) = (_mm512_unpacklo_epi32(*c, *d), _mm512_unpackhi_epi32(*c, *d));
        *a = _mm512_unpacklo_epi64(low, low_next);
        *b = _mm512_unpackhi_epi64(low, low_next);
        *c = _mm512_unpacklo_epi64(high, high_next);
        *d = _mm512_unpackhi_epi64(high, high_next);
    }
    // Vector `4g + j` has words `4g..4g + 4` of block `4k + j` in quarter `k`.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    for j in 0..4 {
        let [a, b, c, d] = [rows[j], rows[4 + j], rows[8 + j], rows[12 + j]];
        let (even, odd) = (_mm512_shuffle_i32x4::<EVEN>(a, b), _mm512_shuffle_i32x4::<ODD>(a, b));
        let (even_next, odd_next) = (_mm512_shuffle_i32x4::<EVEN>(c, d), _mm512_shuffle_i32x4::<ODD>(c, d));
        rows[j] = _mm512_shuffle_i32x4::<EVEN>(even, even_next);
        rows[4 + j] = _mm512_shuffle_i32x4::<EVEN>(odd, odd_next);
        rows[8 + j] = _mm512_shuffle_i32x4::<ODD>(even, even_next);
        rows[12 + j] = _mm512_shuffle_i32x4::<ODD>(odd, odd_next);
    }
}
