//! Every fixture answers as ONNX Runtime does, imported and again from its file.

mod common;

use common::{batch, difference, fixtures};
use varve_tiny::{Classes, Limits, Model};

const TOLERANCE: f32 = 1e-5;

#[test]
fn imported_models_answer_as_onnx_runtime() {
    for fixture in fixtures() {
        let model = fixture.model();
        assert_eq!(model.schema().features.len(), fixture.features, "{}", fixture.name);
        assert_eq!(model.schema().outputs.len(), fixture.outputs, "{}", fixture.name);
        let off = difference(&batch(&model, &fixture.rows), &fixture.answers);
        assert!(off <= TOLERANCE, "{} is off by {off}", fixture.name);
    }
}

#[test]
fn saved_models_answer_bit_for_bit_as_imported_ones() {
    for fixture in fixtures() {
        let model = fixture.model();
        let file = model.to_bytes();
        let opened = Model::open(&file, &Limits::default()).expect("a written file opens");
        assert_eq!(opened.schema(), model.schema(), "{}", fixture.name);
        assert_eq!(opened.to_bytes(), file, "{}", fixture.name);
        let (from_file, imported) = (batch(&opened, &fixture.rows), batch(&model, &fixture.rows));
        let bits = |answers: &[f32]| answers.iter().map(|answer| answer.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&from_file), bits(&imported), "{}", fixture.name);
        assert!(difference(&from_file, &fixture.answers) <= TOLERANCE, "{}", fixture.name);
    }
}

#[test]
fn the_best_score_is_the_label_of_onnx_runtime() {
    let mut checked = 0;
    for fixture in fixtures().into_iter().filter(|fixture| !fixture.labels.is_empty()) {
        let model = fixture.model();
        let Classes::Integers(labels) = &model.schema().classes else {
            panic!("{} has no labels", fixture.name);
        };
        let answers = batch(&model, &fixture.rows);
        for (scores, label) in answers.chunks_exact(fixture.outputs).zip(&fixture.labels) {
            let best =
                (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best });
            let margin = scores.iter().enumerate().filter(|(at, _)| *at != best);
            let margin = margin.fold(f32::INFINITY, |margin, (_, score)| margin.min(scores[best] - score));
            if margin > TOLERANCE {
                assert_eq!(labels[best], *label, "{}: {scores:?}", fixture.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 500, "only {checked} labels were compared");
}

#[test]
fn int8_nets_stay_close_and_are_smaller() {
    // The bound of one layer is a unit test of `dense`; through a whole net it depends on the net, so this holds
    // these nets to 2% of the range of their answers.
    for name in ["net_wide", "net_activations", "mlp_regressor", "mlp_binary", "mlp_multi"] {
        let fixture = common::fixture(name);
        let model = fixture.model();
        let small = model.quantised();
        let (exact, near) = (batch(&model, &fixture.rows), batch(&small, &fixture.rows));
        let range = exact.iter().fold(f32::MIN, |most, y| most.max(*y))
            - exact.iter().fold(f32::MAX, |least, y| least.min(*y));
        let off = exact.iter().zip(&near).fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
        assert!(off <= 0.02 * range, "{name}: {off} of {range}");
        assert!(off > 0.0, "{name} was not quantised");
        assert!(small.to_bytes().len() < model.to_bytes().len(), "{name}");
        let opened = Model::open(&small.to_bytes(), &Limits::default()).expect("a written file opens");
        assert_eq!(batch(&opened, &fixture.rows), near, "{name}");
    }
    let wide = common::fixture("net_wide").model();
    let (f32_bytes, int8_bytes) = (wide.to_bytes().len(), wide.quantised().to_bytes().len());
    assert!(int8_bytes * 3 < f32_bytes, "{f32_bytes} became {int8_bytes}");
}
