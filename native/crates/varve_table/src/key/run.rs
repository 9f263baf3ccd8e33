//! Key runs: the sorted keys of a segment in a file, under a learned index.
//!
//! Layout, little-endian, every section at a multiple of 64 bytes:
//! ```text
//! head     64 bytes: magic "VRVK", format, kind (0 numbers, 1 byte strings), keys, image bytes, text bytes, blocks
//! keys     numbers: u64 per key.  Byte strings: u64 offset into `text` per key, and the end of the last
//! rows     u32 per key: the row's position in the segment
//! blocks   byte strings: u32 per block, its first key
//! image    the index of varve_index: over the numbers, or over what separates the blocks
//! text     byte strings, end to end
//! ```
//! A block has [`BLOCK_KEYS`] keys or more: equal keys are in one block. The whole file has a checksum in the catalogue,
//! verified when the run is first asked; it is mapped and never changes.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use varve_files::{Access, Files, Map};
use varve_index::{Index, Policy, StrIndex, StrIndexBuilder, shortest_separator};
use varve_types::{ErrorCode, Result};

use super::{KeyRef, Positions, SortedKeys};
use crate::error::{damaged, from_io};
use crate::ids::{IndexId, SegmentId};
use crate::stored_file::StoredFile;

const MAGIC: u32 = u32::from_le_bytes(*b"VRVK");
const FORMAT: u32 = 1;
const HEAD: usize = 64;
/// So many byte strings are searched without a model.
const BLOCK_KEYS: usize = 16;

/// What the catalogue knows of a key run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRunMeta {
    /// The segment whose rows it finds.
    pub segment: SegmentId,
    /// The index that it is part of.
    pub index: IndexId,
    /// Bytes of its file.
    pub bytes: u64,
    /// crc32c of its file.
    pub sum: u32,
}

/// The name of the file of a run.
pub(crate) fn file_name(segment: SegmentId, index: IndexId) -> String {
    format!("{:08x}-{:x}.keys", segment.0, index.0)
}

/// Writes the sorted keys of a segment: durable and verified, but not live before a commit says so. Blocks.
pub(crate) fn write_run(
    files: &dyn Files,
    folder: &Path,
    (segment, index): (SegmentId, IndexId),
    keys: &SortedKeys,
) -> Result<KeyRunMeta> {
    let bytes = encode(keys)?;
    let path = folder.join(file_name(segment, index));
    let io = |doing: &'static str| {
        let path = &path;
        move |error| from_io(error, doing, path)
    };
    let file = files.open(&path, Access::Create).map_err(io("creating"))?;
    file.write_at(&bytes, 0).and_then(|()| file.sync_data()).map_err(io("writing"))?;
    files.sync_dir(folder).map_err(io("syncing the folder of"))?;
    let sum = crc32c::crc32c(&bytes);
    let map = file.map(bytes.len()).map_err(io("reading back"))?;
    if crc32c::crc32c(&map) != sum {
        return Err(damaged(format!("key run {} reads back otherwise than written", path.display())));
    }
    Ok(KeyRunMeta { segment, index, bytes: bytes.len() as u64, sum })
}

fn encode(keys: &SortedKeys) -> Result<Vec<u8>> {
    let mut out = vec![0; HEAD];
    let (kind, image, text, blocks): (u32, _, &[u8], Vec<u32>) = match keys {
        SortedKeys::Numbers { keys, .. } => {
            put(&mut out, bytemuck::cast_slice(keys));
            (0, varve_index::build(keys, &Policy::counted())?.image, &[], Vec::new())
        }
        SortedKeys::Bytes { offsets, text, .. } => {
            put(&mut out, bytemuck::cast_slice(offsets));
            let blocks = blocks(keys);
            (1, separators(keys, &blocks)?, text, blocks)
        }
    };
    put(&mut out, bytemuck::cast_slice(keys.rows()));
    put(&mut out, bytemuck::cast_slice(&blocks));
    put(&mut out, &image);
    put(&mut out, text);
    out[..4].copy_from_slice(&MAGIC.to_le_bytes());
    out[4..8].copy_from_slice(&FORMAT.to_le_bytes());
    out[8..12].copy_from_slice(&kind.to_le_bytes());
    for (at, count) in [keys.len(), image.len(), text.len(), blocks.len()].into_iter().enumerate() {
        out[16 + 8 * at..24 + 8 * at].copy_from_slice(&(count as u64).to_le_bytes());
    }
    Ok(out)
}

