//! The key-value store for JavaScript.

mod cursor;
mod events;
mod hot;
mod options;
mod report;
mod store;
mod trial;
