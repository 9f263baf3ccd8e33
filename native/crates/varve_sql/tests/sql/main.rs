//! SQL as its users see it. All in one program, for each holds all of DataFusion and is linked anew.

mod access;
mod adapting;
mod beside;
mod changes;
mod decimals;
mod explain;
mod files;
mod given;
mod grouping;
mod growth;
mod hostile;
mod joins;
mod plans;
mod rows;
mod slt;
mod subqueries;
mod transactions;
mod zones;
