//! Hostile index images: opening one fails with a code or gives an index whose every answer is in bounds.
//!
//! Input: `u8` (bit 0: byte strings, bit 1: mend the checksum), 64 bytes of probes, the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use varve_fuzz::{Input, index};
use varve_index::Image;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let flags = input.byte();
    let probes = input.bytes(64);
    let bytes = input.rest();
    let image = if flags & 2 != 0 { index::mended(bytes) } else { Image::copy_of(bytes) };
    if flags & 1 != 0 {
        let mut keys: Vec<&[u8]> = probes.chunks(7).collect();
        keys.extend([
            &b""[..],
            &[0xff; 40],
            bytes.get(200..260).unwrap_or(&[]),
            bytes.get(300..303).unwrap_or(&[]),
        ]);
        index::check_strings(&image, &keys);
    } else if let Some(keys) = index::claimed_keys(&image) {
        let mut numbers = vec![0, 1, u64::MAX];
        numbers.extend(probes.chunks_exact(8).map(|raw| raw.iter().fold(0, |n, &b| n << 8 | u64::from(b))));
        numbers.extend(keys.iter().step_by(keys.len() / 16 + 1).flat_map(|&key| [key, key.wrapping_add(1)]));
        index::check_numeric(&image, &keys, &numbers);
    }
});
