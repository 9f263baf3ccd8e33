//! Hostile ONNX messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_tiny::hostile;

fuzz_target!(|data: &[u8]| hostile::onnx_import(data));
