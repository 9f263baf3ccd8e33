//! Hostile index images: opening one fails with a code or gives an index whose every answer is in bounds.

use super::Input;
use crate::image::{self, HEADER_BYTES};
use crate::{Image, Index, StrIndex};

/// Keys at most, so that one run stays fast.
const KEYS_MAX: u64 = 1 << 14;

/// Opens an image and looks up keys of many kinds, one by one and in batches.
///
/// `data`: `u8` (bit 0: byte strings, bit 1: mend the checksum), 64 bytes of probes, the image.
pub fn index_image(data: &[u8]) {
    let mut input = Input { rest: data };
    let flags = input.byte();
    let probes = input.bytes(64);
    let bytes = input.rest;
    let image = if flags & 2 != 0 { mended(bytes) } else { Image::copy_of(bytes) };
    if flags & 1 != 0 {
        let mut keys: Vec<&[u8]> = probes.chunks(7).collect();
        keys.extend([
            &b""[..],
            &[0xff; 40],
            bytes.get(200..260).unwrap_or(&[]),
            bytes.get(300..303).unwrap_or(&[]),
        ]);
        check_strings(&image, &keys);
    } else if let Some(keys) = claimed_keys(&image) {
        let mut numbers = vec![0, 1, u64::MAX];
        numbers.extend(probes.chunks_exact(8).map(|raw| raw.iter().fold(0, |n, &b| n << 8 | u64::from(b))));
        numbers.extend(keys.iter().step_by(keys.len() / 16 + 1).flat_map(|&key| [key, key.wrapping_add(1)]));
        check_numbers(&image, &keys, &numbers);
    }
}

/// The bytes as an image whose magic, version, length and checksum are right.
fn mended(bytes: &[u8]) -> Image {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().max(HEADER_BYTES), 0);
    let mut image = Image::copy_of(&bytes);
    image::mend(&mut image);
    image
}

/// Ascending keys of the number and the ends that the image claims, so that it opens; `None` for claims
/// that no array can meet.
fn claimed_keys(image: &[u8]) -> Option<Vec<u64>> {
    let field = |at: usize| Some(u64::from_le_bytes(image.get(at..at + 8)?.try_into().ok()?));
    let (count, first, last) = (field(24)?, field(32)?, field(40)?);
    if count > KEYS_MAX
        || first > last
        || (count == 0 && (first, last) != (0, 0))
        || (count == 1 && first != last)
    {
        return None;
    }
    let step = (last - first) / count.max(1);
    let mut keys: Vec<u64> = (0..count).map(|at| first + at * step).collect();
    if let Some(end) = keys.last_mut() {
        *end = last;
    }
    Some(keys)
}

fn check_numbers(image: &[u8], keys: &[u64], probes: &[u64]) {
    let Ok(index) = Index::open(image, keys) else { return };
    let mut answers = vec![0; probes.len()];
    index.lower_bound_batch(probes, &mut answers);
    for (&probe, &answer) in probes.iter().zip(&answers) {
        assert!(answer <= keys.len(), "a batch answers {answer} of {} keys", keys.len());
        let single = index.lower_bound(probe);
        assert!(single <= keys.len(), "a lookup answers {single} of {} keys", keys.len());
        assert_eq!(index.lower_bound_traced(probe).0, single, "tracing changes the answer");
    }
    let _report = index.report();
}

fn check_strings(image: &[u8], probes: &[&[u8]]) {
    let Ok(index) = StrIndex::open(image) else { return };
    let most = index.len().saturating_sub(1);
    let mut answers = vec![0; probes.len()];
    index.find_batch(probes, &mut answers);
    for (&probe, &answer) in probes.iter().zip(&answers) {
        assert!(answer <= most, "a batch answers {answer} of {} separators", index.len());
        let single = index.find(probe);
        assert!(single <= most, "a lookup answers {single} of {} separators", index.len());
        assert_eq!(index.find_traced(probe).0, single, "tracing changes the answer");
    }
    for at in 0..index.len().min(64) {
        let _bytes = index.separator(at);
    }
    let _report = index.report();
}
