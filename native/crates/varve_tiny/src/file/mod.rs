//! The model file, version 1; `design.md` has it byte by byte.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 8 | magic `VRVTINY1` |
//! | 8 | 4 | format version |
//! | 12 | 4 | zero |
//! | 16 | 8 | bytes of the body |
//! | 24 | 32 | SHA-256 of bytes 0..24 and the body |
//! | 56 | 8 | zero |
//! | 64 |  | body: schema, program |
//!
//! Numbers are little-endian. A list is a u32 count and its items, a text a u32 count of bytes and UTF-8. Reading takes
//! no memory for a list before its bytes are known to be there, and everything read passes the same checks as a
//! program that the importer builds.

mod read;
mod tags;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

use sha2::{Digest, Sha256};

pub(crate) const MAGIC: [u8; 8] = *b"VRVTINY1";
pub(crate) const VERSION: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 64;
pub(crate) const HASH_AT: usize = 24;

/// SHA-256 of what precedes the hash and of the body.
pub(crate) fn hash_of(file: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&file[..HASH_AT]);
    hash.update(&file[HEADER_BYTES..]);
    hash.finalize().into()
}

/// Writes the header that makes the body of any bytes a file.
#[cfg(feature = "hostile")]
pub(crate) fn mend(file: &mut Vec<u8>) {
    file.resize(file.len().max(HEADER_BYTES), 0);
    file[..HEADER_BYTES].fill(0);
    write::seal(file);
}
