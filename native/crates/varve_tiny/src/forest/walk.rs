//! The walks: many rows through one tree, and one row through many trees.
//!
//! Rows stand in blocks of [`BLOCK`], column after column, so that one vector holds one column of several rows.
//! For a block, the first four levels of a tree are answered without any memory of where a row stands: all 15 nodes
//! are compared for every row (vector against constant), and earlier answers pick among later ones. Only the
//! levels below walk node by node, eight rows at once so that their loads overlap. A tree stays in the first-level
//! cache while it answers all blocks of a batch.
//!
//! Why four levels: a level of 2^L comparisons costs 2^L · ½ operations per row in vectors of eight, a walked level
//! about eight. Figures and the rejected variants: `design.md`.

use super::lanes::Lanes;
use super::{Aggregate, Forest, Node, Tree, VECTOR};
use varve_types::Isa;

use crate::isa::with_lanes;
use crate::program::BLOCK;

/// Levels that are compared, not walked.
const TOP: usize = 4;
/// Nodes of a complete tree of so many levels.
const TOP_NODES: usize = (1 << TOP) - 1;
/// Rows that walk at once.
const TOGETHER: usize = 8;
/// Trees that one row walks at once: more than registers hold, because their nodes come from far caches.
const TREES_TOGETHER: usize = 16;

/// The head of a tree as a complete one: leaves above its lower edge stand on for their own children.
struct Head {
    values: [f32; TOP_NODES],
    /// Byte offsets would be smaller still; element offsets of the columns in a block.
    columns: [usize; TOP_NODES],
    /// Where each path leads, counted from the first node of the tree.
    edge: [u32; TOP_NODES + 1],
}

impl Head {
    #[inline(always)]
    fn of(nodes: &[Node]) -> Self {
        let mut head = Self { values: [0.0; TOP_NODES], columns: [0; TOP_NODES], edge: [0; TOP_NODES + 1] };
        let mut places = [0u32; 2 * TOP_NODES + 1];
        for at in 0..TOP_NODES {
            let place = places[at];
            let node = nodes[place as usize];
            head.values[at] = node.value;
            head.columns[at] = usize::from(node.column) * BLOCK;
            let left = place + u32::from(node.delta);
            places[2 * at + 1] = left;
            // A leaf's answer is never "right", so its right path is never taken.
            places[2 * at + 2] = left + u32::from(node.delta != 0);
        }
        head.edge.copy_from_slice(&places[TOP_NODES..]);
        head
    }

    /// Writes for every row of the block which of the 16 paths it takes.
    ///
    /// # Safety
    /// `x` is a block whose columns reach every column of the head; the CPU has the instruction set.
    #[inline(always)]
    unsafe fn paths(&self, isa: Isa, x: *const f32, paths: &mut [u32; BLOCK]) {
        let head = self;
        // SAFETY: as the caller vouches.
        unsafe { with_lanes!(isa, paths_of(head: &Head, x: *const f32, paths: &mut [u32; BLOCK])) }
    }

    /// Paths of two vectors of rows: constants and column addresses are loaded once for both.
    ///
    /// Pairs are spelled out: a helper like `array::from_fn` would be compiled without the instruction set, and every
    /// comparison would become a call (measured: 17 times slower).
    ///
    /// # Safety
    /// As [`Head::paths`]; both vectors end inside the block.
    #[inline(always)]
    unsafe fn paths_of_two<L: Lanes>(&self, x: *const f32, paths: *mut u32) {
        // SAFETY: as the caller vouches.
        unsafe {
            let right = |at: usize| {
                let (column, value) = (x.add(self.columns[at]), self.values[at]);
                (L::right(column, value), L::right(column.add(L::ROWS), value))
            };
            let pick = |mask: (L::Mask, L::Mask), a: (L::Mask, L::Mask), b: (L::Mask, L::Mask)| {
                (L::pick(mask.0, a.0, b.0), L::pick(mask.1, a.1, b.1))
            };
            let first = right(0);
            let second = pick(first, right(1), right(2));
            let low = pick(second, right(3), right(4));
            let third = pick(first, low, pick(second, right(5), right(6)));
            let low = pick(third, right(7), right(8));
            let left = pick(second, low, pick(third, right(9), right(10)));
            let low = pick(third, right(11), right(12));
            let fourth = pick(first, left, pick(second, low, pick(third, right(13), right(14))));
            L::store([first.0, second.0, third.0, fourth.0], paths);
            L::store([first.1, second.1, third.1, fourth.1], paths.add(L::ROWS));
        }
    }
}

