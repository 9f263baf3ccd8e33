//! One row, batches of any size, and every instruction set give the same bits.

mod common;

use common::{Fixture, fixtures};
use proptest::prelude::*;
use varve_tiny::{Isa, Model};

fn bits(answers: &[f32]) -> Vec<u32> {
    answers.iter().map(|answer| answer.to_bits()).collect()
}

fn batch_on(model: &Model, isa: Isa, rows: &[f32]) -> Vec<f32> {
    let count = rows.len() / model.schema().features.len();
    let mut out = vec![0.0; count * model.schema().outputs.len()];
    model.infer_batch(&mut model.scratch_for(isa), rows, &mut out).expect("the rows fit");
    out
}

fn check(fixture: &Fixture, rows: &[f32]) {
    for model in [fixture.model(), fixture.model().quantised()] {
        let reference = batch_on(&model, Isa::Scalar, rows);
        for isa in Isa::available() {
            let batch = batch_on(&model, isa, rows);
            assert_eq!(bits(&batch), bits(&reference), "{} on {isa:?}", fixture.name);
            let mut scratch = model.scratch_for(isa);
            let mut one = vec![0.0; fixture.outputs];
            for (row, answer) in rows.chunks_exact(fixture.features).zip(batch.chunks_exact(fixture.outputs))
            {
                model.infer(&mut scratch, row, &mut one).expect("the row fits");
                assert_eq!(bits(&one), bits(answer), "{} on {isa:?}, row {row:?}", fixture.name);
            }
        }
    }
}

#[test]
fn fixtures_agree_on_their_rows() {
    for fixture in fixtures() {
        check(&fixture, &fixture.rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Rows of extremes: thresholds themselves, NaN, infinities, zeros of both signs, and numbers of all sizes.
    #[test]
    fn fixtures_agree_on_any_row(
        pick in 0usize..1000,
        count in 1usize..200,
        numbers in proptest::collection::vec(prop_oneof![
            6 => -3.0f32..3.0,
            1 => any::<f32>(),
            1 => prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(-0.0), Just(0.5)],
        ], 977),
    ) {
        let all = fixtures();
        let fixture = &all[pick % all.len()];
        // Nets turn infinities into NaN whose sign bit is the CPU's choice; they are held to numbers.
        let is_net = fixture.model().steps().iter().any(|step| step.starts_with("dense"));
        let rows: Vec<f32> = numbers
            .iter()
            .map(|x| if is_net && (x.is_nan() || x.abs() >= 1e6) { 1.5 } else { *x })
            .cycle()
            .take(count * fixture.features)
            .collect();
        check(fixture, &rows);
    }
}
