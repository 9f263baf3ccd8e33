//! The source of a table's rows in a plan: segments minus deletions, then hot rows, all at one version of the table.
//!
//! Partitions pull pieces of work from one queue, so that none idles while another has rows left. Filters that Vortex
//! understands are evaluated while it reads, by zone maps first; others, and all filters of hot rows, by DataFusion.
//! Filters that a top-k, join or aggregate narrows while it runs are looked at again for each piece.
//!
//! Expressions inside a scan are over the stored form of the table: columns by stored name, at their position in the
//! table, and the row address behind them.

mod access;
mod analysed;
mod fetch;
mod filters;
mod floats;
mod hot;
mod memo;
mod observe;
mod piece;
mod reader;
mod segment;
mod selectivity;
mod statistics;
mod unknown;

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::source::{DataSource, DataSourceExec, OpenArgs};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::expressions::{Column, Literal};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use varve_table::{Index, RowSet, TableVersion};
use vortex::session::VortexSession;

use access::Access;
use filters::Filter;
use memo::Memo;
use piece::Work;
pub(crate) use selectivity::selectivity;
pub(crate) use statistics::width;

use crate::cardinality::{Domain, Shape, shape};
use crate::lambdas::has_lambda;

/// The name of the hidden column with the address of each row.
pub(crate) const ROW_ADDRESS: &str = "__varve_row";

/// Fewer rows than this per partition are not worth another one.
const PARTITION_ROWS_MIN: u64 = 65_536;
/// The same of rows that an index found.
const PARTITION_FETCHES_MIN: u64 = 512;

/// The columns of a table by the names that users see, and, if asked for, the address of the row behind them.
pub(crate) fn visible_schema(table: &varve_table::Table, with_address: bool) -> SchemaRef {
    with_row_address(&table.arrow_schema(), with_address)
}

