//! Parquet files whose floating point numbers may be NaN.
//!
//! NaN is greater than all other numbers here, as in PostgreSQL. The least and the greatest value that a Parquet file notes of
//! its columns leave NaN out: a column of -1.5 and NaN is noted as one of nothing but -1.5. DataFusion 55.2 takes such a
//! column for a constant, and leaves parts out in which a greater number or another one is looked for. So these notes are not
//! told of floating point numbers, and filters on them say that NaN may be there.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::file_format::{FileFormat, FileMeta};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::functions::math::isnan;
use datafusion::logical_expr::Operator;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr,
};
use datafusion::physical_plan::expressions::{
    BinaryExpr, DynamicFilterPhysicalExpr, InListExpr, Literal, NegativeExpr,
};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, SortOrderPushdownResult};
use datafusion_datasource::morsel::Morselizer;

use crate::error::into_datafusion;
use crate::failing::may_fail_at_last;
use crate::limits;

/// The format.
#[derive(Debug)]
pub(super) struct WholeParquet(pub(super) ParquetFormat);

#[async_trait]
impl FileFormat for WholeParquet {
    fn get_ext(&self) -> String {
        self.0.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.0.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.0.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        for object in objects {
            check_width(state, store, object).await?;
        }
        self.0.infer_schema(state, store, objects).await
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let statistics = self.0.infer_stats(state, store, Arc::clone(&table_schema), object).await?;
        Ok(without_bounds_of_floats(statistics, &table_schema))
    }

    async fn infer_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Option<LexOrdering>> {
        self.0.infer_ordering(state, store, table_schema, object).await
    }

    async fn infer_stats_and_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<FileMeta> {
        let mut told =
            self.0.infer_stats_and_ordering(state, store, Arc::clone(&table_schema), object).await?;
        told.statistics = without_bounds_of_floats(told.statistics, &table_schema);
        Ok(told)
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        config: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.0.create_physical_plan(state, config).await?;
        let config = plan
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
        let Some(config) = config.cloned() else { return Ok(plan) };
        let source = Arc::new(WholeSource(Arc::clone(&config.file_source)));
        Ok(DataSourceExec::from_data_source(FileScanConfigBuilder::from(config).with_source(source).build()))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.0.file_source(table_schema)
    }
}

/// Refuses a file of too many columns before its reader looks each up among all others.
async fn check_width(state: &dyn Session, store: &Arc<dyn ObjectStore>, object: &ObjectMeta) -> Result<()> {
    let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
    let told = DFParquetMetadata::new(store.as_ref(), object).with_file_metadata_cache(Some(cache));
    let told = told.fetch_metadata().await?;
    let fields = told.file_metadata().schema_descr().root_schema().get_fields();
    limits::columns(&format!("/{}", object.location), fields.len()).map_err(into_datafusion)
}

fn without_bounds_of_floats(mut statistics: Statistics, schema: &Schema) -> Statistics {
    for (column, field) in statistics.column_statistics.iter_mut().zip(schema.fields()) {
        if field.data_type().is_floating() {
            column.min_value = Precision::Absent;
            column.max_value = Precision::Absent;
        }
    }
    statistics
}

/// The source that filters come to.
struct WholeSource(Arc<dyn FileSource>);

impl WholeSource {
    fn over(inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self(inner))
    }
}

impl FileSource for WholeSource {
    fn create_file_opener(
        &self,
        files: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.0.create_file_opener(files, config, partition)
    }

    fn create_morselizer(
        &self,
        files: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        self.0.create_morselizer(files, config, partition)
    }

