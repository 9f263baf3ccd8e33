//! Databases as their users see them.

mod adapting;
mod commits;
mod damage;
mod decide;
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