/// [`Head::paths`], the one part of a forest that is compiled per instruction set: nothing else gains by it.
///
/// # Safety
/// As [`Head::paths`].
#[inline(always)]
unsafe fn paths_of<L: Lanes>(head: &Head, x: *const f32, paths: &mut [u32; BLOCK]) {
    for row in (0..BLOCK).step_by(2 * L::ROWS) {
        // SAFETY: two vectors end inside the block.
        unsafe { head.paths_of_two::<L>(x.add(row), paths.as_mut_ptr().add(row)) };
    }
}

/// One step of one row: to the left or the right child, or nowhere from a leaf.
///
/// # Safety
/// `at` is a node of `nodes`, and its column of the row at `x` is readable.
#[inline(always)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN goes right")]
unsafe fn step<const STRIDE: usize>(nodes: *const Node, at: usize, x: *const f32) -> usize {
    // SAFETY: as the caller vouches.
    unsafe {
        let node = *nodes.add(at);
        let value = *x.add(usize::from(node.column) * STRIDE);
        at + usize::from(node.delta) + usize::from(!(value <= node.value))
    }
}

/// Scores `blocks` blocks: `x` holds them one after the other, `stride` floats each; the forest's targets stand
/// at column `out` of each block.
///
/// # Safety
/// The forest passed [`Forest::check`] for the columns below `out`; every block is readable and writable for `stride`
/// floats, which hold the columns and the targets; column 0 is -∞; the CPU has the instruction set.
pub(crate) unsafe fn score_blocks(
    forest: &Forest,
    isa: Isa,
    x: *mut f32,
    blocks: usize,
    stride: usize,
    out: usize,
) {
    for block in 0..blocks {
        for target in 0..forest.targets {
            // SAFETY: the targets are inside the block.
            let lanes = unsafe { lanes_at(x.add(block * stride + (out + target) * BLOCK)) };
            lanes.fill(start(forest.aggregate));
        }
    }
    for tree in &forest.trees {
        let nodes = &forest.nodes[tree.first as usize..];
        let head = Head::of(nodes);
        for block in 0..blocks {
            // SAFETY: as the caller vouches; places are nodes of the tree by the forest's invariants.
            unsafe {
                let x = x.add(block * stride);
                let mut places = [0u32; BLOCK];
                head.paths(isa, x, &mut places);
                descend(&head, nodes.as_ptr(), tree.depth, x, &mut places);
                add_block(forest, tree, nodes, &places, x.add(out * BLOCK));
            }
        }
    }
    for block in 0..blocks {
        for target in 0..forest.targets {
            // SAFETY: the targets are inside the block.
            let lanes = unsafe { lanes_at(x.add(block * stride + (out + target) * BLOCK)) };
            for lane in lanes {
                *lane = finish(forest, target, *lane);
            }
        }
    }
}

/// Walks every row of a block from the edge of the head to its leaf.
///
/// # Safety
/// As [`score_blocks`]; `places` holds paths of the head.
#[inline(never)]
unsafe fn descend(head: &Head, nodes: *const Node, depth: u32, x: *const f32, places: &mut [u32; BLOCK]) {
    let (groups, _) = places.as_chunks_mut::<TOGETHER>();
    for (group, places) in groups.iter_mut().enumerate() {
        let mut at: [usize; TOGETHER] =
            std::array::from_fn(|row| head.edge[places[row] as usize & 15] as usize);
        for _ in TOP as u32..depth {
            for (row, at) in at.iter_mut().enumerate() {
                // SAFETY: as the caller vouches.
                *at = unsafe { step::<BLOCK>(nodes, *at, x.add(group * TOGETHER + row)) };
            }
        }
        *places = at.map(|at| at as u32);
    }
}

