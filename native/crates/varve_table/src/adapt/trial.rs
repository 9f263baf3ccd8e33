//! Trials: a sample of a table's rows, written in memory in other orders and profiles, and read again.
//!
//! A sorted sample is worse off than a sorted segment, whose neighbours differ less: what it says of bytes is an upper bound.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ord::sort::sort_to_indices;
use arrow_schema::{DataType, Field, Schema, SortOptions};
use bytes::Bytes;
use futures::{StreamExt, stream};
use varve_types::Result;
use vortex::array::VortexSessionExecute;
use vortex::array::stream::ArrayStreamAdapter;
use vortex::error::{VortexError, VortexResult};
use vortex::file::{OpenOptionsSessionExt, WriteOptionsSessionExt};
use vortex::session::VortexSession;
use vortex_arrow::ArrowSessionExt;

use super::evidence::{Evidence, Trial};
use super::workload::Observed;
use crate::compression::{self, Layout, Profile, Sample};
use crate::error::{from_arrow, from_vortex};
use crate::ids::ColumnId;
use crate::version::TableVersion;

/// Rows that lie together in the table are read together into the sample.
const STRIPE_ROWS: u64 = 8192;
/// So many stripes make a sample.
const STRIPES: u64 = 16;
/// So many sort keys are tried.
const ORDERS_MAX: usize = 2;
/// So many columns are tried; those that nobody reads are left out first.
const COLUMNS_MAX: usize = 32;
/// The fastest of so many readings counts.
const READINGS: usize = 3;
/// Rows of a short reading.
const SEEK_ROWS: u64 = 64;

/// Adds to the evidence what a sample of the greatest segment tells.
/// Cost: reads 131,072 rows, and writes and reads each of their columns a few times, in memory.
pub(super) async fn fill(
    evidence: &mut Evidence,
    version: &TableVersion,
    session: &VortexSession,
) -> Result<()> {
    let Some(rows) = sample(version).await? else { return Ok(()) };
    evidence.natural = natural(&rows);
    let mut orders = vec![Vec::new()];
    orders.extend(candidates(evidence, version));
    for order in orders {
        let rows = sorted(&rows, &order)?;
        for column in columns(&evidence.observed, version) {
            let Some(values) = rows.column_by_name(&column.stored_name()) else { continue };
            let present = version.layout().profile(column);
            for profile in profiles(&evidence.observed, column, present) {
                let (bytes, read_ps, seek_ns) = measure(session, (column, profile), values).await?;
                evidence.trials.push(Trial {
                    order: order.clone(),
                    column,
                    profile,
                    bytes,
                    read_ps,
                    seek_ns,
                });
            }
        }
    }
    Ok(())
}

/// Stripes of the greatest segment, evenly spread; `None` when there are no segments.
async fn sample(version: &TableVersion) -> Result<Option<RecordBatch>> {
    let Some(live) = version.segments.iter().max_by_key(|live| live.segment.meta().rows) else {
        return Ok(None);
    };
    let rows = live.segment.meta().rows;
    let columns: Vec<ColumnId> = version.table.columns.iter().map(|column| column.id).collect();
    let step = (rows / STRIPES).max(STRIPE_ROWS);
    let mut parts = Vec::new();
    for start in (0..rows).step_by(step as usize).take(STRIPES as usize) {
        let range = start..(start + STRIPE_ROWS).min(rows);
        let mut stripe = Box::pin(live.segment.read_rows(&version.table, &columns, range)?);
        while let Some(batch) = stripe.next().await {
            parts.push(batch?);
        }
    }
    arrow_select::concat::concat_batches(&version.table.stored_schema(), &parts)
        .map(Some)
        .map_err(|error| from_arrow(error, "sampling rows"))
}

/// The first column whose values ascend, as times do when rows come in their order.
fn natural(rows: &RecordBatch) -> Option<ColumnId> {
    let ascends = |values: &ArrayRef| {
        let len = values.len();
        if len < 2 || values.null_count() > 0 || values.data_type().is_nested() {
            return false;
        }
        let pairs = (values.slice(0, len - 1), values.slice(1, len - 1));
        let Ok(descents) = arrow_ord::cmp::gt(&pairs.0, &pairs.1) else { return false };
        let ends = arrow_ord::cmp::lt(&values.slice(0, 1), &values.slice(len - 1, 1));
        descents.true_count() == 0 && ends.is_ok_and(|ends| ends.true_count() == 1)
    };
    let schema = rows.schema();
    let named = schema.fields().iter().zip(rows.columns());
    named.filter(|(_, values)| ascends(values)).find_map(|(field, _)| ColumnId::of_stored_name(field.name()))
}

