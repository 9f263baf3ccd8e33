//! An S+ tree over the first key of every block of 64 keys, then a scan of the block: a seventh of the memory of the
//! S+ tree and a few more lines read. For cold data and tiny devices.

use varve_types::Result;

use crate::fence_tree::{self, FenceTree, Shape};
use crate::image::{HEADER_BYTES, Image, LINE_BYTES, Sections, damaged};
use crate::kind::{GROUP, Lookup, Trace};
use crate::lanes::{LINE_KEYS, Lanes, prefetch, rank_line};

const BLOCK_LINES: usize = 8;
const BLOCK_KEYS: usize = BLOCK_LINES * LINE_KEYS;

/// Never over an empty array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SparseFences<'a> {
    keys: &'a [u64],
    /// First keys of the blocks, whole lines, padded with `u64::MAX`.
    fences: &'a [u64],
    tree: FenceTree<'a>,
}

fn fence_lines(key_count: usize) -> usize {
    key_count.div_ceil(BLOCK_KEYS).div_ceil(LINE_KEYS)
}

impl<'a> SparseFences<'a> {
    pub(crate) fn bytes(key_count: usize) -> usize {
        let lines = fence_lines(key_count);
        HEADER_BYTES + lines * LINE_BYTES + Shape::of(lines).words() * 8
    }

    /// Lays out fences and tree; the image still needs its header. Cost: one read of every 64th key.
    pub(crate) fn image_of(keys: &[u64]) -> Image {
        let mut image = Image::zeroed(Self::bytes(keys.len()));
        let lines = fence_lines(keys.len());
        let (fences, nodes) = image.body_mut().split_at_mut(lines * LINE_KEYS);
        fences.fill(u64::MAX);
        for (fence, key) in fences.iter_mut().zip(keys.iter().step_by(BLOCK_KEYS)) {
            *fence = *key;
        }
        fence_tree::fill(nodes, lines, 1, |line| fences[line * LINE_KEYS]);
        image
    }

    pub(crate) fn open(sections: &mut Sections<'a>, keys: &'a [u64]) -> Result<Self> {
        let lines = fence_lines(keys.len());
        let fences = sections.words(lines * LINE_KEYS)?;
        let tree = FenceTree::open(sections, lines)?;
        if fences[keys.len().div_ceil(BLOCK_KEYS)..].iter().any(|fence| *fence != u64::MAX) {
            return Err(damaged("a fence without a block"));
        }
        Ok(Self { keys, fences, tree })
    }

    /// The block whose first key is the last one below `key`, or the first block.
    #[inline(always)]
    unsafe fn block<L: Lanes>(&self, line: usize, key: u64) -> usize {
        // SAFETY: the tree leads to a line of fences; the fences are whole lines.
        let below = unsafe { L::rank(self.fences.as_ptr().add(line * LINE_KEYS), key) };
        // Fences without a block are never below a key, so this is a block of `keys`.
        line * LINE_KEYS + below.saturating_sub(1)
    }

    /// Scans a block. All its lines are read at once, which is faster than eight dependent decisions.
    #[inline(always)]
    unsafe fn scan<L: Lanes>(&self, block: usize, key: u64) -> usize {
        let first_line = block * BLOCK_LINES;
        let lines = self.keys.len().div_ceil(LINE_KEYS).min(first_line + BLOCK_LINES) - first_line;
        let mut below = 0;
        // A loop, not an iterator: see `Lanes`.
        for line in first_line..first_line + lines {
            // SAFETY: these are lines of `keys`.
            below += unsafe { rank_line::<L>(self.keys, line, key) };
        }
        block * BLOCK_KEYS + below
    }
}

impl Lookup for SparseFences<'_> {
    #[inline(always)]
    unsafe fn locate<L: Lanes, T: Trace>(&self, key: u64, trace: &mut T) -> usize {
        trace.walked(BLOCK_LINES - 1);
        // SAFETY: as the caller vouches.
        unsafe { self.scan::<L>(self.block::<L>(self.tree.descend::<L>(key), key), key) }
    }

    #[inline(always)]
    unsafe fn locate_group<L: Lanes>(&self, keys: &[u64], out: &mut [usize]) {
        debug_assert!(keys.len() <= GROUP);
        // SAFETY: as the caller vouches.
        unsafe {
            self.tree.descend_group::<L>(keys, out, |line| {
                prefetch(self.fences.as_ptr().wrapping_add(line * LINE_KEYS))
            });
            for (key, out) in keys.iter().zip(out.iter_mut()) {
                *out = self.block::<L>(*out, *key);
                for line in 0..BLOCK_LINES {
                    prefetch(self.keys.as_ptr().wrapping_add(*out * BLOCK_KEYS + line * LINE_KEYS));
                }
            }
            for (key, out) in keys.iter().zip(out) {
                *out = self.scan::<L>(*out, *key);
            }
        }
    }
}
