//! The schema `varve`: what the database tells of itself. A schema of this name that somebody made comes first.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use varve_table::{Adaptation, ColumnId, Database, Layout, Table, Version};

/// The name of the schema.
pub(crate) const SYSTEM: &str = "varve";

/// The relation of this name; `None` when there is none.
pub(crate) fn relation(version: &Version, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let batch = match name {
        "adaptations" => adaptations(version)?,
        _ => return Ok(None),
    };
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
    Ok(Some(Arc::new(table)))
}

/// What was done to a table, with the names that users know.
#[derive(Clone, Debug)]
pub struct TableAdaptation {
    /// The SQL schema of the table.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Columns by which its rows are sorted now; empty when they lie as they came.
    pub sort_key: Vec<String>,
    /// Columns that are not kept as fresh rows are, and the profile of each.
    pub profiles: Vec<(String, &'static str)>,
    /// All that the log has of it.
    pub adaptation: Adaptation,
}

/// Lets adapting do all that it finds worth doing, and waits for it.
///
/// # Errors
/// As [`Database::adapt`].
pub(crate) async fn adapt(database: &Database) -> varve_types::Result<Vec<TableAdaptation>> {
    let done = database.adapt().await?;
    let version = database.snapshot();
    let named = done.into_iter().filter_map(|(id, adaptation)| {
        let table = &version.tables.get(&id)?.table;
        let layout = adaptation.layout();
        let (sort_key, profiles) = (sort_key(&layout, table), profiles(&layout, table));
        let (schema, table) = (table.schema.clone(), table.name.clone());
        Some(TableAdaptation { schema, table, sort_key, profiles, adaptation })
    });
    Ok(named.collect())
}

/// The sort key of a layout, as users know the columns.
fn sort_key(layout: &Layout, table: &Table) -> Vec<String> {
    layout.order.iter().map(|id| name(*id, table)).collect()
}

/// Columns of a layout that are not kept as fresh rows are, and how.
fn profiles(layout: &Layout, table: &Table) -> Vec<(String, &'static str)> {
    layout.profiles.iter().map(|(id, profile)| (name(*id, table), profile.name())).collect()
}

/// A column that is gone has its number.
fn name(id: ColumnId, table: &Table) -> String {
    table.column(id).map_or_else(|| format!("#{id}"), |column| column.name.clone())
}

/// What tables were laid out for, the oldest first.
fn adaptations(version: &Version) -> Result<RecordBatch> {
    let tables = version.tables.values().filter_map(|it| Some((&it.table, it.adaptive.as_ref()?)));
    let all: Vec<(&Table, &Adaptation)> =
        tables.flat_map(|(table, adaptive)| adaptive.log.iter().map(|it| (table.as_ref(), it))).collect();
    let text = |of: &dyn Fn(&Table, &Adaptation) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(|(table, it)| of(table, it))))
    };
    let number = |of: &dyn Fn(&Adaptation) -> Option<i64>| -> ArrayRef {
        Arc::new(all.iter().map(|(_, it)| of(it)).collect::<Int64Array>())
    };
    let ms = |ns: u64| Some((ns / 1_000_000) as i64);
    let done = |of: fn(&varve_table::Done) -> u64| {
        move |it: &Adaptation| Some(it.done.iter().map(of).sum::<u64>() as i64)
    };
    let replays: ArrayRef = Arc::new(all.iter().map(|(_, it)| Some(it.replays())).collect::<BooleanArray>());
    let columns = [
        ("table_schema", text(&|table, _| table.schema.clone())),
        ("table_name", text(&|table, _| table.name.clone())),
        ("number", number(&|it| Some(it.number as i64))),
        ("state", text(&|_, it| it.state.name().to_owned())),
        ("sort_key", text(&|table, it| sort_key(&it.layout(), table).join(", "))),
        (
            "profiles",
            text(&|table, it| {
                let profiles = profiles(&it.layout(), table).into_iter();
                profiles
                    .map(|(column, profile)| format!("{column}: {profile}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            }),
        ),
        ("segments", number(&|it| Some(it.decisions.len() as i64))),
        ("rewritten", number(&|it| Some(it.done.len() as i64))),
        ("promised_percent", number(&|it| Some(it.promised_percent()))),
        ("measured_percent", number(&|it| it.measured_percent)),
        ("saving_ms", number(&|it| ms(it.saving_ns()))),
        ("cost_ms", number(&|it| ms(it.cost_ns()))),
        ("took_ms", number(&|it| ms(it.done.iter().map(|done| done.ns).sum()))),
        ("bytes_before", number(&done(|done| done.bytes_before))),
        ("bytes_after", number(&done(|done| done.bytes_after))),
        ("replays", replays),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, values)| (name, values, name == "measured_percent")),
    )?)
}
