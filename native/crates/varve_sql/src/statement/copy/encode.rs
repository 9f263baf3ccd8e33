//! Rows as the bytes of a file.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::{csv, json};
use datafusion::common::{DataFusionError, Result as Planned};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use varve_types::Result;

use super::options::{Codec, CopyOptions};
use crate::error::{from_datafusion, into_datafusion, unsupported};
use crate::files::options::Format;
use crate::output::Output;

/// Bytes of a group of rows of Parquet, which is in memory until it is whole.
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;

/// The bytes of a file of `rows`, and how many rows are in those that have come.
pub(super) fn encoded(
    rows: Output,
    options: &CopyOptions,
) -> Result<(BoxStream<'static, Result<Bytes>>, Arc<AtomicU64>)> {
    let count = Arc::new(AtomicU64::new(0));
    let writer = Writer::new(&rows.schema, options).map_err(from_datafusion)?;
    let counted = Arc::clone(&count);
    let text = stream::try_unfold((rows, Some(writer)), move |(mut rows, mut writer)| {
        let counted = Arc::clone(&counted);
        async move {
            let Some(current) = writer.as_mut() else { return Ok(None) };
            let bytes = match rows.next().await {
                Some(batch) => {
                    let batch = batch.map_err(into_datafusion)?;
                    counted.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                    current.write(&batch)?;
                    current.taken()
                }
                None => writer.take().map_or_else(|| Ok(Vec::new()), Writer::end)?,
            };
            Ok(Some((Bytes::from(bytes), (rows, writer))))
        }
    });
    let bytes = options.compression().convert_to_compress_stream(text.boxed()).map_err(from_datafusion)?;
    Ok((bytes.map_err(from_datafusion).boxed(), count))
}

/// What makes bytes of rows; the bytes wait in its vector.
enum Writer {
    Csv { bytes: Vec<u8>, options: CopyOptions, schema: SchemaRef, has_begun: bool },
    Json(json::Writer<Vec<u8>, json::writer::LineDelimited>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    Arrow(Box<FileWriter<Vec<u8>>>),
}

impl Writer {
    fn new(schema: &SchemaRef, options: &CopyOptions) -> Planned<Self> {
        Ok(match options.format {
            Format::Csv => Self::Csv {
                bytes: Vec::new(),
                options: options.clone(),
                schema: Arc::clone(schema),
                has_begun: false,
            },
            Format::Json => {
                Self::Json(json::WriterBuilder::new().with_explicit_nulls(true).build(Vec::new()))
            }
            Format::Parquet => {
                let compression = match options.codec {
                    Codec::None => Compression::UNCOMPRESSED,
                    Codec::Gzip => Compression::GZIP(GzipLevel::default()),
                    Codec::Parquet(compression) => compression,
                    _ => Compression::ZSTD(ZstdLevel::default()),
                };
                let mut properties = WriterProperties::builder().set_compression(compression);
                if let Some(rows) = options.group_rows {
                    properties = properties.set_max_row_group_row_count(Some(rows));
                }
                let properties = properties.build();
                Self::Parquet(Box::new(ArrowWriter::try_new(
                    Vec::new(),
                    Arc::clone(schema),
                    Some(properties),
                )?))
            }
            Format::Arrow => Self::Arrow(Box::new(FileWriter::try_new(Vec::new(), schema)?)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Planned<()> {
        match self {
            Self::Csv { bytes, options, has_begun, .. } => {
                write_csv(bytes, options, batch, !std::mem::replace(has_begun, true))?;
            }
            Self::Json(writer) => writer.write(batch).map_err(unwritable)?,
            Self::Parquet(writer) => {
                writer.write(batch)?;
                if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
                    writer.flush()?;
                }
            }
            Self::Arrow(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// The bytes that are ready.
    fn taken(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Csv { bytes, .. } => bytes,
            Self::Json(writer) => writer.get_mut(),
            Self::Parquet(writer) => writer.inner_mut(),
            Self::Arrow(writer) => writer.get_mut(),
        })
    }

    /// The last bytes.
    fn end(self) -> Planned<Vec<u8>> {
        Ok(match self {
            Self::Csv { mut bytes, options, schema, has_begun } => {
                if !has_begun {
                    write_csv(&mut bytes, &options, &RecordBatch::new_empty(schema), true)?;
                }
                bytes
            }
            Self::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Self::Parquet(writer) => writer.into_inner()?,
            Self::Arrow(writer) => writer.into_inner()?,
        })
    }
}

fn write_csv(
    into: &mut impl Write,
    options: &CopyOptions,
    batch: &RecordBatch,
    is_first: bool,
) -> Planned<()> {
    let mut builder = csv::WriterBuilder::new()
        .with_header(is_first && options.header)
        .with_delimiter(options.delimiter)
        .with_quote(options.quote)
        .with_null(options.null.clone());
    if let Some(escape) = options.escape {
        builder = builder.with_escape(escape).with_double_quote(false);
    }
    builder.build(into).write(batch).map_err(unwritable)
}

/// Text has no way to write every type.
fn unwritable(error: datafusion::arrow::error::ArrowError) -> DataFusionError {
    into_datafusion(unsupported(format!("this cannot be written: {error}")))
}
