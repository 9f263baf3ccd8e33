//! Key sets built to hurt: each breaks an assumption that some learned index made.

use crate::keys::Keys;
use crate::rng::Rng;

/// Names of the sets, for [`keys`].
pub const NAMES: [&str; 7] =
    ["all-equal", "two-clusters", "exponential", "poisoned", "uniform", "long-runs", "outliers"];

/// `count` ascending keys of the set `name`.
///
/// # Panics
/// When there is no such set.
pub fn keys(name: &str, count: usize, seed: u64) -> Keys {
    let mut keys = Keys::zeroed(count);
    let n = count as u64;
    let mut rng = Rng(seed);
    match name {
        "all-equal" => keys.fill(42),
        "two-clusters" => {
            for (i, key) in (0..n).zip(keys.iter_mut()) {
                *key =
                    if i < n / 2 { i * 3 + rng.bits() % 3 } else { u64::MAX - (n - i) * 5 + rng.bits() % 5 };
            }
        }
        // The gap doubles 40 times over the set: most of the key range belongs to the last few keys.
        "exponential" => {
            let mut key = 0.0;
            for (i, out) in keys.iter_mut().enumerate() {
                key += (i as f64 / count as f64 * 40.0).exp2() * (0.5 + rng.bits() as f64 / u64::MAX as f64);
                *out = key as u64;
            }
        }
        // Slopes that alternate as soon as a cone of the usual bounds has settled: the most segments per key.
        "poisoned" => {
            let mut key = 0;
            for (i, out) in keys.iter_mut().enumerate() {
                key += if (i / 40) % 2 == 0 { 1 + rng.bits() % 2 } else { 1 << 22 };
                *out = key;
            }
        }
        "uniform" => {
            keys.iter_mut().for_each(|key| *key = rng.bits());
            keys.sort_unstable();
        }
        "long-runs" => {
            for (i, key) in (0..n).zip(keys.iter_mut()) {
                *key = (i / 1000) * 1_000_003 + if i % 1000 > 900 { i % 1000 } else { 0 };
            }
        }
        "outliers" => {
            let mut key = 0;
            for (i, out) in keys.iter_mut().enumerate() {
                key += if i + 100 < count { 1 + rng.bits() % 1000 } else { 1 << 55 };
                *out = key;
            }
        }
        other => panic!("no adversarial set {other}"),
    }
    keys
}
