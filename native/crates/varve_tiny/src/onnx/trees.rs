//! Tree ensembles of ONNX-ML: attributes of versions 1 and 3, and the operator of version 5.

use std::collections::HashMap;

use varve_types::Result;

use super::attributes::Attributes;
use super::tensor::{Data, Tensor, utf8};
use crate::failure::{damaged, unsupported};
use crate::forest::Aggregate;
use crate::forest::grow::{Mode, RawNode};
use crate::limits::Limits;

/// An ensemble as its node describes it.
pub(crate) struct Ensemble {
    pub(crate) nodes: Vec<RawNode>,
    pub(crate) roots: Vec<usize>,
    pub(crate) aggregate: Aggregate,
}

/// `TreeEnsembleRegressor` (`prefix` "target") and `TreeEnsembleClassifier` ("class").
///
/// # Errors
/// `MODEL_DAMAGED` for lists of different lengths, nodes that are missing or named twice; `MODEL_UNSUPPORTED` for
/// doubles and unknown modes.
pub(crate) fn version_3(attributes: &Attributes<'_>, prefix: &str) -> Result<Ensemble> {
    attributes.refuse(&[
        "nodes_values_as_tensor",
        "nodes_hitrates_as_tensor",
        "base_values_as_tensor",
        "target_weights_as_tensor",
        "class_weights_as_tensor",
    ])?;
    let trees = attributes.ints("nodes_treeids");
    let ids = attributes.ints("nodes_nodeids");
    let features = attributes.ints("nodes_featureids");
    let values = attributes.floats("nodes_values");
    let modes = attributes.texts("nodes_modes");
    let (yes, no) = (attributes.ints("nodes_truenodeids"), attributes.ints("nodes_falsenodeids"));
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let count = trees.len();
    let lengths = [ids.len(), features.len(), values.len(), modes.len(), yes.len(), no.len()];
    if lengths.iter().any(|length| *length != count) || !(missing.is_empty() || missing.len() == count) {
        return Err(damaged("the node lists of a tree ensemble differ in length"));
    }
    let places = Places::of(trees, ids)?;
    let place = |tree: i64, id: i64| {
        let missing = || damaged(format!("tree {tree} has no node {id}"));
        places.find(tree, id).ok_or_else(missing)
    };
    let mut nodes = Vec::with_capacity(count);
    for at in 0..count {
        let Some(mode) = mode_named(&modes[at])? else {
            nodes.push(RawNode::Leaf { scores: Vec::new() });
            continue;
        };
        let feature =
            usize::try_from(features[at]).map_err(|_| damaged("a tree compares a negative feature"))?;
        nodes.push(RawNode::Branch {
            feature,
            mode,
            value: values[at],
            missing_yes: missing.get(at).is_some_and(|flag| *flag != 0),
            yes: place(trees[at], yes[at])?,
            no: place(trees[at], no[at])?,
        });
    }
    score_leaves(attributes, prefix, &mut nodes, place)?;
    let aggregate = match attributes.text("aggregate_function", "SUM")?.as_str() {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => return Err(unsupported(format!("aggregate function {other}"))),
    };
    Ok(Ensemble { nodes, roots: places.roots, aggregate })
}

/// Where the nodes of each tree stand in the lists.
struct Places<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    /// The first node of each tree in the lists is its root, as in ONNX Runtime.
    roots: Vec<usize>,
    /// Tree to its root.
    firsts: HashMap<i64, usize>,
    /// Only where ids are not 0, 1, 2, ... from the root: tree and id to place.
    odd: HashMap<(i64, i64), usize>,
}

impl<'a> Places<'a> {
    fn of(trees: &'a [i64], ids: &'a [i64]) -> Result<Self> {
        let (mut roots, mut firsts, mut odd) = (Vec::new(), HashMap::new(), HashMap::new());
        let mut is_dense = true;
        for at in 0..trees.len() {
            if at == 0 || trees[at] != trees[at - 1] {
                roots.push(at);
                if firsts.insert(trees[at], at).is_some() {
                    return Err(damaged("the nodes of a tree do not stand together"));
                }
            }
            is_dense &= roots.last().is_some_and(|root| usize::try_from(ids[at]) == Ok(at - root));
        }
        if !is_dense {
            for at in 0..trees.len() {
                if odd.insert((trees[at], ids[at]), at).is_some() {
                    return Err(damaged(format!("tree {} names node {} twice", trees[at], ids[at])));
                }
            }
        }
        Ok(Self { trees, ids, roots, firsts, odd })
    }

    fn find(&self, tree: i64, id: i64) -> Option<usize> {
        if !self.odd.is_empty() {
            return self.odd.get(&(tree, id)).copied();
        }
        let at = self.firsts.get(&tree)?.checked_add(usize::try_from(id).ok()?)?;
        (self.trees.get(at) == Some(&tree) && self.ids.get(at) == Some(&id)).then_some(at)
    }
}