fn with_row_address(schema: &SchemaRef, with_address: bool) -> SchemaRef {
    if !with_address {
        return Arc::clone(schema);
    }
    let address = Arc::new(Field::new(ROW_ADDRESS, DataType::UInt64, false));
    let fields = schema.fields().iter().cloned().chain([address]);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A scan of one version of a table.
#[derive(Clone)]
pub(crate) struct TableScan {
    version: Arc<TableVersion>,
    /// Secondary indexes, of other tables too; for their names.
    indexes: Arc<Vec<Index>>,
    session: VortexSession,
    /// The stored form of the table, with the row address behind it.
    stored: SchemaRef,
    /// Positions in `stored` that come out, in this order.
    columns: Vec<usize>,
    /// What comes out: `columns` by the names that users see.
    schema: SchemaRef,
    filters: Vec<Filter>,
    /// The only rows that may come, if they are known.
    only: Option<Arc<RowSet>>,
    /// The index that finds the rows, as far as the filters are known before the query runs.
    access: Option<Access>,
    fetch: Option<usize>,
    partitions: usize,
    metrics: ExecutionPlanMetricsSet,
    known: Memo<Arc<Statistics>>,
    domains: Memo<Arc<[Option<Domain>]>>,
}

impl TableScan {
    /// A scan that gives `columns`: positions in the table, its length for the row address.
    pub(crate) fn new(
        (version, indexes): (Arc<TableVersion>, Arc<Vec<Index>>),
        session: VortexSession,
        columns: Vec<usize>,
        threads: usize,
    ) -> Result<Self> {
        let stored = with_row_address(&version.table.stored_schema(), true);
        let schema = Arc::new(visible_schema(&version.table, true).project(&columns)?);
        let worthwhile = version.live_rows().div_ceil(PARTITION_ROWS_MIN).max(1);
        let partitions = usize::try_from(worthwhile).unwrap_or(threads).min(threads).max(1);
        Ok(Self {
            version,
            indexes,
            session,
            stored,
            columns,
            schema,
            filters: Vec::new(),
            only: None,
            access: None,
            fetch: None,
            partitions,
            metrics: ExecutionPlanMetricsSet::new(),
            known: Memo::default(),
            domains: Memo::default(),
        })
    }

    /// The scan that an operator is.
    pub(crate) fn of(plan: &dyn ExecutionPlan) -> Option<&Self> {
        plan.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref()
    }

    /// The version of the table.
    pub(crate) fn version(&self) -> &Arc<TableVersion> {
        &self.version
    }

    /// Whether it can be run again [`Self::at`] the same version: nothing in it belongs to one run.
    pub(crate) fn may_be_repeated(&self) -> bool {
        self.only.is_none() && !self.filters.iter().any(Filter::is_dynamic)
    }

    /// The same scan at `version`, as if it had never run. What it decided for another version it keeps.
    pub(crate) fn at(&self, version: Arc<TableVersion>) -> Self {
        Self { version, metrics: ExecutionPlanMetricsSet::new(), ..self.clone() }
    }

    /// The same scan, for grouping by the columns at `keys` of what comes out: strings come as dictionaries. `None` when most
    /// strings are in none, or filtered by what may not be ignored.
    pub(crate) fn with_codes(&self, keys: &[usize]) -> Option<Self> {
        let mut scan = self.clone();
        for key in keys.iter().filter(|key| *self.schema.field(**key).data_type() == DataType::Utf8View) {
            let position = self.columns[*key];
            let is_filtered = |filter: &Filter| {
                let is_about = |column: &Column| column.index() == position;
                !filter.is_dynamic() && collect_columns(filter.expr()).iter().any(is_about)
            };
            if self.filters.iter().any(is_filtered) || self.dictionary_values(position).is_none() {
                return None;
            }
            scan.schema = as_dictionary(&scan.schema, *key);
        }
        Some(scan)
    }

    /// About how many different values the column at `key` of what comes out has at most, NULL among them; `None` when
    /// nothing is known.
    pub(crate) fn values_max(&self, key: usize) -> Option<u64> {
        let position = self.columns[key];
        if *self.schema.field(key).data_type() == DataType::Utf8View {
            return self.dictionary_values(position).map(|values| values + 1);
        }
        let statistics = statistics::of(self).ok()?;
        let column = statistics.column_statistics.get(key)?;
        let end = |value: &Precision<ScalarValue>| match value.get_value()?.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(value) => value,
            _ => None,
        };
        let span = end(&column.max_value)?.checked_sub(end(&column.min_value)?)?;
        u64::try_from(span).ok()?.checked_add(2)
    }

    /// What is known of the values of the columns that come out, filters aside.
    pub(crate) fn domains(&self) -> Vec<Option<Domain>> {
        let domains = self.domains.get(|| Ok::<_, Infallible>(statistics::domains(self).into()));
        domains.map_or_else(|never| match never {}, |domains| domains.to_vec())
    }

    /// What corrections of the estimate of its filters belong to; `None` when there are no filters.
    pub(crate) fn filter_shape(&self) -> Option<Shape> {
        let filter = filters::required(&self.filters)?;
        let open = filter.transform_up(|node| {
            Ok(match node.is::<Literal>() {
                true => Transformed::yes(Arc::new(Column::new("?", usize::MAX)) as _),
                false => Transformed::no(node),
            })
        });
        Some(shape((self.version.table.id.0, open.ok()?.data.to_string())))
    }

    /// So many rows come out at most.
    pub(crate) fn rows_max(&self) -> u64 {
        self.version.live_rows()
    }

    /// What is known of the rows that come out; estimates are not corrected.
    pub(crate) fn statistics(&self) -> Result<Arc<Statistics>> {
        self.known.get(|| statistics::of(self).map(Arc::new))
    }

    fn dictionary_values(&self, position: usize) -> Option<u64> {
        statistics::dictionary_values(&self.version, self.stored.field(position).name())
    }

    /// The same scan, of these rows only.
    pub(crate) fn of_rows(self, rows: Arc<RowSet>) -> Self {
        Self { only: Some(rows), ..self }
    }

    /// A stored column as it is read: as it comes out, if it does.
    fn field_read(&self, position: usize) -> Field {
        let stored = self.stored.field(position).clone();
        match self.columns.iter().position(|other| *other == position) {
            Some(place) => stored.with_data_type(self.schema.field(place).data_type().clone()),
            None => stored,
        }
    }

    /// The position of the row address in `stored`.
    fn address_column(&self) -> usize {
        self.stored.fields().len() - 1
    }

    /// `expr` over what comes out, as an expression over the stored form.
    fn to_stored(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        filters::map_columns(expr, |column| {
            let position = self.columns[column.index()];
            Arc::new(Column::new(self.stored.field(position).name(), position))
        })
    }
}

