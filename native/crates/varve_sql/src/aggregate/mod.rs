//! Aggregation straight over a scan, in two ways beside DataFusion's.
//!
//! DataFusion hashes the keys of every row. Where the keys are strings that a segment keeps as a dictionary, or whole numbers
//! that lie close together, and have few combinations, a row's group is found by its place in a table instead ([`grouping`]);
//! where they may have many, rows are divided by radix first ([`radix`]). The aggregates themselves are DataFusion's; the
//! simplest of them are kept side by side for groups by place ([`cells`]).

mod cells;
mod codes;
mod exec;
mod grouping;
mod partial;
mod phases;
mod radix;
mod rule;
mod tasks;
mod values;

pub(crate) use exec::GroupByPlaceExec;
pub(crate) use rule::{by_place, in_both_phases};
