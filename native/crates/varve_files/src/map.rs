//! A read-only view of a whole file: a memory map, or a copy on the simulated disk.

use std::ops::{Deref, Range};

use memmap2::{Advice, Mmap};

/// Bytes of a file that stay readable until dropped, even when the file is removed.
pub struct Map {
    kind: Kind,
}

enum Kind {
    Mapped(Mmap),
    /// 8-byte words keep the alignment that readers of u64 fields may rely on.
    Copied(Box<[u64]>, usize),
}

impl Map {
    pub(super) fn mapped(map: Mmap) -> Self {
        Self { kind: Kind::Mapped(map) }
    }

    /// A copy of `bytes`, for file layers without memory maps.
    pub fn copied(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(8)].into_boxed_slice();
        for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut raw = [0u8; 8];
            raw[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(raw);
        }
        Self { kind: Kind::Copied(words, bytes.len()) }
    }

    /// Point reads follow: no readahead.
    pub fn advise_random(&self) {
        if let Kind::Mapped(map) = &self.kind {
            let _hint = map.advise(Advice::Random);
        }
    }

    /// `range` will be read soon.
    pub fn advise_soon(&self, range: Range<usize>) {
        if let Kind::Mapped(map) = &self.kind {
            let start = range.start & !4095;
            let end = range.end.min(map.len());
            if start < end {
                let _hint = map.advise_range(Advice::WillNeed, start, end - start);
            }
        }
    }

    /// Gives pages back from this process, a chunk at a time, before the map is dropped, so that the
    /// final unmapping does not hold the address-space lock for long.
    pub fn release(&self) {
        const CHUNK: usize = 4 << 20;
        if let Kind::Mapped(map) = &self.kind {
            for start in (0..map.len()).step_by(CHUNK) {
                let bytes = CHUNK.min(map.len() - start);
                // SAFETY: the map is shared and file-backed, so dropped pages read the same bytes again.
                let _hint =
                    unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, bytes) };
            }
        }
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for Map {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.kind {
            Kind::Mapped(map) => map,
            // SAFETY: the words are initialised, and any byte of them is a valid u8.
            Kind::Copied(words, len) => unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), *len) },
        }
    }
}
