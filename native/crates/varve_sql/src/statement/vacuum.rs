//! VACUUM: the upkeep that a database does by itself, at once.

use datafusion::sql::sqlparser::ast::VacuumStatement;
use varve_table::{Database, Rewrite, TableId, TableVersion};
use varve_types::Result;

use super::names;
use crate::error::unsupported;
use crate::output::Output;

/// Rewrites one table or all: hot rows become segments, and deleted rows go; with FULL, all segments become as few as can
/// be. Others read and write meanwhile. A table that is redefined meanwhile stays as it is.
///
/// # Errors
/// `SQL_NAME`, `SQL_UNSUPPORTED`, and those of [`Database::rewrite`].
/// Cost: reads and compresses what it rewrites.
pub(super) async fn run(database: &Database, vacuum: VacuumStatement) -> Result<Output> {
    if vacuum.sort_only || vacuum.delete_only || vacuum.reindex || vacuum.recluster || vacuum.boost {
        return Err(unsupported("VACUUM takes FULL and the name of a table, nothing else"));
    }
    let version = database.snapshot();
    let tables: Vec<TableId> = match &vacuum.table_name {
        Some(name) => vec![names::table(&version, name)?.table.id],
        None => version.tables.keys().copied().collect(),
    };
    for table in tables {
        let snapshot = database.snapshot();
        if let Some(what) = snapshot.tables.get(&table).and_then(|table| due(table, vacuum.full)) {
            database.rewrite(table, &what).await?;
        }
    }
    Ok(Output::done(None))
}

/// What is to be rewritten; `None` when nothing would change.
fn due(table: &TableVersion, is_full: bool) -> Option<Rewrite> {
    let hot = table.hot.stored_rows() > 0;
    let is_worn =
        |live: &&varve_table::LiveSegment| live.deleted.as_ref().is_some_and(|rows| !rows.is_empty());
    let everything = is_full && (hot || table.segments.len() > 1);
    let segments = table.segments.iter().filter(|live| everything || is_worn(live));
    let segments = segments.map(|live| live.segment.id()).collect();
    let what = Rewrite { hot, segments, layout: table.layout(), ..Rewrite::default() };
    (hot || !what.segments.is_empty()).then_some(what)
}
