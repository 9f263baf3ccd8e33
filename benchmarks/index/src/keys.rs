//! The array of keys that every rival searches: aligned to cache lines and, where the system agrees, on huge pages.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};

const HUGE_PAGE: usize = 2 << 20;

/// Owned keys at a 2 MiB boundary.
pub struct Keys {
    start: *mut u64,
    count: usize,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Keys {}
// SAFETY: shared access only reads.
unsafe impl Sync for Keys {}

impl Keys {
    /// `count` zeros.
    pub fn zeroed(count: usize) -> Self {
        let layout = Self::layout(count);
        // SAFETY: the layout is never empty.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: advice on a range that we own; refusing it is harmless.
        unsafe { libc::madvise(start.cast(), layout.size(), libc::MADV_HUGEPAGE) };
        Self { start: start.cast(), count }
    }

    /// A copy of `keys`.
    pub fn copy_of(keys: &[u64]) -> Self {
        let mut copy = Self::zeroed(keys.len());
        copy.copy_from_slice(keys);
        copy
    }

    /// A copy of a serialised index: malloc's huge pages begin at the first boundary within an image, and leave out what
    /// lies before it and behind the last one.
    pub fn copy_of_image(image: &[u8]) -> Self {
        let words =
            image.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        let mut copy = Self::zeroed(image.len() / 8);
        copy.iter_mut().zip(words).for_each(|(own, word)| *own = word);
        copy
    }

    /// The bytes of the words.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: any word is eight bytes.
        unsafe { self.align_to::<u8>().1 }
    }

    fn layout(count: usize) -> Layout {
        let bytes = (count * 8).next_multiple_of(HUGE_PAGE).max(HUGE_PAGE);
        Layout::from_size_align(bytes, HUGE_PAGE).expect("key arrays are far below the address space")
    }
}

impl Deref for Keys {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        // SAFETY: `count` initialised keys lie at `start`.
        unsafe { std::slice::from_raw_parts(self.start, self.count) }
    }
}

impl DerefMut for Keys {
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.count) }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start.cast(), Self::layout(self.count)) };
    }
}
