//! Searching the cheapest tree.

use std::collections::HashMap;

use super::graph::{Graph, Set};

/// So many relations are joined in the best of all orders; more in the greedily best one.
const EXHAUSTIVE_MAX: usize = 10;
/// What it costs to put a row into a hash table, against one that is looked up or comes out.
const BUILD: f64 = 2.0;

/// A tree of joins with its estimates.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) set: Set,
    pub(super) rows: f64,
    pub(super) cost: f64,
    /// The first is the smaller one; `None` for a relation.
    pub(super) inputs: Option<Box<(Tree, Tree)>>,
}

impl Tree {
    pub(super) fn relation(graph: &Graph, at: usize) -> Self {
        let set = 1 << at;
        Self { set, rows: graph.rows(set), cost: 0.0, inputs: None }
    }

    pub(super) fn join(graph: &Graph, one: Self, other: Self) -> Self {
        let set = one.set | other.set;
        Self::with_rows(graph.rows(set), one, other)
    }

    fn with_rows(rows: f64, one: Self, other: Self) -> Self {
        let (build, probe) = if one.rows <= other.rows { (one, other) } else { (other, one) };
        // Every relation is read once in any tree, and what is built first keeps rows of it away.
        let probed = if probe.inputs.is_some() { probe.rows } else { 0.0 };
        let cost = build.cost + probe.cost + BUILD * build.rows + probed + rows;
        Self { set: build.set | probe.set, rows, cost, inputs: Some(Box::new((build, probe))) }
    }
}

/// The cheapest tree; `None` when keys do not join all relations.
pub(super) fn best(graph: &Graph) -> Option<Tree> {
    let relations = (0..graph.relations.len()).map(|at| Tree::relation(graph, at)).collect();
    if graph.relations.len() <= EXHAUSTIVE_MAX {
        exhaustive(graph, relations)
    } else {
        greedy(graph, relations)
    }
}

/// All connected sets in ascending order, each divided into two in all ways.
fn exhaustive(graph: &Graph, relations: Vec<Tree>) -> Option<Tree> {
    let all: Set = (1 << relations.len()) - 1;
    let mut best: HashMap<Set, Tree> = relations.into_iter().map(|tree| (tree.set, tree)).collect();
    for set in 1..=all {
        if best.contains_key(&set) {
            continue;
        }
        let mut rows = None;
        let mut cheapest: Option<Tree> = None;
        let mut part = (set - 1) & set;
        while part > 0 {
            let rest = set & !part;
            if part < rest
                && let (Some(one), Some(other)) = (best.get(&part), best.get(&rest))
                && graph.are_joined(part, rest)
            {
                let rows = *rows.get_or_insert_with(|| graph.rows(set));
                let at_least = one.cost + other.cost + rows;
                if cheapest.as_ref().is_none_or(|cheapest| at_least < cheapest.cost) {
                    let tree = Tree::with_rows(rows, one.clone(), other.clone());
                    if cheapest.as_ref().is_none_or(|cheapest| tree.cost < cheapest.cost) {
                        cheapest = Some(tree);
                    }
                }
            }
            part = (part - 1) & set;
        }
        if let Some(tree) = cheapest {
            best.insert(set, tree);
        }
    }
    best.remove(&all)
}

/// The two trees whose join has the fewest rows are joined, until one is left.
fn greedy(graph: &Graph, mut trees: Vec<Tree>) -> Option<Tree> {
    while trees.len() > 1 {
        let pairs = (0..trees.len()).flat_map(|one| (one + 1..trees.len()).map(move |other| (one, other)));
        let joined = pairs.filter(|(one, other)| graph.are_joined(trees[*one].set, trees[*other].set));
        let (one, other, _) = joined
            .map(|(one, other)| (one, other, graph.rows(trees[one].set | trees[other].set)))
            .min_by(|a, b| a.2.total_cmp(&b.2))?;
        let second = trees.swap_remove(other);
        let first = trees.swap_remove(one);
        trees.push(Tree::join(graph, first, second));
    }
    trees.pop()
}
