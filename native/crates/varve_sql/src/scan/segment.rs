//! Reading a segment: which columns, which rows, and what becomes of the arrays.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, conjunction_opt, reassign_expr_columns};
use datafusion::physical_plan::expressions::Literal;
use datafusion::physical_plan::filter::batch_filter;
use futures::future::BoxFuture;
use varve_table::{LiveSegment, RowAddress, Segment};
use vortex::array::VortexSessionExecute;
use vortex::arrow::ArrowSessionExt;
use vortex::buffer::Buffer;
use vortex::dtype::Nullability;
use vortex::error::VortexResult;
use vortex::expr::{BoundExpression, Expression, and_collect, get_item, pack, root};
use vortex::layout::layouts::row_idx::row_idx;
use vortex::layout::scan::repeated_scan::RepeatedScan;
use vortex::layout::scan::scan_builder::ScanBuilder;
use vortex::scan::selection::Selection;
use vortex::scan::strict_sorted_buffer::StrictSortedBuffer;
use vortex::session::VortexSession;

use super::filters::{self, Split};
use super::{ROW_ADDRESS, TableScan};
use crate::error::{from_vortex, into_datafusion};

/// How one segment is read for one scan, with the filters as they were when it was made.
pub(super) struct SegmentReader {
    segment: Arc<Segment>,
    builder: ScanBuilder<vortex::array::ArrayRef>,
    /// What Vortex evaluates.
    native: Vec<BoundExpression>,
    assembly: Arc<Assembly>,
}

/// Rows of a segment that may come; `None` when filters left none.
pub(super) type SegmentRows = BoxFuture<'static, VortexResult<Option<vortex::array::ArrayRef>>>;

/// A reader whose plan is made.
pub(super) struct PreparedReader {
    scan: RepeatedScan<vortex::array::ArrayRef>,
    assembly: Arc<Assembly>,
}

/// What is read of a segment for a scan, and what is done with it.
pub(super) struct Needs {
    /// The filters that Vortex evaluates.
    pub native: Vec<Expression>,
    pub assembly: Assembly,
}

impl Needs {
    /// For the segment at this place in the table; `are_found` when its rows are known by their positions, and few.
    pub(super) fn of(scan: &TableScan, at: usize, are_found: bool) -> Result<Self> {
        let dtype = scan.version.segments[at].segment.file().dtype();
        let stored = |position: usize| {
            let name = scan.stored.field(position).name();
            position == scan.address_column()
                || dtype.as_struct_fields_opt().is_some_and(|fields| fields.find(name).is_some())
        };
        let missing = |position: usize| -> Result<ScalarValue> {
            let value = scan.version.table.columns[position].missing_values(1).map_err(into_datafusion)?;
            ScalarValue::try_from_array(&value, 0)
        };
        let filters = match scan.access.as_ref().filter(|_| are_found) {
            Some(access) => Cow::Owned(access.beyond(&scan.filters)),
            None => Cow::Borrowed(&scan.filters),
        };
        let Split { native, residual, optional } =
            filters::split(&filters, are_found, &scan.stored, &scan.session, |column| {
                if stored(column.index()) {
                    return None;
                }
                missing(column.index())
                    .ok()
                    .map(|value| Arc::new(Literal::new(value)) as Arc<dyn PhysicalExpr>)
            })?;

        let mut needed = scan.columns.clone();
        needed.extend(residual.iter().flat_map(collect_columns).map(|column| column.index()));
        needed.sort_unstable();
        needed.dedup();
        let (read, constant): (Vec<usize>, Vec<usize>) =
            needed.into_iter().partition(|position| stored(*position));
        let constant = constant.into_iter().map(|position| {
            Ok((position, missing(position)?.cast_to(scan.field_read(position).data_type())?))
        });
        let assembly = Assembly::new(scan, read, constant.collect::<Result<_>>()?, residual, optional)?;
        Ok(Self { native, assembly })
    }
}

