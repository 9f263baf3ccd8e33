//! Inputs that a fuzzer makes up: whatever comes out is an answer in bounds, the right one where the input is sound, or
//! a code. Behind the feature `hostile`, for tests and fuzz targets.
//!
//! A checksum stops a fuzzer at the door: hardly one mutation in four billion passes it. So a flag in the input says
//! whether images go in as they are (is every damage noticed?) or mended (is a well-formed lie harmless?).

mod build;
mod image;

pub use build::index_build;
pub use image::index_image;

/// Takes choices from the front of an input; zeros once it runs out.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next `count` bytes, or fewer at the end.
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}
