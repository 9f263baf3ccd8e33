//! Files in folders that are partitions, as one table.
//!
//! DataFusion's own table of files lists a folder anew whenever it is planned. This one has the files that the statement was
//! planned with, as every table of files here, and leaves out those whose folders tell that no row of theirs is asked for.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result, ScalarValue, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::listing::{ListingTableUrl, PartitionedFile};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::ObjectStoreExt;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion_datasource::compute_all_files_statistics;
use futures::{StreamExt, TryStreamExt, stream};

use super::partitions::Partitions;

/// The table.
#[derive(Debug)]
pub(super) struct PartitionedTable {
    format: Arc<dyn FileFormat>,
    columns: TableSchema,
    files: Vec<ListingTableUrl>,
    partitions: Partitions,
}

impl PartitionedTable {
    /// Of files that have the columns of `schema`; there is one at least.
    pub(super) fn new(
        format: Arc<dyn FileFormat>,
        schema: SchemaRef,
        files: Vec<ListingTableUrl>,
        partitions: Partitions,
    ) -> Self {
        let columns =
            TableSchema::builder(schema).with_table_partition_cols(partitions.fields.clone()).build();
        Self { format, columns, files, partitions }
    }

    /// Which files may have rows that all of `filters` hold for.
    fn asked_for(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<bool>> {
        let names: Vec<&str> = self.partitions.fields.iter().map(|field| field.name().as_str()).collect();
        let about = filters.iter().filter(|filter| expr_applicable_for_cols(&names, filter)).cloned();
        let Some(filter) = conjunction(about) else { return Ok(vec![true; self.files.len()]) };
        let schema = Arc::new(Schema::new(self.partitions.fields.clone()));
        let column = |at: usize| {
            ScalarValue::iter_to_array(self.partitions.values.iter().map(|values| values[at].clone()))
        };
        let columns = (0..names.len()).map(column).collect::<Result<Vec<_>>>()?;
        let values = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let filter = create_physical_expr(
            &filter,
            &DFSchema::try_from(schema)?,
            state.execution_props(),
            &Default::default(),
        )?;
        let holds = filter.evaluate(&values)?.into_array(values.num_rows())?;
        Ok(holds.as_boolean().iter().map(|holds| holds == Some(true)).collect())
    }

    async fn files(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<PartitionedFile>> {
        // A filter that fails fails where it is asked of rows, if it is asked of any.
        let asked = self.asked_for(state, filters).unwrap_or_else(|_| vec![true; self.files.len()]);
        let store = state.runtime_env().object_store(&self.files[0])?;
        let at_once = state.config_options().execution.meta_fetch_concurrency.get();
        let files = self.files.iter().zip(&self.partitions.values).zip(asked);
        let files = files.filter(|(_, is_asked)| *is_asked).map(|((url, values), _)| {
            let store = Arc::clone(&store);
            async move {
                let meta = store.head(url.prefix()).await?;
                let file = PartitionedFile::new_from_meta(meta).with_partition_values(values.clone());
                if !state.config().collect_statistics() {
                    return Ok(file);
                }
                let schema = Arc::clone(self.columns.file_schema());
                let told = self.format.infer_stats(state, &store, schema, &file.object_meta).await?;
                Ok(file.with_statistics(Arc::new(told)))
            }
        });
        let files: Vec<_> = files.collect();
        stream::iter(files).buffered(at_once).try_collect().await
    }
}

#[async_trait]
impl TableProvider for PartitionedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files(state, filters).await?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let told = state.config().collect_statistics();
        let (groups, statistics) = compute_all_files_statistics(groups, self.schema(), told, false)?;
        let source = self.format.file_source(self.columns.clone());
        let config = FileScanConfigBuilder::new(self.files[0].object_store(), source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(state, config).await
    }
}
