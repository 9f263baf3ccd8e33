//! Replays the committed seeds of a fuzz target without a fuzzer. Part of the tests of every crate that has targets.

use std::path::Path;

/// Hands every seed of `target` to `check`, which panics where the fuzzer would stop.
pub fn replay(target: &str, check: impl Fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds = std::fs::read_dir(dir).expect("the seeds are committed");
    let mut paths: Vec<_> = seeds.map(|entry| entry.expect("a folder can be listed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no seeds");
    for path in paths {
        println!("{}", path.display());
        check(&std::fs::read(path).expect("a seed can be read"));
    }
}
