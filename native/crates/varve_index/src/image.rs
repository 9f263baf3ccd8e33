//! The serialised form of an index: a 128-byte header and 64-byte aligned sections of little-endian words.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 8 | magic `VRVINDEX` |
//! | 8 | 4 | format version, 1 to 4 |
//! | 12 | 4 | CRC32C of the whole image with these four bytes zero |
//! | 16 | 8 | bytes of the image |
//! | 24 | 8 | keys |
//! | 32 | 8 | first key; text bytes (byte strings) |
//! | 40 | 8 | last key |
//! | 48 | 4 | kind: 0 affine, 1 line probe, 2 S+ tree, 3 sparse fences, 16 byte strings |
//! | 52 | 4 | epsilon |
//! | 56 | 8 | segments, of all nodes for byte strings |
//! | 64 | 8 | stride (affine); nodes (byte strings) |
//! | 72 | 4 | most lines walked |
//! | 76 | 4 | mean lines walked, f32 |
//! | 80 | 4 | predicted nanoseconds per lookup, f32, 0 when not measured |
//! | 84 | 44 | zero |
//!
//! Sections follow in the order that the kind gives, their lengths computed from the header alone: there is no
//! offset to be wrong. Invariant: whoever reads a section has been given exactly its length.

use std::ops::Deref;

use varve_types::{ErrorCode, Result, VarveError};

pub(crate) const HEADER_BYTES: usize = 128;
pub(crate) const LINE_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"VRVINDEX";
const VERSION: u32 = 4;
/// The oldest version that is read; line probes are read from the newest alone, see [`Sections::is_newest`].
const VERSION_OLDEST: u32 = 1;
const VERSION_AT: usize = 8;
const CRC_AT: usize = 12;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

/// Owned bytes of a serialised index, aligned to a cache line; reads as `&[u8]`, a multiple of 64 bytes long.
pub struct Image {
    lines: Vec<Line>,
}

impl Image {
    /// Copies serialised bytes into aligned memory, for a file that was read rather than mapped.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut image = Self::zeroed(bytes.len().next_multiple_of(LINE_BYTES));
        image.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        image
    }

    pub(crate) fn zeroed(bytes: usize) -> Self {
        Self { lines: vec![Line([0; LINE_BYTES]); bytes.div_ceil(LINE_BYTES)] }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.lines.len() * LINE_BYTES;
        // SAFETY: `Line` is 64 plain bytes without padding, and the vector is borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), bytes) }
    }

    /// The words after the header.
    pub(crate) fn body_mut(&mut self) -> &mut [u64] {
        let words = self.lines.len() * (LINE_BYTES / 8);
        // SAFETY: as above; eight-byte words are aligned in a 64-byte aligned line.
        let all = unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), words) };
        &mut all[HEADER_BYTES / 8..]
    }

    /// Writes the header, its own length and the checksum; nothing may change afterwards.
    pub(crate) fn seal(&mut self, header: &Header) {
        let bytes = self.bytes_mut();
        header.write(bytes);
        let crc = checksum(bytes);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

impl Deref for Image {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as in `bytes_mut`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE_BYTES) }
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Image({} bytes)", self.len())
    }
}

/// The fields of the header, in the order of the table above.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Header {
    pub(crate) key_count: u64,
    pub(crate) first_key: u64,
    pub(crate) last_key: u64,
    pub(crate) kind: u32,
    pub(crate) epsilon: u32,
    pub(crate) segment_count: u64,
    pub(crate) stride: u64,
    pub(crate) walked_max: u32,
    pub(crate) walked_mean: f32,
    pub(crate) predicted_ns: f32,
}

