//! Built indexes against the simplest correct answer: `partition_point` over the same keys.

use super::Input;
use crate::{Index, Kind, Policy, StrIndex, StrIndexBuilder, build};

/// Builds an index and compares its answers on and beside every key.
///
/// `data`: `u8` (bit 0: byte strings, bits 1 and 2: the kind), then gaps between keys, or separators.
pub fn index_build(data: &[u8]) {
    let mut input = Input { rest: data };
    let flags = input.byte();
    let policy = match flags >> 1 & 3 {
        0 => Policy::counted(),
        1 => Policy::forced(Kind::LineProbe { epsilon: 15 }),
        2 => Policy::forced(Kind::SplusTree),
        _ => Policy::forced(Kind::SparseFences),
    };
    if flags & 1 != 0 { strings(input, &policy) } else { numbers(input, &policy) }
}

/// Each key is the last one plus a gap whose width the input chooses; a repeat byte makes long runs.
fn numbers(mut input: Input<'_>, policy: &Policy) {
    let (mut keys, mut key) = (Vec::new(), 0u64);
    while !input.is_empty() && keys.len() < 4096 {
        let (shape, amount) = (input.byte(), u64::from(input.byte()));
        let gap = amount << (shape & 63).min(56);
        for _ in 0..1 + usize::from(shape >> 6) * 21 {
            keys.push(key);
            key = key.saturating_add(gap);
        }
    }
    let built = build(&keys, policy).expect("ascending keys have an index");
    let index = Index::open(&built.image, &keys).expect("a built image opens over its keys");
    let probes: Vec<u64> = keys
        .iter()
        .flat_map(|&key| [key.wrapping_sub(1), key, key.wrapping_add(1)])
        .chain([0, u64::MAX, u64::MAX / 2])
        .collect();
    let mut answers = vec![0; probes.len()];
    index.lower_bound_batch(&probes, &mut answers);
    for (probe, answer) in probes.iter().zip(answers) {
        let truth = keys.partition_point(|key| key < probe);
        assert_eq!(index.lower_bound(*probe), truth, "lower bound of {probe}");
        assert_eq!(answer, truth, "lower bound of {probe} in a batch");
    }
}

/// Separators share a prefix of the last one, as sorted keys do.
fn strings(mut input: Input<'_>, policy: &Policy) {
    let mut separators: Vec<Vec<u8>> = Vec::new();
    while !input.is_empty() && separators.len() < 1024 {
        let (shared, own) = (input.byte(), input.byte());
        let mut next = separators.last().cloned().unwrap_or_default();
        next.truncate(usize::from(shared));
        next.extend_from_slice(input.bytes(usize::from(own & 15)));
        separators.push(next);
    }
    separators.sort();
    separators.dedup();
    let mut builder = StrIndexBuilder::default();
    for separator in &separators {
        builder.push(separator).expect("separators ascend");
    }
    let (image, _) = builder.finish(policy).expect("ascending separators have an index");
    let index = StrIndex::open(&image).expect("a built image opens");
    let mut probes: Vec<Vec<u8>> = vec![Vec::new(), vec![0xff; 20]];
    for separator in &separators {
        let (mut above, mut below) = (separator.clone(), separator.clone());
        above.push(0);
        below.pop();
        probes.extend([separator.clone(), above, below]);
    }
    let borrowed: Vec<&[u8]> = probes.iter().map(Vec::as_slice).collect();
    let mut answers = vec![0; probes.len()];
    index.find_batch(&borrowed, &mut answers);
    for (probe, answer) in probes.iter().zip(answers) {
        let truth = separators.partition_point(|separator| separator <= probe).saturating_sub(1);
        assert_eq!(index.find(probe), truth, "find {probe:02x?}");
        assert_eq!(answer, truth, "find {probe:02x?} in a batch");
    }
}