/// A section, filled up to a multiple of 64 bytes.
fn put(out: &mut Vec<u8>, section: &[u8]) {
    out.extend_from_slice(section);
    out.resize(out.len().next_multiple_of(64), 0);
}

/// The first key of each block; never between two equal keys.
fn blocks(keys: &SortedKeys) -> Vec<u32> {
    let mut starts = Vec::with_capacity(keys.len() / BLOCK_KEYS + 1);
    let mut next = 0;
    for at in 0..keys.len() {
        if at >= next && (at == 0 || keys.key(at) != keys.key(at - 1)) {
            starts.push(at as u32);
            next = at + BLOCK_KEYS;
        }
    }
    starts
}

fn separators(keys: &SortedKeys, blocks: &[u32]) -> Result<varve_index::Image> {
    let mut builder = StrIndexBuilder::default();
    for start in blocks {
        let at = *start as usize;
        let separator = match (at.checked_sub(1).map(|before| keys.key(before)), keys.key(at)) {
            (Some(KeyRef::Bytes(before)), KeyRef::Bytes(first)) => shortest_separator(before, first),
            (_, KeyRef::Bytes(first)) => first,
            (_, KeyRef::Number(_)) => &[],
        };
        builder.push(separator)?;
    }
    builder.finish(&Policy::counted()).map(|(image, _)| image)
}

/// The key run of a segment.
pub struct KeyRun {
    meta: KeyRunMeta,
    /// Opened and verified when it is first asked; damage stays, other failures are tried again.
    opened: OnceLock<std::result::Result<Opened, String>>,
    stored: Arc<StoredFile>,
}

struct Opened {
    /// Borrow from `map`, which is dropped after them and whose bytes do not move.
    view: View,
    rows: Positions<'static>,
    _map: Map,
}

enum View {
    Numbers { keys: &'static [u64], index: Index<'static> },
    Bytes(BytesView),
}

struct BytesView {
    offsets: &'static [u64],
    text: &'static [u8],
    blocks: &'static [u32],
    index: StrIndex<'static>,
}

impl KeyRun {
    /// The run that `meta` describes; its file is looked at when it is first asked.
    pub(crate) fn new(files: &Arc<dyn Files>, folder: &Path, meta: KeyRunMeta) -> Self {
        let stored = StoredFile::new(files, folder.join(file_name(meta.segment, meta.index)));
        Self { meta, opened: OnceLock::new(), stored }
    }

    /// The file that it is in.
    pub(crate) fn stored(&self) -> &Arc<StoredFile> {
        &self.stored
    }

    /// What the catalogue knows of it.
    #[must_use]
    pub fn meta(&self) -> &KeyRunMeta {
        &self.meta
    }

    /// The positions of the rows that have `key`, ascending.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when the file is not what was written.
    /// Cost: one lookup in a learned index; the first call reads the whole file.
    pub fn find(&self, key: KeyRef<'_>) -> Result<Positions<'_>> {
        let Opened { view, rows, .. } = self.opened()?;
        let start = view.lower_bound(key);
        let mut end = start;
        while end < view.len() && view.key(end) == key {
            end += 1;
        }
        Ok(rows.slice(start..end))
    }

    /// The positions of the rows whose keys are not below `from` and below `to`; in the order of the keys.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn range(&self, from: Option<KeyRef<'_>>, to: Option<KeyRef<'_>>) -> Result<Positions<'_>> {
        let Opened { view, rows, .. } = self.opened()?;
        let start = from.map_or(0, |key| view.lower_bound(key));
        let end = to.map_or(view.len(), |key| view.lower_bound(key));
        Ok(rows.slice(start..end.max(start)))
    }

