//! COPY into a folder: a file for the rows of each partition, in a folder that is named after its values.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::{cast, partition};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use futures::{StreamExt, stream};
use tokio::sync::Mutex;
use varve_types::{ErrorCode, Result, VarveError};

use super::options::CopyOptions;
use crate::error::{from_arrow, from_datafusion, unknown, unsupported};
use crate::files::{FolderDraft, folder_of};
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;
use crate::statement::once;

/// Partitions of one COPY: as many files as one pattern reads.
const PARTITIONS_MAX: usize = 10_000;

/// Writes the rows of `plan` into the folder at `path`; how many there are. It appears when all are in it, or not at all. Those of
/// a partition keep their order when `is_ordered`.
pub(super) async fn write(
    run: &Run<'_>,
    planner: &Planner,
    (plan, is_ordered): (LogicalPlan, bool),
    path: &Path,
    options: &CopyOptions,
) -> Result<u64> {
    let mut draft = FolderDraft::new(run.engine.files().confinement(), path)?;
    let count = if options.partition_by.is_empty() {
        write_file(run.stream(planner, plan).await?, options, &mut draft, Path::new("")).await?
    } else {
        write_partitions(run, planner, (plan, is_ordered), options, &mut draft).await?
    };
    tokio::task::block_in_place(|| draft.keep())?;
    Ok(count)
}

async fn write_partitions(
    run: &Run<'_>,
    planner: &Planner,
    (plan, is_ordered): (LogicalPlan, bool),
    options: &CopyOptions,
    draft: &mut FolderDraft<'_>,
) -> Result<u64> {
    let columns =
        options.partition_by.iter().map(|name| position(&plan, name)).collect::<Result<Vec<_>>>()?;
    let schema = Arc::clone(plan.schema().inner());
    let plan = if is_ordered { numbered(run.stream(planner, plan).await?)? } else { plan };
    let plan = by_partition(plan, &columns, is_ordered)?;
    let mut partitions = Partitions::new(run.stream(planner, plan).await?, &schema, columns, options)?;
    let (mut count, mut written) = (0, 0);
    while let Some((folder, rows)) = partitions.next().await? {
        written += 1;
        if written > PARTITIONS_MAX {
            let message = format!("the rows have more than {PARTITIONS_MAX} partitions");
            return Err(VarveError::new(ErrorCode::LimitExceeded, message, "partition by fewer values"));
        }
        count += write_file(rows, options, draft, &folder).await?;
    }
    Ok(count)
}

/// Writes a file in a folder of the draft; how many rows are in it.
async fn write_file(
    rows: Output,
    options: &CopyOptions,
    draft: &mut FolderDraft<'_>,
    folder: &Path,
) -> Result<u64> {
    let file = tokio::task::block_in_place(|| draft.file(folder, &options.file_name()))?;
    super::write(rows, options, file).await
}

fn position(plan: &LogicalPlan, name: &str) -> Result<usize> {
    let fields = plan.schema().fields();
    let found = fields.iter().position(|field| field.name() == name);
    let at = found.ok_or_else(|| unknown("column", name))?;
    match fields[at].data_type() {
        plain if plain.is_numeric() || plain.is_temporal() || plain.is_string() => Ok(at),
        DataType::Boolean => Ok(at),
        other => Err(unsupported(format!("a folder is not named after a value of type {other}"))),
    }
}

/// The rows of a plan so that those of a partition come one after the other: one file is open at a time, however many there are.
/// The last column of ordered rows is their number.
fn by_partition(plan: LogicalPlan, columns: &[usize], is_ordered: bool) -> Result<LogicalPlan> {
    let all = plan.schema().columns();
    let number = is_ordered.then(|| all.len() - 1);
    let keys = columns.iter().copied().chain(number);
    let keys = keys.map(|at| Expr::Column(all[at].clone()).sort(true, true));
    let keys: Vec<_> = keys.collect();
    LogicalPlanBuilder::from(plan).sort(keys).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)
}

