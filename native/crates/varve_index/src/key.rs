//! Order-preserving maps from other key types to `u64`, so that one index serves them all.

/// A key type whose order survives a one-to-one map to `u64`.
///
/// `a < b` exactly when `a.to_ordered() < b.to_ordered()`. Cost: a few integer operations.
pub trait OrderedKey: Copy {
    /// The image of this key in `u64` order.
    fn to_ordered(self) -> u64;

    /// The key whose image is `ordered`.
    fn from_ordered(ordered: u64) -> Self;
}

const SIGN: u64 = 1 << 63;

impl OrderedKey for u64 {
    fn to_ordered(self) -> u64 {
        self
    }

    fn from_ordered(ordered: u64) -> Self {
        ordered
    }
}

impl OrderedKey for i64 {
    /// Flips the sign bit: negative numbers come first.
    fn to_ordered(self) -> u64 {
        self as u64 ^ SIGN
    }

    fn from_ordered(ordered: u64) -> Self {
        (ordered ^ SIGN) as i64
    }
}

impl OrderedKey for f64 {
    /// IEEE 754 total order, with one zero and one NaN: `-0.0` maps to `0.0`, and every NaN to one NaN that is
    /// larger than infinity. Otherwise equal keys could sit at different positions.
    fn to_ordered(self) -> u64 {
        let canonical = if self.is_nan() {
            f64::NAN.to_bits() & !SIGN
        } else if self == 0.0 {
            0
        } else {
            self.to_bits()
        };
        // Negative numbers grow downwards in their bits: reverse them below the positive ones.
        if canonical & SIGN == 0 { canonical | SIGN } else { !canonical }
    }

    fn from_ordered(ordered: u64) -> Self {
        f64::from_bits(if ordered & SIGN != 0 { ordered ^ SIGN } else { !ordered })
    }
}

#[cfg(test)]
mod tests {
    use super::OrderedKey;

    fn check_ascending<K: OrderedKey + std::fmt::Debug>(keys: &[K]) {
        for pair in keys.windows(2) {
            assert!(pair[0].to_ordered() < pair[1].to_ordered(), "{pair:?}");
        }
        for key in keys {
            assert_eq!(K::from_ordered(key.to_ordered()).to_ordered(), key.to_ordered(), "{key:?}");
        }
    }

    #[test]
    fn order_is_kept() {
        check_ascending(&[0, 1, u64::MAX - 1, u64::MAX]);
        check_ascending(&[i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX]);
        let tiny = f64::from_bits(1);
        check_ascending(&[
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -tiny,
            0.0,
            tiny,
            f64::MIN_POSITIVE,
            1.0,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ]);
    }

    #[test]
    fn one_zero_and_one_nan() {
        assert_eq!((-0.0f64).to_ordered(), 0.0f64.to_ordered());
        for bits in [f64::NAN.to_bits(), (-f64::NAN).to_bits(), 0x7ff0_0000_0000_0001, u64::MAX] {
            assert_eq!(f64::from_bits(bits).to_ordered(), f64::NAN.to_ordered());
        }
        assert_eq!(f64::from_ordered(0.0f64.to_ordered()).to_bits(), 0);
    }
}