    fn table_schema(&self) -> &TableSchema {
        self.0.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Self::over(self.0.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.0.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.0.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.0.metrics()
    }

    fn file_type(&self) -> &str {
        self.0.file_type()
    }

    fn fmt_extra(&self, style: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_extra(style, out)
    }

    fn supports_repartitioning(&self) -> bool {
        self.0.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        partitions: usize,
        bytes_min: usize,
        ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        self.0.repartitioned(partitions, bytes_min, ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let schema = self.0.table_schema().table_schema();
        // It computes each on its own, in the order in which they come.
        let said =
            |filter| if may_fail_at_last(filter, schema)? { Ok(None) } else { with_nan(filter, schema) };
        let ours = filters.iter().map(said).collect::<Result<Vec<_>>>()?;
        let taken = ours.iter().flatten().map(Arc::clone).collect();
        let pushed = self.0.try_pushdown_filters(taken, config)?;
        let mut theirs = pushed.filters.into_iter();
        let mut answer = |filter: Option<Arc<dyn PhysicalExpr>>| filter.and_then(|_| theirs.next());
        let filters = ours.into_iter().map(|filter| answer(filter).unwrap_or(PushedDown::No)).collect();
        Ok(FilterPushdownPropagation { filters, updated_node: pushed.updated_node.map(Self::over) })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(self.0.try_pushdown_sort(order, properties)?.map(Self::over))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.0.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.0.try_pushdown_projection(projection)?.map(Self::over))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.0.apply_expressions(visit)
    }
}

/// The same filter for a source that leaves parts out by bounds without NaN; `None` when it cannot be said.
fn with_nan(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let mut is_sayable = true;
    let said = Arc::clone(filter).transform_up(|node| {
        let is_float = |part: &Arc<dyn PhysicalExpr>| part.data_type(schema).map(|of| of.is_floating());
        if let Some(binary) = node.downcast_ref::<BinaryExpr>() {
            let is_comparison = !binary.op().is_logic_operator() && !binary.op().is_numerical_operators();
            if !is_comparison || !is_float(binary.left())? {
                return Ok(Transformed::no(node));
            }
            return match comparison_with_nan(binary, schema)? {
                Some(said) => Ok(said.map_or_else(|| Transformed::no(node), Transformed::yes)),
                None => {
                    is_sayable = false;
                    Ok(Transformed::no(node))
                }
            };
        }
        is_sayable &= match node.downcast_ref::<InListExpr>() {
            Some(list) if is_float(list.expr())? => {
                !list.negated()
                    && list.list().iter().all(|item| literal(item).is_some_and(|item| !is_nan(item)))
            }
            Some(_) => true,
            // Under one the order is another; a filter that changes while it runs is not known yet.
            None if node.is::<NegativeExpr>() || node.is::<DynamicFilterPhysicalExpr>() => {
                !node.children().into_iter().any(|part| is_float(part).unwrap_or(true))
            }
            None => true,
        };
        Ok(Transformed::no(node))
    })?;
    Ok(is_sayable.then_some(said.data))
}

/// Another comparison that says the same, or the same if that does; `None` when neither does.
#[expect(clippy::option_option, reason = "there is a comparison, or it stays as it is, or it cannot be said")]
fn comparison_with_nan(
    binary: &BinaryExpr,
    schema: &Schema,
) -> Result<Option<Option<Arc<dyn PhysicalExpr>>>> {
    let (left, right, op) = (binary.left(), binary.right(), *binary.op());
    let (value, op, bound) = match (literal(left), literal(right), op.swap()) {
        (_, Some(bound), _) => (left, op, bound),
        (Some(bound), None, Some(op)) => (right, op, bound),
        // Bounds are compared with literals only.
        _ => return Ok(Some(None)),
    };
    if bound.is_null() {
        return Ok(Some(None));
    }
    let same: Arc<dyn PhysicalExpr> = Arc::new(binary.clone());
    Ok(match op {
        Operator::Lt | Operator::NotEq if is_nan(bound) => Some(None),
        _ if is_nan(bound) => None,
        Operator::Lt | Operator::LtEq | Operator::Eq => Some(None),
        Operator::Gt | Operator::GtEq | Operator::NotEq => {
            let options = Arc::new(ConfigOptions::default());
            let is_nan = ScalarFunctionExpr::try_new(isnan(), vec![Arc::clone(value)], schema, options)?;
            Some(Some(Arc::new(BinaryExpr::new(same, Operator::Or, Arc::new(is_nan)))))
        }
        _ => None,
    })
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

fn is_nan(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float16(Some(value)) => value.is_nan(),
        ScalarValue::Float32(Some(value)) => value.is_nan(),
        ScalarValue::Float64(Some(value)) => value.is_nan(),
        _ => false,
    }
}