/// The same schema with strings at `position` as a dictionary; unchanged when they are one, for a column that is two keys.
fn as_dictionary(schema: &SchemaRef, position: usize) -> SchemaRef {
    if matches!(schema.field(position).data_type(), DataType::Dictionary(..)) {
        return Arc::clone(schema);
    }
    let mut fields = schema.fields().to_vec();
    let own = Field::clone(&fields[position]);
    let data_type = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(own.data_type().clone()));
    fields[position] = Arc::new(own.with_data_type(data_type));
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

impl fmt::Debug for TableScan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Default, out)
    }
}

impl DataSource for TableScan {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let alone = Arc::new(Work::new(self));
        reader::stream(self.clone(), alone, partition, &context)
    }

    /// The work is divided anew for each execution.
    fn create_sibling_state(&self, _config: &ConfigOptions) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(Work::new(self)))
    }

    fn open_with_args(&self, args: OpenArgs) -> Result<SendableRecordBatchStream> {
        match args.sibling_state.and_then(|state| state.downcast::<Work>().ok()) {
            Some(shared) => reader::stream(self.clone(), shared, args.partition, &args.context),
            None => self.open(args.partition, args.context),
        }
    }

    fn fmt_as(&self, _style: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.version.table;
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(out, "table={}.{}, columns=[{}]", table.schema, table.name, names.join(", "))?;
        if !self.filters.is_empty() {
            let shown: Vec<String> = self.filters.iter().map(|filter| filter.shown(table)).collect();
            write!(out, ", filter={}", shown.join(" AND "))?;
        }
        if let Some(access) = &self.access {
            write!(out, ", index={}, index_rows={}", access.shown(self), access.rows)?;
        }
        if let Some(fetch) = self.fetch {
            write!(out, ", fetch={fetch}")?;
        }
        Ok(())
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.partitions)
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(Arc::clone(&self.schema))
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        match partition {
            None => self.statistics(),
            // Which partition gets which rows is not known before it runs.
            Some(_) => Ok(Arc::new(Statistics::new_unknown(&self.schema))),
        }
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn DataSource>> {
        Some(Arc::new(Self { fetch, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        let mut columns = Vec::new();
        for item in projection.iter() {
            match item.expr.downcast_ref::<Column>() {
                Some(column) if column.name() == item.alias => columns.push(self.columns[column.index()]),
                _ => return Ok(None),
            }
        }
        let schema = Arc::new(projection.project_schema(&self.schema)?);
        Ok(Some(Arc::new(Self { columns, schema, ..self.clone() })))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        // A filter above a limit may not change which rows the limit sees.
        if filters.is_empty() || self.fetch.is_some() {
            return Ok(FilterPushdownPropagation::with_parent_pushdown_result(vec![
                PushedDown::No;
                filters.len()
            ]));
        }
        let mut scan = self.clone();
        let mut answers = Vec::with_capacity(filters.len());
        for expr in filters {
            if has_lambda(&expr)? {
                answers.push(PushedDown::No);
                continue;
            }
            let filter = Filter::new(self.to_stored(expr)?);
            // One that changes while the query runs is used to skip rows; its owner applies it anyway.
            answers.push(if filter.is_dynamic() { PushedDown::No } else { PushedDown::Yes });
            scan.filters.push(filter);
        }
        if scan.only.is_none() {
            scan.access = Access::choose(&scan)?;
            // Another thread would come too late.
            if scan.access.as_ref().is_some_and(|access| access.rows < PARTITION_FETCHES_MIN)
                && !scan.filters.iter().any(Filter::is_dynamic)
            {
                scan.partitions = 1;
            }
        }
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(answers).with_updated_node(Arc::new(scan)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.filters.iter().map(Filter::expr), visit)
    }
}