/// Sort keys worth a trial: columns by which most of the time of scans was filtered.
fn candidates(evidence: &Evidence, version: &TableVersion) -> Vec<Vec<ColumnId>> {
    let present = version.layout().order;
    let lies_by = present.first().copied().or(evidence.natural);
    let time = |column: ColumnId| -> u64 {
        let filtered = evidence.observed.classes.iter().filter(|class| {
            let mut prunable = class.predicates.iter().filter(|predicate| predicate.kind.is_prunable());
            !class.indexed && prunable.any(|predicate| predicate.column == column)
        });
        filtered.map(|class| class.ns).sum()
    };
    let is_barred = |order: &[ColumnId]| evidence.barred.iter().any(|barred| barred.order == order);
    let sortable = version.table.columns.iter().filter(|column| !column.data_type.is_nested());
    let mut timed: Vec<(u64, ColumnId)> = sortable
        .map(|column| (time(column.id), column.id))
        .filter(|(ns, id)| *ns > 0 && lies_by != Some(*id) && !is_barred(&[*id]))
        .collect();
    timed.sort_unstable_by_key(|(ns, id)| (std::cmp::Reverse(*ns), *id));
    timed.into_iter().take(ORDERS_MAX).map(|(_, id)| vec![id]).collect()
}

/// Columns that are tried: those that are read, then others.
fn columns(observed: &Observed, version: &TableVersion) -> Vec<ColumnId> {
    let read: BTreeSet<ColumnId> =
        observed.classes.iter().flat_map(|class| class.columns.iter().copied()).collect();
    let all = version.table.columns.iter().map(|column| column.id);
    let (mut first, rest): (Vec<ColumnId>, Vec<ColumnId>) = all.partition(|id| read.contains(id));
    first.extend(rest);
    first.truncate(COLUMNS_MAX);
    first
}

/// Profiles that may serve a column: as it is, as it was, and what the workload suggests.
fn profiles(observed: &Observed, column: ColumnId, present: Profile) -> BTreeSet<Profile> {
    let mut profiles = BTreeSet::from([Profile::Ingest, present]);
    let filtered = |class: &super::workload::Class| class.predicates.iter().any(|it| it.column == column);
    if observed.classes.iter().any(|class| class.columns.contains(&column)) {
        profiles.insert(Profile::Scan);
    } else {
        profiles.insert(Profile::Cold);
    }
    if observed.classes.iter().any(filtered) {
        profiles.insert(Profile::Predicate);
    }
    if observed.point_reads > 0 {
        profiles.insert(Profile::Point);
    }
    profiles
}

fn sorted(rows: &RecordBatch, order: &[ColumnId]) -> Result<RecordBatch> {
    let first = order.first().and_then(|id| rows.column_by_name(&id.stored_name()));
    let Some(values) = first else { return Ok(rows.clone()) };
    let options = Some(SortOptions { descending: false, nulls_first: false });
    sort_to_indices(values, options, None)
        .and_then(|places| arrow_select::take::take_record_batch(rows, &places))
        .map_err(|error| from_arrow(error, "sorting a sample"))
}

/// Bytes of a column, time per row of reading all of it in picoseconds, and time of reading a few rows in nanoseconds.
async fn measure(
    session: &VortexSession,
    (column, profile): (ColumnId, Profile),
    values: &ArrayRef,
) -> Result<(u64, u64, u64)> {
    let doing = |error| from_vortex(error, "trying a layout on a sample");
    let bytes = write(session, (column, profile), values).await.map_err(doing)?;
    let size = bytes.len() as u64;
    let rows = values.len() as u64;
    let (mut all, mut few) = (u128::MAX, u128::MAX);
    for _ in 0..READINGS {
        all = all.min(read(session, &bytes, values.data_type(), 0..rows).await.map_err(doing)?);
        let middle = rows / 2..(rows / 2 + SEEK_ROWS).min(rows);
        few = few.min(read(session, &bytes, values.data_type(), middle).await.map_err(doing)?);
    }
    let per_row = all * 1000 / u128::from(rows.max(1));
    Ok((size, per_row as u64, few as u64))
}

async fn write(
    session: &VortexSession,
    (column, profile): (ColumnId, Profile),
    values: &ArrayRef,
) -> VortexResult<Bytes> {
    let field = Field::new(column.stored_name(), values.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(values)]).map_err(VortexError::from)?;
    let layout = Layout { order: Vec::new(), profiles: [(column, profile)].into() };
    let sample = Sample::of(std::slice::from_ref(&batch));
    let strategy = compression::strategy(session, &schema, &sample, &layout);
    let dtype = session.arrow().from_arrow_schema(&schema)?;
    let array = session.arrow().from_arrow_record_batch(batch, &schema)?;
    let mut bytes: Vec<u8> = Vec::new();
    let rows = ArrayStreamAdapter::new(dtype, stream::iter([Ok(array)]));
    session.write_options().with_strategy(strategy).write(&mut bytes, rows).await?;
    Ok(bytes.into())
}

/// The time of decoding some rows, in nanoseconds.
async fn read(
    session: &VortexSession,
    bytes: &Bytes,
    data_type: &DataType,
    rows: std::ops::Range<u64>,
) -> VortexResult<u128> {
    let file = session.open_options().open_buffer(bytes.clone())?;
    let name = file.dtype().as_struct_fields_opt().and_then(|fields| fields.names().get(0).cloned());
    let target = name.map(|name| {
        let fields = vec![Field::new(name.as_ref(), data_type.clone(), true)];
        Field::new_struct("", fields, false)
    });
    let started = Instant::now();
    let mut arrays = Box::pin(file.scan()?.with_row_range(rows).into_stream()?);
    while let Some(array) = arrays.next().await {
        let mut context = session.create_execution_ctx();
        session.arrow().execute_arrow(array?, target.as_ref(), &mut context)?;
    }
    Ok(started.elapsed().as_nanos())
}
