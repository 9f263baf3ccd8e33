//! Files that statements name: read as tables, written by COPY, and only in the folders that are allowed.
//!
//! DataFusion comes to a file through a store that knows nothing but these folders; nothing is decided by reading the
//! text of a statement. A plan names the files that were there when it was made.

mod arrow;
mod confined;
mod draft;
mod folder;
mod meter;
pub(crate) mod options;
mod parquet;
mod partitioned;
mod partitions;
pub(crate) mod path;
mod relation;
mod schema;
mod source;
mod store;
mod text;
mod width;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::SessionState;
use tokio::runtime::Handle;
use url::Url;
use varve_types::{ErrorCode, Result, VarveError};

pub(crate) use confined::Confinement;
pub(crate) use draft::Draft;
pub(crate) use folder::FolderDraft;
pub(crate) use partitions::folder_of;
pub(crate) use relation::FileRelations;
pub(crate) use store::OnlyFiles;

use crate::error::from_datafusion;
use crate::limits;
use options::{Format, ReadOptions};
use parquet::WholeParquet;
use partitioned::PartitionedTable;
use partitions::Partitions;
use source::CheckedArrow;
use text::TextFormat;

/// Opens files as tables.
#[derive(Debug)]
pub(crate) struct Files {
    confinement: Arc<Confinement>,
    state: SessionState,
    handle: Handle,
}

impl Files {
    /// `state` has [`OnlyFiles`] of the same confinement as its stores.
    pub(crate) fn new(confinement: Arc<Confinement>, state: SessionState, handle: Handle) -> Self {
        Self { confinement, state, handle }
    }

    pub(crate) fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// The table of one or more files. `schema` is used when it is given, otherwise they tell it; those of text are like the
    /// first. What their folders tell comes behind it.
    ///
    /// # Errors
    /// `FILE_*`, `MEMORY_EXCEEDED`, `STORE_IO`.
    pub(crate) async fn table(
        &self,
        paths: &[PathBuf],
        options: &ReadOptions,
        schema: Option<SchemaRef>,
    ) -> Result<Arc<dyn TableProvider>> {
        let urls = paths.iter().map(|path| self.url(path)).collect::<Result<Vec<_>>>()?;
        let format: Arc<dyn FileFormat> = match options.format {
            Format::Parquet => Arc::new(WholeParquet(ParquetFormat::default())),
            Format::Arrow => Arc::new(CheckedArrow(ArrowFormat)),
            Format::Csv | Format::Json => Arc::new(TextFormat::new(options.clone())),
        };
        let listing = ListingOptions::new(format).with_file_extension("");
        let schema = match schema {
            Some(schema) => schema,
            None => self.schema(paths, &urls, &listing, options.format).await?,
        };
        if schema.fields().is_empty() {
            let message = format!("{} is empty or has no columns", paths[0].display());
            return Err(VarveError::new(ErrorCode::FileMalformed, message, "check the file and its format"));
        }
        let partitions = Partitions::of(paths, &schema, &options.partitions)?;
        let count = schema.fields().len() + partitions.as_ref().map_or(0, |found| found.fields.len());
        limits::columns(&paths[0].display().to_string(), count)?;
        if let Some(partitions) = partitions {
            return Ok(Arc::new(PartitionedTable::new(listing.format, schema, urls, partitions)));
        }
        let config = ListingTableConfig::new_with_multi_paths(urls);
        let config = config.with_listing_options(listing).with_schema(schema);
        let table = ListingTable::try_new(config).map_err(from_datafusion)?;
        Ok(Arc::new(table))
    }

    /// What files say of their columns.
    async fn schema(
        &self,
        paths: &[PathBuf],
        urls: &[ListingTableUrl],
        listing: &ListingOptions,
        format: Format,
    ) -> Result<SchemaRef> {
        let telling = match format {
            Format::Parquet | Format::Arrow => paths.len(),
            Format::Csv | Format::Json => 1,
        };
        let mut schemas = Vec::with_capacity(telling);
        for (path, url) in paths.iter().zip(urls).take(telling) {
            let told = listing.infer_schema(&self.state, url).await;
            let told = told.map_err(|error| of_file(error, path))?;
            // Its reader takes columns by their place.
            if format == Format::Arrow
                && schemas.first().is_some_and(|first| !schema::are_alike(first, &told))
            {
                let message = format!("{} has other columns than {}", path.display(), paths[0].display());
                let hint = "read each by itself, and name the columns";
                return Err(VarveError::new(ErrorCode::FileMalformed, message, hint));
            }
            schemas.push(told);
        }
        Ok(schema::merged(&schemas))
    }

    /// The same for a planner, which cannot wait: the thread stops being one of the runtime's meanwhile.
    fn table_now(
        &self,
        name: &str,
        options: Option<&ReadOptions>,
        schema: Option<SchemaRef>,
    ) -> Result<Arc<dyn TableProvider>> {
        let within =
            options.and_then(|options| path::within_folder(&self.confinement, name, options.format.ending()));
        let paths = path::expand(&self.confinement, within.as_deref().unwrap_or(name))?;
        let told = options.cloned().or_else(|| ReadOptions::of_name(&paths[0]));
        let options = told.ok_or_else(|| unknown_format(name))?;
        tokio::task::block_in_place(|| self.handle.block_on(self.table(&paths, &options, schema)))
    }

    /// The URL of a file that is there and may be read.
    fn url(&self, path: &Path) -> Result<ListingTableUrl> {
        self.confinement.open(path)?;
        let url = Url::from_file_path(path).map_err(|()| unnameable(path))?;
        ListingTableUrl::try_new(url, None).map_err(|error| unnameable(path).caused_by(error))
    }
}

fn unnameable(path: &Path) -> VarveError {
    let message = format!("{} is no path that can be read", path.display());
    VarveError::new(ErrorCode::FileMissing, message, "rename the file")
}

fn unknown_format(name: &str) -> VarveError {
    let message = format!("the ending of {name} tells no format");
    VarveError::new(ErrorCode::FileMalformed, message, "use read_parquet, read_csv, read_json or read_arrow")
}

/// What a reader says while it looks at a file for the first time is about that file.
fn of_file(error: datafusion::common::DataFusionError, path: &Path) -> VarveError {
    let ours = from_datafusion(error);
    match ours.code() {
        ErrorCode::FileMalformed | ErrorCode::SqlValue | ErrorCode::SqlType | ErrorCode::EngineDefect => {
            let shown = path.display().to_string();
            let message = if ours.message().contains(&shown) {
                ours.message().to_owned()
            } else {
                format!("{shown}: {}", ours.message())
            };
            VarveError::new(ErrorCode::FileMalformed, message, "check the file and its format")
                .caused_by(ours)
        }
        _ => ours,
    }
}
