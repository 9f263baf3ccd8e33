//! Fixtures: a model, rows, and what ONNX Runtime answered (`fixtures/make.py` wrote them).

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::PathBuf;

use varve_tiny::{Limits, Model};

/// One committed case.
pub struct Fixture {
    pub name: String,
    pub onnx: Vec<u8>,
    /// Shape [rows, features].
    pub rows: Vec<f32>,
    pub features: usize,
    /// Shape [rows, outputs].
    pub answers: Vec<f32>,
    pub outputs: usize,
    /// ONNX Runtime's labels, where the model has any.
    pub labels: Vec<i64>,
}

impl Fixture {
    pub fn model(&self) -> Model {
        Model::from_onnx(&self.onnx, &Limits::default())
            .unwrap_or_else(|error| panic!("{} does not import: {error}", self.name))
    }
}

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// All cases in order of their names.
pub fn fixtures() -> Vec<Fixture> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the fixtures are committed")
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".onnx").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() > 30, "only {} fixtures", names.len());
    names.iter().map(|name| fixture(name)).collect()
}

pub fn fixture(name: &str) -> Fixture {
    let read =
        |kind: &str| fs::read(folder().join(format!("{name}.{kind}"))).expect("the fixture is committed");
    let case = read("bin");
    let (head, body) = case.split_at(16);
    let head: Vec<usize> = head.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word) as usize).collect();
    let [count, features, outputs, labelled] = head[..] else { panic!("a header of four numbers") };
    let (floats, labels) = body.split_at(4 * count * (features + outputs));
    let floats: Vec<f32> = floats.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let labels: Vec<i64> = labels.as_chunks().0.iter().map(|word| i64::from_le_bytes(*word)).collect();
    assert_eq!(labels.len(), count * labelled);
    let (rows, answers) = floats.split_at(count * features);
    Fixture {
        name: name.to_owned(),
        onnx: read("onnx"),
        rows: rows.to_vec(),
        features,
        answers: answers.to_vec(),
        outputs,
        labels,
    }
}

/// The largest difference, where numbers above 1 count by their relative difference.
pub fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).fold(0.0, |most: f32, (a, b)| {
        if a == b || (a.is_nan() && b.is_nan()) {
            most
        } else {
            let off = (a - b).abs() / b.abs().max(1.0);
            most.max(if off.is_nan() { f32::INFINITY } else { off })
        }
    })
}

/// Scores all rows as one batch.
pub fn batch(model: &Model, rows: &[f32]) -> Vec<f32> {
    let count = rows.len() / model.schema().features.len();
    let mut out = vec![0.0; count * model.schema().outputs.len()];
    model.infer_batch(&mut model.scratch(), rows, &mut out).expect("the rows fit");
    out
}
