//! The static S+ tree: which line of a sorted sequence of 8-key lines holds the answer.
//!
//! Nodes are 64 bytes: eight keys, nine children. Node `k` of a level has children `9k ..= 9k + 8` of the level
//! below, so there are no pointers; levels lie root first. Key `j` of a node is the first key of child `j + 1`, and
//! the child to take is the number of keys *below* the wanted one: the first line whose successor's first key is
//! not below it, which is where `lower_bound` ends, duplicates included. Slots without a child hold `u64::MAX`,
//! which is below nothing. Size: 1/8 of the keys' bytes, that is one byte per indexed `u64`.
//!
//! Invariant: in every level only the last node may lack children, and its empty slots are `u64::MAX`
//! (checked by [`FenceTree::open`]); so no key can lead out of the tree, even when its other words are lies.
//!
//! Source: R. Groot Koerkamp, "Static search trees: 40x faster than binary search" (2024).

use varve_types::Result;

use crate::image::{Sections, damaged};
use crate::lanes::{LINE_KEYS, Lanes, prefetch};

const FANOUT: usize = LINE_KEYS + 1;
/// 9^11 lines of eight keys are more than 2^32 keys.
const LEVELS_MAX: usize = 11;

/// Where the levels of a tree over a number of lines begin; depends on that number alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    /// First node of each level, root first.
    starts: [usize; LEVELS_MAX],
    level_count: usize,
    node_count: usize,
}

impl Shape {
    /// `lines` is at most 2^29.
    pub(crate) fn of(lines: usize) -> Self {
        let mut sizes = [0; LEVELS_MAX];
        let mut level_count = 0;
        let mut children = lines;
        while children > 1 {
            children = children.div_ceil(FANOUT);
            sizes[level_count] = children;
            level_count += 1;
        }
        let mut shape = Self { level_count, ..Self::default() };
        for (level, size) in sizes[..level_count].iter().rev().enumerate() {
            shape.starts[level] = shape.node_count;
            shape.node_count += size;
        }
        shape
    }

    /// Words of the whole tree.
    pub(crate) fn words(&self) -> usize {
        self.node_count * LINE_KEYS
    }
}

/// Fills `nodes`, [`Shape::words`] long, for `lines` lines whose first keys are `first(line)`.
pub(crate) fn fill(nodes: &mut [u64], lines: usize, threads: usize, first: impl Fn(usize) -> u64 + Sync) {
    let shape = Shape::of(lines);
    // Children of one node of the lowest level are 9 lines; each level up, 9 times as many.
    let mut lines_per_child = 1;
    for level in (0..shape.level_count).rev() {
        let end = shape.starts.get(level + 1).filter(|_| level + 1 < shape.level_count);
        let level_nodes =
            &mut nodes[shape.starts[level] * LINE_KEYS..end.copied().unwrap_or(shape.node_count) * LINE_KEYS];
        let share = (level_nodes.len() / LINE_KEYS).div_ceil(threads.max(1)).max(4096) * LINE_KEYS;
        let fill_part = |part: &mut [u64], first_word: usize| {
            for (at, word) in part.iter_mut().enumerate() {
                *word = word_at(first_word + at, lines, lines_per_child, &first);
            }
        };
        std::thread::scope(|scope| {
            let mut parts = level_nodes.chunks_mut(share).enumerate();
            let own = parts.next();
            for (index, part) in parts {
                let fill_part = &fill_part;
                scope.spawn(move || fill_part(part, index * share));
            }
            if let Some((_, part)) = own {
                fill_part(part, 0);
            }
        });
        lines_per_child *= FANOUT;
    }
}

/// Word `at` of a level whose nodes have children of so many lines.
fn word_at(at: usize, lines: usize, lines_per_child: usize, first: impl Fn(usize) -> u64) -> u64 {
    let (node, slot) = (at / LINE_KEYS, at % LINE_KEYS);
    let line = (node * FANOUT + slot + 1) * lines_per_child;
    if line < lines { first(line) } else { u64::MAX }
}

