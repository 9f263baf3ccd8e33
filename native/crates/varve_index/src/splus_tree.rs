//! The S+ tree over the keys themselves: every line of eight keys is a leaf. One byte per key, the same time for
//! every distribution: the opponent, and the fallback, of everything learned.

use varve_types::Result;

use crate::fence_tree::{self, FenceTree, Shape};
use crate::image::{HEADER_BYTES, Image, Sections};
use crate::kind::{GROUP, Lookup, Trace};
use crate::lanes::{LINE_KEYS, Lanes, prefetch, rank_line};

/// Never over an empty array: that is [`crate::affine::Affine`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplusTree<'a> {
    keys: &'a [u64],
    tree: FenceTree<'a>,
}

impl<'a> SplusTree<'a> {
    pub(crate) fn bytes(key_count: usize) -> usize {
        HEADER_BYTES + Shape::of(key_count.div_ceil(LINE_KEYS)).words() * 8
    }

    /// Lays out the tree; the image still needs its header. Cost: one read of every eighth key.
    pub(crate) fn image_of(keys: &[u64], threads: usize) -> Image {
        let mut image = Image::zeroed(Self::bytes(keys.len()));
        fence_tree::fill(image.body_mut(), keys.len().div_ceil(LINE_KEYS), threads, |line| {
            keys[line * LINE_KEYS]
        });
        image
    }

    pub(crate) fn open(sections: &mut Sections<'a>, keys: &'a [u64]) -> Result<Self> {
        let tree = FenceTree::open(sections, keys.len().div_ceil(LINE_KEYS))?;
        Ok(Self { keys, tree })
    }
}

impl Lookup for SplusTree<'_> {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, _trace: &mut T) -> usize {
        // SAFETY: the tree leads to a line of `keys`, which is not empty.
        unsafe {
            let line = self.tree.descend::<L>(key);
            line * LINE_KEYS + rank_line::<L>(self.keys, line, key)
        }
    }

    #[inline(always)]
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]) {
        debug_assert!(keys.len() <= GROUP);
        // SAFETY: as above.
        unsafe {
            self.tree.descend_group::<L>(keys, out, |line| {
                prefetch(self.keys.as_ptr().wrapping_add(line * LINE_KEYS))
            });
            for (key, out) in keys.iter().zip(out) {
                *out = *out * LINE_KEYS + rank_line::<L>(self.keys, *out, *key);
            }
        }
    }
}
