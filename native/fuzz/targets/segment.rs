//! Hostile segment files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_kv::simulate::hostile;

fuzz_target!(|data: &[u8]| hostile::segment(data));
