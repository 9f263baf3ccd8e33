//! Hostile model files: opening one fails with a code or gives a model that scores any row safely, and that is the
//! same model again after it was saved.
//!
//! Input: `u8` (bit 0: mend length and hash), 32 bytes of features, the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_fuzz::{Input, model};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let flags = input.byte();
    let features = input.bytes(32);
    let file = input.rest();
    if flags & 1 != 0 {
        model::check_file(&model::mended(file), features);
    } else {
        model::check_file(file, features);
    }
});