impl Header {
    fn write(&self, image: &mut [u8]) {
        let image_bytes = image.len() as u64;
        let mut at = 0;
        let mut put = |field: &[u8]| {
            image[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&[0; 4]);
        put(&image_bytes.to_le_bytes());
        put(&self.key_count.to_le_bytes());
        put(&self.first_key.to_le_bytes());
        put(&self.last_key.to_le_bytes());
        put(&self.kind.to_le_bytes());
        put(&self.epsilon.to_le_bytes());
        put(&self.segment_count.to_le_bytes());
        put(&self.stride.to_le_bytes());
        put(&self.walked_max.to_le_bytes());
        put(&self.walked_mean.to_le_bytes());
        put(&self.predicted_ns.to_le_bytes());
        image[at..HEADER_BYTES].fill(0);
    }

    /// Checks magic, version, length and checksum, and reads the header.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when any of them is wrong or the image is not 8-byte aligned in memory;
    /// `STORE_NEWER_FORMAT` when a newer Varve wrote it.
    pub(crate) fn read(image: &[u8]) -> Result<Self> {
        if image.len() < HEADER_BYTES || image[..8] != MAGIC {
            return Err(damaged("no index image starts here"));
        }
        let u32_at = |at: usize| u32::from_le_bytes(array(&image[at..at + 4]));
        let u64_at = |at: usize| u64::from_le_bytes(array(&image[at..at + 8]));
        if u32_at(VERSION_AT) > VERSION {
            let found = u32_at(VERSION_AT);
            return Err(VarveError::new(
                ErrorCode::StoreNewerFormat,
                format!("index image of format {found}, this Varve reads up to {VERSION}"),
                "open it with a newer Varve",
            ));
        }
        if u32_at(VERSION_AT) < VERSION_OLDEST || u64_at(16) != image.len() as u64 {
            return Err(damaged("version or length of the index image is wrong"));
        }
        if u32_at(CRC_AT) != checksum(image) {
            return Err(damaged("checksum of the index image is wrong"));
        }
        if !image.as_ptr().cast::<u64>().is_aligned() {
            return Err(damaged("the index image is not aligned to 8 bytes in memory"));
        }
        Ok(Self {
            key_count: u64_at(24),
            first_key: u64_at(32),
            last_key: u64_at(40),
            kind: u32_at(48),
            epsilon: u32_at(52),
            segment_count: u64_at(56),
            stride: u64_at(64),
            walked_max: u32_at(72),
            walked_mean: f32::from_bits(u32_at(76)),
            predicted_ns: f32::from_bits(u32_at(80)),
        })
    }
}

/// Makes magic, version, length and checksum right, whatever else the image says. The older version stays.
#[cfg(feature = "hostile")]
pub(crate) fn mend(image: &mut Image) {
    let bytes = image.bytes_mut();
    let is_oldest = u32::from(bytes[VERSION_AT]) == VERSION_OLDEST;
    let version = if is_oldest { VERSION_OLDEST } else { VERSION };
    let length = bytes.len() as u64;
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[VERSION_AT..CRC_AT].copy_from_slice(&version.to_le_bytes());
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(bytes);
    bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(image: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&image[..CRC_AT]);
    let crc = crc32c::crc32c_append(crc, &[0; 4]);
    crc32c::crc32c_append(crc, &image[CRC_AT + 4..])
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

pub(crate) fn damaged(what: impl Into<String>) -> VarveError {
    VarveError::new(ErrorCode::IndexDamaged, what, "build the index again from its keys")
}

/// The sections of an image after its header, taken one after the other.
pub(crate) struct Sections<'a> {
    rest: &'a [u8],
    /// Whether a line probe is laid out as this version does it.
    pub(crate) is_newest: bool,
}

impl<'a> Sections<'a> {
    /// `image` has passed [`Header::read`], or is not sealed yet: then it has no version, and the newest layout.
    pub(crate) fn of(image: &'a [u8]) -> Self {
        let version = u32::from_le_bytes(array(&image[VERSION_AT..VERSION_AT + 4]));
        Self { rest: &image[HEADER_BYTES..], is_newest: version == 0 || version == VERSION }
    }

    /// The next `count` words; the section is padded to a multiple of 64 bytes.
    pub(crate) fn words(&mut self, count: usize) -> Result<&'a [u64]> {
        let bytes = count.checked_mul(8).ok_or_else(|| damaged("a section is too long"))?;
        let section = self.bytes(bytes)?;
        // SAFETY: any bits are a `u64`; the slice keeps the lifetime of the image.
        let (before, words, after) = unsafe { section.align_to::<u64>() };
        if before.is_empty() && after.is_empty() {
            Ok(words)
        } else {
            Err(damaged("a section is not aligned"))
        }
    }

    /// The next `count` bytes; the section is padded to a multiple of 64 bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let padded = count.checked_next_multiple_of(LINE_BYTES).filter(|bytes| *bytes <= self.rest.len());
        let Some(padded) = padded else { return Err(damaged("a section runs past the end of the image")) };
        let (section, rest) = self.rest.split_at(padded);
        self.rest = rest;
        Ok(&section[..count])
    }

    /// # Errors
    /// `INDEX_DAMAGED` when bytes are left over.
    pub(crate) fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged("bytes follow the last section")) }
    }
}
