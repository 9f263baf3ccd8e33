//! Writing commits.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Transaction, TransactionBehavior, params};
use varve_types::Result;

use super::payload::{self, Deletion};
use super::{Catalogue, Kind, State};
use crate::change::Change;
use crate::error::from_sqlite;
use crate::ids::CommitSeq;
use crate::key::KeyRunMeta;
use crate::seal::{seal, unseal};

/// A commit to be written.
pub(crate) struct Commit<'c> {
    pub seq: CommitSeq,
    pub changes: &'c [Change],
}

impl Catalogue {
    /// Makes commits durable, all or none, with one sync. `next_id` numbers their records.
    ///
    /// # Errors
    /// When SQLite fails; what is on disk is then unknown until the catalogue is opened again.
    pub(crate) fn write(&mut self, commits: &[Commit<'_>], next_id: &AtomicU64) -> Result<()> {
        let doing = |error| from_sqlite(error, "committing");
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(doing)?;
        let mut writer = Writer { transaction, digest: self.state.digest, next_id };
        for change in commits.iter().flat_map(|commit| commit.changes) {
            writer.change(change)?;
        }
        let state = State {
            seq: commits.last().map_or(self.state.seq, |commit| commit.seq),
            next_id: next_id.load(Ordering::Acquire),
            digest: writer.digest,
        };
        writer
            .transaction
            .prepare_cached("INSERT OR REPLACE INTO state(id, sealed) VALUES (0, ?)")
            .and_then(|mut statement| statement.execute([state.encode()]))
            .map_err(doing)?;
        writer.transaction.commit().map_err(doing)?;
        self.state = state;
        self.mark.set(state.seq);
        self.room.committed();
        Ok(())
    }
}

/// What goes with a table.
const OWNED: [Kind; 8] = [
    Kind::Table,
    Kind::Index,
    Kind::Segment,
    Kind::KeyRun,
    Kind::Hot,
    Kind::Deletion,
    Kind::Statistics,
    Kind::Adaptive,
];

/// Rows to look at: which table's, of which kind.
struct Among {
    kind: Kind,
    owner: u64,
}

struct Writer<'c> {
    transaction: Transaction<'c>,
    digest: u64,
    next_id: &'c AtomicU64,
}

