//! Aggregation over keys with few values, straight over a scan.
//!
//! DataFusion hashes the keys of every row. Where the keys are strings that a segment keeps as a dictionary, or whole numbers
//! that lie close together, a row's group is found by its place in a table instead ([`grouping`]). The aggregates themselves,
//! and everything behind the first of the two phases, are DataFusion's.

mod codes;
mod exec;
mod grouping;
mod rule;

pub(crate) use rule::GroupByPlace;
