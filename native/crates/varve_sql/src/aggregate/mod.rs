//! Aggregation straight over a scan, in two ways beside DataFusion's.
//!
//! DataFusion hashes the keys of every row. Where the keys are strings that a segment keeps as a dictionary, or whole numbers
//! that lie close together, and have few combinations, a row's group is found by its place in a table instead ([`grouping`]);
//! where they may have many, rows are divided by radix first ([`radix`]). The aggregates themselves are DataFusion's.

mod codes;
mod exec;
mod grouping;
mod radix;
mod rule;

pub(crate) use exec::GroupByPlaceExec;
pub(crate) use radix::GroupByRadix;
pub(crate) use rule::GroupByPlace;
