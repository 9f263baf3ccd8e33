//! Times one model: `tiny_micro MODEL.onnx ROWS.bin` (fixtures/make.py writes both) prints nanoseconds a row for single
//! calls and batches on every instruction set, and how far the answers are from ONNX Runtime's.
//!
//! For tuning kernels; the benchmark beside ONNX Runtime is `npm run bench -- tiny`.

use std::hint::black_box;
use std::time::Instant;

use varve_tiny::{Isa, Limits, Model};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, case, ..] = &arguments[..] else { return Err("tiny_micro MODEL.onnx ROWS.bin".into()) };
    let onnx = std::fs::read(model)?;
    let start = Instant::now();
    let imported = Model::from_onnx(&onnx, &Limits::default())?;
    let import = start.elapsed();
    let file = imported.to_bytes();
    let start = Instant::now();
    let model = Model::open(&file, &Limits::default())?;
    println!(
        "{}: import {import:.1?}, open {:.1?}, {} bytes in memory, file {}",
        model.steps().join(", "),
        start.elapsed(),
        model.bytes(),
        file.len()
    );

    let case = std::fs::read(case)?;
    let words: Vec<[u8; 4]> = case.as_chunks().0.to_vec();
    let head: Vec<usize> = words[..4].iter().map(|word| u32::from_le_bytes(*word) as usize).collect();
    let floats: Vec<f32> = words[4..].iter().map(|word| f32::from_le_bytes(*word)).collect();
    let (count, features, outputs) = (head[0], head[1], head[2]);
    let (rows, answers) = floats.split_at(count * features);
    for isa in Isa::available() {
        let mut scratch = model.scratch_for(isa);
        let mut out = vec![0.0; count * outputs];
        model.infer_batch(&mut scratch, rows, &mut out)?;
        let off = out.iter().zip(answers).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
        let chunks = |size: usize| rows.chunks(size * features).zip(answers.chunks(size * outputs));
        let batch: u128 = chunks(1024)
            .map(|(rows, answers)| {
                let out = &mut out[..answers.len()];
                best(15, || model.infer_batch(&mut scratch, black_box(rows), out).is_ok())
            })
            .sum();
        let single: u128 = chunks(64)
            .map(|(rows, answers)| {
                let out = &mut out[..answers.len()];
                best(9, || {
                    rows.chunks_exact(features)
                        .zip(out.chunks_exact_mut(outputs))
                        .all(|(row, out)| model.infer(&mut scratch, black_box(row), out).is_ok())
                })
            })
            .sum();
        let each = |ns: u128| ns as f64 / count as f64;
        println!(
            "{isa:?}: batch {:.1} ns/row, single {:.1} ns/row, off by {off:e}",
            each(batch),
            each(single)
        );
    }
    Ok(())
}

/// The least of `times` runs: others share this machine, and what they take is not the kernel's.
fn best(times: usize, mut run: impl FnMut() -> bool) -> u128 {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            assert!(run());
            start.elapsed().as_nanos()
        })
        .min()
        .unwrap_or(0)
}
