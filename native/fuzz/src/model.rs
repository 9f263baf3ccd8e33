//! Model files: mending their header, and the properties that any opened model must keep.

use sha2::{Digest, Sha256};
use varve_tiny::{Isa, Limits, Model};

use crate::patch;

const HASH_AT: usize = 24;
const BODY_AT: usize = 64;
/// Enough rows for a block, a part of one, and a loose row.
const ROWS: usize = 64 + 40;

/// Small limits, so that one run stays fast.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.slots_max = 1 << 10;
    limits.nodes_max = 1 << 14;
    limits.weights_max = 1 << 14;
    limits
}

/// Makes magic, version, length and hash right.
pub fn mended(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file.resize(file.len().max(BODY_AT), 0);
    let body = (file.len() - BODY_AT) as u64;
    patch(&mut file, 0, b"VRVTINY1");
    patch(&mut file, 8, &1u64.to_le_bytes());
    patch(&mut file, 16, &body.to_le_bytes());
    patch(&mut file, 56, &[0; 8]);
    let mut hash = Sha256::new();
    hash.update(&file[..HASH_AT]);
    hash.update(&file[BODY_AT..]);
    patch(&mut file, HASH_AT, &hash.finalize());
    file
}

/// Opens a file; what opens is checked, and writes bytes that open as the same model.
pub fn check_file(file: &[u8], features: &[u8]) {
    let Ok(model) = Model::open(file, &limits()) else { return };
    check(&model, features);
    let again = model.to_bytes();
    let reopened = Model::open(&again, &limits()).expect("a written file opens");
    assert_eq!(reopened.to_bytes(), again, "a model changes when it is saved");
}

/// Scores rows made of `features` one by one and in a batch, on every instruction set, with equal answers.
pub fn check(model: &Model, features: &[u8]) {
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
