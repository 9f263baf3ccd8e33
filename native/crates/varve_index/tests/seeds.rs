//! The seeds of the fuzz targets for this crate, replayed: what fuzzing once found stays mended without a fuzzer.

#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::replay;
use varve_index::hostile;

#[test]
fn index_build() {
    replay("index_build", hostile::index_build);
}

#[test]
fn index_image() {
    replay("index_image", hostile::index_image);
}
