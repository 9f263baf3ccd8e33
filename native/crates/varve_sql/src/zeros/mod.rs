//! The two zeros of floating point numbers, -0.0 and 0.0, are one number to SQL, as in PostgreSQL and in the kernels that
//! compare in DataFusion. Where it sees bits instead, in lists and where it sorts, these rules make them one; segments have
//! theirs in [`crate::scan`].

mod keys;
mod lists;

pub(crate) use keys::{one_zero, with_one_zero};
pub(crate) use lists::{BothZeros, positive_zero, with_both_zeros};
