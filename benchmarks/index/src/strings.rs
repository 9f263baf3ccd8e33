//! The index of byte strings, as a store segment uses it: which 4 KiB block holds a key.
//!
//! A million records of 116 bytes make 28,572 blocks of 35. Lookups are uniform over the records; everything is in
//! the cache, as it is in a store that is being read. Rival: a binary search over the separators.

use std::time::Instant;

use varve_index::{Choice, Image, Kind, Policy, StrIndex, StrIndexBuilder, shortest_separator};

use crate::report::{Case, Value};
use crate::rng::Rng;

const BLOCK_RECORDS: usize = 35;

/// Names of the key sets, for [`keys`].
pub const NAMES: [&str; 5] = ["random-16", "sequence-16", "tenant-time-16", "names", "paths"];

/// `count` distinct ascending keys at most.
///
/// # Panics
/// When there is no such set.
pub fn keys(name: &str, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng(42);
    let words = [
        "data", "core", "react", "web", "aws", "plugin", "test", "util", "node", "json", "parser", "cli",
        "py",
    ];
    let mut keys: Vec<Vec<u8>> = (0..count as u64)
        .map(|i| match name {
            "random-16" => [rng.bits().to_be_bytes(), rng.bits().to_be_bytes()].concat(),
            "sequence-16" => format!("{i:016}").into_bytes(),
            "tenant-time-16" => {
                [rng.below(50).to_be_bytes(), (i * 1000 + rng.bits() % 1000).to_be_bytes()].concat()
            }
            "names" => {
                let mut word = || words[rng.below(words.len()) * rng.below(words.len()) / words.len()];
                format!("{}-{}-{}{}", word(), word(), word(), rng.below(1_000_000)).into_bytes()
            }
            "paths" => format!(
                "/srv/projects/{}/src/{}/module-{:03}/file-{i:07}.rs",
                words[rng.below(words.len())],
                words[rng.below(words.len())],
                rng.below(400)
            )
            .into_bytes(),
            other => panic!("no set of strings {other}"),
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The separators of the blocks of `keys`, as short as they can be.
pub fn separators(keys: &[Vec<u8>]) -> Vec<&[u8]> {
    (0..keys.len())
        .step_by(BLOCK_RECORDS)
        .map(|at| shortest_separator(if at == 0 { &[] } else { &keys[at - 1] }, &keys[at]))
        .collect()
}

/// Builds the image of the separators.
pub fn image(separators: &[&[u8]], policy: &Policy) -> Image {
    let mut builder = StrIndexBuilder::default();
    separators.iter().for_each(|separator| builder.push(separator).expect("separators ascend"));
    builder.finish(policy).expect("a sound machine").0
}

/// Measures one set.
pub fn run(name: &str, count: usize, rounds: usize) -> Vec<Case> {
    let keys = keys(name, count);
    let separators = separators(&keys);
    let policies = [
        ("varve", Policy::default()),
        ("line_probe_16", Policy::forced(Kind::LineProbe { epsilon: 16 })),
        ("splus_tree", Policy::forced(Kind::SplusTree)),
        ("counted", Policy { choice: Choice::Counted, ..Policy::default() }),
    ];
    let images = policies.map(|(name, policy)| (name, image(&separators, &policy)));
    let indexes: Vec<_> = images
        .iter()
        .map(|(name, image)| (*name, StrIndex::open(image).expect("a fresh image opens")))
        .collect();
    let report = indexes[0].1.report();
    println!(
        "{name}: {} separators, {}, {} nodes, prefix of {} B, {:.0} segments/M",
        report.separator_count,
        report.kind,
        report.node_count,
        report.prefix_bytes,
        report.segments_per_million()
    );

    let mut rng = Rng(7);
    let mut times = vec![(Vec::new(), Vec::new()); indexes.len() + 1];
    for round in 0..rounds {
        let drawn: Vec<usize> = (0..40_000).map(|_| rng.below(keys.len())).collect();
        let asked: Vec<&[u8]> = drawn.iter().map(|at| keys[*at].as_slice()).collect();
        // The first one to ask must not pay for fetching the questions.
        std::hint::black_box(
            asked.iter().map(|key| key.iter().map(|byte| usize::from(*byte)).sum::<usize>()).sum::<usize>(),
        );
        let expected: usize = drawn.iter().map(|at| at / BLOCK_RECORDS).sum();
        let time = |find: &mut dyn FnMut() -> usize| {
            let start = Instant::now();
            let sum = find();
            let ns = start.elapsed().as_nanos() as f64 / asked.len() as f64;
            assert_eq!(sum, expected, "{name}");
            ns
        };
        // Each round starts with another index: the first one finds the caches and the branch predictor as the
        // binary search left them.
        for turn in 0..indexes.len() {
            let turn = (round + turn) % indexes.len();
            let (index, (single, batch)) = (&indexes[turn].1, &mut times[turn]);
            single.push(time(&mut || asked.iter().map(|key| index.find(key)).sum()));
            let mut found = vec![0; 32];
            batch.push(time(&mut || {
                let mut sum = 0;
                for group in asked.chunks(32) {
                    index.find_batch(group, &mut found[..group.len()]);
                    sum += found[..group.len()].iter().sum::<usize>();
                }
                sum
            }));
        }
        let search = |key: &[u8]| separators.partition_point(|separator| *separator <= key).saturating_sub(1);
        let (single, batch) = times.last_mut().expect("one more than indexes");
        single.push(time(&mut || asked.iter().map(|key| search(key)).sum()));
        batch.push(*single.last().expect("just pushed"));
    }
    let names: Vec<&str> = indexes.iter().map(|(name, _)| *name).chain(["binary_search"]).collect();
    let (single, batch): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    let values = |times: Vec<Vec<f64>>| -> Vec<Value> {
        names.iter().zip(times).map(|(name, times)| Value::of(name, times)).collect()
    };
    let case = |metric, unit, values| Case {
        case: format!("strings {name}"),
        metric,
        unit,
        better: "lower",
        values,
    };
    let sizes = images
        .iter()
        .map(|(name, image)| Value::exact(name, image.len() as f64 / keys.len() as f64))
        .collect();
    vec![
        case("find block", "ns", values(single)),
        case("find in batches of 32", "ns", values(batch)),
        case("index size", "B/record", sizes),
    ]
}
