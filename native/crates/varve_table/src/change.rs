//! What a commit consists of, and what it makes of a version.

use std::sync::Arc;

use arrow_array::RecordBatch;
use roaring::RoaringTreemap;
use varve_types::Result;

use crate::adapt::Adaptive;
use crate::definition::{Index, Table, View};
use crate::ids::{IndexId, SegmentId, TableId};
use crate::key::{KeyRun, keys_of};
use crate::rows::RowSet;
use crate::segment::Segment;
use crate::statistics::TableStatistics;
use crate::version::{LiveSegment, TableVersion, Version};

/// One step of a commit. Steps are applied in order; each is valid for the version that those before it made.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    PutSchema(String),
    DropSchema(String),
    PutTable(Arc<Table>),
    DropTable(TableId),
    PutView(View),
    DropView {
        schema: String,
        name: String,
    },
    PutIndex(Index),
    DropIndex {
        table: TableId,
        index: IndexId,
    },
    /// Rows in stored form, as a batch and as what the catalogue keeps; `first_row` is the table's next number.
    AppendHot {
        table: TableId,
        first_row: u64,
        batch: RecordBatch,
        ipc: Arc<[u8]>,
    },
    Delete {
        table: TableId,
        rows: RowSet,
    },
    AddSegment {
        table: TableId,
        segment: Arc<Segment>,
    },
    /// The run is of an index and of a segment of the table.
    AddKeyRun {
        table: TableId,
        run: Arc<KeyRun>,
    },
    RemoveSegment {
        table: TableId,
        segment: SegmentId,
    },
    PutStatistics(Arc<TableStatistics>),
    PutAdaptive(Arc<Adaptive>),
    /// The hot rows below `end` are in a segment now; of the others, `deleted` are deleted.
    DropHot {
        table: TableId,
        end: u64,
        deleted: RoaringTreemap,
    },
}

impl Change {
    /// Whether plans made before it may be wrong after it.
    pub(crate) fn redefines(&self) -> bool {
        self.rows_of().is_none()
    }

    /// The table whose rows it changes.
    pub(crate) fn rows_of(&self) -> Option<TableId> {
        match self {
            Self::AppendHot { table, .. }
            | Self::Delete { table, .. }
            | Self::AddSegment { table, .. }
            | Self::AddKeyRun { table, .. }
            | Self::RemoveSegment { table, .. }
            | Self::DropHot { table, .. } => Some(*table),
            // Not rows, but about them.
            Self::PutStatistics(statistics) => Some(statistics.table),
            Self::PutAdaptive(adaptive) => Some(adaptive.table),
            _ => None,
        }
    }

    /// Makes `version` what it is after this change.
    pub(crate) fn apply(&self, version: &mut Version) -> Result<()> {
        version.definitions += u64::from(self.redefines());
        match self {
            Self::PutSchema(name) => Arc::make_mut(&mut version.schemas).push(name.clone()),
            Self::DropSchema(name) => Arc::make_mut(&mut version.schemas).retain(|other| other != name),
            Self::PutTable(table) => put_table(version, table)?,
            Self::DropTable(id) => {
                version.tables.remove(id);
                Arc::make_mut(&mut version.indexes).retain(|index| index.table != *id);
            }
            Self::PutView(view) => {
                let views = Arc::make_mut(&mut version.views);
                views.retain(|other| (&other.schema, &other.name) != (&view.schema, &view.name));
                views.push(view.clone());
            }
            Self::DropView { schema, name } => {
                Arc::make_mut(&mut version.views).retain(|view| (&view.schema, &view.name) != (schema, name));
            }
            Self::PutIndex(index) => {
                Arc::make_mut(&mut version.indexes).push(index.clone());
                rekey(version, index.table)?;
            }
            Self::DropIndex { table, index } => {
                Arc::make_mut(&mut version.indexes).retain(|other| other.id != *index);
                rekey(version, *table)?;
            }
            Self::AppendHot { table, batch, .. } => {
                if let Some(target) = table_mut(version, *table) {
                    target.contents += 1;
                    target.hot.append(batch.clone())?;
                }
            }
            Self::Delete { table, rows } => {
                if let Some(target) = table_mut(version, *table) {
                    target.delete(rows);
                }
            }
            Self::AddSegment { table, segment } => {
                if let Some(target) = table_mut(version, *table) {
                    target.contents += 1;
                    target.segments.push(LiveSegment::new(Arc::clone(segment)));
                }
            }
            Self::AddKeyRun { table, run } => {
                let segments = table_mut(version, *table).into_iter().flat_map(|target| &mut target.segments);
                for live in segments.filter(|live| live.segment.id() == run.meta().segment) {
                    live.keys.push(Arc::clone(run));
                }
            }
            Self::RemoveSegment { table, segment } => {
                if let Some(target) = table_mut(version, *table) {
                    target.segments.retain(|live| live.segment.id() != *segment);
                }
            }
            Self::PutStatistics(statistics) => {
                if let Some(target) = table_mut(version, statistics.table) {
                    target.statistics = Some(Arc::clone(statistics));
                }
            }
            Self::PutAdaptive(adaptive) => {
                if let Some(target) = table_mut(version, adaptive.table) {
                    target.adaptive = Some(Arc::clone(adaptive));
                }
            }
            Self::DropHot { table, end, .. } => {
                if let Some(target) = table_mut(version, *table) {
                    target.hot.drop_below(*end)?;
                }
            }
        }
        Ok(())
    }
}

fn table_mut(version: &mut Version, id: TableId) -> Option<&mut TableVersion> {
    version.tables.get_mut(&id).map(Arc::make_mut)
}

/// A new table is empty; one that changed keeps its rows, in its new shape.
fn put_table(version: &mut Version, table: &Arc<Table>) -> Result<()> {
    let keys = keys_of(table, &version.indexes)?;
    if let Some(target) = table_mut(version, table.id) {
        target.hot = target.hot.map(keys, |batch| table.adapt_stored(batch))?;
        target.table = Arc::clone(table);
    } else {
        version.tables.insert(table.id, Arc::new(TableVersion::empty(Arc::clone(table), keys)));
    }
    Ok(())
}

/// The indexes of the table are others now.
fn rekey(version: &mut Version, id: TableId) -> Result<()> {
    let indexes = Arc::clone(&version.indexes);
    let Some(target) = table_mut(version, id) else { return Ok(()) };
    let keys = keys_of(&target.table, &indexes)?;
    for live in &mut target.segments {
        live.keys.retain(|run| keys.iter().any(|key| key.index == run.meta().index));
    }
    target.hot = target.hot.map(keys, |batch| Ok(batch.clone()))?;
    Ok(())
}
