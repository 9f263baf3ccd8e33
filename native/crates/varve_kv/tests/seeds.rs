//! The seeds of the fuzz targets for this crate, replayed: what fuzzing once found stays mended without a fuzzer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use varve_kv::simulate::hostile;

/// Hands every seed of `target` to `check`, which panics where the fuzzer would stop. The first byte of a seed says whether
/// checksums are mended.
fn replay(target: &str, check: impl Fn(Vec<u8>, bool)) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(!names.is_empty(), "{target} has no seeds");
    for name in names {
        println!("{}", name.display());
        let seed = std::fs::read(name).unwrap();
        let (flags, bytes) = seed.split_first().unwrap();
        check(bytes.to_vec(), flags & 1 != 0);
    }
}

/// Story of `no-blocks`: a footer with sound checksums that counts no blocks, but runs, opened, and the first point read
/// asked beyond the end whether its block was checked: a panic instead of `STORE_DAMAGED`.
#[test]
fn segment() {
    replay("segment", hostile::segment);
}

#[test]
fn log_record() {
    replay("log_record", hostile::log);
}
