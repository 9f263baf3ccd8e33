//! Hostile ONNX messages: importing one fails with a code or gives a model that scores any row safely, and that is
//! the same model again after it was saved.
//!
//! Input: 32 bytes of features, the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_fuzz::{Input, model};
use varve_tiny::Model;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let features = input.bytes(32);
    if let Ok(imported) = Model::from_onnx(input.rest(), &model::limits()) {
        model::check(&imported, features);
        model::check_file(&imported.to_bytes(), features);
    }
});
