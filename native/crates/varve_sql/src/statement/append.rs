//! Rows that come as Arrow: columns matched by name, cast, and checked like those of INSERT.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use varve_table::{Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::insert::default_of;
use super::names;
use super::rows::{self, Checks};
use crate::error::{defect, from_datafusion, into_datafusion, unknown};
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;

/// What the rows are called while they are planned.
const GIVEN: &str = "appended";

/// Rows on their way into a table.
pub(crate) type Given = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// Appends rows, all of `schema`.
pub(crate) async fn append(
    run: &Run<'_>,
    transaction: &mut Transaction,
    name: &str,
    (schema, given): (SchemaRef, Given),
) -> Result<Output> {
    let mut planner = run.planner(transaction.snapshot());
    // The rows come in one stream; dividing it would lose their order, and casting them is cheap.
    Arc::make_mut(&mut planner.state).config_mut().options_mut().execution.target_partitions = 1;
    let table = Arc::clone(&names::table(&planner.version, &names::written(name)?)?.table);
    let values = values(&planner, &table, &schema)?;
    let once = Arc::new(Once { schema: Arc::clone(&schema), rows: Mutex::new(Some(given)) });
    let plan = StreamingTable::try_new(schema, vec![once])
        .and_then(|given| LogicalPlanBuilder::scan(GIVEN, provider_as_source(Arc::new(given)), None)?.build())
        .map_err(from_datafusion)?;
    let plan = rows::cast(plan, values, &table)?;
    let checks = Checks::new(&planner, &table)?;
    let rows = run.stream(&planner, plan).await?;
    let count = transaction.append(table.id, checks.checked(rows)).await?;
    Ok(Output::done(Some(count)))
}

/// Rows that can be read once.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<Given>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(GIVEN)
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().take();
        let twice = rows.is_none().then(|| Err(defect("rows that are appended were read twice".into())));
        let rows = stream::iter(rows).flatten().chain(stream::iter(twice)).map_err(into_datafusion);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// For each column of the table where its values come from.
fn values(planner: &Planner, table: &Table, given: &SchemaRef) -> Result<Vec<Expr>> {
    for (at, field) in given.fields().iter().enumerate() {
        if table.position(field.name()).is_none() {
            return Err(unknown("column", field.name()));
        }
        if given.index_of(field.name()).is_ok_and(|first| first != at) {
            let message = format!("column {} is there twice", field.name());
            return Err(VarveError::new(ErrorCode::SqlName, message, "give it once"));
        }
    }
    let values = table.columns.iter().map(|column| {
        if given.index_of(&column.name).is_ok() {
            return Ok(Expr::Column(Column::new(Some(TableReference::bare(GIVEN)), column.name.clone())));
        }
        match &column.default {
            Some(_) => planner.expr(default_of(column)?, &DFSchema::empty()).map_err(from_datafusion),
            None => Ok(lit(ScalarValue::Null)),
        }
    });
    values.collect()
}
