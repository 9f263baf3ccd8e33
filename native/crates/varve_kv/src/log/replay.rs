//! Reads the log back: the one chain of commits behind the folded ones, and the verdict on its end.
//!
//! Records chain by commit number, without gaps, across files in any order; epochs never decrease along
//! the chain, so that remains of an earlier use of a file, or of a tail that was dropped once, never
//! join it.
//!
//! The chain ends at the first place without a valid next record. That is the torn tail of unsynced
//! writes unless something proves that the next commit had been synced: the mark, the catalogue, or any
//! later record (each names the last commit synced before it). Then it is damage, and is reported.
//!
//! Readable records behind a torn tail were never acknowledged as synced; they are erased before writing
//! goes on, so that no later replay can meet them.
//!
//! Known limit: after a power cut within about 20 ms of the last synced commit, rot in exactly that last
//! record looks like a torn tail, because the unsynced mark is gone too. Two faults at once.

use std::path::Path;

use varve_types::Result;

use super::record::{self, HEADER, Head, Header, Place, RECORDS_AT};
use crate::catalogue::Catalogue;
use crate::error::{damaged, failed_sync, io, newer_format};
use crate::names;
use varve_files::{Access, File, Files};

/// An open log file.
pub struct Slot {
    pub id: u64,
    pub bytes: u64,
    pub file: Box<dyn File>,
    /// Last commit in it; 0 when it is free.
    pub last: u64,
}

/// What the mark says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// The last commit proven to be synced.
    pub synced: u64,
    /// No record lies behind it.
    pub is_clean: bool,
}

/// Where the chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Last commit of the chain.
    pub last: u64,
    /// Slot number and offset behind the last record; `None` when the chain is empty.
    pub tail: Option<(usize, u64)>,
}

/// Opens the log files of the catalogue and checks their heads.
pub fn open_slots(files: &dyn Files, dir: &Path, catalogue: &Catalogue) -> Result<Vec<Slot>> {
    catalogue.logs.iter().map(|entry| open_slot(files, dir, catalogue, entry.id, entry.bytes)).collect()
}

fn open_slot(files: &dyn Files, dir: &Path, catalogue: &Catalogue, id: u64, bytes: u64) -> Result<Slot> {
    let path = names::log(dir, id);
    let file = files.open(&path, Access::ReadWrite).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => damaged(&path, 0, "the log file is missing"),
        _ => io("open", &path, error),
    })?;
    let length = file.len().map_err(|error| io("measure", &path, error))?;
    if length != bytes {
        let what = format!("the log file has {length} bytes instead of {bytes}");
        return Err(damaged(&path, length.min(bytes), &what));
    }
    let mut page = [0; 64];
    file.read_at(&mut page, 0).map_err(|error| io("read", &path, error))?;
    match record::check_head(&page, Place { store_id: catalogue.store_id, file: id }, bytes) {
        Head::Sound => Ok(Slot { id, bytes, file, last: 0 }),
        Head::Newer(format) => Err(newer_format(&path, format, record::LOG_FORMAT)),
        Head::Damaged => Err(damaged(&path, 0, "the head of the log file fails its checksum")),
    }
}

