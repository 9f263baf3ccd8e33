//! Sources of DataFusion whose errors and panics are named after the file that they are about.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures::{FutureExt, StreamExt};

use super::meter::malformed;
use super::text::TextReading;
use crate::error::{from_datafusion, into_datafusion};

/// A format whose scans are checked.
#[derive(Debug)]
pub(super) struct CheckedFormat(pub(super) Arc<dyn FileFormat>);

#[async_trait]
impl FileFormat for CheckedFormat {
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
        self.0.infer_schema(state, store, objects).await
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        self.0.infer_stats(state, store, table_schema, object).await
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
        let source = CheckedSource::new(Arc::clone(&config.file_source), None);
        let config = FileScanConfigBuilder::from(config).with_source(Arc::new(source)).build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.0.file_source(table_schema)
    }
}

/// A source of DataFusion, over text when it decodes text.
#[derive(Clone)]
pub(super) struct CheckedSource {
    inner: Arc<dyn FileSource>,
    text: Option<TextReading>,
}

impl CheckedSource {
    pub(super) fn new(inner: Arc<dyn FileSource>, text: Option<TextReading>) -> Self {
        Self { inner, text }
    }

    fn over(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, text: self.text.clone() })
    }
}

impl FileSource for CheckedSource {
    fn create_file_opener(
        &self,
        files: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let inner = match &self.text {
            None => self.inner.create_file_opener(files, config, partition)?,
            Some(text) => {
                // The store gives text that is not compressed any more.
                let config = FileScanConfigBuilder::from(config.clone())
                    .with_file_compression_type(FileCompressionType::UNCOMPRESSED)
                    .build();
                self.inner.create_file_opener(text.of(files), &config, partition)?
            }
        };
        Ok(Arc::new(CheckedOpener { inner }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.over(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, style: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(style, out)
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning() && self.text.as_ref().is_none_or(|text| text.is_divisible)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_projection(projection)?.map(|inner| self.over(inner)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(visit)
    }
}

struct CheckedOpener {
    inner: Arc<dyn FileOpener>,
}

impl FileOpener for CheckedOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let shown = format!("/{}", file.object_meta.location);
        let opening = self.inner.open(file)?;
        Ok(Box::pin(async move {
            let rows = checked(opening, &shown).await?;
            let rows = AssertUnwindSafe(rows).catch_unwind().map(move |batch| match batch {
                Ok(batch) => batch.map_err(|error| named(error, &shown)),
                Err(_) => Err(panicked(&shown)),
            });
            Ok(rows.boxed())
        }))
    }
}

/// What `work` on the file `shown` gives; its errors and panics name the file.
pub(super) async fn checked<T>(work: impl Future<Output = Result<T>>, shown: &str) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done.map_err(|error| named(error, shown)),
        Err(_) => Err(panicked(shown)),
    }
}

fn panicked(shown: &str) -> DataFusionError {
    malformed(format!("{shown} cannot be read: its decoder panicked"))
}

/// What a decoder says about bytes that it cannot read is about the file; other errors stay as they are.
fn named(error: DataFusionError, shown: &str) -> DataFusionError {
    match error.find_root() {
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {}
        _ => return error,
    }
    let ours = from_datafusion(error);
    if ours.message().starts_with(shown) {
        return into_datafusion(ours);
    }
    malformed(format!("{shown}: {}", ours.message()))
}
