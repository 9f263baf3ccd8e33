//! Hostile log files: the replay gives commits without gaps, the same ones twice, or fails with a code.
//!
//! Input: `u8` (bit 0: mend all checksums), the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_kv::simulate::hostile;

fuzz_target!(|data: &[u8]| {
    if let Some((flags, bytes)) = data.split_first() {
        hostile::log(bytes.to_vec(), flags & 1 != 0);
    }
});
