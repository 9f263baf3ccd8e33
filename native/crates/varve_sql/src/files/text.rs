//! CSV and JSON as DataFusion reads them, with every byte counted on its way in.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::config::{CsvOptions, JsonOptions};
use datafusion::common::{Result, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::physical_plan::{
    CsvSource, FileScanConfig, FileScanConfigBuilder, FileSource, JsonSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::meter::{Meter, malformed};
use super::options::{Format, ReadOptions};
use super::source::{CheckedSource, Reading, checked};
use super::store::refused;
use super::width::Width;
use crate::error::{from_datafusion, into_datafusion};

/// Bytes that types are inferred from.
const SAMPLE_BYTES_MAX: usize = 16 << 20;
/// Bytes of a JSON array that types are inferred from: it is read as a whole.
const ARRAY_BYTES_MAX: usize = 64 << 20;

/// The format of text files, read with `options`.
#[derive(Debug)]
pub(super) struct TextFormat {
    options: ReadOptions,
}

impl TextFormat {
    pub(super) fn new(options: ReadOptions) -> Self {
        Self { options }
    }

    fn csv(&self) -> CsvOptions {
        CsvOptions {
            has_header: Some(self.options.header),
            delimiter: self.options.delimiter,
            quote: self.options.quote,
            escape: self.options.escape,
            comment: self.options.comment,
            newlines_in_values: Some(!self.options.parallel),
            schema_infer_max_rec: Some(self.options.sample_rows),
            ..CsvOptions::default()
        }
    }

    fn json(&self) -> JsonOptions {
        JsonOptions {
            newline_delimited: !self.options.is_array,
            schema_infer_max_rec: Some(self.options.sample_rows),
            ..JsonOptions::default()
        }
    }

    fn plain(&self) -> Arc<dyn FileFormat> {
        match self.options.format {
            Format::Csv => Arc::new(CsvFormat::default().with_options(self.csv())),
            _ => Arc::new(JsonFormat::default().with_options(self.json())),
        }
    }
}

#[async_trait]
impl FileFormat for TextFormat {
    fn get_ext(&self) -> String {
        String::new()
    }

    fn get_ext_with_compression(&self, _compression: &FileCompressionType) -> Result<String> {
        Ok(String::new())
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        Some(self.options.compression)
    }

    /// Looks at the beginning of the first file; the others must fit it.
    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        let pool = Arc::clone(&state.runtime_env().memory_pool);
        let sample = if self.options.is_array { ARRAY_BYTES_MAX } else { SAMPLE_BYTES_MAX };
        let store: Arc<dyn ObjectStore> = Arc::new(TextStore {
            files: Arc::clone(store),
            meter: Meter::new(&self.options, self.options.sample_rows, pool),
            compression: self.options.compression,
            sample_bytes: Some(sample),
        });
        let Some(first) = objects.first() else {
            return self.plain().infer_schema(state, &store, objects).await;
        };
        let shown = format!("/{}", first.location);
        let plain = self.plain();
        let inferred = plain.infer_schema(state, &store, std::slice::from_ref(first));
        checked(inferred, &shown).await
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        _object: &ObjectMeta,
    ) -> Result<Statistics> {
        Ok(Statistics::new_unknown(&table_schema))
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        config: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let meter = Meter::new(
            &self.options,
            state.config().batch_size(),
            Arc::clone(&state.runtime_env().memory_pool),
        );
        let text = TextReading {
            meter,
            compression: self.options.compression,
            is_divisible: self.options.format == Format::Csv && self.options.parallel,
        };
        let source = CheckedSource::new(Arc::clone(&config.file_source), Reading::Text(text));
        let config = FileScanConfigBuilder::from(config)
            .with_file_compression_type(self.options.compression)
            .with_source(Arc::new(source))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        match self.options.format {
            Format::Csv => Arc::new(CsvSource::new(table_schema).with_csv_options(self.csv())),
            _ => Arc::new(JsonSource::new(table_schema).with_newline_delimited(!self.options.is_array)),
        }
    }
}

/// How files are read as text.
#[derive(Clone)]
pub(super) struct TextReading {
    meter: Meter,
    compression: FileCompressionType,
    /// Whether ranges of a file may be read by themselves.
    pub(super) is_divisible: bool,
}

impl TextReading {
    /// `files` as text.
    pub(super) fn of(&self, files: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let (meter, compression) = (self.meter.clone(), self.compression);
        Arc::new(TextStore { files, meter, compression, sample_bytes: None })
    }
}

/// Files as text: without compression, counted, perhaps only their beginning.
#[derive(Debug)]
struct TextStore {
    files: Arc<dyn ObjectStore>,
    meter: Meter,
    compression: FileCompressionType,
    sample_bytes: Option<usize>,
}

impl fmt::Display for TextStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "text of {}", self.files)
    }
}

impl TextStore {
    fn text(&self, result: GetResult) -> Result<BoxStream<'static, Result<Bytes>>> {
        let shown = format!("/{}", result.meta.location);
        let GetResultPayload::File(file, _) = result.payload else {
            return Err(malformed(format!("{shown} is no file")));
        };
        let text = self.meter.text(file, result.range, self.compression, &shown)?;
        Ok(match self.sample_bytes {
            None => text,
            Some(limit) => {
                let mut width = Width::of(self.meter.syntax());
                let mut narrow = move |chunk: Bytes| {
                    width.count(&chunk, &shown).map_err(into_datafusion)?;
                    Ok(chunk)
                };
                sample(text, limit).map(move |chunk| chunk.and_then(&mut narrow)).boxed()
            }
        })
    }
}

/// The first `limit` bytes, up to the end of a line.
fn sample(
    text: BoxStream<'static, Result<Bytes>>,
    limit: usize,
) -> impl futures::Stream<Item = Result<Bytes>> {
    futures::stream::try_unfold((text, limit), async |(mut text, left)| {
        if left == 0 {
            return Ok(None);
        }
        let Some(chunk) = text.try_next().await? else { return Ok(None) };
        if chunk.len() < left {
            let left = left - chunk.len();
            return Ok(Some((chunk, (text, left))));
        }
        let end = chunk.iter().rposition(|byte| *byte == b'\n').map_or(chunk.len(), |at| at + 1);
        Ok(Some((chunk.slice(..end), (text, 0))))
    })
}

#[async_trait]
impl ObjectStore for TextStore {
    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> datafusion::object_store::Result<GetResult> {
        let result = self.files.get_opts(location, options).await?;
        let (meta, attributes, range) =
            (result.meta.clone(), result.attributes.clone(), result.range.clone());
        let text = self.text(result).map_err(|error| refused(from_datafusion(error)))?;
        let text = text.map_err(|error| refused(from_datafusion(error)));
        Ok(GetResult { payload: GetResultPayload::Stream(text.boxed()), meta, range, attributes })
    }

    fn list(
        &self,
        prefix: Option<&Path>,
    ) -> BoxStream<'static, datafusion::object_store::Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&Path>,
    ) -> datafusion::object_store::Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> datafusion::object_store::Result<PutResult> {
        self.files.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> datafusion::object_store::Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, datafusion::object_store::Result<Path>>,
    ) -> BoxStream<'static, datafusion::object_store::Result<Path>> {
        self.files.delete_stream(locations)
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> datafusion::object_store::Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}
