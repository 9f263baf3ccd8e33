//! What the fuzz targets share: splitting an input into choices and bytes, and mending checksums.
//!
//! A checksum stops a fuzzer at the door: hardly one mutation in four billion passes it. So each target
//! reads a first byte that says whether the bytes go in as they are (is every damage noticed?) or with
//! mended checksums (is a well-formed lie harmless?).

pub mod index;
pub mod model;

/// Takes choices from the front of a fuzz input; zeros once it runs out.
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads `data` from its beginning.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// The next eight bytes, little endian.
    pub fn u64(&mut self) -> u64 {
        (0..8).fold(0, |number, at| number | u64::from(self.byte()) << (8 * at))
    }

    /// The next `count` bytes, or fewer at the end.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// True when nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Writes a little-endian number at `at`, when the bytes reach that far.
pub fn patch(bytes: &mut [u8], at: usize, number: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + number.len()) {
        place.copy_from_slice(number);
    }
}