fn score_leaves(
    attributes: &Attributes<'_>,
    prefix: &str,
    nodes: &mut [RawNode],
    place: impl Fn(i64, i64) -> Result<usize>,
) -> Result<()> {
    let list = |name: &str| attributes.ints(&format!("{prefix}_{name}"));
    let (trees, ids) = (list("treeids"), list("nodeids"));
    let targets = attributes.indices(&format!("{prefix}_ids"))?;
    let weights = attributes.floats(&format!("{prefix}_weights"));
    if [ids.len(), targets.len(), weights.len()].iter().any(|length| *length != trees.len()) {
        return Err(damaged("the leaf lists of a tree ensemble differ in length"));
    }
    for at in 0..trees.len() {
        match &mut nodes[place(trees[at], ids[at])?] {
            RawNode::Leaf { scores } => scores.push((targets[at], weights[at])),
            // ONNX Runtime ignores scores of nodes that branch.
            RawNode::Branch { .. } | RawNode::Member { .. } => {}
        }
    }
    Ok(())
}

/// `None` for a leaf.
fn mode_named(name: &[u8]) -> Result<Option<Mode>> {
    Ok(Some(match name {
        b"BRANCH_LEQ" => Mode::Le,
        b"BRANCH_LT" => Mode::Lt,
        b"BRANCH_GTE" => Mode::Ge,
        b"BRANCH_GT" => Mode::Gt,
        b"BRANCH_EQ" => Mode::Eq,
        b"BRANCH_NEQ" => Mode::Ne,
        b"LEAF" => return Ok(None),
        other => return Err(unsupported(format!("branch mode {}", utf8(other)?))),
    }))
}

/// `TreeEnsemble` of ai.onnx.ml 5: leaves and branches in lists of their own.
///
/// # Errors
/// As [`version_3`].
pub(crate) fn version_5(attributes: &Attributes<'_>, limits: &Limits) -> Result<Ensemble> {
    let required = |name: &str| {
        attributes.tensor(name, limits)?.ok_or_else(|| damaged(format!("TreeEnsemble has no {name}")))
    };
    let (splits, modes) = (required("nodes_splits")?.floats()?, required("nodes_modes")?);
    let modes = modes.integers()?;
    let weights = required("leaf_weights")?.floats()?;
    let targets = attributes.indices("leaf_targetids")?;
    let features = attributes.indices("nodes_featureids")?;
    let (yes, no) = (attributes.indices("nodes_truenodeids")?, attributes.indices("nodes_falsenodeids")?);
    let (yes_leaf, no_leaf) = (attributes.ints("nodes_trueleafs"), attributes.ints("nodes_falseleafs"));
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let count = splits.len();
    let lengths = [modes.len(), features.len(), yes.len(), no.len(), yes_leaf.len(), no_leaf.len()];
    if lengths.iter().any(|length| *length != count)
        || !(missing.is_empty() || missing.len() == count)
        || targets.len() != weights.len()
    {
        return Err(damaged("the lists of a tree ensemble differ in length"));
    }
    // Leaves stand after the branches in one list.
    let child = |leaf: i64, at: usize| {
        let (most, first) = if leaf != 0 { (weights.len(), count) } else { (count, 0) };
        if at < most { Ok(first + at) } else { Err(damaged("a branch leads to a node that is not there")) }
    };
    let mut sets = memberships(attributes.tensor("membership_values", limits)?)?.into_iter();
    let mut nodes = Vec::with_capacity(count + weights.len());
    for at in 0..count {
        let (yes, no) = (child(yes_leaf[at], yes[at])?, child(no_leaf[at], no[at])?);
        let (feature, missing_yes) = (features[at], missing.get(at).is_some_and(|flag| *flag != 0));
        let mode = match modes[at] {
            0 => Mode::Le,
            1 => Mode::Lt,
            2 => Mode::Ge,
            3 => Mode::Gt,
            4 => Mode::Eq,
            5 => Mode::Ne,
            6 => {
                let set = sets.next().ok_or_else(|| damaged("a member branch has no set"))?;
                nodes.push(RawNode::Member { feature, set, missing_yes, yes, no });
                continue;
            }
            other => return Err(unsupported(format!("branch mode {other}"))),
        };
        nodes.push(RawNode::Branch { feature, mode, value: splits[at], missing_yes, yes, no });
    }
    for (target, weight) in targets.iter().zip(&weights) {
        nodes.push(RawNode::Leaf { scores: vec![(*target, *weight)] });
    }
    let roots = attributes.indices("tree_roots")?;
    for root in &roots {
        // A tree of one leaf is a branch whose two children are that leaf.
        if *root >= count {
            return Err(damaged("a tree starts at a node that is not there"));
        }
    }
    let aggregate = match attributes.int("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => return Err(unsupported(format!("aggregate function {other}"))),
    };
    Ok(Ensemble { nodes, roots, aggregate })
}

/// One set per member branch, in their order; NaN stands between sets.
fn memberships(values: Option<Tensor>) -> Result<Vec<Vec<f32>>> {
    let Some(Tensor { data: Data::Floats(values), .. }) = values else { return Ok(Vec::new()) };
    Ok(values.split(|value| value.is_nan()).filter(|set| !set.is_empty()).map(<[f32]>::to_vec).collect())
}
