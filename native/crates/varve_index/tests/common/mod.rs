//! Key sets that are hard on purpose, small enough for every build profile, and a repeatable source of numbers.

#![allow(dead_code, reason = "each test binary uses its own part")]

/// SplitMix64: the same numbers for the same seed, everywhere.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Named sets of `count` ascending keys.
pub fn key_sets(count: usize) -> Vec<(&'static str, Vec<u64>)> {
    let n = count as u64;
    let mut rng = Rng(42);
    let sorted = |mut keys: Vec<u64>| {
        keys.sort_unstable();
        keys
    };
    let uniform = sorted((0..n).map(|_| rng.next()).collect());
    let dense = sorted((0..n).map(|_| rng.below(n * 3)).collect());
    let runs = sorted((0..n).map(|_| rng.below(n / 40 + 1) * 1000).collect());
    let two_clusters = (0..n).map(|i| if i < n / 2 { i * 3 } else { u64::MAX - (n - i) * 7 }).collect();
    let exponential =
        sorted((0..n).map(|_| 1u64.checked_shl(rng.below(64) as u32).unwrap_or(0) + rng.below(5)).collect());
    let long_runs = (0..n).map(|i| (i / 1000) * 1_000_000 + u64::from(i % 1000 == 999)).collect();
    // Steps that change just when a cone has settled.
    let poisoned = {
        let mut key = 0u64;
        (0..n)
            .map(|i| {
                key += if (i / 37) % 2 == 0 { 1 } else { 1 << 20 };
                key
            })
            .collect()
    };
    let outliers = {
        let mut keys: Vec<u64> = (0..n).map(|i| i * i % 1000 + i * 1000).collect();
        for (at, key) in keys.iter_mut().rev().take(21).enumerate() {
            *key = u64::MAX - at as u64;
        }
        sorted(keys)
    };
    vec![
        ("uniform", uniform),
        ("dense with gaps and repeats", dense),
        ("short runs", runs),
        ("two clusters", two_clusters),
        ("exponential", exponential),
        ("long runs", long_runs),
        ("poisoned", poisoned),
        ("outliers", outliers),
        ("all equal", vec![7; count]),
        ("all zero", vec![0; count]),
        ("all max", vec![u64::MAX; count]),
        ("stride", (0..n).map(|i| 5 + i * 9).collect()),
        ("zero and max", (0..n).map(|i| if i < n / 2 { 0 } else { u64::MAX }).collect()),
    ]
}

/// Queries on keys, beside keys, in gaps and at the ends.
pub fn queries(keys: &[u64], count: usize) -> Vec<u64> {
    let mut rng = Rng(7);
    let mut queries = vec![0, 1, u64::MAX, u64::MAX - 1, 1 << 63];
    for _ in 0..count {
        let at = rng.below(keys.len().max(1) as u64) as usize;
        let key = keys.get(at).copied().unwrap_or(5);
        let next = keys.get(at + 1).copied().unwrap_or(u64::MAX);
        queries.extend([key, key.wrapping_add(1), key.wrapping_sub(1), key / 2 + next / 2, rng.next()]);
    }
    queries
}
