//! Joins: in which order, from which estimates, and what they hold in memory.

mod fixture;
mod learning;
mod memory;
mod order;
