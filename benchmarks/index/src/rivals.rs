//! Everything that answers "how many keys are below this one", behind one call per way of asking.

use std::collections::BTreeMap;

use varve_index::{Built, Index, Kind, Policy, build};

use crate::keys::Keys;
use crate::rng::Rng;

/// A question and its answer, the position of the first key that is not below it.
#[derive(Clone, Copy, Default)]
pub struct Query {
    pub key: u64,
    pub position: usize,
}

/// Draws `count` queries: uniform over positions, `miss_share` of them between two keys.
pub fn draw(keys: &[u64], count: usize, miss_share: f64, rng: &mut Rng) -> Vec<Query> {
    (0..count)
        .map(|_| {
            let mut at = rng.below(keys.len());
            let gap = keys.get(at + 1).map_or(0, |next| next - keys[at]);
            if (rng.bits() as f64) < miss_share * u64::MAX as f64 && gap > 1 {
                return Query { key: keys[at] + 1 + rng.bits() % (gap - 1), position: at + 1 };
            }
            if at > 0 && keys[at - 1] == keys[at] {
                at = keys[..at].partition_point(|key| *key < keys[at]);
            }
            Query { key: keys[at], position: at }
        })
        .collect()
}

/// How lookups are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// One by one; the CPU may overlap them.
    Point,
    /// Each waits for the answer of the one before.
    Dependent,
    /// 32 in one call; structures without such a call are asked one by one.
    Batch,
}

/// A structure under test.
#[expect(
    clippy::large_enum_variant,
    reason = "a handful exist, and a box would cost our own index a cache miss"
)]
pub enum Rival<'a> {
    /// An index of ours.
    Index(Index<'a>),
    /// `slice::partition_point`.
    BinarySearch(&'a [u64]),
    /// `std::collections::BTreeMap` from key to first position.
    BTree(BTreeMap<u64, u32>),
}

impl<'a> Rival<'a> {
    /// An index of ours, over the keys that it was built on.
    ///
    /// # Panics
    /// When the image is none.
    pub fn index(image: &'a Keys, keys: &'a [u64]) -> Self {
        Self::Index(Index::open(image.bytes(), keys).expect("a fresh image opens"))
    }

    /// `std`'s B-tree over the first occurrences.
    pub fn btree(keys: &[u64]) -> Self {
        let firsts = keys.iter().enumerate().filter(|(at, key)| *at == 0 || keys[at - 1] != **key);
        Self::BTree(firsts.map(|(at, key)| (*key, at as u32)).collect())
    }

    /// Answers all queries and returns the sum of the positions, to be compared with the known one. `end` is the
    /// number of keys.
    #[inline(never)]
    pub fn run(&self, asking: Asking, queries: &[u64], end: usize) -> usize {
        // One loop per structure and way of asking: nothing must be decided per lookup, and a closure that two loops
        // share is a call in both.
        match (self, asking) {
            (Self::Index(index), Asking::Batch) => batch(index, queries),
            (Self::Index(index), Asking::Point) => points(queries, |key| index.lower_bound(key)),
            (Self::Index(index), Asking::Dependent) => chain(queries, |key| index.lower_bound(key)),
            (Self::BinarySearch(keys), Asking::Dependent) => chain(queries, |key| binary_search(keys, key)),
            (Self::BinarySearch(keys), _) => points(queries, |key| binary_search(keys, key)),
            (Self::BTree(tree), Asking::Dependent) => chain(queries, |key| first_in(tree, key, end)),
            (Self::BTree(tree), _) => points(queries, |key| first_in(tree, key, end)),
        }
    }
}

fn binary_search(keys: &[u64], key: u64) -> usize {
    keys.partition_point(|own| *own < key)
}

fn first_in(tree: &BTreeMap<u64, u32>, key: u64, end: usize) -> usize {
    tree.range(key..).next().map_or(end, |(_, at)| *at as usize)
}

#[inline(always)]
fn points(queries: &[u64], find: impl Fn(u64) -> usize) -> usize {
    queries.iter().map(|query| find(*query)).fold(0, usize::wrapping_add)
}

#[inline(always)]
fn chain(queries: &[u64], find: impl Fn(u64) -> usize) -> usize {
    let (mut sum, mut found) = (0usize, 0usize);
    for query in queries {
        // Positions are far below 2^63; only the CPU cannot know that the key does not change.
        found = find(query + (std::hint::black_box(found) >> 63) as u64);
        sum = sum.wrapping_add(found);
    }
    sum
}

fn batch(index: &Index<'_>, queries: &[u64]) -> usize {
    let mut found = [0; 32];
    let mut sum = 0usize;
    for group in queries.chunks(32) {
        index.lower_bound_batch(group, &mut found[..group.len()]);
        sum = found[..group.len()].iter().fold(sum, |sum, at| sum.wrapping_add(*at));
    }
    sum
}

/// Builds an index of one kind.
pub fn forced(keys: &[u64], kind: Kind) -> Built {
    build(keys, &Policy::forced(kind)).expect("generated keys ascend")
}
