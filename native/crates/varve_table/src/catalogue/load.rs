//! Reading the whole catalogue, when a database is opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use varve_types::Result;

use super::payload::{self, Deletion};
use super::{Catalogue, Kind};
use crate::adapt::Adaptive;
use crate::definition::{Index, Table, View};
use crate::error::{damaged, from_sqlite};
use crate::hot::HotRows;
use crate::ids::TableId;
use crate::key::{KeyRunMeta, keys_of};
use crate::rows::RowSet;
use crate::seal::unseal;
use crate::segment::SegmentMeta;
use crate::statistics::TableStatistics;

/// What a catalogue holds.
#[derive(Default)]
pub(crate) struct Loaded {
    pub schemas: Vec<String>,
    pub views: Vec<View>,
    pub indexes: Vec<Index>,
    pub tables: BTreeMap<TableId, LoadedTable>,
}

/// What a catalogue holds of a table.
pub(crate) struct LoadedTable {
    pub table: Table,
    /// Oldest first.
    pub segments: Vec<SegmentMeta>,
    pub key_runs: Vec<KeyRunMeta>,
    pub hot: HotRows,
    pub deleted: RowSet,
    pub statistics: Option<TableStatistics>,
    pub adaptive: Option<Adaptive>,
}

impl Catalogue {
    /// Everything in it, verified against the digest.
    pub(super) fn load(&self) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        let mut digest = 0u64;
        for kind in Kind::ALL {
            self.each(kind, |id, owner, sealed| {
                digest = digest.wrapping_add(kind.hash(id, owner, sealed));
                let payload = unseal(sealed, &format!("record {id} of the catalogue's {}", kind.table()))?;
                loaded.take(kind, TableId(owner), payload)
            })?;
        }
        if digest != self.state.digest {
            return Err(damaged("the catalogue has not the records that were committed"));
        }
        loaded.settle()?;
        Ok(loaded)
    }

    fn each(&self, kind: Kind, mut take: impl FnMut(u64, u64, &[u8]) -> Result<()>) -> Result<()> {
        let doing = |error| from_sqlite(error, "reading the catalogue");
        let mut statement = self
            .connection
            .prepare(&format!("SELECT id, owner, sealed FROM {} ORDER BY id", kind.table()))
            .map_err(doing)?;
        let mut rows = statement.query([]).map_err(doing)?;
        while let Some(row) = rows.next().map_err(doing)? {
            let id = row.get::<_, i64>(0).map_err(doing)? as u64;
            let owner = row.get::<_, i64>(1).map_err(doing)? as u64;
            let sealed = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).map_err(doing)?;
            take(id, owner, sealed)?;
        }
        Ok(())
    }
}

impl Loaded {
    /// Records come kind by kind, each kind in the order of its numbers: tables before what belongs to them.
    fn take(&mut self, kind: Kind, owner: TableId, payload: &[u8]) -> Result<()> {
        match kind {
            Kind::Schema => self.schemas.push(payload::to_json(payload, "a schema")?),
            Kind::View => self.views.push(payload::to_json(payload, "a view")?),
            Kind::Index => self.indexes.push(payload::to_json(payload, "an index")?),
            Kind::Table => {
                let table = payload::to_table(payload)?;
                let keys = keys_of(&table, &self.indexes)?;
                let loaded = LoadedTable {
                    segments: Vec::new(),
                    key_runs: Vec::new(),
                    hot: HotRows::starting_at(0, keys),
                    deleted: RowSet::default(),
                    statistics: None,
                    adaptive: None,
                    table,
                };
                self.tables.insert(loaded.table.id, loaded);
            }
            Kind::Segment => {
                let meta = payload::to_json(payload, "a segment")?;
                self.table(owner)?.segments.push(meta);
            }
            Kind::KeyRun => {
                let meta = payload::to_json(payload, "a key run")?;
                self.table(owner)?.key_runs.push(meta);
            }
            Kind::Hot => {
                let (first_row, batches) = payload::to_hot(payload)?;
                let target = self.table(owner)?;
                if target.hot.stored_rows() == 0 {
                    target.hot = HotRows::starting_at(first_row, Arc::clone(target.hot.keys()));
                }
                if target.hot.next_row() != first_row {
                    return Err(damaged(format!(
                        "hot rows of table {} do not follow each other",
                        target.table.name
                    )));
                }
                for batch in batches {
                    target.hot.append(target.table.adapt_stored(&batch)?)?;
                }
            }
            Kind::Statistics => {
                let statistics = payload::to_statistics(payload)?;
                self.table(owner)?.statistics = Some(statistics);
            }
            Kind::Adaptive => {
                let adaptive = payload::to_json(payload, "how a table adapted")?;
                self.table(owner)?.adaptive = Some(adaptive);
            }
            Kind::Deletion => {
                let deletion = payload::to_deletion(payload)?;
                let deleted = &mut self.table(owner)?.deleted;
                match deletion {
                    Deletion::Hot(rows) => deleted.hot |= rows,
                    Deletion::Segment(segment, positions) => {
                        *deleted.segments.entry(segment).or_default() |= positions;
                    }
                }
            }
        }
        Ok(())
    }

    fn table(&mut self, id: TableId) -> Result<&mut LoadedTable> {
        self.tables
            .get_mut(&id)
            .ok_or_else(|| damaged(format!("the catalogue has a record of table {id}, which is not there")))
    }

    fn settle(&mut self) -> Result<()> {
        for loaded in self.tables.values_mut() {
            let LoadedTable { segments, hot, deleted, table, .. } = loaded;
            if deleted.segments.keys().any(|id| !segments.iter().any(|segment| segment.id == *id)) {
                return Err(damaged(format!(
                    "rows of a segment are deleted that table {} does not have",
                    table.name
                )));
            }
            hot.delete(&deleted.hot);
        }
        Ok(())
    }
}