impl SegmentReader {
    /// For the segment at this place in the table, all rows that are not deleted.
    pub(super) fn new(scan: &TableScan, at: usize) -> Result<Self> {
        let live = &scan.version.segments[at];
        let Needs { native, assembly } = Needs::of(scan, at, false)?;
        let projection = assembly.names().map(|name| match name {
            ROW_ADDRESS => (name.to_owned(), row_idx()),
            name => (name.to_owned(), get_item(name, root())),
        });
        let bind = |expression: Expression| {
            let bound =
                expression.bind(live.segment.file().dtype()).and_then(|bound| bound.optimize_recursive());
            bound.map_err(|error| into_datafusion(from_vortex(error)))
        };
        let filter = and_collect(native.iter().cloned()).map(bind).transpose()?;
        let builder = live
            .segment
            .scan()
            .with_projection(bind(pack(projection.collect::<Vec<_>>(), Nullability::NonNullable))?)
            .with_some_filter(filter)
            .with_selection(selection(live)?)
            .with_row_offset(RowAddress::of_segment(live.segment.id()).0);
        let native = native.into_iter().map(bind).collect::<Result<_>>()?;
        Ok(Self { segment: Arc::clone(&live.segment), builder, native, assembly: Arc::new(assembly) })
    }

    /// The rows that zone maps leave, as ascending ranges that do not touch; `None` when they leave all.
    pub(super) fn possible(&self) -> Result<Option<Vec<Range<u64>>>> {
        if self.native.is_empty() {
            return Ok(None);
        }
        self.segment.possible(&self.native).map_err(into_datafusion)
    }

    /// Where the segment may be divided; ascending, from 0 to its rows.
    pub(super) fn splits(&self) -> Result<Vec<u64>> {
        self.builder.full_file_splits().map_err(|error| into_datafusion(from_vortex(error)))
    }

    pub(super) fn prepare(self) -> Result<PreparedReader> {
        let scan = self.builder.prepare().map_err(|error| into_datafusion(from_vortex(error)))?;
        Ok(PreparedReader { scan, assembly: self.assembly })
    }
}

impl PreparedReader {
    /// The rows of a range, in parts.
    pub(super) fn read(&self, rows: Range<u64>) -> Result<Vec<SegmentRows>> {
        self.scan.execute(Some(rows)).map_err(|error| into_datafusion(from_vortex(error)))
    }

    pub(super) fn assembly(&self) -> &Arc<Assembly> {
        &self.assembly
    }
}

/// Rows that are not deleted.
fn selection(live: &LiveSegment) -> Result<Selection> {
    let Some(deleted) = &live.deleted else { return Ok(Selection::All) };
    StrictSortedBuffer::try_new(Buffer::from_iter(deleted.iter().map(u64::from)))
        .map(Selection::ExcludeByIndex)
        .map_err(|error| into_datafusion(from_vortex(error)))
}

/// What makes rows of a table out of what was read.
pub(super) struct Assembly {
    session: VortexSession,
    /// So many columns are read.
    read: usize,
    /// What was read, as one Arrow field.
    target: Field,
    /// Values of columns that the segment does not have.
    constant: Vec<(usize, ScalarValue)>,
    /// Read columns, then constant ones.
    gathered: SchemaRef,
    residual: Vec<Arc<dyn PhysicalExpr>>,
    optional: Option<OptionalFilter>,
    /// Where in `gathered` each column that comes out is.
    output: Vec<usize>,
    schema: SchemaRef,
}

impl Assembly {
    fn new(
        scan: &TableScan,
        read: Vec<usize>,
        constant: Vec<(usize, ScalarValue)>,
        residual: Vec<Arc<dyn PhysicalExpr>>,
        optional: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let fields = |positions: &mut dyn Iterator<Item = usize>| -> Vec<Field> {
            positions.map(|position| scan.field_read(position)).collect()
        };
        let read_fields = fields(&mut read.iter().copied());
        let mut all = read_fields.clone();
        all.extend(fields(&mut constant.iter().map(|(position, _)| *position)));
        let gathered = Arc::new(Schema::new(all));
        let order: Vec<usize> =
            read.iter().copied().chain(constant.iter().map(|(position, _)| *position)).collect();
        let place = |position: &usize| order.iter().position(|other| other == position).unwrap_or(0);
        Ok(Self {
            session: scan.session.clone(),
            target: Field::new_struct("", read_fields, false),
            constant,
            residual: residual
                .into_iter()
                .map(|expr| reassign_expr_columns(expr, &gathered))
                .collect::<Result<_>>()?,
            optional: OptionalFilter::new(optional, &gathered)?,
            gathered,
            output: scan.columns.iter().map(place).collect(),
            schema: Arc::clone(&scan.schema),
            read: read.len(),
        })
    }

