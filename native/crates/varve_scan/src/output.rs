//! What a plan answers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{Stream, StreamExt, TryStreamExt};
use varve_types::Result;

use crate::Progress;
use crate::pipeline::Batches;

/// The answer to a plan: a stream of record batches, computed while it is read. Dropped, the plan stops.
pub struct Output {
    /// The columns of all batches.
    pub schema: SchemaRef,
    /// Plans change nothing: always `None`.
    pub rows_affected: Option<u64>,
    /// How far it has come.
    pub progress: Arc<Progress>,
    batches: Batches,
}

impl Output {
    pub(crate) fn new(schema: SchemaRef, batches: Batches, progress: Arc<Progress>) -> Self {
        Self { schema, rows_affected: None, progress, batches }
    }

    /// All batches that are left.
    ///
    /// # Errors
    /// The first error of the plan.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.batches.try_collect().await
    }
}

impl Stream for Output {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(context)
    }
}
