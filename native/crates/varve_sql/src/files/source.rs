//! Sources of DataFusion whose errors and panics are named after the file that they are about.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
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

use super::arrow;
use super::meter::malformed;
use super::text::TextReading;
use crate::error::{from_datafusion, into_datafusion};
use crate::limits;

/// Arrow's files, whose claims are checked before DataFusion reads them.
#[derive(Debug)]
pub(super) struct CheckedArrow(pub(super) ArrowFormat);

#[async_trait]
impl FileFormat for CheckedArrow {
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
        let room = arrow::room_of(state);
        let mut schemas = Vec::with_capacity(objects.len());
        for object in objects {
            let shown = format!("/{}", object.location);
            let known = arrow::schema_of(store.as_ref(), &object.location, room);
            let schema = match checked(known, &shown).await? {
                Some(schema) => schema,
                None => {
                    checked(self.0.infer_schema(state, store, std::slice::from_ref(object)), &shown).await?
                }
            };
            limits::columns(&shown, schema.fields().len()).map_err(into_datafusion)?;
            schemas.push(Arc::unwrap_or_clone(schema));
        }
        Ok(Arc::new(Schema::try_merge(schemas)?))
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
        let source = CheckedSource::new(
            Arc::clone(&config.file_source),
            Reading::Arrow { room: arrow::room_of(state) },
        );
        let config = FileScanConfigBuilder::from(config).with_source(Arc::new(source)).build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.0.file_source(table_schema)
    }
}

/// What a source decodes.
#[derive(Clone)]
pub(super) enum Reading {
    Text(TextReading),
    /// A message may unpack to `room` bytes.
    Arrow {
        room: u64,
    },
}

/// A source of DataFusion.
#[derive(Clone)]
pub(super) struct CheckedSource {
    inner: Arc<dyn FileSource>,
    reading: Reading,
}

impl CheckedSource {
    pub(super) fn new(inner: Arc<dyn FileSource>, reading: Reading) -> Self {
        Self { inner, reading }
    }

    fn over(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, reading: self.reading.clone() })
    }
}

impl FileSource for CheckedSource {
    fn create_file_opener(
        &self,
        files: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let (inner, claims) = match &self.reading {
            Reading::Arrow { room } => {
                (self.inner.create_file_opener(Arc::clone(&files), config, partition)?, Some((files, *room)))
            }
            Reading::Text(text) => {
                // The store gives text that is not compressed any more.
                let config = FileScanConfigBuilder::from(config.clone())
                    .with_file_compression_type(FileCompressionType::UNCOMPRESSED)
                    .build();
                (self.inner.create_file_opener(text.of(files), &config, partition)?, None)
            }
        };
        Ok(Arc::new(CheckedOpener { inner, claims }))
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
        let is_divisible = match &self.reading {
            Reading::Arrow { .. } => true,
            Reading::Text(text) => text.is_divisible,
        };
        is_divisible && self.inner.supports_repartitioning()
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
    /// Where files of Arrow are, and the room for one message.
    claims: Option<(Arc<dyn ObjectStore>, u64)>,
}

impl FileOpener for CheckedOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let location = file.object_meta.location.clone();
        let shown = format!("/{location}");
        let opening = self.inner.open(file)?;
        let claims = self.claims.clone();
        Ok(Box::pin(async move {
            if let Some((files, room)) = claims {
                // Again, for it may be another file than the one that was planned.
                arrow::check(files.as_ref(), &location, room).await?;
            }
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
