//! The first page and the last 256 bytes of a segment file: what it is, and where everything lies.
//!
//! Head page (offset 0): `"VARVESEG", u32 format, u32 0, u64 segment`, crc, zeros up to 4096.
//! Blocks follow from offset 4096, then the sections (signposts, filter, index, block starts, end keys), each at
//! a multiple of 64 and with its own checksum in the footer. The footer ends the file.
//!
//! Format 1 has no signposts; it is still read.

use crate::codec::{Reader, Writer};
use crate::limits::BLOCK_BYTES;

/// Format version of segment files.
pub const SEGMENT_FORMAT: u32 = 2;

/// The first format, without signposts.
const WITHOUT_SIGNPOSTS: u32 = 1;

/// Bytes of the footer.
pub const FOOTER_BYTES: usize = 256;

/// Offset of the first block.
pub const BLOCKS_AT: usize = BLOCK_BYTES;

const HEAD_MAGIC: &[u8; 8] = b"VARVESEG";
const FOOT_MAGIC: &[u8; 8] = b"VARVEEND";
const HEAD_BYTES: usize = 28;

/// A section of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Byte offset in the file.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// CRC32C of the bytes.
    pub crc: u32,
}

/// The decoded footer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Footer {
    /// File number.
    pub id: u64,
    /// First commit that it may hold.
    pub sequence_from: u64,
    /// Last commit that it holds.
    pub sequence_to: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// 4 KiB blocks.
    pub blocks: u64,
    /// Separators: runs of blocks.
    pub runs: u64,
    /// Bytes of keys and values before packing.
    pub raw_bytes: u64,
    /// 0 plain fences, 1 affine, 2 line probe, 3 S+ tree, 4 sparse fences.
    pub index_kind: u32,
    /// A [`super::signpost`] for each run; empty when there is none. Not checked at open, because it only hints.
    pub signposts: Section,
    /// Blooms.
    pub filter: Section,
    /// Index image.
    pub index: Section,
    /// `u32` number of the first block of each run; empty when every run is one block.
    pub starts: Section,
    /// Smallest and largest key, each length-prefixed, then the [`super::origin`].
    pub keys: Section,
    /// Error bound of a line probe, in separators; 0 when exact.
    pub error_bound: u64,
    /// Model segments per million separators at the reference error bound.
    pub hardness: f64,
    /// Measured time of one index lookup, in nanoseconds; 0 when nothing was timed.
    pub predicted_ns: f64,
}

/// Why a file is not a readable segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Another magic.
    Foreign,
    /// A later format.
    Newer(u32),
    /// Damage at this offset.
    Damaged(u64, &'static str),
}

/// The first page of segment `id`.
pub fn head_page(id: u64) -> Vec<u8> {
    let mut page = Writer::default();
    page.raw(HEAD_MAGIC).u32(SEGMENT_FORMAT).u32(0).u64(id);
    let crc = crc32c::crc32c(&page.bytes);
    page.u32(crc);
    page.bytes.resize(BLOCKS_AT, 0);
    page.bytes
}

/// Checks the first page and returns the segment's number.
pub fn read_head(file: &[u8]) -> Result<u64, Unreadable> {
    let page = file.get(..HEAD_BYTES).ok_or(Unreadable::Damaged(0, "the file is shorter than its head"))?;
    let mut reader = Reader::new(page);
    let magic = reader.raw(8);
    let (format, id) = (reader.u32().unwrap_or(0), reader.raw(4).and_then(|_| reader.u64()).unwrap_or(0));
    let sound = reader.u32() == Some(crc32c::crc32c(&page[..HEAD_BYTES - 4]));
    match (magic == Some(HEAD_MAGIC), sound) {
        (true, true) if format > SEGMENT_FORMAT => Err(Unreadable::Newer(format)),
        (true, true) => Ok(id),
        (false, true) => Err(Unreadable::Foreign),
        _ => Err(Unreadable::Damaged(0, "the head page fails its checksum")),
    }
}

