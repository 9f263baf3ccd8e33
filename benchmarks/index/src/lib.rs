//! Key sets of published hardness, their rivals, and what measures them; see `main.rs` for the benchmark.

pub mod adversarial;
pub mod data;
pub mod keys;
pub mod measure;
pub mod pla;
pub mod report;
pub mod rivals;
pub mod rng;
pub mod strings;
