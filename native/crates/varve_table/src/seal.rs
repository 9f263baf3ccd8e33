//! Bytes under a checksum: how everything of ours stands in SQLite, whose pages have none.
//!
//! Layout: crc32c of the payload (4 bytes, little-endian), then the payload.

use varve_types::Result;

use crate::error::damaged;

/// `payload` under its checksum.
pub(crate) fn seal(payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(4 + payload.len());
    sealed.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    sealed.extend_from_slice(payload);
    sealed
}

/// The payload of `sealed`; `what` names it in the error.
pub(crate) fn unseal<'b>(sealed: &'b [u8], what: &str) -> Result<&'b [u8]> {
    let (sum, payload) =
        sealed.split_first_chunk::<4>().ok_or_else(|| damaged(format!("{what} is cut short")))?;
    if crc32c::crc32c(payload) == u32::from_le_bytes(*sum) {
        Ok(payload)
    } else {
        Err(damaged(format!("{what} fails its checksum")))
    }
}

#[cfg(test)]
mod tests {
    use super::{seal, unseal};

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let sealed = seal(b"a hot batch");
        assert_eq!(unseal(&sealed, "it").ok(), Some(&b"a hot batch"[..]));
        for bit in 0..sealed.len() * 8 {
            let mut hurt = sealed.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(&hurt, "it").is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(unseal(&sealed[..len], "it").is_err(), "cut to {len}");
        }
    }
}
