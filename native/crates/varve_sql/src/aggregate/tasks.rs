//! Threads' shares of an aggregation.

use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;

use crate::error::{cancelled, into_datafusion};

/// What all tasks give.
pub(super) async fn all<T: 'static>(tasks: Vec<SpawnedTask<Result<T>>>) -> Result<Vec<T>> {
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.join_unwind().await.map_err(|_| into_datafusion(cancelled()))??);
    }
    Ok(done)
}