    /// The first and the last key; `None` when there are none.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn bounds(&self) -> Result<Option<(KeyRef<'_>, KeyRef<'_>)>> {
        let view = &self.opened()?.view;
        Ok(view.len().checked_sub(1).map(|last| (view.key(0), view.key(last))))
    }

    /// All keys, ascending.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn iter(&self) -> Result<impl ExactSizeIterator<Item = KeyRef<'_>>> {
        let view = &self.opened()?.view;
        Ok((0..view.len()).map(|at| view.key(at)))
    }

    fn opened(&self) -> Result<&Opened> {
        if self.opened.get().is_none() {
            let opened = match self.open() {
                // The disk or the process could not, this time; the file may be whole.
                Err(error) if error.code() != ErrorCode::StoreDamaged => return Err(error),
                opened => opened.map_err(|error| error.to_string()),
            };
            let _another_was_first = self.opened.set(opened);
        }
        match self.opened.get_or_init(|| Err("was not opened".to_owned())) {
            Ok(opened) => Ok(opened),
            Err(why) => Err(damaged(why.clone())),
        }
    }

    fn open(&self) -> Result<Opened> {
        let io = |doing: &'static str| {
            let path = self.stored.path();
            move |error| from_io(error, doing, path)
        };
        let bad = |why: &str| damaged(format!("key run {} {why}", self.stored.path().display()));
        let file = self.stored.files().open(self.stored.path(), Access::Read).map_err(io("opening"))?;
        if file.len().map_err(io("opening"))? != self.meta.bytes {
            return Err(bad("has another length than was written"));
        }
        let length = usize::try_from(self.meta.bytes).map_err(|_| bad("does not fit into memory"))?;
        let map = file.map(length).map_err(io("mapping"))?;
        if crc32c::crc32c(&map) != self.meta.sum {
            return Err(bad("fails its checksum"));
        }
        // SAFETY: `Opened` keeps the map as long as the view; a map owns its bytes at a fixed address, and neither a
        // mapped nor a copied one is ever written.
        let bytes: &'static [u8] = unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) };
        let (view, rows) = View::read(bytes).ok_or_else(|| bad("is malformed"))??;
        Ok(Opened { view, rows: Positions::of(rows), _map: map })
    }
}

impl std::fmt::Debug for KeyRun {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.meta.fmt(out)
    }
}

/// Takes sections off the front of a file.
struct Sections(&'static [u8]);

impl Sections {
    fn take(&mut self, bytes: usize) -> Option<&'static [u8]> {
        let padded = bytes.checked_next_multiple_of(64)?;
        let (section, rest) = self.0.split_at_checked(padded)?;
        self.0 = rest;
        section.get(..bytes)
    }

    fn take_numbers<T: bytemuck::Pod>(&mut self, count: usize) -> Option<&'static [T]> {
        bytemuck::try_cast_slice(self.take(count.checked_mul(size_of::<T>())?)?).ok()
    }
}

impl View {
    /// The keys of a file and the positions of their rows; `None` when the sections do not fit the head.
    fn read(bytes: &'static [u8]) -> Option<Result<(Self, &'static [u32])>> {
        let mut sections = Sections(bytes);
        let head = sections.take(HEAD)?;
        let word = |at: usize| u32::from_le_bytes(*head[at..].first_chunk().expect("the head has 64 bytes"));
        let count = |at: usize| {
            let bytes = *head[16 + 8 * at..].first_chunk().expect("the head has 64 bytes");
            usize::try_from(u64::from_le_bytes(bytes)).ok()
        };
        if (word(0), word(4)) != (MAGIC, FORMAT) {
            return None;
        }
        let (keys, image, text, blocks) = (count(0)?, count(1)?, count(2)?, count(3)?);
        let is_text = word(8) == 1;
        let numbers = sections.take_numbers::<u64>(keys.checked_add(usize::from(is_text))?)?;
        let rows = sections.take_numbers::<u32>(keys)?;
        let blocks = sections.take_numbers::<u32>(blocks)?;
        let image = sections.take(image)?;
        let text = sections.take(text)?;
        if !is_text {
            let index = Index::open(image, numbers);
            return Some(index.map(|index| (Self::Numbers { keys: numbers, index }, rows)));
        }
        let is_sound = numbers.is_sorted()
            && numbers.last() == Some(&(text.len() as u64))
            && blocks.is_sorted()
            && blocks.last().is_none_or(|last| (*last as usize) < keys)
            && blocks.first().is_none_or(|first| *first == 0);
        is_sound.then(|| {
            let index = StrIndex::open(image)?;
            Ok((Self::Bytes(BytesView { offsets: numbers, text, blocks, index }), rows))
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers { keys, .. } => keys.len(),
            Self::Bytes(view) => view.len(),
        }
    }

    fn key(&self, at: usize) -> KeyRef<'_> {
        match self {
            Self::Numbers { keys, .. } => KeyRef::Number(keys[at]),
            Self::Bytes(view) => KeyRef::Bytes(view.key(at)),
        }
    }

