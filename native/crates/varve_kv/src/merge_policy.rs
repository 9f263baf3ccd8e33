//! Which segments to merge next: geometric tiers, at most four live, and a free place for flushes.

use std::ops::RangeInclusive;

use crate::limits::SEGMENTS_MAX;

/// Positions (newest first) of the segments to merge now, given their sizes, newest first.
///
/// A segment no larger than everything newer together is merged with it, which makes sizes at least
/// double from tier to tier. With four live the newest is left out where possible, so that flushes have
/// a segment to fold into while the merge runs.
pub fn plan(sizes: &[u64]) -> Option<RangeInclusive<usize>> {
    let full = sizes.len() >= SEGMENTS_MAX;
    for oldest in (1..sizes.len()).rev() {
        let newer: u64 = sizes[..oldest].iter().sum();
        if sizes[oldest] <= newer {
            let newest = usize::from(full && oldest >= 2);
            return Some(newest..=oldest);
        }
    }
    full.then_some(0..=1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let rows: [(&[u64], Option<RangeInclusive<usize>>); 9] = [
            (&[], None),
            (&[5], None),
            (&[5, 5], Some(0..=1)),
            (&[5, 11], None),
            (&[5, 6, 20], None),
            (&[5, 6, 11], Some(0..=2)),
            (&[5, 5, 20], Some(0..=1)),
            (&[5, 6, 12, 24], Some(0..=1)),
            (&[5, 6, 12, 23], Some(1..=3)),
        ];
        for (sizes, expected) in rows {
            assert_eq!(plan(sizes), expected, "{sizes:?}");
        }
    }

    /// Flushing equal memtables: never more than four live, and few bytes written per byte kept.
    #[test]
    fn writes_stay_logarithmic() {
        let (mut sizes, mut written): (Vec<u64>, u64) = (Vec::new(), 0);
        for _ in 0..256 {
            sizes.insert(0, 1);
            written += 1;
            while let Some(range) = plan(&sizes) {
                let merged: u64 = sizes.drain(range.clone()).sum();
                sizes.insert(*range.start(), merged);
                written += merged;
            }
            assert!(sizes.len() < SEGMENTS_MAX, "{sizes:?}");
        }
        assert!(written < 256 * 14, "{written} written for 256 kept");
    }
}
