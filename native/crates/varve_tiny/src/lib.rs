//! Tiny models: forests and small dense nets, scored where the data is.
//!
//! What it is: an importer from ONNX, one file format, and kernels. What it is not: a trainer, or a runtime for
//! any graph; what it lacks is refused by name.
//!
//! ```
//! use varve_tiny::{Limits, Model};
//! let onnx = include_bytes!("../fixtures/lgb_stump.onnx");
//! let model = Model::from_onnx(onnx, &Limits::default())?;
//! let file = model.to_bytes();
//! let model = Model::open(&file, &Limits::default())?;
//! let mut scratch = model.scratch();
//! let mut answer = [0.0];
//! model.infer(&mut scratch, &[0.0; 12], &mut answer)?;
//! # Ok::<(), varve_types::VarveError>(())
//! ```
//!
//! Invariants:
//! 1. Whatever bytes a model was opened from, scoring neither panics, loops without end, nor reads outside.
//! 2. Scoring allocates nothing (test `no_allocation`).
//! 3. One row, a batch of any size, and every instruction set give the same bits (test `agreement`): kernels add in
//!    one order and never fuse a multiplication with an addition.
//!
//! Why it is built this way, and what was rejected: `design.md`.

#[cfg(target_endian = "big")]
compile_error!("model files are little-endian and nodes are read in place");

mod dense;
mod failure;
mod file;
mod forest;
#[cfg(feature = "hostile")]
pub mod hostile;
mod isa;
mod limits;
mod math;
mod model;
mod onnx;
mod product;
mod program;
mod quantise;
mod schema;
mod step;

pub use limits::Limits;
pub use model::{Model, Scratch};
pub use schema::{Classes, Schema};
pub use varve_types::Isa;
