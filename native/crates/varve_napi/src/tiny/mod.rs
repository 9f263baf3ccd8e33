//! Tiny models for JavaScript.

mod hot;
mod model;
