//! From trees as other libraries write them to the eight-byte form: every branch becomes `<=` on some column.

use std::collections::{HashMap, VecDeque};

use varve_types::Result;

use super::{Aggregate, Forest, Node, Tree, VECTOR};
use crate::failure::{damaged, too_large, unsupported};
use crate::limits::Limits;
use crate::step::Derived;

/// How a branch compares a feature with its value. NaN compares false (true for `Ne`), unless it is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Le,
    Lt,
    Ge,
    Gt,
    Eq,
    Ne,
}

/// A node of a tree from outside; children are indices into the same list, in any order, also shared.
#[derive(Clone, Debug)]
pub(crate) enum RawNode {
    Branch {
        feature: usize,
        mode: Mode,
        value: f32,
        missing_yes: bool,
        yes: usize,
        no: usize,
    },
    /// As a branch, on membership of a set.
    Member {
        feature: usize,
        set: Vec<f32>,
        missing_yes: bool,
        yes: usize,
        no: usize,
    },
    /// Scores by target; more than one for a target add up.
    Leaf {
        scores: Vec<(usize, f32)>,
    },
}

/// Columns of a forest: its input, and what it needs derived from it.
pub(crate) struct Columns {
    input_start: usize,
    input_width: usize,
    derived_start: usize,
    derived: Vec<Derived>,
    known: HashMap<Vec<u32>, usize>,
}

