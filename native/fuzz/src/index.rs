//! Index images: mending their header, and the properties that any image must keep.

use varve_index::{Image, Index, StrIndex};

use crate::patch;

const MAGIC: &[u8; 8] = b"VRVINDEX";
const CRC_AT: usize = 12;

/// Keys at most, so that one run stays fast.
const KEYS_MAX: u64 = 1 << 14;

/// Pads `bytes` as an image in memory and mends magic, version, length and checksum.
pub fn mended(bytes: &[u8]) -> Image {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(64).max(128), 0);
    let length = bytes.len() as u64;
    patch(&mut bytes, 0, MAGIC);
    let version = if bytes[8] == 1 { 1u32 } else { 2 };
    patch(&mut bytes, 8, &version.to_le_bytes());
    patch(&mut bytes, CRC_AT, &[0; 4]);
    patch(&mut bytes, 16, &length.to_le_bytes());
    let crc = crc32c::crc32c(&bytes);
    patch(&mut bytes, CRC_AT, &crc.to_le_bytes());
    Image::copy_of(&bytes)
}

/// Ascending keys of the number and the ends that the image claims, so that it opens; `None` for claims
/// that no array can meet.
pub fn claimed_keys(image: &[u8]) -> Option<Vec<u64>> {
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

/// A numeric index answers inside the keys, whatever its image claims, one by one and in batches.
pub fn check_numeric(image: &[u8], keys: &[u64], probes: &[u64]) {
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

/// A byte-string index answers inside its separators, whatever its image claims.
pub fn check_strings(image: &[u8], probes: &[&[u8]]) {
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
