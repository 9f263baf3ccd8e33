//! Rows that are there once, as a plan.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use varve_types::Result;

use crate::error::{defect, from_datafusion, into_datafusion};

/// Rows on their way somewhere.
pub(crate) type Given = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// The plan of reading `rows`, all of `schema`, under a name. It runs once.
pub(super) fn plan(name: &str, schema: SchemaRef, rows: Given) -> Result<LogicalPlan> {
    let once = Once { schema: Arc::clone(&schema), rows: Mutex::new(Some(rows)) };
    StreamingTable::try_new(schema, vec![Arc::new(once)])
        .and_then(|rows| LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(rows)), None)?.build())
        .map_err(from_datafusion)
}

struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<Given>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("rows that are there once")
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().take();
        let twice = rows.is_none().then(|| Err(defect("rows that are there once were read twice".into())));
        let rows = stream::iter(rows).flatten().chain(stream::iter(twice)).map_err(into_datafusion);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