/// Walks the chain behind `catalogue.folded` and hands each commit to `apply` with its number.
///
/// `known` tells what was synced, and whether anything can lie behind the chain at all.
pub fn replay(
    dir: &Path,
    catalogue: &Catalogue,
    slots: &mut [Slot],
    known: Known,
    mut apply: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<End> {
    let mut walk = Walk { dir, catalogue, loaded: None };
    let firsts: Vec<Option<Header>> = slots.iter().map(|slot| walk.first(slot)).collect::<Result<_>>()?;
    let mut end = End { last: catalogue.folded, tail: None };
    let mut epoch = 0;
    // The chain begins in the file whose first commit is the largest one not behind the folded ones.
    let begin =
        firsts.iter().flatten().map(|header| header.first).filter(|&first| first <= end.last + 1).max();
    let mut next = begin.and_then(|first| pick(&firsts, first, 0));
    while let Some(slot_at) = next {
        let mut offset = RECORDS_AT;
        let mut expected = firsts[slot_at].map_or(0, |header| header.first);
        while let Some(header) =
            walk.record(&slots[slot_at], offset, |h| h.first == expected && h.epoch >= epoch)?
        {
            if header.last() > end.last {
                apply_record(&walk, &slots[slot_at], header, end.last, &mut apply)?;
                end.last = header.last();
            }
            (epoch, offset, expected) = (header.epoch, header.end(), header.last() + 1);
            slots[slot_at].last = header.last();
        }
        // A file whose records are all folded is free, not the tail to write behind.
        if slots[slot_at].last > catalogue.folded {
            end.tail = Some((slot_at, offset));
        }
        next = pick(&firsts, expected, epoch).filter(|&at| at != slot_at && expected == end.last + 1);
    }
    let mut proven = known.synced.max(catalogue.durable);
    let mut leftovers = Vec::new();
    if !(known.is_clean && known.synced == end.last) {
        for (at, slot) in slots.iter().enumerate() {
            let headers = walk.every_header(slot)?;
            proven = headers.iter().map(|header| header.synced).max().unwrap_or(0).max(proven);
            let behind = headers.iter().filter(|header| header.last() > end.last);
            leftovers.extend(behind.map(|header| (at, header.offset)));
        }
    }
    if proven > end.last {
        return Err(walk.damage(slots, &firsts, end, proven));
    }
    erase(dir, slots, &leftovers)?;
    Ok(end)
}

fn erase(dir: &Path, slots: &[Slot], leftovers: &[(usize, u64)]) -> Result<()> {
    for &(at, offset) in leftovers {
        let erased = slots[at].file.write_at(&[0; HEADER], offset);
        erased.map_err(|error| io("write", &names::log(dir, slots[at].id), error))?;
    }
    for (at, slot) in slots.iter().enumerate() {
        if leftovers.iter().any(|leftover| leftover.0 == at) {
            slot.file.sync_data().map_err(|error| failed_sync(&names::log(dir, slot.id), error))?;
        }
    }
    Ok(())
}

/// The file whose first record is `first`, in the latest epoch.
fn pick(firsts: &[Option<Header>], first: u64, epoch: u64) -> Option<usize> {
    (0..firsts.len())
        .filter(|&at| firsts[at].is_some_and(|header| header.first == first && header.epoch >= epoch))
        .max_by_key(|&at| firsts[at].map(|header| header.epoch))
}

fn apply_record(
    walk: &Walk<'_>,
    slot: &Slot,
    header: Header,
    folded: u64,
    apply: &mut impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let malformed = || damaged(&names::log(walk.dir, slot.id), header.offset, "a log record is malformed");
    let payload = walk.bytes(slot).and_then(|bytes| header.payload(bytes)).ok_or_else(malformed)?;
    let mut sequence = header.first;
    for batch in record::batches(payload) {
        let batch = batch.ok_or_else(malformed)?;
        if sequence > folded {
            let mut ops = crate::batch::Ops::of(batch);
            ops.by_ref().for_each(drop);
            if !ops.is_done() {
                return Err(malformed());
            }
            apply(sequence, batch)?;
        }
        sequence += 1;
    }
    if sequence == header.last() + 1 { Ok(()) } else { Err(malformed()) }
}

/// Reads files one at a time.
struct Walk<'a> {
    dir: &'a Path,
    catalogue: &'a Catalogue,
    loaded: Option<(u64, Vec<u8>)>,
}