impl Writer<'_> {
    fn change(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::PutSchema(name) => self.add(Kind::Schema, 0, &payload::of_json(name)),
            Change::DropSchema(name) => {
                let gone = payload::of_json(name);
                self.remove(&Among { kind: Kind::Schema, owner: 0 }, |_, stored| Ok(stored == gone))
            }
            Change::PutTable(table) => {
                let id = table.id.0;
                self.remove(&Among { kind: Kind::Table, owner: id }, |_, _| Ok(true))?;
                self.insert(Kind::Table, id, id, &payload::of_table(table)?)
            }
            Change::DropTable(table) => {
                for kind in OWNED {
                    self.remove(&Among { kind, owner: table.0 }, |_, _| Ok(true))?;
                }
                Ok(())
            }
            Change::PutView(view) => {
                self.remove_view(&view.schema, &view.name)?;
                self.add(Kind::View, 0, &payload::of_json(view))
            }
            Change::DropView { schema, name } => self.remove_view(schema, name),
            Change::PutIndex(index) => {
                self.insert(Kind::Index, index.id.0, index.table.0, &payload::of_json(index))
            }
            Change::DropIndex { table, index } => {
                self.remove(&Among { kind: Kind::Index, owner: table.0 }, |id, _| Ok(id == index.0))?;
                self.remove_key_runs(table.0, |run| run.index == *index)
            }
            Change::AppendHot { table, first_row, ipc, .. } => {
                self.add(Kind::Hot, table.0, &payload::of_hot(*first_row, ipc))
            }
            Change::Delete { table, rows } => {
                for (segment, positions) in &rows.segments {
                    let deletion = Deletion::Segment(*segment, positions.clone());
                    self.add(Kind::Deletion, table.0, &payload::of_deletion(&deletion))?;
                }
                if rows.hot.is_empty() {
                    return Ok(());
                }
                let deletion = Deletion::Hot(rows.hot.clone());
                self.add(Kind::Deletion, table.0, &payload::of_deletion(&deletion))
            }
            Change::AddSegment { table, segment } => {
                let meta = segment.meta();
                self.insert(Kind::Segment, meta.id.0, table.0, &payload::of_json(meta))
            }
            Change::AddKeyRun { table, run } => {
                self.add(Kind::KeyRun, table.0, &payload::of_json(run.meta()))
            }
            Change::RemoveSegment { table, segment } => {
                let owner = table.0;
                self.remove_key_runs(owner, |run| run.segment == *segment)?;
                self.remove(&Among { kind: Kind::Segment, owner }, |id, _| Ok(id == segment.0))?;
                self.remove(&Among { kind: Kind::Deletion, owner }, |_, stored| {
                    Ok(payload::deletion_target(stored)? == Some(*segment))
                })
            }
            Change::PutStatistics(statistics) => {
                let owner = statistics.table.0;
                self.remove(&Among { kind: Kind::Statistics, owner }, |_, _| Ok(true))?;
                self.add(Kind::Statistics, owner, &payload::of_statistics(statistics)?)
            }
            Change::PutAdaptive(adaptive) => {
                let owner = adaptive.table.0;
                self.remove(&Among { kind: Kind::Adaptive, owner }, |_, _| Ok(true))?;
                self.add(Kind::Adaptive, owner, &payload::of_json(adaptive.as_ref()))
            }
            Change::DropHot { table, end, deleted } => {
                let owner = table.0;
                self.remove(&Among { kind: Kind::Hot, owner }, |_, stored| {
                    Ok(payload::first_row(stored)? < *end)
                })?;
                self.remove(&Among { kind: Kind::Deletion, owner }, |_, stored| {
                    Ok(payload::deletion_target(stored)?.is_none())
                })?;
                if deleted.is_empty() {
                    return Ok(());
                }
                self.add(Kind::Deletion, owner, &payload::of_deletion(&Deletion::Hot(deleted.clone())))
            }
        }
    }

    fn remove_key_runs(&mut self, owner: u64, is_gone: impl Fn(&KeyRunMeta) -> bool) -> Result<()> {
        self.remove(&Among { kind: Kind::KeyRun, owner }, |_, stored| {
            Ok(is_gone(&payload::to_json(stored, "a key run")?))
        })
    }

    fn remove_view(&mut self, schema: &str, name: &str) -> Result<()> {
        self.remove(&Among { kind: Kind::View, owner: 0 }, |_, stored| {
            let view: crate::definition::View = payload::to_json(stored, "a view")?;
            Ok(view.schema == schema && view.name == name)
        })
    }

    /// A record with a number of its own.
    fn add(&mut self, kind: Kind, owner: u64, payload: &[u8]) -> Result<()> {
        let id = self.next_id.fetch_add(1, Ordering::AcqRel);
        self.insert(kind, id, owner, payload)
    }

    fn insert(&mut self, kind: Kind, id: u64, owner: u64, payload: &[u8]) -> Result<()> {
        let sealed = seal(payload);
        self.transaction
            .prepare_cached(&format!("INSERT INTO {}(id, owner, sealed) VALUES (?, ?, ?)", kind.table()))
            .and_then(|mut statement| statement.execute(params![id as i64, owner as i64, sealed]))
            .map_err(|error| from_sqlite(error, "committing"))?;
        self.digest = self.digest.wrapping_add(kind.hash(id, owner, &sealed));
        Ok(())
    }

    /// Removes the records that `is_gone` picks, by number and payload.
    fn remove(&mut self, among: &Among, is_gone: impl Fn(u64, &[u8]) -> Result<bool>) -> Result<()> {
        let doing = |error| from_sqlite(error, "committing");
        let (table, owner) = (among.kind.table(), among.owner);
        let mut gone = Vec::new();
        {
            let mut statement = self
                .transaction
                .prepare_cached(&format!("SELECT id, sealed FROM {table} WHERE owner = ?"))
                .map_err(doing)?;
            let mut rows = statement.query([owner as i64]).map_err(doing)?;
            while let Some(row) = rows.next().map_err(doing)? {
                let id = row.get::<_, i64>(0).map_err(doing)? as u64;
                let sealed = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(doing)?;
                if is_gone(id, unseal(sealed, "a record of the catalogue")?)? {
                    gone.push(id);
                    self.digest = self.digest.wrapping_sub(among.kind.hash(id, owner, sealed));
                }
            }
        }
        let mut delete =
            self.transaction.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?")).map_err(doing)?;
        for id in gone {
            delete.execute([id as i64]).map_err(doing)?;
        }
        Ok(())
    }
}
