//! The bytes of a log file: a head page, then records that prove their own place in time and space.
//!
//! Head page: `"VARVELOG", u32 format, u32 0, u64 id, u64 bytes`, store id, crc, zeros up to 4096.
//! Record, at a multiple of 8, little endian: `u32 magic, u32 header crc, u32 payload crc, u32 payload
//! bytes, u64 epoch, u64 first commit, u32 commits, u32 0, u64 own offset, u64 synced, u64 file`, then
//! per commit `u32 bytes` and its packed batch. The header checksum covers the header behind itself and
//! the store id.
//!
//! `synced` is the last commit known to be synced when the record was written: it is what tells rot in
//! synced data from a tail that the power cut tore.

use crate::codec::{Reader, Writer};

/// Format version of log files.
pub const LOG_FORMAT: u32 = 1;

/// Offset of the first record.
pub const RECORDS_AT: u64 = 4096;

/// Bytes of a record header.
pub const HEADER: usize = 64;

const FILE_MAGIC: &[u8; 8] = b"VARVELOG";
const MAGIC: u32 = 0x3152_4c56;

/// The store and the file that records belong to.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub store_id: [u8; 16],
    pub file: u64,
}

/// The numbers of a record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub payload_crc: u32,
    pub payload_bytes: u32,
    pub epoch: u64,
    pub first: u64,
    pub commits: u32,
    pub offset: u64,
    pub synced: u64,
}

impl Header {
    /// Last commit in the record.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.commits) - 1
    }

    /// Offset behind the record.
    pub fn end(&self) -> u64 {
        self.offset + space(self.payload_bytes as usize) as u64
    }

    fn encode(&self, place: Place) -> [u8; HEADER] {
        let mut out = Writer::default();
        out.u32(MAGIC).u32(0).u32(self.payload_crc).u32(self.payload_bytes);
        out.u64(self.epoch).u64(self.first).u32(self.commits).u32(0);
        out.u64(self.offset).u64(self.synced).u64(place.file);
        let mut raw = [0; HEADER];
        raw.copy_from_slice(&out.bytes);
        let crc = header_crc(&raw, place);
        raw[4..8].copy_from_slice(&crc.to_le_bytes());
        raw
    }

    /// Reads a header at `offset` of its file; `None` unless it proves to belong exactly there.
    pub fn decode(raw: &[u8], offset: u64, place: Place) -> Option<Self> {
        let raw: &[u8; HEADER] = raw.get(..HEADER)?.try_into().ok()?;
        let mut reader = Reader::new(raw);
        let (magic, crc) = (reader.u32()?, reader.u32()?);
        if magic != MAGIC || crc != header_crc(raw, place) {
            return None;
        }
        let (payload_crc, payload_bytes) = (reader.u32()?, reader.u32()?);
        let (epoch, first, commits, _) = (reader.u64()?, reader.u64()?, reader.u32()?, reader.u32()?);
        let header = Self {
            payload_crc,
            payload_bytes,
            epoch,
            first,
            commits,
            offset: reader.u64()?,
            synced: reader.u64()?,
        };
        let sound = header.offset == offset && reader.u64()? == place.file && commits > 0 && first > 0;
        sound.then_some(header)
    }

    /// The payload of the record inside `file`, when it is whole.
    pub fn payload<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        let from = usize::try_from(self.offset).ok()? + HEADER;
        let payload = file.get(from..from + self.payload_bytes as usize)?;
        (crc32c::crc32c(payload) == self.payload_crc).then_some(payload)
    }
}

/// Bytes that a record with this payload takes.
pub fn space(payload: usize) -> usize {
    (HEADER + payload).next_multiple_of(8)
}

/// Splits a payload into packed batches; `None` at malformed lengths.
pub fn batches(payload: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut reader = Reader::new(payload);
    std::iter::from_fn(move || {
        if reader.rest.is_empty() {
            return None;
        }
        let batch = reader.bytes();
        if batch.is_none() {
            reader.rest = &[];
        }
        Some(batch)
    })
}

