//! Opens a segment: everything but the blocks is checked before the first read, and can be checked again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use varve_types::Result;

use super::footer::{self, BLOCKS_AT, Footer, Unreadable};
use super::index::BlockIndex;
use super::{Counters, Origin, Segment, filter};
use crate::error::{damaged, foreign, io, newer_format};
use crate::hash::head;
use varve_files::{Access, Files, Map};

impl Segment {
    /// Opens the file of segment `id`; `bytes` is the length that the catalogue knows.
    ///
    /// Checks head, footer, filter, index and end keys; blocks are checked when touched.
    pub fn open(files: &dyn Files, path: Arc<Path>, id: u64, bytes: Option<u64>) -> Result<Self> {
        let file = files.open(&path, Access::Read).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => damaged(&path, 0, "the segment is missing"),
            _ => io("open", &path, error),
        })?;
        let length = file.len().map_err(|error| io("measure", &path, error))?;
        if let Some(expected) = bytes
            && expected != length
        {
            let what = format!("the file has {length} bytes instead of {expected}");
            return Err(damaged(&path, length.min(expected), &what));
        }
        if (length as usize) < BLOCKS_AT + footer::FOOTER_BYTES {
            return Err(damaged(&path, length, "the file is too short for a segment"));
        }
        let map = file.map(length as usize).map_err(|error| io("map", &path, error))?;
        map.advise_random();
        Self::over(map, path, id)
    }

    fn over(map: Map, path: Arc<Path>, id: u64) -> Result<Self> {
        let unreadable = |why| match why {
            Unreadable::Foreign => foreign(&path, "not a Varve segment"),
            Unreadable::Newer(format) => newer_format(&path, format, footer::SEGMENT_FORMAT),
            Unreadable::Damaged(offset, what) => damaged(&path, offset, what),
        };
        let head_id = footer::read_head(&map).map_err(unreadable)?;
        let footer = Footer::decode(&map).map_err(unreadable)?;
        if head_id != id || footer.id != id {
            return Err(damaged(&path, 0, "the file carries the number of another segment"));
        }
        // Read at once what is checked below: page by page, a cold disk takes five times as long to open the segment.
        map.advise_soon(footer.filter.offset as usize..map.len());
        let section = |section: &footer::Section, what| {
            section.of(&map).ok_or_else(|| damaged(&path, section.offset, what))
        };
        let filter = section(&footer.filter, "the filter fails its checksum")?;
        let image = section(&footer.index, "the index fails its checksum")?;
        let starts = section(&footer.starts, "the block starts fail their checksum")?;
        let keys = section(&footer.keys, "the end keys fail their checksum")?;
        let malformed = |what| damaged(&path, footer.index.offset, what);
        if filter.is_empty() || filter.len() % filter::FILTER_BLOCK != 0 {
            return Err(malformed("the filter is malformed"));
        }
        let lasting = |bytes: &[u8]| -> &'static [u8] {
            // SAFETY: the bytes stay where they are for as long as the segment lives, wherever `map` moves, because a
            // map owns them by pointer; and what borrows them is dropped before them (invariant 3).
            unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
        };
        let image = lasting(image);
        let signposts = lasting(&map[footer.signposts.span()]).as_chunks().0;
        let index = BlockIndex::open(footer.index_kind, image)
            .filter(|index| index.len() as u64 == footer.runs)
            .ok_or_else(|| malformed("the index is malformed"))?;
        let starts_fit = starts.is_empty() || Some(starts.len() as u64) == footer.runs.checked_mul(4);
        if !starts_fit || footer.runs == 0 {
            return Err(malformed("the block starts are malformed"));
        }
        let mut reader = crate::codec::Reader::new(keys);
        let (Some(key_min), Some(key_max)) = (reader.bytes(), reader.bytes()) else {
            return Err(malformed("the end keys are malformed"));
        };
        let origin = Origin::read(&mut reader, (key_min, key_max))
            .ok_or_else(|| malformed("the origin of the segment is malformed"))?;
        let (key_min, key_max) = (key_min.to_vec(), key_max.to_vec());
        Ok(Self {
            origin,
            heads: (head(&key_min), head(&key_max)),
            key_min,
            key_max,
            checked: (0..footer.blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            hits_in_row: AtomicU32::new(0),
            counters: Counters::default(),
            index,
            signposts,
            footer,
            path,
            map,
        })
    }

    /// Sections that fail their checksum now: (offset, what).
    pub fn bad_sections(&self) -> Vec<(u64, &'static str)> {
        let footer = &self.footer;
        [
            (&footer.signposts, "the signposts fail their checksum"),
            (&footer.filter, "the filter fails its checksum"),
            (&footer.index, "the index fails its checksum"),
            (&footer.starts, "the block starts fail their checksum"),
            (&footer.keys, "the end keys fail their checksum"),
        ]
        .into_iter()
        .filter(|(section, _)| section.of(&self.map).is_none())
        .map(|(section, what)| (section.offset, what))
        .chain(Footer::decode(&self.map).is_err().then_some((self.map.len() as u64, "the footer fails")))
        .collect()
    }

    /// `STORE_DAMAGED` when a section fails its checksum now.
    pub fn check_sections(&self) -> Result<()> {
        match self.bad_sections().first() {
            Some((offset, what)) => Err(damaged(&self.path, *offset, what)),
            None => Ok(()),
        }
    }
}
