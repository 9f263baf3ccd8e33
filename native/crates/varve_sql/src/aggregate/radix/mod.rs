//! Aggregation with many groups, in parts that fit a core's caches.
//!
//! DataFusion's aggregation keeps one table per core for all groups; with millions of them every row is a miss of the caches.
//! Here keys become rows of fixed width, with a number in the place of each text ([`rows`]), and what has been collected is
//! divided by the rows' hashes into parts ([`piece`]), each of which is aggregated by itself and given away before the next.
//! Parts go to disk when memory ends. The aggregates themselves are DataFusion's.
//!
//! After Kuiper, Boncz, Mühleisen, "Robust External Hash Aggregation in the Solid State Age", ICDE 2024, sections III and IV.

mod collect;
mod merge;
mod piece;
mod rows;
mod shape;
mod store;
mod table;

pub(super) use collect::Collector;
pub(super) use merge::Collected;
pub(super) use rows::Layout;
pub(super) use shape::Shape;
pub(super) use store::Store;