impl Footer {
    /// The 256 bytes that end the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.raw(FOOT_MAGIC).u32(SEGMENT_FORMAT).u32(self.index_kind);
        for number in [
            self.id,
            self.sequence_from,
            self.sequence_to,
            self.entries,
            self.tombstones,
            self.blocks,
            self.runs,
            self.raw_bytes,
            self.error_bound,
            self.hardness.to_bits(),
            self.predicted_ns.to_bits(),
        ] {
            out.u64(number);
        }
        for section in self.sections() {
            out.u64(section.offset).u64(section.bytes).u32(section.crc);
        }
        out.bytes.resize(FOOTER_BYTES - 4, 0);
        let crc = crc32c::crc32c(&out.bytes);
        out.u32(crc);
        out.bytes
    }

    /// Reads and checks the footer of a whole `file`.
    pub fn decode(file: &[u8]) -> Result<Self, Unreadable> {
        let at = file.len().saturating_sub(FOOTER_BYTES);
        let damaged = |what| Unreadable::Damaged(at as u64, what);
        let bytes = &file[at..];
        if bytes.len() < FOOTER_BYTES {
            return Err(damaged("the file is shorter than its footer"));
        }
        let crc = u32::from_le_bytes([bytes[252], bytes[253], bytes[254], bytes[255]]);
        if crc32c::crc32c(&bytes[..252]) != crc {
            return Err(damaged("the footer fails its checksum"));
        }
        let footer = Self::fields(bytes).ok_or_else(|| damaged("the footer is malformed"))?;
        // Every run begins with a block of its own.
        if footer.runs > footer.blocks {
            return Err(damaged("the footer names more runs than blocks"));
        }
        let mut from = footer.blocks_end();
        for section in footer.sections() {
            let end = section.offset.checked_add(section.bytes);
            if section.offset < from || end.is_none_or(|end| end > at as u64) {
                return Err(damaged("a section lies outside the file"));
            }
            from = section.offset + section.bytes;
        }
        Ok(footer)
    }

    /// Where the blocks end.
    fn blocks_end(&self) -> u64 {
        self.blocks.saturating_mul(BLOCK_BYTES as u64).saturating_add(BLOCKS_AT as u64)
    }

    /// In the order of the file.
    fn sections(&self) -> [&Section; 5] {
        [&self.signposts, &self.filter, &self.index, &self.starts, &self.keys]
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.raw(8)? != FOOT_MAGIC {
            return None;
        }
        let format = reader.u32().filter(|format| (WITHOUT_SIGNPOSTS..=SEGMENT_FORMAT).contains(format))?;
        let mut footer = Self { index_kind: reader.u32()?, ..Self::default() };
        for field in [
            &mut footer.id,
            &mut footer.sequence_from,
            &mut footer.sequence_to,
            &mut footer.entries,
            &mut footer.tombstones,
            &mut footer.blocks,
            &mut footer.runs,
            &mut footer.raw_bytes,
            &mut footer.error_bound,
        ] {
            *field = reader.u64()?;
        }
        footer.hardness = f64::from_bits(reader.u64()?);
        footer.predicted_ns = f64::from_bits(reader.u64()?);
        let mut section =
            || Some(Section { offset: reader.u64()?, bytes: reader.u64()?, crc: reader.u32()? });
        footer.signposts = match format {
            WITHOUT_SIGNPOSTS => Section { offset: footer.blocks_end(), ..Section::default() },
            _ => section()?,
        };
        for place in [&mut footer.filter, &mut footer.index, &mut footer.starts, &mut footer.keys] {
            *place = section()?;
        }
        Some(footer)
    }
}

impl Section {
    /// The section's bytes in `file`, checked; `None` when they fail.
    pub fn of<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        let start = usize::try_from(self.offset).ok()?;
        let bytes = file.get(start..start.checked_add(usize::try_from(self.bytes).ok()?)?)?;
        (crc32c::crc32c(bytes) == self.crc).then_some(bytes)
    }

    /// The section's place, for bytes that were checked before.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.offset as usize..(self.offset + self.bytes) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_every_flip_is_found() {
        let section = |offset| Section { offset, bytes: 64, crc: 5 };
        let footer = Footer {
            id: 9,
            entries: 3,
            blocks: 1,
            hardness: 1.5,
            signposts: Section { offset: 8192, bytes: 0, crc: 5 },
            filter: section(8192),
            index: section(8256),
            starts: section(8320),
            keys: section(8384),
            ..Footer::default()
        };
        let mut file = vec![0; 8448];
        file.extend(footer.encode());
        assert_eq!(Footer::decode(&file), Ok(footer));
        for at in 8448..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 4;
            assert!(Footer::decode(&bad).is_err(), "flip at {at}");
        }
        assert_eq!(read_head(&head_page(7)), Ok(7));
        for at in 0..HEAD_BYTES {
            let mut bad = head_page(7);
            bad[at] ^= 1;
            assert!(read_head(&bad).is_err(), "flip at {at}");
        }
    }
}