/// Rows with their number behind them: sorted otherwise, they still tell their order. A plan that sorts the rows of a plan that
/// sorts them does not sort twice.
fn numbered(rows: Output) -> Result<LogicalPlan> {
    // An answer may have two columns of one name, and a table may not.
    let fields = rows.schema.fields().iter().enumerate();
    let fields = fields.map(|(at, field)| field.as_ref().clone().with_name(at.to_string()));
    let number = Field::new("number", DataType::UInt64, false);
    let schema: SchemaRef = Arc::new(Schema::new(fields.chain([number]).collect::<Vec<_>>()));
    let counted = Arc::clone(&schema);
    let mut count = 0;
    let rows = rows.map(move |batch| {
        let batch = batch?;
        let begin = count;
        count += batch.num_rows() as u64;
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from_iter_values(begin..count)));
        RecordBatch::try_new(Arc::clone(&counted), columns).map_err(from_arrow)
    });
    once::plan("rows", schema, rows.boxed())
}

/// The values of a row in the columns that partition; `None` is NULL.
type Key = Vec<Option<String>>;

/// Rows, partition by partition.
struct Partitions {
    source: Arc<Mutex<Source>>,
    names: Vec<String>,
    schema: SchemaRef,
}

/// What is left of the rows.
struct Source {
    rows: Output,
    columns: Vec<usize>,
    /// Columns of the files, and what these call them.
    held: Vec<usize>,
    schema: SchemaRef,
    /// Rows that were taken out of `rows` already.
    waiting: Option<RecordBatch>,
}

impl Partitions {
    /// Of rows that begin with the columns of `schema`.
    fn new(rows: Output, schema: &SchemaRef, columns: Vec<usize>, options: &CopyOptions) -> Result<Self> {
        let all = 0..schema.fields().len();
        let held: Vec<usize> = all.filter(|at| options.holds_partitions || !columns.contains(at)).collect();
        if held.is_empty() {
            return Err(unsupported("a file without columns cannot be written: partition by fewer of them"));
        }
        let fields = held.iter().map(|at| {
            let told = rows.schema.field(*at);
            Arc::new(told.clone().with_name(schema.field(*at).name()))
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let names = options.partition_by.clone();
        let source = Source { rows, columns, held, schema: Arc::clone(&schema), waiting: None };
        Ok(Self { source: Arc::new(Mutex::new(source)), names, schema })
    }

    /// The folder of the next partition, and its rows, which must be read to their end.
    async fn next(&mut self) -> Result<Option<(PathBuf, Output)>> {
        let Some(key) = self.source.lock().await.key().await? else { return Ok(None) };
        let folder = self.names.iter().zip(&key).map(|(name, value)| folder_of(name, value.as_deref()));
        let folder = folder.collect();
        let rest = (Arc::clone(&self.source), key);
        let rows = stream::try_unfold(rest, async |(source, key)| {
            let batch = source.lock().await.take(&key).await?;
            Ok(batch.map(|batch| (batch, (source, key))))
        });
        Ok(Some((folder, Output::of_batches(Arc::clone(&self.schema), rows.boxed()))))
    }
}

impl Source {
    /// Of the next row; `None` when there is none.
    async fn key(&mut self) -> Result<Option<Key>> {
        let Some(batch) = self.next().await? else { return Ok(None) };
        let key = self.key_of(&batch, 0)?;
        self.waiting = Some(batch);
        Ok(Some(key))
    }

    /// The next rows of this key.
    async fn take(&mut self, key: &Key) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.next().await? else { return Ok(None) };
        let mut count = 0;
        let columns: Vec<_> = self.columns.iter().map(|at| Arc::clone(batch.column(*at))).collect();
        for rows in partition(&columns).map_err(from_arrow)?.ranges() {
            if self.key_of(&batch, rows.start)? != *key {
                break;
            }
            count = rows.end;
        }
        if count < batch.num_rows() {
            self.waiting = Some(batch.slice(count, batch.num_rows() - count));
        }
        let columns = self.held.iter().map(|at| batch.column(*at).slice(0, count)).collect();
        let taken = (count > 0).then(|| RecordBatch::try_new(Arc::clone(&self.schema), columns));
        taken.transpose().map_err(from_arrow)
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(waiting) = self.waiting.take() {
            return Ok(Some(waiting));
        }
        while let Some(batch) = self.rows.next().await.transpose()? {
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn key_of(&self, batch: &RecordBatch, row: usize) -> Result<Key> {
        let texts = self.columns.iter().map(|at| {
            let text = cast(&batch.column(*at).slice(row, 1), &DataType::Utf8).map_err(from_arrow)?;
            Ok(text.as_string::<i32>().iter().flatten().next().map(str::to_owned))
        });
        texts.collect()
    }
}
