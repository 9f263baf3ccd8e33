//! The seeds of the fuzz targets for this crate, replayed: what fuzzing once found stays mended without a fuzzer.

#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::replay;
use varve_kv::simulate::hostile;

/// Story of `no-blocks`: a footer with sound checksums that counts no blocks, but runs, opened, and the first point read
/// asked beyond the end whether its block was checked: a panic instead of `STORE_DAMAGED`.
#[test]
fn segment() {
    replay("segment", hostile::segment);
}

#[test]
fn log_record() {
    replay("log_record", hostile::log_record);
}