/// Starts a record in `out`; batches are pushed, then `seal` closes it.
pub fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.resize(HEADER, 0);
}

/// Adds one commit.
pub fn push(out: &mut Vec<u8>, batch: &[u8]) {
    out.extend_from_slice(&(batch.len() as u32).to_le_bytes());
    out.extend_from_slice(batch);
}

/// Fills in the header. `payload_crc` and `payload_bytes` are computed here.
pub fn seal(out: &mut Vec<u8>, mut header: Header, place: Place) {
    header.payload_bytes = (out.len() - HEADER) as u32;
    header.payload_crc = crc32c::crc32c(&out[HEADER..]);
    out[..HEADER].copy_from_slice(&header.encode(place));
    out.resize(out.len().next_multiple_of(8), 0);
}

/// The head page of a log file.
pub fn head_page(place: Place, bytes: u64) -> Vec<u8> {
    let mut page = Writer::default();
    page.raw(FILE_MAGIC).u32(LOG_FORMAT).u32(0).u64(place.file).u64(bytes).raw(&place.store_id);
    let crc = crc32c::crc32c(&page.bytes);
    page.u32(crc);
    page.bytes.resize(RECORDS_AT as usize, 0);
    page.bytes
}

/// What a head page says.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    /// It is the expected one.
    Sound,
    /// A later format.
    Newer(u32),
    /// Anything else.
    Damaged,
}

/// Checks a head page.
pub fn check_head(page: &[u8], place: Place, bytes: u64) -> Head {
    const FIELDS: usize = 48;
    let expected = head_page(place, bytes);
    if page.len() >= FIELDS + 4 && page[..FIELDS + 4] == expected[..FIELDS + 4] {
        return Head::Sound;
    }
    let mut reader = Reader::new(page);
    let (magic, format) = (reader.raw(8), reader.u32().unwrap_or(0));
    let crc = page.get(FIELDS..FIELDS + 4).map(|raw| u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]));
    let sound = page.get(..FIELDS).map(crc32c::crc32c) == crc;
    if magic == Some(FILE_MAGIC) && sound && format > LOG_FORMAT {
        Head::Newer(format)
    } else {
        Head::Damaged
    }
}

fn header_crc(raw: &[u8; HEADER], place: Place) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&raw[8..]), &place.store_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_every_flip_is_found() {
        let place = Place { store_id: [3; 16], file: 8 };
        let mut record = Vec::new();
        begin(&mut record);
        push(&mut record, b"first");
        push(&mut record, b"");
        let header = Header {
            payload_crc: 0,
            payload_bytes: 0,
            epoch: 4,
            first: 10,
            commits: 2,
            offset: RECORDS_AT,
            synced: 9,
        };
        seal(&mut record, header, place);
        let mut file = head_page(place, 1 << 20);
        file.extend_from_slice(&record);
        let at = RECORDS_AT as usize;
        let read = Header::decode(&file[at..], RECORDS_AT, place).unwrap();
        assert_eq!((read.first, read.last(), read.end() as usize), (10, 11, file.len()));
        let payload = read.payload(&file).unwrap();
        assert_eq!(batches(payload).collect::<Vec<_>>(), [Some(&b"first"[..]), Some(b"")]);
        assert!(Header::decode(&file[at..], RECORDS_AT + 8, place).is_none());
        assert!(Header::decode(&file[at..], RECORDS_AT, Place { file: 9, ..place }).is_none());
        for flip in at..at + HEADER + read.payload_bytes as usize {
            let mut bad = file.clone();
            bad[flip] ^= 2;
            let whole =
                Header::decode(&bad[at..], RECORDS_AT, place).is_some_and(|h| h.payload(&bad).is_some());
            assert!(!whole, "flip at {flip}");
        }
    }
}
