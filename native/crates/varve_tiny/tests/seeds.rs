//! The seeds of the fuzz targets for this crate, replayed: what fuzzing once found stays mended without a fuzzer.

#[path = "../../../fuzz/replay.rs"]
mod replay;

use replay::replay;
use varve_tiny::hostile;

#[test]
fn model_file() {
    replay("model_file", hostile::model_file);
}

#[test]
fn onnx_import() {
    replay("onnx_import", hostile::onnx_import);
}
