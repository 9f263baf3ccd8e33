//! Files and messages that a fuzzer makes up: opening one fails with a code or gives a model that scores any row safely,
//! and that is the same model again after it was saved. Behind the feature `hostile`, for tests and fuzz targets.
//!
//! A hash stops a fuzzer at the door. So a flag in the input says whether a file goes in as it is (is every damage
//! noticed?) or mended (is a well-formed lie harmless?).

use crate::{Isa, Limits, Model, file};

/// Enough rows for a block, a part of one, and a loose row.
const ROWS: usize = 64 + 40;
/// Bytes of an input that become features.
const FEATURES: usize = 32;

/// Opens a model file.
///
/// `data`: `u8` (bit 0: mend length and hash), 32 bytes of features, the file.
pub fn model_file(data: &[u8]) {
    let Some((flags, rest)) = data.split_first() else { return };
    let (features, bytes) = rest.split_at(FEATURES.min(rest.len()));
    let mut bytes = bytes.to_vec();
    if flags & 1 != 0 {
        file::mend(&mut bytes);
    }
    check_file(&bytes, features);
}

/// Imports an ONNX message.
///
/// `data`: 32 bytes of features, the message.
pub fn onnx_import(data: &[u8]) {
    let (features, message) = data.split_at(FEATURES.min(data.len()));
    if let Ok(imported) = Model::from_onnx(message, &limits()) {
        check(&imported, features);
        check_file(&imported.to_bytes(), features);
    }
}

/// Small limits, so that one run stays fast.
fn limits() -> Limits {
    Limits { slots_max: 1 << 10, nodes_max: 1 << 14, weights_max: 1 << 14, ..Limits::default() }
}

/// Opens a file; what opens is checked, and writes bytes that open as the same model.
fn check_file(file: &[u8], features: &[u8]) {
    let Ok(model) = Model::open(file, &limits()) else { return };
    check(&model, features);
    let again = model.to_bytes();
    let reopened = Model::open(&again, &limits()).expect("a written file opens");
    assert_eq!(reopened.to_bytes(), again, "a model changes when it is saved");
}

/// Scores rows made of `features` one by one and in a batch, on every instruction set, with equal answers.
fn check(model: &Model, features: &[u8]) {
    let (width, outputs) = (model.schema().features.len(), model.schema().outputs.len());
    let mut numbers: Vec<f32> = features.as_chunks().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect();
    numbers.extend([0.0, -1.0, 0.5, f32::NAN, f32::INFINITY]);
    let rows: Vec<f32> = numbers.into_iter().cycle().take(ROWS * width).collect();
    let mut reference = vec![0.0; ROWS * outputs];
    model.infer_batch(&mut model.scratch_for(Isa::Scalar), &rows, &mut reference).expect("the rows fit");
    for isa in Isa::available() {
        let mut scratch = model.scratch_for(isa);
        let mut batch = vec![0.0; ROWS * outputs];
        model.infer_batch(&mut scratch, &rows, &mut batch).expect("the rows fit");
        assert!(same(&batch, &reference), "{isa:?} differs from scalar");
        let mut one = vec![0.0; outputs];
        for (row, answer) in rows.chunks_exact(width).zip(batch.chunks_exact(outputs)).step_by(7) {
            model.infer(&mut scratch, row, &mut one).expect("the row fits");
            assert!(same(&one, answer), "one row differs from a batch on {isa:?}");
        }
    }
}

/// Equal bits, but for the sign and payload of NaN, which are the CPU's choice.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}
