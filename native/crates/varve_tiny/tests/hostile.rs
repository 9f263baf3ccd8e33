//! Bytes from anyone: every damage is noticed or harmless, and every limit is held.

mod common;

use sha2::{Digest, Sha256};
use varve_tiny::{Limits, Model};
use varve_types::ErrorCode;

const HASH_AT: usize = 24;
const BODY_AT: usize = 64;

/// The file with length and hash made right again.
fn mended(mut file: Vec<u8>) -> Vec<u8> {
    let body = (file.len() - BODY_AT) as u64;
    file[16..24].copy_from_slice(&body.to_le_bytes());
    let mut hash = Sha256::new();
    hash.update(&file[..HASH_AT]);
    hash.update(&file[BODY_AT..]);
    let hash = hash.finalize();
    file[HASH_AT..HASH_AT + 32].copy_from_slice(&hash);
    file
}

fn code(outcome: Result<Model, varve_types::VarveError>) -> Option<ErrorCode> {
    outcome.err().map(|error| error.code())
}

/// Scores a few rows of whatever opened; nothing may panic or leave its memory.
fn exercise(model: &Model) {
    let (features, outputs) = (model.schema().features.len(), model.schema().outputs.len());
    if features * outputs > 1 << 16 {
        return;
    }
    let rows: Vec<f32> = (0..70 * features)
        .map(|at| match at % 5 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -1.5,
            _ => at as f32 / 7.0,
        })
        .collect();
    let mut out = vec![0.0; 70 * outputs];
    model.infer_batch(&mut model.scratch(), &rows, &mut out).expect("the rows fit");
    model.infer(&mut model.scratch(), &rows[..features], &mut out[..outputs]).expect("the row fits");
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let file = common::fixture("lgb_stump").model().to_bytes();
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << (at % 8);
        let code = code(Model::open(&damaged, &Limits::default()));
        let expected = [Some(ErrorCode::ModelDamaged), Some(ErrorCode::ModelUnsupported)];
        assert!(expected.contains(&code), "byte {at} gives {code:?}");
        let code = self::code(Model::open(&file[..at], &Limits::default()));
        assert_eq!(code, Some(ErrorCode::ModelDamaged), "cut at {at}");
    }
}

#[test]
fn well_formed_lies_are_harmless() {
    // Each byte of the body takes other values, with the hash made right: what opens must score safely.
    let mut opened = 0;
    for name in
        ["lgb_stump", "tree_ensemble_v5", "pipe_columns", "mlp_multi", "label_encoder", "logistic_multi"]
    {
        for model in [common::fixture(name).model(), common::fixture(name).model().quantised()] {
            let file = model.to_bytes();
            let step = (file.len() / 400).max(1);
            for at in (BODY_AT..file.len()).step_by(step) {
                for value in [0, 1, 0x7f, 0x80, 0xff, file[at].wrapping_add(1)] {
                    let mut lie = file.clone();
                    lie[at] = value;
                    if let Ok(model) = Model::open(&mended(lie), &Limits::default()) {
                        opened += 1;
                        exercise(&model);
                    }
                }
            }
        }
    }
    assert!(opened > 300, "only {opened} lies opened");
}

#[test]
fn limits_hold() {
    let fixture = common::fixture("rf_regressor");
    let file = fixture.model().to_bytes();
    let mut rows = Vec::new();
    let mut with = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        rows.push(limits);
    };
    with(|limits| limits.file_bytes_max = 1000);
    with(|limits| limits.slots_max = 10);
    with(|limits| limits.nodes_max = 100);
    with(|limits| limits.trees_max = 3);
    for limits in rows {
        assert_eq!(code(Model::open(&file, &limits)), Some(ErrorCode::ModelTooLarge), "{limits:?}");
        assert_eq!(
            code(Model::from_onnx(&fixture.onnx, &limits)),
            Some(ErrorCode::ModelTooLarge),
            "{limits:?}"
        );
    }
}

#[test]
fn a_newer_file_asks_for_a_newer_varve() {
    let mut file = common::fixture("lgb_stump").model().to_bytes();
    file[8] = 2;
    let error = Model::open(&mended(file), &Limits::default()).expect_err("a newer format");
    assert_eq!(error.code(), ErrorCode::ModelUnsupported);
    assert!(error.hint().contains("newer"));
}

#[test]
fn onnx_messages_that_are_cut_or_flipped_never_panic() {
    for name in ["lgb_categorical", "net_skip", "pipe_columns", "tree_ensemble_v5"] {
        let onnx = common::fixture(name).onnx;
        let step = (onnx.len() / 150).max(1);
        for at in (0..onnx.len()).step_by(step) {
            let mut damaged = onnx.clone();
            damaged[at] = damaged[at].wrapping_add(1 + (at % 255) as u8);
            for bytes in [&onnx[..at], &damaged] {
                match Model::from_onnx(bytes, &Limits::default()) {
                    Ok(model) => exercise(&model),
                    Err(error) => assert!(matches!(
                        error.code(),
                        ErrorCode::ModelDamaged | ErrorCode::ModelUnsupported | ErrorCode::ModelTooLarge
                    )),
                }
            }
        }
    }
}

#[test]
fn a_small_message_cannot_ask_for_much_memory() {
    // A graph of 200,000 empty nodes: two bytes each on the wire.
    let nodes = [0x0a, 0x00].repeat(200_000);
    let mut onnx = vec![0x08, 8, 0x3a];
    let mut length = nodes.len();
    while length > 127 {
        onnx.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    onnx.push(length as u8);
    onnx.extend(nodes);
    assert_eq!(code(Model::from_onnx(&onnx, &Limits::default())), Some(ErrorCode::ModelTooLarge));
}

#[test]
fn what_is_missing_is_named() {
    // Names stand in the message as they are; the same number of bytes keeps every length right.
    let renamed = |name: &str, from: &str, to: &str| {
        let mut onnx = common::fixture(name).onnx;
        for at in 0..onnx.len() - from.len() {
            if onnx[at..].starts_with(from.as_bytes()) {
                onnx[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        Model::from_onnx(&onnx, &Limits::default()).expect_err("an unknown operator")
    };
    for (name, from, to) in [
        ("net_wide", "Tanh", "Tanx"),
        ("modes_sum", "BRANCH_LEQ", "BRANCH_LEX"),
        ("pipe_normalize_l1", "Normalizer", "Normalizex"),
    ] {
        let error = renamed(name, from, to);
        assert_eq!(error.code(), ErrorCode::ModelUnsupported);
        assert!(error.message().contains(to), "{error}");
    }
}
