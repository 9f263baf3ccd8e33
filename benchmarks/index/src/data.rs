//! Key sets: four synthetic twins of the SOSD data sets, as hard as the real ones, and sets built to hurt.
//!
//! The real files come in no package registry, so each twin is accepted by its hardness instead: the number of
//! optimal PLA segments at five error bounds, as GRE published it for 200 M keys (`tests/acceptance.rs` holds each
//! figure to 20 %). All twins come from one mechanism, midpoint displacement: a stretch of `m` keys is halved, and
//! its middle key is placed in the key range off the centre by a random amount whose size, `spread(m)`, is a property
//! of the data set. Spread `2 / sqrt(m)` is a Poisson process; a constant spread is a multiplicative cascade, rough
//! on every scale. Since the spread depends on `m` alone, a set of any size has the same segments per million keys.
//! Around that: `fb` ends in 21 huge outliers, `wiki` has runs of equal keys.

use crate::keys::Keys;
use crate::rng::Rng;

/// Published segments at 200 M keys for [`EPSILONS`].
pub const EPSILONS: [u64; 5] = [16, 32, 64, 128, 1024];

/// A data set with a published hardness.
#[derive(Clone, Copy, Debug)]
pub struct Twin {
    /// Its name in SOSD.
    pub name: &'static str,
    /// Optimal PLA segments over 200 M keys at each of [`EPSILONS`]. Source: GRE (2022).
    pub segments: [u64; 5],
    /// `spread(m)` at stretches of 4^1, 4^2, ... keys; between them linear in log m, beyond them constant.
    spread: [f64; 11],
    /// Key range per key, as a power of two; small ones make equal keys.
    range_bits: u32,
    outliers: usize,
}

/// The four twins.
pub const TWINS: [Twin; 4] = [
    Twin {
        name: "books",
        segments: [768_356, 262_604, 80_503, 22_539, 446],
        spread: [1.0, 0.5875, 0.6233, 0.3455, 0.1465, 0.0794, 0.0658, 0.0233, 0.004, 0.004, 0.004],
        range_bits: 30,
        outliers: 0,
    },
    Twin {
        name: "fb",
        segments: [2_120_485, 1_055_308, 523_006, 256_255, 18_495],
        spread: [0.7002, 0.8371, 1.701, 1.6199, 1.3972, 0.8416, 0.36, 0.2745, 0.2993, 0.2993, 0.2993],
        range_bits: 30,
        outliers: 21,
    },
    Twin {
        name: "osm",
        segments: [1_351_170, 661_115, 326_932, 162_512, 20_925],
        spread: [0.4001, 0.4696, 0.8859, 0.8491, 0.7555, 0.7802, 0.8762, 0.7226, 0.4062, 0.4, 0.4],
        range_bits: 30,
        outliers: 0,
    },
    Twin {
        name: "wiki",
        segments: [94_833, 28_411, 9_383, 3_458, 228],
        spread: [0.3, 0.2, 0.14, 0.0949, 0.0377, 0.0230, 0.0164, 0.0118, 0.0082, 0.0070, 0.0074],
        range_bits: 0,
        outliers: 0,
    },
];

impl Twin {
    /// `count` ascending keys. Cost: about 20 ns per key on two threads.
    pub fn keys(&self, count: usize, seed: u64) -> Keys {
        let mut keys = Keys::zeroed(count);
        let body = count.saturating_sub(self.outliers);
        let high = (count as u64).saturating_mul(1 << self.range_bits).clamp(1, 1 << 62);
        self.displace(&mut keys[..body], 0, high, Rng(seed ^ 0x5eed));
        for (at, key) in keys[body..].iter_mut().enumerate() {
            *key = (1 << 63) + ((at as u64 + 1) << 58);
        }
        keys
    }

    /// Fills `keys` within `low ..= high`, middle first.
    fn displace(&self, keys: &mut [u64], low: u64, high: u64, mut rng: Rng) {
        let count = keys.len();
        if count == 0 {
            return;
        }
        let middle = count / 2;
        // The middle key leaves room for its neighbours, so that keys repeat only where the range is short of room.
        let share = 1.0 / (1.0 + (self.spread_at(count) * rng.normal()).exp());
        let offset = ((high - low) as f64 * share) as u64;
        let key = low + offset.min(high - low);
        keys[middle] = key;
        let (left, rest) = keys.split_at_mut(middle);
        let right = &mut rest[1..];
        if count > 1 << 20 {
            let (left_rng, right_rng) = (Rng(rng.bits()), Rng(rng.bits()));
            std::thread::scope(|scope| {
                if count > 1 << 23 {
                    scope.spawn(|| self.displace(left, low, key, left_rng));
                } else {
                    self.displace(left, low, key, left_rng);
                }
                self.displace(right, key, high, right_rng);
            });
        } else {
            self.displace_in_order(left, low, key, &mut rng);
            self.displace_in_order(right, key, high, &mut rng);
        }
    }

    fn displace_in_order(&self, keys: &mut [u64], low: u64, high: u64, rng: &mut Rng) {
        let count = keys.len();
        if count == 0 {
            return;
        }
        let share = 1.0 / (1.0 + (self.spread_at(count) * rng.normal()).exp());
        let key = low + (((high - low) as f64 * share) as u64).min(high - low);
        keys[count / 2] = key;
        self.displace_in_order(&mut keys[..count / 2], low, key, rng);
        self.displace_in_order(&mut keys[count / 2 + 1..], key, high, rng);
    }

    fn spread_at(&self, count: usize) -> f64 {
        let octave = (count as f32).log2() as f64 / 2.0 - 1.0;
        let at = octave.clamp(0.0, (self.spread.len() - 1) as f64);
        let below = (at as usize).min(self.spread.len() - 2);
        self.spread[below] + (self.spread[below + 1] - self.spread[below]) * (at - below as f64)
    }

    /// The same set with other spreads, for fitting.
    pub fn with_spread(self, spread: [f64; 11]) -> Self {
        Self { spread, ..self }
    }

    /// The fitted spreads.
    pub fn spread(&self) -> [f64; 11] {
        self.spread
    }
}
