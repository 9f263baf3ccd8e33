//! Versions: what the database holds after a commit. They never change; a reader that holds one sees it for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::adapt::{Adaptive, Workload};
use crate::compression::Layout;
use crate::definition::{Index, Table, View};
use crate::hot::HotRows;
use crate::ids::{CommitSeq, IndexId, SegmentId, TableId};
use crate::key::{KeyColumns, KeyRun};
use crate::rows::RowSet;
use crate::segment::Segment;
use crate::statistics::TableStatistics;
use crate::stored_file::StoredFile;

/// A segment within a version of its table.
#[derive(Clone, Debug)]
pub struct LiveSegment {
    /// The rows.
    pub segment: Arc<Segment>,
    /// Positions that are deleted in this version; `None` when none are.
    pub deleted: Option<Arc<RoaringBitmap>>,
    /// Its part of each index of the table.
    pub keys: Vec<Arc<KeyRun>>,
}

impl LiveSegment {
    /// A segment that is new to its table.
    pub(crate) fn new(segment: Arc<Segment>) -> Self {
        Self { segment, deleted: None, keys: Vec::new() }
    }

    /// Its part of an index.
    #[must_use]
    pub fn key_run(&self, index: IndexId) -> Option<&KeyRun> {
        self.keys.iter().find(|run| run.meta().index == index).map(Arc::as_ref)
    }

    /// Its files.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Arc<StoredFile>> {
        self.keys.iter().map(|run| run.stored()).chain([self.segment.stored()])
    }

    /// Rows that are not deleted.
    #[must_use]
    pub fn live_rows(&self) -> u64 {
        self.segment.meta().rows - self.deleted.as_ref().map_or(0, |deleted| deleted.len())
    }
}

/// A table as of one commit. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TableVersion {
    /// What the table is.
    pub table: Arc<Table>,
    /// Its segments, oldest first.
    pub segments: Vec<LiveSegment>,
    /// Its rows that are in no segment.
    pub hot: HotRows,
    /// What was found out about its rows; they may have changed since.
    pub statistics: Option<Arc<TableStatistics>>,
    /// How it adapted so far; `None` when nothing is written down of it.
    pub adaptive: Option<Arc<Adaptive>>,
    /// What scans did with it since it was last adapted; all of its versions share it.
    pub workload: Arc<Workload>,
    /// Grows with every change of its rows, and not when they are only moved: two versions of one open database that
    /// have the same number here and the same definition show the same rows.
    pub contents: u64,
}

impl TableVersion {
    /// A table without rows.
    pub(crate) fn empty(table: Arc<Table>, keys: Arc<[KeyColumns]>) -> Self {
        Self {
            table,
            segments: Vec::new(),
            hot: HotRows::starting_at(0, keys),
            statistics: None,
            adaptive: None,
            workload: Arc::default(),
            contents: 0,
        }
    }

    /// The same table without its rows: it keeps no file.
    #[must_use]
    pub fn without_rows(&self) -> Self {
        Self::empty(Arc::clone(&self.table), Arc::default())
    }

    /// How many rows a reader sees.
    #[must_use]
    pub fn live_rows(&self) -> u64 {
        self.hot.live_rows() + self.segments.iter().map(LiveSegment::live_rows).sum::<u64>()
    }

    /// How new segments of the table are laid out: as most of its rows are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        let mut rows: Vec<(&Layout, u64)> = Vec::new();
        for live in &self.segments {
            let meta = live.segment.meta();
            match rows.iter_mut().find(|(layout, _)| **layout == meta.layout) {
                Some((_, rows)) => *rows += meta.rows,
                None => rows.push((&meta.layout, meta.rows)),
            }
        }
        rows.into_iter().max_by_key(|(_, rows)| *rows).map(|(layout, _)| layout.clone()).unwrap_or_default()
    }

    /// The segment of this number.
    #[must_use]
    pub fn segment(&self, id: SegmentId) -> Option<&LiveSegment> {
        self.segments.iter().find(|live| live.segment.id() == id)
    }

    /// Marks rows as deleted. Those of segments that are not of this version are ignored: they are gone.
    pub(crate) fn delete(&mut self, rows: &RowSet) {
        self.contents += 1;
        self.hot.delete(&rows.hot);
        for live in &mut self.segments {
            if let Some(positions) = rows.segments.get(&live.segment.id()) {
                *Arc::make_mut(live.deleted.get_or_insert_default()) |= positions;
            }
        }
    }
}

/// The whole database as of one commit. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// The commit.
    pub seq: CommitSeq,
    /// Grows with every change of a definition; plans that were made for another value are stale.
    pub definitions: u64,
    /// All tables.
    pub tables: BTreeMap<TableId, Arc<TableVersion>>,
    /// All secondary indexes.
    pub indexes: Arc<Vec<Index>>,
    /// All views.
    pub views: Arc<Vec<View>>,
    /// SQL schemas, `main` among them.
    pub schemas: Arc<Vec<String>>,
}

impl Version {
    /// The table of this name; exact spelling.
    #[must_use]
    pub fn table(&self, schema: &str, name: &str) -> Option<&Arc<TableVersion>> {
        self.tables.values().find(|version| version.table.schema == schema && version.table.name == name)
    }

    /// The view of this name; exact spelling.
    #[must_use]
    pub fn view(&self, schema: &str, name: &str) -> Option<&View> {
        self.views.iter().find(|view| view.schema == schema && view.name == name)
    }
}
