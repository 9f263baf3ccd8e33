//! Comparing short byte strings without a call into the C library, which costs more than their few words.

/// Whether `left` and `right` are equal. Up to 16 bytes: two words that overlap.
#[inline(always)]
pub fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match (left.first_chunk::<8>(), left.last_chunk::<8>(), right.first_chunk::<8>(), right.last_chunk::<8>())
    {
        (Some(a), Some(b), Some(c), Some(d)) if left.len() <= 16 => (a == c) & (b == d),
        (None, ..) => match (
            left.first_chunk::<4>(),
            left.last_chunk::<4>(),
            right.first_chunk::<4>(),
            right.last_chunk::<4>(),
        ) {
            (Some(a), Some(b), Some(c), Some(d)) => (a == c) & (b == d),
            _ => left.iter().zip(right).all(|(a, b)| a == b),
        },
        _ => left == right,
    }
}

/// As `whole.strip_prefix(prefix)`, by [`same_bytes`].
#[inline(always)]
pub fn strip_bytes<'w>(whole: &'w [u8], prefix: &[u8]) -> Option<&'w [u8]> {
    let (own, rest) = whole.split_at_checked(prefix.len())?;
    same_bytes(own, prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{same_bytes, strip_bytes};

    /// Every length around the words, and a difference at every place.
    #[test]
    fn short_strings_compare() {
        for len in 0..40 {
            let left: Vec<u8> = (0..len).collect();
            assert!(same_bytes(&left, &left.clone()), "{len}");
            for at in 0..left.len() {
                let mut right = left.clone();
                right[at] ^= 0x80;
                assert!(!same_bytes(&left, &right), "{len} bytes, {at}");
                assert!(!same_bytes(&left, &left[..at]), "{len} bytes, {at}");
                assert_eq!(strip_bytes(&left, &left[..at]), left.strip_prefix(&left[..at]));
                assert_eq!(strip_bytes(&left, &right), None);
                assert_eq!(strip_bytes(&left[..at], &left), None);
            }
        }
    }
}