/// # Safety
/// `places` are leaves of the tree; the targets at `out` are writable.
#[inline(never)]
unsafe fn add_block(forest: &Forest, tree: &Tree, nodes: &[Node], places: &[u32; BLOCK], out: *mut f32) {
    // SAFETY: as the caller vouches; rows of `vectors` exist by the forest's invariants.
    unsafe {
        if tree.target != VECTOR {
            let lanes = lanes_at(out.add(tree.target as usize * BLOCK));
            for (lane, &place) in lanes.iter_mut().zip(places) {
                *lane = combine(forest.aggregate, *lane, nodes.get_unchecked(place as usize).value);
            }
            return;
        }
        for (row, &place) in places.iter().enumerate() {
            let vector = vector_of(forest, nodes.get_unchecked(place as usize));
            for (target, &score) in vector.iter().enumerate() {
                let lane = &mut *out.add(target * BLOCK + row);
                *lane = combine(forest.aggregate, *lane, score);
            }
        }
    }
}

/// # Safety
/// `out` is writable for one column of a block, and nothing else holds it.
#[inline(always)]
unsafe fn lanes_at<'a>(out: *mut f32) -> &'a mut [f32; BLOCK] {
    // SAFETY: as the caller vouches.
    unsafe { &mut *out.cast::<[f32; BLOCK]>() }
}

#[inline(always)]
fn vector_of<'a>(forest: &'a Forest, leaf: &Node) -> &'a [f32] {
    let first = leaf.value.to_bits() as usize * forest.targets;
    &forest.vectors[first..first + forest.targets]
}

/// Scores one row whose slots are at `x`; the targets follow at slot `out`.
///
/// # Safety
/// As [`score_blocks`] for a block of one row.
pub(crate) unsafe fn score_row(forest: &Forest, x: *mut f32, out: usize) {
    // SAFETY: the targets are inside the row.
    let targets = unsafe { std::slice::from_raw_parts_mut(x.add(out), forest.targets) };
    targets.fill(start(forest.aggregate));
    let nodes = forest.nodes.as_ptr();
    let (groups, rest) = forest.trees.as_chunks::<TREES_TOGETHER>();
    for trees in groups {
        // SAFETY: as the caller vouches.
        unsafe { score_trees(forest, nodes, trees, x, targets) };
    }
    for tree in rest {
        // SAFETY: as the caller vouches.
        unsafe { score_trees(forest, nodes, std::array::from_ref(tree), x, targets) };
    }
    for (target, score) in targets.iter_mut().enumerate() {
        *score = finish(forest, target, *score);
    }
}

/// Walks `N` trees at once, so that their loads overlap, and adds their scores in order.
///
/// # Safety
/// As [`score_row`]; `nodes` are the forest's.
#[inline(always)]
unsafe fn score_trees<const N: usize>(
    forest: &Forest,
    nodes: *const Node,
    trees: &[Tree; N],
    x: *const f32,
    targets: &mut [f32],
) {
    let mut at = trees.map(|tree| tree.first as usize);
    let depth = trees.iter().fold(0, |depth, tree| depth.max(tree.depth));
    for _ in 0..depth {
        for at in &mut at {
            // SAFETY: as the caller vouches.
            *at = unsafe { step::<1>(nodes, *at, x) };
        }
    }
    for (tree, at) in trees.iter().zip(at) {
        // SAFETY: every row stands on a leaf now.
        let leaf = unsafe { *nodes.add(at) };
        if tree.target != VECTOR {
            let score = &mut targets[tree.target as usize];
            *score = combine(forest.aggregate, *score, leaf.value);
        } else {
            for (score, &part) in targets.iter_mut().zip(vector_of(forest, &leaf)) {
                *score = combine(forest.aggregate, *score, part);
            }
        }
    }
}

/// NaN stands for "no score yet" where that differs from zero.
#[inline(always)]
fn start(aggregate: Aggregate) -> f32 {
    match aggregate {
        Aggregate::Sum | Aggregate::Average => 0.0,
        Aggregate::Min | Aggregate::Max => f32::NAN,
    }
}

#[inline(always)]
fn combine(aggregate: Aggregate, score: f32, part: f32) -> f32 {
    match aggregate {
        Aggregate::Sum | Aggregate::Average => score + part,
        // Both ignore a NaN on either side.
        Aggregate::Min => score.min(part),
        Aggregate::Max => score.max(part),
    }
}

#[inline(always)]
fn finish(forest: &Forest, target: usize, score: f32) -> f32 {
    let score = match forest.aggregate {
        Aggregate::Sum => score,
        Aggregate::Average => score / forest.trees.len() as f32,
        Aggregate::Min | Aggregate::Max => {
            if score.is_nan() {
                0.0
            } else {
                score
            }
        }
    };
    match forest.base.get(target) {
        Some(base) => score + base,
        None => score,
    }
}
