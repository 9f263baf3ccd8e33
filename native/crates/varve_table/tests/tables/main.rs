//! Databases as their users see them.

mod commits;
mod damage;
mod dictionaries;
mod fixture;
mod history;
mod hostile;
mod keys;
mod points;
mod stories;
mod streams;
mod torture;
mod transactions;