    fn lower_bound(&self, key: KeyRef<'_>) -> usize {
        match (self, key) {
            (Self::Numbers { index, .. }, KeyRef::Number(number)) => index.lower_bound(number),
            (Self::Bytes(view), KeyRef::Bytes(bytes)) => view.lower_bound(bytes),
            // A number is below every byte string, as in the order of `KeyRef`.
            (Self::Numbers { .. }, KeyRef::Bytes(_)) => self.len(),
            (Self::Bytes(_), KeyRef::Number(_)) => 0,
        }
    }
}

impl BytesView {
    fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    fn key(&self, at: usize) -> &[u8] {
        &self.text[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    fn lower_bound(&self, key: &[u8]) -> usize {
        let block = self.index.find(key);
        let start = self.blocks.get(block).map_or(0, |start| *start as usize);
        let end = self.blocks.get(block + 1).map_or(self.len(), |end| *end as usize);
        self.partition_point(start..end, |other| other < key)
    }

    fn partition_point(&self, among: Range<usize>, is_below: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (among.start, among.end);
        while low < high {
            let middle = low.midpoint(high);
            if is_below(self.key(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;
    use varve_files::Files;
    use varve_files::simulate::Disk;

    use super::{KeyRun, write_run};
    use crate::ids::{IndexId, SegmentId};
    use crate::key::{KeyRef, Positions, SortedKeys};

    fn listed(positions: varve_types::Result<Positions<'_>>) -> Vec<u32> {
        positions.expect("it opens").iter().collect()
    }

    /// Rows that lie in the order of their keys, or in another one.
    fn rows(keys: usize, are_in_order: bool) -> Vec<u32> {
        (0..keys as u32).map(|row| if are_in_order { row } else { keys as u32 - row }).collect()
    }

    /// Every answer of a run is that of the sorted keys that it was written from.
    fn check(keys: &SortedKeys, probes: &[KeyRef<'_>]) {
        let files: Arc<dyn Files> = Arc::new(Disk::new(1));
        let folder = Path::new("/segments");
        files.create_dir(folder).expect("a folder");
        let meta =
            write_run(files.as_ref(), folder, (SegmentId(1), IndexId(2)), keys).expect("it is written");
        let run = KeyRun::new(&files, folder, meta);
        assert_eq!(
            run.iter().expect("it opens").collect::<Vec<_>>(),
            (0..keys.len()).map(|at| keys.key(at)).collect::<Vec<_>>()
        );
        for probe in probes {
            let found = listed(run.find(*probe));
            assert_eq!(found, &keys.rows()[keys.find(*probe)], "{probe:?}");
        }
        for pair in probes.windows(2) {
            let (from, to) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            let expected = &keys.rows()[keys.find(from).start..keys.find(to).start];
            assert_eq!(listed(run.range(Some(from), Some(to))), expected);
        }
        assert_eq!(listed(run.range(None, None)), keys.rows());
    }

    proptest! {
        #[test]
        fn numbers_are_found(mut keys in prop::collection::vec(0u64..500, 0..300), probes in prop::collection::vec(0u64..510, 1..40), are_in_order: bool) {
            keys.sort_unstable();
            let rows = rows(keys.len(), are_in_order);
            let probes: Vec<_> = probes.into_iter().map(KeyRef::Number).collect();
            check(&SortedKeys::Numbers { keys, rows }, &probes);
        }

        #[test]
        fn byte_strings_are_found(mut keys in prop::collection::vec("[ab]{0,6}", 0..300), probes in prop::collection::vec("[abc]{0,7}", 1..40), are_in_order: bool) {
            keys.sort_unstable();
            let mut offsets = vec![0];
            let mut text = Vec::new();
            for key in &keys {
                text.extend_from_slice(key.as_bytes());
                offsets.push(text.len() as u64);
            }
            let rows = rows(keys.len(), are_in_order);
            let probes: Vec<_> = probes.iter().map(|probe| KeyRef::Bytes(probe.as_bytes())).collect();
            check(&SortedKeys::Bytes { offsets, text, rows }, &probes);
        }
    }
}
