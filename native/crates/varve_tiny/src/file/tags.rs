//! The one-byte names of things in a file, written once for both directions. Never reuse a number.

use crate::forest::Aggregate;
use crate::step::{Norm, Pair, Second, Softmax};

/// A small set of values with one byte each.
pub(crate) trait Tagged: Copy + PartialEq + 'static {
    /// Value and byte.
    const TAGS: &'static [(Self, u8)];

    /// The byte of this value.
    fn tag(self) -> u8 {
        Self::TAGS.iter().find(|(value, _)| *value == self).map_or(u8::MAX, |(_, tag)| *tag)
    }

    /// The value of a byte.
    fn of_tag(tag: u8) -> Option<Self> {
        Self::TAGS.iter().find(|(_, known)| *known == tag).map(|(value, _)| *value)
    }
}

impl Tagged for Pair {
    const TAGS: &'static [(Self, u8)] =
        &[(Self::Add, 0), (Self::Sub, 1), (Self::Mul, 2), (Self::Div, 3), (Self::Min, 4), (Self::Max, 5)];
}

impl Tagged for Norm {
    const TAGS: &'static [(Self, u8)] = &[(Self::L1, 0), (Self::L2, 1), (Self::Max, 2)];
}

impl Tagged for Softmax {
    const TAGS: &'static [(Self, u8)] = &[(Self::Plain, 0), (Self::Log, 1), (Self::Zero, 2)];
}

impl Tagged for Second {
    const TAGS: &'static [(Self, u8)] = &[(Self::Complement, 0), (Self::Negative, 1), (Self::Logistic, 2)];
}

impl Tagged for Aggregate {
    const TAGS: &'static [(Self, u8)] = &[(Self::Sum, 0), (Self::Average, 1), (Self::Min, 2), (Self::Max, 3)];
}

pub(crate) const IMPUTE: u8 = 1;
pub(crate) const SCALE: u8 = 2;
pub(crate) const PAIR: u8 = 3;
pub(crate) const UNARY: u8 = 4;
pub(crate) const NORMALIZE: u8 = 5;
pub(crate) const ONE_HOT: u8 = 6;
pub(crate) const ENCODE: u8 = 7;
pub(crate) const GATHER: u8 = 8;
pub(crate) const SOFTMAX: u8 = 9;
pub(crate) const SECOND: u8 = 10;
pub(crate) const DERIVE: u8 = 11;
pub(crate) const DENSE_F32: u8 = 12;
pub(crate) const DENSE_INT8: u8 = 13;
pub(crate) const FOREST: u8 = 14;
