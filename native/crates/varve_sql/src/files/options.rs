//! How a file is read: its format, its compression and, of text, how it is written.

use std::path::Path;

use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::sql::sqlparser::ast::{Expr, Value};
use varve_types::{ErrorCode, Result, VarveError};

use super::partitions::PartitionOptions;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Csv,
    Json,
    Arrow,
}

impl Format {
    /// How names of files usually end.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Arrow => "arrow",
        }
    }

    /// The format of this name, as COPY and `read_NAME` have it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "parquet" => Self::Parquet,
            "csv" | "tsv" => Self::Csv,
            "json" | "ndjson" | "jsonl" => Self::Json,
            "arrow" | "ipc" | "feather" => Self::Arrow,
            _ => return None,
        })
    }
}

/// Options of reading; the same for each file of a pattern.
#[derive(Clone, Debug)]
pub(crate) struct ReadOptions {
    pub format: Format,
    pub compression: FileCompressionType,
    /// Whether the first line of CSV has names.
    pub header: bool,
    pub delimiter: u8,
    pub quote: u8,
    pub escape: Option<u8>,
    pub comment: Option<u8>,
    /// Whether each file of CSV is divided among threads; a value may then hold no line break.
    pub parallel: bool,
    /// Rows that types are inferred from.
    pub sample_rows: usize,
    /// Whether JSON is one array of objects instead of objects one after another.
    pub is_array: bool,
    /// How names of folders are read.
    pub partitions: PartitionOptions,
}

impl ReadOptions {
    /// Those that a file's name tells; `None` when its ending tells nothing.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let mut endings = name.rsplit('.');
        let last = endings.next()?;
        let (compression, format) = match compression(last) {
            Some(compression) => (compression, endings.next()?),
            None => (FileCompressionType::UNCOMPRESSED, last),
        };
        let mut options = Self::named(format)?;
        options.compression = compression;
        Some(options)
    }

    /// Those of a file that is said to have the format of this name; its ending may tell more.
    pub(crate) fn of_file(path: &Path, format: &str) -> Option<Self> {
        let named = Self::named(format)?;
        let mut options = Self::of_name(path).filter(|told| told.format == named.format);
        if let Some(told) = &mut options
            && named.delimiter != b','
        {
            told.delimiter = named.delimiter;
        }
        Some(options.unwrap_or(named))
    }

    fn named(format: &str) -> Option<Self> {
        let mut options = Self::new(Format::named(format)?);
        if format.eq_ignore_ascii_case("tsv") {
            options.delimiter = b'\t';
        }
        Some(options)
    }

    /// Those of a format.
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            compression: FileCompressionType::UNCOMPRESSED,
            header: true,
            delimiter: b',',
            quote: b'"',
            escape: None,
            comment: None,
            parallel: false,
            sample_rows: 1_000,
            is_array: false,
            partitions: PartitionOptions::default(),
        }
    }

    /// Sets one by the name that a statement gives it: DuckDB's, or DataFusion's without `format.`.
    ///
    /// # Errors
    /// `SQL_UNSUPPORTED` for a name that the format does not have, `SQL_VALUE` for a value that does not fit it.
    pub(crate) fn set(&mut self, name: &str, value: &Expr) -> Result<()> {
        let name = name.to_ascii_lowercase();
        match (name.as_str(), self.format) {
            ("hive_partitioning", _) => self.partitions.are_read = Some(truth(&name, value)?),
            ("hive_types_autocast", _) => self.partitions.are_typed = truth(&name, value)?,
            ("compression", Format::Csv | Format::Json) => {
                let text = text(&name, value)?;
                self.compression = match text.to_ascii_lowercase().as_str() {
                    "none" => FileCompressionType::UNCOMPRESSED,
                    "auto" => return Ok(()),
                    other => compression(other).ok_or_else(|| unfit(&name, value))?,
                };
            }
            ("header" | "has_header", Format::Csv) => self.header = truth(&name, value)?,
            ("delim" | "delimiter" | "sep", Format::Csv) => self.delimiter = letter(&name, value)?,
            ("quote", Format::Csv) => self.quote = letter(&name, value)?,
            ("escape", Format::Csv) => self.escape = Some(letter(&name, value)?),
            ("comment", Format::Csv) => self.comment = Some(letter(&name, value)?),
            ("parallel", Format::Csv) => self.parallel = truth(&name, value)?,
            ("newlines_in_values", Format::Csv) => self.parallel = !truth(&name, value)?,
            ("newline_delimited", Format::Json) => self.is_array = !truth(&name, value)?,
            ("sample_size" | "schema_infer_max_rec", Format::Csv | Format::Json) => {
                let rows = number(&name, value)?;
                self.sample_rows = if rows < 0 { usize::MAX } else { (rows as usize).max(1) };
            }
            ("format", Format::Json) => {
                self.is_array = match text(&name, value)?.to_ascii_lowercase().as_str() {
                    "array" => true,
                    "newline_delimited" | "unstructured" | "auto" => false,
                    _ => return Err(unfit(&name, value)),
                };
            }
            _ => {
                let message = format!("reading {:?} has no option {name}", self.format);
                return Err(VarveError::new(ErrorCode::SqlUnsupported, message, "leave it out"));
            }
        }
        Ok(())
    }
}

/// The compression of this name or file ending.
pub(crate) fn compression(name: &str) -> Option<FileCompressionType> {
    Some(FileCompressionType::from(match name {
        "gz" | "gzip" => CompressionTypeVariant::GZIP,
        "bz2" | "bzip2" => CompressionTypeVariant::BZIP2,
        "xz" => CompressionTypeVariant::XZ,
        "zst" | "zstd" => CompressionTypeVariant::ZSTD,
        _ => return None,
    }))
}

/// A text; a word without quotes is one too.
pub(crate) fn text(name: &str, value: &Expr) -> Result<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Ok(text.clone()),
            Value::EscapedStringLiteral(text) => Ok(text.clone()),
            _ => Err(unfit(name, &Expr::Value(value.clone()))),
        },
        Expr::Identifier(word) => Ok(word.value.clone()),
        other => Err(unfit(name, other)),
    }
}

/// A truth value, also as 0 and 1, and as a word or text.
pub(crate) fn truth(name: &str, value: &Expr) -> Result<bool> {
    match plain(value).to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(unfit(name, value)),
    }
}

fn number(name: &str, value: &Expr) -> Result<i64> {
    plain(value).parse().map_err(|_| unfit(name, value))
}

/// A text without its quotes, and everything else as it is written.
fn plain(value: &Expr) -> String {
    text("", value).unwrap_or_else(|_| value.to_string())
}

/// One byte.
pub(crate) fn letter(name: &str, value: &Expr) -> Result<u8> {
    match text(name, value)?.as_bytes() {
        [letter] => Ok(*letter),
        b"\\t" => Ok(b'\t'),
        _ => Err(unfit(name, value)),
    }
}

fn unfit(name: &str, value: &Expr) -> VarveError {
    let message = format!("{value} is no value for the option {name}");
    VarveError::new(ErrorCode::SqlValue, message, "see the documentation of the option")
}
