//! Hostile index images.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_index::hostile;

fuzz_target!(|data: &[u8]| hostile::index_image(data));
