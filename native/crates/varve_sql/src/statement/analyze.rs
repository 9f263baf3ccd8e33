//! ANALYZE: counts, sketches and bounds of all columns, kept for the optimiser.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::sqlparser::ast::Analyze;
use varve_table::{Column, ColumnSummary, TableStatistics, TableVersion, Transaction};
use varve_types::Result;

use super::names;
use super::parse;
use crate::error::{defect, from_datafusion, unsupported};
use crate::output::Output;
use crate::run::Run;

/// Looks at all rows of a table, or of every table.
pub(super) async fn run(run: &Run<'_>, transaction: &mut Transaction, analyze: Analyze) -> Result<Output> {
    if analyze.partitions.is_some() || analyze.noscan || analyze.cache_metadata || !analyze.columns.is_empty()
    {
        return Err(unsupported("ANALYZE is about a whole table"));
    }
    let version = transaction.snapshot();
    let tables: Vec<Arc<TableVersion>> = match &analyze.table_name {
        Some(name) => vec![names::table(&version, name)?],
        None => version.tables.values().cloned().collect(),
    };
    for table in tables {
        let statistics = of_table(run, transaction, &table).await?;
        transaction.put_statistics(statistics)?;
    }
    // What was learned corrected estimates that are others now.
    run.engine.learned().forget();
    Ok(Output::done(None))
}

async fn of_table(
    run: &Run<'_>,
    transaction: &Transaction,
    version: &TableVersion,
) -> Result<TableStatistics> {
    let table = &version.table;
    let mut wanted = vec!["count(*)".to_owned()];
    wanted.extend(table.columns.iter().flat_map(questions));
    let name = format!("{}.{}", names::quoted(&table.schema), names::quoted(&table.name));
    let snapshot = transaction.snapshot();
    let seq = snapshot.seq;
    let planner = run.planner(snapshot);
    let query = parse::one(&format!("SELECT {} FROM {name}", wanted.join(", ")))?;
    let plan = planner.plan(query).await.map_err(from_datafusion)?;
    let answer = run.collect(&planner, plan).await?;
    let Some(row) = answer.into_iter().find(|batch| batch.num_rows() == 1) else {
        return Err(defect("an aggregate without groups gave no row".into()));
    };
    let mut answers = row.columns().iter();
    let mut next =
        || answers.next().cloned().ok_or_else(|| defect("an aggregate gave too few values".into()));
    let rows = count(&next()?)?;
    let (mut columns, mut fields, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
    for column in &table.columns {
        let nulls = rows.saturating_sub(count(&next()?)?);
        let distinct = count(&next()?)?;
        columns.push(ColumnSummary { id: column.id, nulls, distinct: Some(distinct) });
        if is_ordered(&column.data_type) {
            let (least, greatest) = (next()?, next()?);
            let both = concat(&[least.as_ref(), greatest.as_ref()])
                .map_err(|error| from_datafusion(error.into()))?;
            fields.push(Field::new(column.stored_name(), both.data_type().clone(), true));
            bounds.push(both);
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(2));
    let bounds = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), bounds, &options)
        .map_err(|error| from_datafusion(error.into()))?;
    Ok(TableStatistics { table: table.id, seq, rows, columns, bounds })
}

/// What is asked about a column: its values, different ones by a HyperLogLog sketch, and its bounds if it has an order.
fn questions(column: &Column) -> Vec<String> {
    let name = names::quoted(&column.name);
    // The sketch knows no floating point; its text tells values apart as well.
    let sketched =
        if column.data_type.is_floating() { format!("CAST({name} AS TEXT)") } else { name.clone() };
    let mut questions = vec![format!("count({name})"), format!("approx_distinct({sketched})")];
    if is_ordered(&column.data_type) {
        questions.extend([format!("min({name})"), format!("max({name})")]);
    }
    questions
}

fn is_ordered(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_temporal() || data_type.is_string()
}

/// A count that an aggregate gave.
fn count(value: &ArrayRef) -> Result<u64> {
    let value = cast(value, &DataType::UInt64).map_err(|error| from_datafusion(error.into()))?;
    let counts: &UInt64Array = value.as_primitive();
    Ok(counts.iter().next().flatten().unwrap_or(0))
}
