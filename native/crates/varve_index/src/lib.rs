//! Learned index over immutable sorted keys: `position = f(key)`, trained, verified, and looked up.
//!
//! What it is: an index *beside* a sorted array (numbers) or beside the blocks of a sorted run (byte strings).
//! It is not a container: it owns no keys of the array it indexes and never changes after the build.
//!
//! ```
//! use varve_index::{Index, Policy, build};
//! let keys: Vec<u64> = (0..100_000).map(|i| i * i).collect();
//! let built = build(&keys, &Policy::default())?;
//! let index = Index::open(&built.image, &keys)?;
//! assert_eq!(index.lower_bound(50), 8); // 8 * 8 = 64 is the first key that is not below 50
//! # Ok::<(), varve_types::VarveError>(())
//! ```
//!
//! Invariants:
//! 1. Every lookup equals `keys.partition_point(|k| *k < key)`, for every kind, batch size and instruction set.
//! 2. An image is little-endian, position independent and checksummed; `open` decodes nothing, and whatever the
//!    image claims, a lookup neither panics nor reads outside the image and the keys.
//! 3. A build replays the arithmetic of the lookup on every key and every gap between keys before it returns.
//!
//! Why it is built this way, and what was rejected: `design.md`.

#[cfg(target_endian = "big")]
compile_error!("images are read in place and are little-endian");

mod affine;
mod build;
mod chooser;
mod fence_table;
mod fence_tree;
mod hardness;
#[cfg(feature = "hostile")]
pub mod hostile;
mod image;
mod index;
mod key;
mod kind;
mod lanes;
mod line_probe;
mod policy;
mod replay;
mod report;
mod segment;
mod segment_train;
mod sparse_fences;
mod splus_tree;
mod str_index;
mod trial;

pub use build::{Built, build, build_with_clock};
pub use image::Image;
pub use index::Index;
pub use key::OrderedKey;
pub use kind::Kind;
pub use policy::{Choice, Mode, Policy};
pub use report::{Candidate, Report};
pub use str_index::{StrIndex, StrIndexBuilder, StrReport, shortest_separator};
pub use varve_types::Isa;
