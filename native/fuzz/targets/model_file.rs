//! Hostile model files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_tiny::hostile;

fuzz_target!(|data: &[u8]| hostile::model_file(data));