impl Columns {
    /// Over the input at `start..start + width`; derived columns will stand at `derived_start..`.
    pub(crate) fn over(start: usize, width: usize, derived_start: usize) -> Self {
        Self {
            input_start: start,
            input_width: width,
            derived_start,
            derived: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// The derived columns, in the order of their slots.
    pub(crate) fn into_derived(self) -> Vec<Derived> {
        self.derived
    }

    fn plain(&self, feature: usize) -> Result<usize> {
        if feature < self.input_width {
            Ok(self.input_start + feature)
        } else {
            Err(damaged(format!("a tree compares feature {feature} of {}", self.input_width)))
        }
    }

    /// The feature with NaN as -∞, which goes left everywhere.
    fn low(&mut self, feature: usize) -> Result<usize> {
        let slot = self.plain(feature)?;
        Ok(self.derive(vec![0, slot as u32], Derived::NanAsLow { slot: slot as u32 }))
    }

    /// 1 where the feature is in `set`, or is missing and `missing` says so; else 0.
    fn member(&mut self, feature: usize, mut set: Vec<f32>, missing: bool) -> Result<usize> {
        let slot = self.plain(feature)? as u32;
        set.sort_by(f32::total_cmp);
        set.dedup();
        let mut key = vec![1 + u32::from(missing), slot];
        key.extend(set.iter().map(|value| value.to_bits()));
        Ok(self.derive(key, Derived::Member { slot, set, missing }))
    }

    fn derive(&mut self, key: Vec<u32>, column: Derived) -> usize {
        let next = self.derived_start + self.derived.len();
        let slot = *self.known.entry(key).or_insert(next);
        if slot == next {
            self.derived.push(column);
        }
        slot
    }
}

/// What a forest says besides its trees.
pub(crate) struct Settings {
    pub(crate) targets: usize,
    pub(crate) base: Vec<f32>,
    pub(crate) aggregate: Aggregate,
}

/// Lays out the trees below `roots`.
///
/// # Errors
/// `MODEL_DAMAGED` for circles, features or targets out of range; `MODEL_UNSUPPORTED` for NaN thresholds and
/// scores; `MODEL_TOO_LARGE` beyond `limits`, or where children stand further than 65,535 nodes from their parent.
pub(crate) fn grow(
    raw: &[RawNode],
    roots: &[usize],
    settings: Settings,
    columns: &mut Columns,
    limits: &Limits,
) -> Result<Forest> {
    let Settings { targets, base, aggregate } = settings;
    let mut forest =
        Forest { nodes: Vec::new(), trees: Vec::new(), vectors: Vec::new(), targets, base, aggregate };
    if roots.len() > limits.trees_max {
        return Err(too_large(format!("a forest of {} trees", roots.len())));
    }
    for &root in roots {
        grow_tree(raw, root, &mut forest, columns, limits)?;
    }
    Ok(forest)
}

/// A node that has its place and waits to be filled: index in `raw`, place in the forest, level.
type Placed = (usize, usize, u32);

/// Lays nodes out two levels at a time, so that a row finds a node and its child in one cache line more often.
fn grow_tree(
    raw: &[RawNode],
    root: usize,
    forest: &mut Forest,
    columns: &mut Columns,
    limits: &Limits,
) -> Result<()> {
    let first = forest.nodes.len();
    let mut depth = 0;
    let mut leaves = Vec::new();
    let mut queue = VecDeque::from([(root, first, 0)] as [Placed; 1]);
    forest.nodes.push(Node::default());
    while let Some(head) = queue.pop_front() {
        // The head's children stand together, and theirs right after them.
        let mut near = vec![(head, false)];
        while let Some(((at, place, level), is_child)) = near.pop() {
            if forest.nodes.len() > limits.nodes_max {
                return Err(too_large(format!("a forest of more than {} nodes", limits.nodes_max)));
            }
            if level as usize > raw.len() {
                return Err(damaged("the branches of a tree run in a circle"));
            }
            depth = depth.max(level);
            let node = raw.get(at).ok_or_else(|| damaged("a branch leads to a node that is not there"))?;
            if let RawNode::Leaf { scores } = node {
                leaves.push((place, scores));
                continue;
            }
            let (column, value, left, right) = branch(raw, at, columns)?;
            let children = forest.nodes.len();
            let delta = u16::try_from(children - place).map_err(|_| {
                too_large("children of a tree stand more than 65,535 nodes from their parent")
            })?;
            let column = u16::try_from(column)
                .map_err(|_| too_large("a row of a forest holds more than 65,536 columns"))?;
            forest.nodes[place] = Node { value, column, delta };
            forest.nodes.extend([Node::default(); 2]);
            let placed = [(left, children, level + 1), (right, children + 1, level + 1)];
            if is_child {
                queue.extend(placed);
            } else {
                near.extend(placed.into_iter().rev().map(|child| (child, true)));
            }
        }
    }
    let target = place_leaves(forest, &leaves)?;
    forest.trees.push(Tree { first: first as u32, depth, target });
    Ok(())
}

/// The branch at `at` as `column <= value`, with the raw nodes to its left and right.
fn branch(raw: &[RawNode], at: usize, columns: &mut Columns) -> Result<(usize, f32, usize, usize)> {
    match &raw[at] {
        RawNode::Leaf { .. } => Err(damaged("a leaf has branches")),
        RawNode::Member { feature, set, missing_yes, yes, no } => {
            Ok((columns.member(*feature, set.clone(), *missing_yes)?, 0.5, *no, *yes))
        }
        RawNode::Branch { feature, mode, value, missing_yes, yes, no } => {
            let (feature, value, missing) = (*feature, *value, *missing_yes);
            if value.is_nan() || (value == f32::NEG_INFINITY && matches!(mode, Mode::Lt | Mode::Ge)) {
                return Err(unsupported(format!("a tree compares with {value}")));
            }
            // Below `value` is at most the number before it.
            let value = if matches!(mode, Mode::Lt | Mode::Ge) { value.next_down() } else { value };
            Ok(match mode {
                Mode::Le | Mode::Lt => {
                    let column = if missing { columns.low(feature)? } else { columns.plain(feature)? };
                    (column, value, *yes, *no)
                }
                Mode::Gt | Mode::Ge => {
                    let column = if missing { columns.plain(feature)? } else { columns.low(feature)? };
                    (column, value, *no, *yes)
                }
                Mode::Eq => {
                    let (set, last) = equal_chain(raw, at)?;
                    (columns.member(feature, set, missing)?, 0.5, last, *yes)
                }
                Mode::Ne => (columns.member(feature, vec![value], false)?, 0.5, *yes, *no),
            })
        }
    }
}

/// Categories are often written as a chain of `==` with one shared "yes": one membership, and what follows it.
fn equal_chain(raw: &[RawNode], first: usize) -> Result<(Vec<f32>, usize)> {
    let mut set = Vec::new();
    let mut at = first;
    let head = &raw[first];
    while let (
        RawNode::Branch { feature, mode: Mode::Eq, missing_yes, yes, .. },
        Some(RawNode::Branch { feature: f, mode: Mode::Eq, value, missing_yes: m, yes: y, no }),
    ) = (head, raw.get(at))
    {
        if (feature, missing_yes, yes) != (f, m, y) {
            break;
        }
        set.push(*value);
        at = *no;
        if set.len() > raw.len() {
            return Err(damaged("the branches of a tree run in a circle"));
        }
    }
    Ok((set, at))
}

/// Gives the leaves of one tree their scores; returns the tree's target, or [`VECTOR`].
fn place_leaves(forest: &mut Forest, leaves: &[(usize, &Vec<(usize, f32)>)]) -> Result<u32> {
    let scores = || leaves.iter().flat_map(|(_, scores)| scores.iter());
    for &(target, score) in scores() {
        if target >= forest.targets {
            return Err(damaged(format!("a leaf scores target {target} of {}", forest.targets)));
        }
        if score.is_nan() {
            return Err(unsupported("a leaf scores NaN"));
        }
    }
    let sums = matches!(forest.aggregate, Aggregate::Sum | Aggregate::Average);
    let target = scores().next().map_or(0, |(target, _)| *target);
    let one_target = scores().all(|(other, _)| *other == target);
    let always_scored = sums || leaves.iter().all(|(_, scores)| scores.len() == 1);
    if one_target && always_scored {
        for (place, scores) in leaves {
            let value = scores.iter().map(|(_, score)| score).sum();
            forest.nodes[*place] = Node { value, column: 0, delta: 0 };
        }
        return Ok(target as u32);
    }
    for (place, scores) in leaves {
        let row = forest.vectors.len() / forest.targets;
        // Bits of a small number, as a float, are never NaN.
        if row >= 1 << 23 {
            return Err(too_large("a forest of more than 8,388,608 leaf vectors"));
        }
        let first = forest.vectors.len();
        forest.vectors.resize(first + forest.targets, if sums { 0.0 } else { f32::NAN });
        for &(target, score) in *scores {
            let part = &mut forest.vectors[first + target];
            *part = if sums { *part + score } else { part.min(score) };
        }
        forest.nodes[*place] = Node { value: f32::from_bits(row as u32), column: 0, delta: 0 };
    }
    Ok(VECTOR)
}