impl Walk<'_> {
    fn place(&self, slot: &Slot) -> Place {
        Place { store_id: self.catalogue.store_id, file: slot.id }
    }

    /// The header of a file's first record, if there is one.
    fn first(&self, slot: &Slot) -> Result<Option<Header>> {
        let mut raw = [0; HEADER];
        let path = names::log(self.dir, slot.id);
        slot.file.read_at(&mut raw, RECORDS_AT).map_err(|error| io("read", &path, error))?;
        Ok(Header::decode(&raw, RECORDS_AT, self.place(slot))
            .filter(|header| header.epoch <= self.catalogue.epoch))
    }

    /// The whole and admissible record at `offset`.
    fn record(
        &mut self,
        slot: &Slot,
        offset: u64,
        admit: impl Fn(&Header) -> bool,
    ) -> Result<Option<Header>> {
        let place = self.place(slot);
        self.load(slot, offset + HEADER as u64)?;
        let header = self.bytes(slot).and_then(|bytes| {
            Header::decode(bytes.get(usize::try_from(offset).ok()?..)?, offset, place)
                .filter(|header| header.epoch <= self.catalogue.epoch && admit(header))
        });
        let Some(header) = header else { return Ok(None) };
        self.load(slot, header.end())?;
        Ok(self.bytes(slot).and_then(|bytes| header.payload(bytes)).map(|_| header))
    }

    fn bytes(&self, slot: &Slot) -> Option<&[u8]> {
        self.loaded.as_ref().filter(|(id, _)| *id == slot.id).map(|(_, bytes)| bytes.as_slice())
    }

    /// Reads the file up to `end`, or somewhat further.
    fn load(&mut self, slot: &Slot, end: u64) -> Result<()> {
        const STEP: u64 = 256 << 10;
        let known = self.bytes(slot).map_or(0, |bytes| bytes.len() as u64);
        let wanted = end.next_multiple_of(STEP).min(slot.bytes);
        if known >= wanted {
            return Ok(());
        }
        let (_, mut bytes) = self.loaded.take().filter(|(id, _)| *id == slot.id).unwrap_or_default();
        bytes.resize(wanted as usize, 0);
        let path = names::log(self.dir, slot.id);
        let read = slot.file.read_at(&mut bytes[known as usize..], known);
        read.map_err(|error| io("read", &path, error))?;
        self.loaded = Some((slot.id, bytes));
        Ok(())
    }

    /// Every readable record header of a file, wherever it lies.
    fn every_header(&mut self, slot: &Slot) -> Result<Vec<Header>> {
        self.load(slot, slot.bytes)?;
        Ok(self.bytes(slot).map(|bytes| scan(bytes, self.place(slot)).collect()).unwrap_or_default())
    }

    fn damage(
        &self,
        slots: &[Slot],
        firsts: &[Option<Header>],
        end: End,
        proven: u64,
    ) -> varve_types::VarveError {
        let lost = end.last + 1;
        let what = format!("commits {lost} to {proven} were synced but cannot be read");
        match end.tail {
            Some((slot, offset)) if offset + (HEADER as u64) < slots[slot].bytes => {
                damaged(&names::log(self.dir, slots[slot].id), offset, &what)
            }
            _ => {
                let suspect = (0..slots.len()).find(|&at| firsts[at].is_none()).unwrap_or(0);
                match slots.get(suspect) {
                    Some(slot) => damaged(&names::log(self.dir, slot.id), RECORDS_AT, &what),
                    None => damaged(&self.dir.join(names::CATALOGUE), 0, &what),
                }
            }
        }
    }
}

/// Every readable record header of a file, wherever it lies. Headers only: payloads are not checked.
pub fn scan(file: &[u8], place: Place) -> impl Iterator<Item = Header> {
    (RECORDS_AT as usize..file.len().saturating_sub(HEADER - 1)).step_by(8).filter_map(move |offset| {
        let maybe = file[offset..offset + 4] == [b'V', b'L', b'R', b'1'];
        if maybe { Header::decode(&file[offset..], offset as u64, place) } else { None }
    })
}
