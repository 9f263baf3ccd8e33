//! The key-value store for JavaScript.

mod cursor;
mod events;
mod hot;
mod lock;
mod options;
mod repair;
mod report;
mod store;
mod trial;
