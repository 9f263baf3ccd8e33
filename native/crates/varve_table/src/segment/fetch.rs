//! Some rows of a segment, found by their positions.
//!
//! A chunk of a column is kept once it was looked up, compressed as it lies in the file: to find its parts anew costs more
//! than to read a few rows of it. It refers to the mapped file, so that it takes a few kilobytes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use varve_types::Result;
use vortex::array::arrays::ExtensionArray;
use vortex::array::arrays::extension::ExtensionArrayExt;
use vortex::array::builders::{ArrayBuilder, builder_with_capacity_in};
use vortex::array::memory::BufferAllocatorRef;
use vortex::array::{ArrayRef, ExecutionCtx, IntoArray, MaskFuture, VortexSessionExecute};
use vortex::dtype::{DType, FieldName};
use vortex::error::{VortexResult, vortex_bail};
use vortex::expr::{BoundExpression, get_item, root};
use vortex::mask::Mask;

use super::Segment;
use super::single::Singles;
use crate::error::from_vortex;

/// So many rows of a chunk are read one by one; more are cut out together, which takes a decoder to be set up.
const SINGLE_ROWS_MAX: usize = 16;
/// Where a row takes one step, one of so many is read by itself rather than decoded with those around it.
const ROWS_PER_STEP: usize = 32;
/// So many chunks of a segment are kept; beyond them all are let go, and those that are still wanted come back.
const CHUNKS_MAX: usize = 4_096;

/// The chunks of a segment that were looked up.
#[derive(Default)]
pub(super) struct Chunks {
    columns: Mutex<HashMap<FieldName, Arc<Column>>>,
    count: AtomicUsize,
}

/// The chunks of one column.
struct Column {
    expression: BoundExpression,
    dtype: DType,
    /// Where chunks begin, and the end of the last; ascending from 0.
    bounds: Vec<u64>,
    chunks: Vec<OnceLock<Chunk>>,
}

struct Chunk {
    array: ArrayRef,
    singles: Option<Singles>,
}

impl Segment {
    /// The rows at these positions, which ascend: the columns of these stored names, in that order.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a part fails its checksum.
    /// Cost: about a microsecond per value when few rows of a chunk are wanted, that of decoding them when many are.
    pub async fn fetch(&self, names: &[FieldName], positions: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut fetched = Vec::with_capacity(names.len());
        for name in names {
            let values = self.fetch_column(name, positions).await;
            fetched.push(values.map_err(|error| from_vortex(error, "reading rows of a segment"))?);
        }
        Ok(fetched)
    }

    async fn fetch_column(&self, name: &FieldName, positions: &[u32]) -> VortexResult<ArrayRef> {
        let column = self.column(name)?;
        let mut stretches = Vec::new();
        for (chunk, wanted) in column.stretches(positions)? {
            stretches.push((self.chunk(&column, chunk).await?, column.bounds[chunk], &positions[wanted]));
        }
        let mut context = self.store.session.create_execution_ctx();
        let allocator = BufferAllocatorRef::static_ref();
        // Dates, times and moments are put together as the numbers that they are.
        let extension = column.dtype.as_extension_opt();
        let dtype = extension.map_or(&column.dtype, |extension| extension.storage_dtype());
        let mut builder = builder_with_capacity_in(dtype, positions.len(), allocator);
        for (chunk, first, wanted) in stretches {
            let places = wanted.iter().map(|position| (u64::from(*position) - first) as usize);
            append(chunk, places, builder.as_mut(), &mut context)?;
        }
        let values = builder.finish();
        Ok(match extension {
            Some(extension) => ExtensionArray::try_new(extension.clone(), values)?.into_array(),
            None => values,
        })
    }

    fn column(&self, name: &FieldName) -> VortexResult<Arc<Column>> {
        let mut columns = self.chunks.columns.lock();
        if self.chunks.count.load(Ordering::Relaxed) > CHUNKS_MAX {
            columns.clear();
            self.chunks.count.store(0, Ordering::Relaxed);
        }
        if let Some(column) = columns.get(name) {
            return Ok(Arc::clone(column));
        }
        let expression = get_item(name.clone(), root()).bind(self.file.dtype())?;
        let bounds = self.scan().with_projection(expression.clone()).full_file_splits()?;
        let chunks = bounds.windows(2).map(|_| OnceLock::new()).collect();
        let column = Arc::new(Column { dtype: expression.dtype().clone(), expression, bounds, chunks });
        columns.insert(name.clone(), Arc::clone(&column));
        Ok(column)
    }

    async fn chunk<'c>(&self, column: &'c Column, at: usize) -> VortexResult<&'c Chunk> {
        if let Some(chunk) = column.chunks[at].get() {
            return Ok(chunk);
        }
        let range = column.bounds[at]..column.bounds[at + 1];
        let all = MaskFuture::new_true((range.end - range.start) as usize);
        let array = self.reader().projection_evaluation(&range, &column.expression, all)?.await?;
        let singles = Singles::of(&array, &mut self.store.session.create_execution_ctx())?;
        Ok(column.chunks[at].get_or_init(|| {
            self.chunks.count.fetch_add(1, Ordering::Relaxed);
            Chunk { array, singles }
        }))
    }
}

impl Column {
    /// The chunks in which `positions` lie, and which of them lie there.
    fn stretches(&self, positions: &[u32]) -> VortexResult<Vec<(usize, Range<usize>)>> {
        let mut stretches = Vec::new();
        let mut from = 0;
        while let Some(first) = positions.get(from) {
            let after = self.bounds.partition_point(|bound| *bound <= u64::from(*first));
            let Some(end) = self.bounds.get(after).filter(|_| after > 0) else {
                vortex_bail!("the segment has no row {first}");
            };
            let count = positions[from..].partition_point(|position| u64::from(*position) < *end);
            stretches.push((after - 1, from..from + count));
            from += count;
        }
        Ok(stretches)
    }
}

/// Appends the values at `places`, which ascend.
fn append(
    Chunk { array, singles }: &Chunk,
    places: impl ExactSizeIterator<Item = usize> + DoubleEndedIterator + Clone,
    builder: &mut dyn ArrayBuilder,
    context: &mut ExecutionCtx,
) -> VortexResult<()> {
    let (Some(first), Some(last)) = (places.clone().next(), places.clone().next_back()) else {
        return Ok(());
    };
    let are_few = places.len() <= SINGLE_ROWS_MAX;
    if let Some(singles) = singles
        && (are_few || places.len() * ROWS_PER_STEP <= last - first)
        && last < array.len()
        && singles.append(places.clone(), builder, context)?
    {
        return Ok(());
    }
    if are_few {
        let mut probe = array.repeated_probe();
        for place in places {
            let value = probe.execute_scalar(place, context)?;
            match value.as_extension_opt() {
                Some(extension) => builder.append_scalar(&extension.to_storage_scalar())?,
                None => builder.append_scalar(&value)?,
            }
        }
        return Ok(());
    }
    let span = array.slice(first..last + 1)?;
    let wanted = if places.len() == span.len() {
        span
    } else {
        let mask = Mask::from_indices(span.len(), places.map(|place| place - first));
        span.filter(mask)?
    };
    if wanted.dtype().is_extension() {
        let extension = wanted.execute::<ExtensionArray>(context)?;
        return extension.storage_array().append_to_builder(builder, context);
    }
    wanted.append_to_builder(builder, context)
}
