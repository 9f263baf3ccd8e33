//! Options of COPY.

use std::path::Path;

use datafusion::common::GetExt;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::parquet::basic::{BrotliLevel, Compression};
use datafusion::sql::sqlparser::ast::{CopyLegacyOption, CopyOption};
use varve_types::{ErrorCode, Result, VarveError};

use crate::error::unsupported;
use crate::files::options::{Format, ReadOptions};
use crate::statement::names;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// What the format does by itself, or the file's name tells.
    Default,
    None,
    Gzip,
    Bzip2,
    Zstd,
    Xz,
    /// One that Parquet alone has, or at a level.
    Parquet(Compression),
}

/// How a file is written; what is about text is `None` or the usual for other formats.
#[derive(Clone, Debug)]
pub(super) struct CopyOptions {
    pub format: Format,
    pub codec: Codec,
    pub header: bool,
    pub delimiter: u8,
    pub quote: u8,
    pub escape: Option<u8>,
    pub null: String,
    pub may_overwrite: bool,
    /// Rows of a group of Parquet at most.
    pub group_rows: Option<usize>,
    /// The columns whose values are folders.
    pub partition_by: Vec<String>,
    /// Whether files hold these columns too.
    pub holds_partitions: bool,
}

impl CopyOptions {
    /// Those of a statement about the file `path`, whose ending tells what they leave out.
    pub(super) fn new(
        path: &Path,
        (options, legacy): &(Vec<CopyOption>, Vec<CopyLegacyOption>),
    ) -> Result<Self> {
        let named = options.iter().find_map(|option| match option {
            CopyOption::Format(name) => Some(name),
            _ => None,
        });
        let usual = match named {
            Some(name) => ReadOptions::of_file(path, &name.value)
                .ok_or_else(|| unsupported(format!("there is no format {}", name.value)))?,
            None => ReadOptions::of_name(path).ok_or_else(|| {
                let message = format!("the ending of {} tells no format", path.display());
                VarveError::new(ErrorCode::FileMalformed, message, "use (FORMAT parquet|csv|json|arrow)")
            })?,
        };
        let format = usual.format;
        let mut copy = Self {
            format,
            codec: Codec::Default,
            header: true,
            delimiter: usual.delimiter,
            quote: usual.quote,
            escape: None,
            null: String::new(),
            may_overwrite: false,
            group_rows: None,
            partition_by: Vec::new(),
            holds_partitions: false,
        };
        copy.codec = codec_of(usual.compression);
        for option in options {
            copy.set(option)?;
        }
        for option in legacy {
            match option {
                CopyLegacyOption::PartitionBy(by) => {
                    copy.partition_by = by.columns.iter().map(names::ident).collect();
                    copy.holds_partitions = by.include;
                }
                CopyLegacyOption::AllowOverwrite => copy.may_overwrite = true,
                CopyLegacyOption::Extension(name) => {
                    let codec = parquet_codec(name).filter(|_| format == Format::Parquet);
                    let unknown = || unsupported(format!("{format:?} has no compression {name}"));
                    copy.codec = codec.map(Codec::Parquet).ok_or_else(unknown)?;
                }
                CopyLegacyOption::RowGroupSize(size) if format == Format::Parquet => {
                    let rows = size.size.to_string().parse().ok().filter(|rows| *rows > 0);
                    copy.group_rows = Some(rows.ok_or_else(|| {
                        let message = format!("a group has no {} rows", size.size);
                        VarveError::new(ErrorCode::SqlValue, message, "use a whole number above 0")
                    })?);
                }
                CopyLegacyOption::Gzip => copy.codec = Codec::Gzip,
                CopyLegacyOption::Bzip2 => copy.codec = Codec::Bzip2,
                CopyLegacyOption::Zstd => copy.codec = Codec::Zstd,
                CopyLegacyOption::CompUpdate { enabled: Some(false), .. } => copy.codec = Codec::None,
                other => return Err(unsupported(format!("COPY has no option {other} here"))),
            }
        }
        let fits = match format {
            Format::Csv | Format::Json => true,
            Format::Parquet => !matches!(copy.codec, Codec::Bzip2 | Codec::Xz),
            Format::Arrow => matches!(copy.codec, Codec::Default | Codec::None),
        };
        if fits { Ok(copy) } else { Err(unsupported(format!("{format:?} is not compressed this way"))) }
    }