/// A tree read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FenceTree<'a> {
    nodes: &'a [u64],
    shape: Shape,
}

impl<'a> FenceTree<'a> {
    /// Takes the tree over `lines` lines from the sections of an image.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when the section is short or an empty slot could be entered.
    pub(crate) fn open(sections: &mut Sections<'a>, lines: usize) -> Result<Self> {
        let shape = Shape::of(lines);
        let nodes = sections.words(shape.words())?;
        let mut children = lines;
        for level in (0..shape.level_count).rev() {
            let size = children.div_ceil(FANOUT);
            let last = (shape.starts[level] + size - 1) * LINE_KEYS;
            let filled = children - (size - 1) * FANOUT - 1;
            if nodes[last + filled..last + LINE_KEYS].iter().any(|word| *word != u64::MAX) {
                return Err(damaged("an empty slot of the S+ tree is not empty"));
            }
            children = size;
        }
        Ok(Self { nodes, shape })
    }

    /// [`Self::open`], and every word is compared with the lines that it stands for: such a tree leads to the line and
    /// nowhere else.
    ///
    /// # Errors
    /// As [`Self::open`], and when a word is another.
    pub(crate) fn open_over(
        sections: &mut Sections<'a>,
        lines: usize,
        first: impl Fn(usize) -> u64,
    ) -> Result<Self> {
        let tree = Self::open(sections, lines)?;
        let mut lines_per_child = 1;
        let mut end = tree.shape.node_count;
        for start in tree.shape.starts[..tree.shape.level_count].iter().rev() {
            let words = tree.nodes[start * LINE_KEYS..end * LINE_KEYS].iter().enumerate();
            if !words
                .fold(true, |all, (at, word)| all & (*word == word_at(at, lines, lines_per_child, &first)))
            {
                return Err(damaged("the tree of segments leads to others"));
            }
            end = *start;
            lines_per_child *= FANOUT;
        }
        Ok(tree)
    }

    /// The line where the lower bound of `key` lies, below `lines.max(1)`.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn descend<L: Lanes>(&self, key: u64) -> usize {
        let mut child = 0;
        for level in 0..self.shape.level_count {
            // SAFETY: by the invariant `child` is a node of this level, and all nodes lie within `nodes`.
            unsafe {
                let start = *self.shape.starts.get_unchecked(level);
                child = child * FANOUT + L::rank(self.nodes.as_ptr().add((start + child) * LINE_KEYS), key);
            }
        }
        child
    }

    /// [`Self::descend`] for a group of keys, level by level: while one node is on its way from memory, the nodes
    /// of the other keys are compared. `then` is called with the index in the group and the line, to prefetch it.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`; `lines` is as long as `keys`.
    #[inline(always)]
    pub(crate) unsafe fn descend_group<L: Lanes>(
        &self,
        keys: &[u64],
        lines: &mut [usize],
        then: impl Fn(usize),
    ) {
        lines.fill(0);
        for level in 0..self.shape.level_count {
            let last = level + 1 == self.shape.level_count;
            // SAFETY: levels are below LEVELS_MAX.
            let (start, next) = unsafe {
                let next = if last { 0 } else { *self.shape.starts.get_unchecked(level + 1) };
                (*self.shape.starts.get_unchecked(level), next)
            };
            for (key, line) in keys.iter().zip(lines.iter_mut()) {
                // SAFETY: as in `descend`.
                unsafe {
                    let node = self.nodes.as_ptr().add((start + *line) * LINE_KEYS);
                    *line = *line * FANOUT + L::rank(node, *key);
                }
                if last {
                    then(*line);
                } else {
                    prefetch(self.nodes.as_ptr().wrapping_add((next + *line) * LINE_KEYS));
                }
            }
        }
        if self.shape.level_count == 0 {
            then(0);
        }
    }
}
