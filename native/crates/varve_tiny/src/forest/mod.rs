//! Decision forests in eight bytes a node.
//!
//! A node says: rows whose column is not `<=` the value go right. Its children stand side by side, `delta` nodes
//! further on; a leaf has `delta` 0, holds its score, and looks at column 0, which is -∞ for every row, so that a
//! row that has arrived stays without a branch. All other branch modes, missing values and memberships become
//! `<=` on columns that a step before the forest derives (see [`crate::step::Derived`]).
//!
//! Invariants, checked by [`Forest::check`] for bytes from outside:
//! 1. A child stands after its parent and inside its tree: walking ends, and never leaves the nodes.
//! 2. `depth` is the longest path of its tree: after so many steps every row stands on a leaf.
//! 3. A leaf looks at column 0 and its value is not NaN: a row on it never moves.

pub(crate) mod grow;
pub(crate) mod lanes;
pub(crate) mod walk;

use varve_types::Result;

use crate::failure::{damaged, too_large};
use crate::limits::Limits;

/// One node; see the module for its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Node {
    /// Threshold; score of a leaf, or the bits of a row number of `vectors`.
    pub(crate) value: f32,
    /// Slot of the row that is compared.
    pub(crate) column: u16,
    /// Distance to the left child; 0 for a leaf.
    pub(crate) delta: u16,
}

/// One tree: its nodes are `first..` up to the next tree's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) first: u32,
    pub(crate) depth: u32,
    /// Target of scalar leaves; [`VECTOR`] when leaves hold rows of `vectors`.
    pub(crate) target: u32,
}

/// Marks a tree whose leaves score several targets at once.
pub(crate) const VECTOR: u32 = u32::MAX;

/// How the scores of trees become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// Trees over the columns of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forest {
    pub(crate) nodes: Vec<Node>,
    pub(crate) trees: Vec<Tree>,
    /// Scores of leaves of [`VECTOR`] trees; shape [leaves, targets]. NaN: the leaf says nothing about a target.
    pub(crate) vectors: Vec<f32>,
    pub(crate) targets: usize,
    /// Added to each target at the end; empty or shape [targets].
    pub(crate) base: Vec<f32>,
    pub(crate) aggregate: Aggregate,
}

impl Forest {
    /// Holds the invariants of the module over a forest that reads slots below `columns`.
    ///
    /// # Errors
    /// `MODEL_DAMAGED` for what breaks one, `MODEL_TOO_LARGE` beyond `limits`.
    pub(crate) fn check(&self, columns: usize, limits: &Limits) -> Result<()> {
        if self.nodes.len() > limits.nodes_max || self.trees.len() > limits.trees_max {
            let (nodes, trees) = (self.nodes.len(), self.trees.len());
            return Err(too_large(format!("a forest of {trees} trees and {nodes} nodes")));
        }
        if self.targets == 0 || !(self.base.is_empty() || self.base.len() == self.targets) {
            return Err(damaged("base values do not match the targets of a forest"));
        }
        if !self.vectors.len().is_multiple_of(self.targets) {
            return Err(damaged("leaf scores do not match the targets of a forest"));
        }
        let mut depths = Vec::new();
        for (at, tree) in self.trees.iter().enumerate() {
            let first = tree.first as usize;
            let end = self.trees.get(at + 1).map_or(self.nodes.len(), |next| next.first as usize);
            let starts_right = at > 0 || first == 0;
            let nodes = self.nodes.get(first..end).filter(|nodes| !nodes.is_empty() && starts_right);
            let nodes = nodes.ok_or_else(|| damaged("a tree has no nodes"))?;
            if tree.target != VECTOR && tree.target as usize >= self.targets {
                return Err(damaged("a tree scores a target that the forest does not have"));
            }
            self.check_tree(nodes, tree, columns, &mut depths)?;
        }
        let covered = if self.trees.is_empty() { 0 } else { self.nodes.len() };
        if covered == self.nodes.len() { Ok(()) } else { Err(damaged("nodes outside every tree")) }
    }

    fn check_tree(&self, nodes: &[Node], tree: &Tree, columns: usize, depths: &mut Vec<u32>) -> Result<()> {
        // One pass from the last node to the first: children come after their parents.
        depths.clear();
        depths.resize(nodes.len(), 0);
        for (at, node) in nodes.iter().enumerate().rev() {
            if node.delta == 0 {
                let vectors = self.vectors.len() / self.targets;
                let good = node.column == 0
                    && !node.value.is_nan()
                    && (tree.target != VECTOR || (node.value.to_bits() as usize) < vectors);
                if !good {
                    return Err(damaged("a leaf has no score"));
                }
            } else {
                let left = at + usize::from(node.delta);
                if left + 1 >= nodes.len() || usize::from(node.column) >= columns || node.value.is_nan() {
                    return Err(damaged("a node leads outside its tree or its row"));
                }
                depths[at] = 1 + depths[left].max(depths[left + 1]);
            }
        }
        if depths[0] == tree.depth { Ok(()) } else { Err(damaged("the depth of a tree is wrong")) }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.nodes[..])
            + size_of_val(&self.trees[..])
            + size_of_val(&self.vectors[..])
            + size_of_val(&self.base[..])
    }
}