    fn set(&mut self, option: &CopyOption) -> Result<()> {
        match (option, self.format) {
            (CopyOption::Format(_), _) => {}
            (CopyOption::Header(header), Format::Csv) => self.header = *header,
            (CopyOption::Delimiter(letter), Format::Csv) => self.delimiter = byte(*letter)?,
            (CopyOption::Quote(letter), Format::Csv) => self.quote = byte(*letter)?,
            (CopyOption::Escape(letter), Format::Csv) => {
                let escape = byte(*letter)?;
                self.escape = (escape != self.quote).then_some(escape);
            }
            (CopyOption::Null(null), Format::Csv) => self.null.clone_from(null),
            (other, format) => return Err(unsupported(format!("{format:?} has no option {other}"))),
        }
        Ok(())
    }

    /// What the bytes of the file as a whole are compressed with.
    pub(super) fn compression(&self) -> FileCompressionType {
        FileCompressionType::from(match (self.format, self.codec) {
            (Format::Parquet | Format::Arrow, _) | (_, Codec::Default | Codec::None | Codec::Parquet(_)) => {
                CompressionTypeVariant::UNCOMPRESSED
            }
            (_, Codec::Gzip) => CompressionTypeVariant::GZIP,
            (_, Codec::Bzip2) => CompressionTypeVariant::BZIP2,
            (_, Codec::Zstd) => CompressionTypeVariant::ZSTD,
            (_, Codec::Xz) => CompressionTypeVariant::XZ,
        })
    }

    /// The name of a file in a folder; its endings tell how it is read.
    pub(super) fn file_name(&self) -> String {
        format!("data_0.{}{}", self.format.ending(), self.compression().get_ext())
    }

    /// The same for reading the file.
    pub(super) fn reading(&self) -> Result<ReadOptions> {
        if !self.null.is_empty() {
            return Err(unsupported("COPY ... FROM takes empty values of CSV for NULL, and no other text"));
        }
        if !self.partition_by.is_empty() {
            return Err(unsupported("COPY ... FROM reads the names of folders by itself"));
        }
        let mut options = ReadOptions::new(self.format);
        options.compression = self.compression();
        options.header = self.header;
        (options.delimiter, options.quote, options.escape) = (self.delimiter, self.quote, self.escape);
        Ok(options)
    }
}

fn codec_of(compression: FileCompressionType) -> Codec {
    match compression.get_variant() {
        CompressionTypeVariant::GZIP => Codec::Gzip,
        CompressionTypeVariant::BZIP2 => Codec::Bzip2,
        CompressionTypeVariant::XZ => Codec::Xz,
        CompressionTypeVariant::ZSTD => Codec::Zstd,
        CompressionTypeVariant::UNCOMPRESSED => Codec::Default,
    }
}

/// Compressions of Parquet; `zstd(3)` is one at a level.
fn parquet_codec(name: &str) -> Option<Compression> {
    match name.to_ascii_lowercase().as_str() {
        "lz4" | "lz4_raw" => Some(Compression::LZ4_RAW),
        "brotli" => Some(Compression::BROTLI(BrotliLevel::default())),
        "lzo" => None,
        other => other.parse().ok(),
    }
}

fn byte(letter: char) -> Result<u8> {
    u8::try_from(letter).ok().filter(u8::is_ascii).ok_or_else(|| {
        VarveError::new(ErrorCode::SqlValue, format!("{letter:?} is not one byte"), "use an ASCII letter")
    })
}
