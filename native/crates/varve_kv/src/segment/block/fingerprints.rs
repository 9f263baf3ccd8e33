//! Search among the fingerprints of a block, sixteen at a time: one byte per entry tells nearly all others apart.

/// The first of `count` fingerprints at `prints`, from `from` on, that is this one; `count` when none is.
#[inline(always)]
pub fn match_from(bytes: &[u8], prints: usize, count: usize, mut from: usize, fingerprint: u8) -> usize {
    while from < count {
        // Bytes behind the fingerprints may match by chance; they count as behind the end.
        match matches16(bytes, prints + from, fingerprint) {
            Some(0) => from += 16,
            Some(hits) => return (from + hits.trailing_zeros() as usize).min(count),
            None => return count,
        }
    }
    count
}

/// Bit `i` is set when byte `at + i` equals `wanted`, for 16 bytes (zeros behind the end).
#[inline]
fn matches16(bytes: &[u8], at: usize, wanted: u8) -> Option<u32> {
    let rest = bytes.get(at..)?;
    Some(match rest.first_chunk() {
        Some(chunk) => matches(chunk, wanted),
        None => rest.iter().enumerate().fold(0, |mask, (i, &b)| mask | (u32::from(b == wanted) << i)),
    })
}

/// Bit `i` is set when byte `i` equals `wanted`.
#[inline(always)]
fn matches(chunk: &[u8; 16], wanted: u8) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64; `chunk` holds 16 bytes and the load may be unaligned.
    unsafe {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
        let lanes = _mm_loadu_si128(chunk.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(lanes, _mm_set1_epi8(wanted as i8))) as u32
    }
    #[cfg(not(target_arch = "x86_64"))]
    chunk.iter().enumerate().fold(0, |mask, (i, &b)| mask | (u32::from(b == wanted) << i))
}

/// Bit `i` is set when byte `i` of a line equals `wanted`.
#[inline(always)]
pub fn matches64(line: &[u8; 64], wanted: u8) -> u64 {
    let [a, b, c, d] = [0, 16, 32, 48].map(|at| match line[at..at + 16].first_chunk() {
        Some(chunk) => u64::from(matches(chunk, wanted)) << at,
        None => 0,
    });
    (a | b) | (c | d)
}