    /// What is read, by stored name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.gathered.fields().iter().take(self.read).map(|field| field.name().as_str())
    }

    /// Rows as they come out; those that DataFusion's filters refuse are gone.
    pub(super) fn batch(&self, rows: vortex::array::ArrayRef) -> Result<RecordBatch> {
        let count = rows.len();
        let mut context = self.session.create_execution_ctx();
        let array = self.session.arrow().execute_arrow(rows, Some(&self.target), &mut context);
        let array = array.map_err(|error| into_datafusion(from_vortex(error)))?;
        let mut columns: Vec<ArrayRef> = array.as_struct().columns().to_vec();
        for (_, value) in &self.constant {
            columns.push(value.to_array_of_size(count)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let mut batch = RecordBatch::try_new_with_options(Arc::clone(&self.gathered), columns, &options)?;
        for residual in &self.residual {
            batch = batch_filter(&batch, residual)?;
        }
        if let Some(optional) = &self.optional {
            batch = optional.filter(batch)?;
        }
        let columns = self.output.iter().map(|place| Arc::clone(batch.column(*place))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// What narrows rows while the query runs and Vortex cannot evaluate: mostly, whether a key is in the hash table of a join
/// above. Its owner applies it anyway, so that it is applied here only as long as it keeps few rows.
struct OptionalFilter {
    expr: Arc<dyn PhysicalExpr>,
    /// Columns that it asks about and that are read as dictionaries, which it knows as their values.
    coded: Vec<usize>,
    /// What is read, with these as their values.
    plain: SchemaRef,
    seen: AtomicUsize,
    kept: AtomicUsize,
}

impl OptionalFilter {
    /// Rows that are looked at before it is judged.
    const TRIAL_ROWS: usize = 32_768;

    /// Of those filters that need no column beside the `gathered` ones.
    fn new(filters: Vec<Arc<dyn PhysicalExpr>>, gathered: &SchemaRef) -> Result<Option<Self>> {
        let is_there = |filter: &Arc<dyn PhysicalExpr>| {
            collect_columns(filter).iter().all(|column| gathered.column_with_name(column.name()).is_some())
        };
        let Some(expr) = conjunction_opt(filters.into_iter().filter(is_there)) else { return Ok(None) };
        let expr = reassign_expr_columns(expr, gathered)?;
        let (mut fields, mut coded) = (gathered.fields().to_vec(), Vec::new());
        for column in collect_columns(&expr) {
            let field = &mut fields[column.index()];
            if let DataType::Dictionary(_, values) = field.data_type() {
                *field = Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone()));
                coded.push(column.index());
            }
        }
        let plain = Arc::new(Schema::new(fields));
        Ok(Some(Self { expr, coded, plain, seen: AtomicUsize::new(0), kept: AtomicUsize::new(0) }))
    }

    /// The rows that pass, or all when too many do.
    fn filter(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let seen = self.seen.load(Ordering::Relaxed);
        if seen >= Self::TRIAL_ROWS && self.kept.load(Ordering::Relaxed) > seen / 2 {
            return Ok(batch);
        }
        let holds = self.expr.evaluate(&self.plain(&batch)?)?.into_array(batch.num_rows())?;
        let filtered = filter_record_batch(&batch, as_boolean_array(&holds)?)?;
        self.seen.fetch_add(batch.num_rows(), Ordering::Relaxed);
        self.kept.fetch_add(filtered.num_rows(), Ordering::Relaxed);
        Ok(filtered)
    }

    fn plain(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        for place in &self.coded {
            columns[*place] = cast(&columns[*place], self.plain.field(*place).data_type())?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.plain), columns, &options)?)
    }
}
