//! Bytes of a text file on their way to a decoder, counted.
//!
//! A decoder of CSV or JSON holds everything that it has read until a batch of records is whole, outside the memory
//! pool. So the bytes of the batch under way are charged here, and a record without an end is an error.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use varve_types::{ErrorCode, VarveError};

use super::options::{Format, ReadOptions};

/// Bytes of one record.
const RECORD_BYTES_MAX: usize = 32 << 20;
/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// A decoder holds the text and what it makes of it.
const COPIES: usize = 2;

/// How text is divided into records.
#[derive(Clone, Copy, Debug)]
pub(super) enum Syntax {
    Csv {
        delimiter: u8,
        quote: u8,
        escape: Option<u8>,
    },
    /// Records are values at this depth of brackets.
    Json {
        depth: usize,
    },
}

/// What is counted, and against what.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    syntax: Syntax,
    batch_records: usize,
    pool: Arc<dyn MemoryPool>,
}

impl Meter {
    /// For decoders that make batches of `batch_records`.
    pub(super) fn new(options: &ReadOptions, batch_records: usize, pool: Arc<dyn MemoryPool>) -> Self {
        let syntax = match options.format {
            Format::Csv => {
                Syntax::Csv { delimiter: options.delimiter, quote: options.quote, escape: options.escape }
            }
            _ => Syntax::Json { depth: usize::from(options.is_array) },
        };
        Self { syntax, batch_records, pool }
    }

    pub(super) fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// The text of `range` of a file, without its compression. Its errors name the file as `shown`.
    pub(super) fn text(
        &self,
        file: File,
        range: Range<u64>,
        compression: FileCompressionType,
        shown: &str,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let counter = Counter {
            scanner: Scanner { syntax: self.syntax, state: State::default() },
            batch_records: self.batch_records,
            records: 0,
            batch_bytes: 0,
            record_bytes: 0,
            reservation: MemoryConsumer::new(format!("reading {shown}")).register(&self.pool),
            shown: shown.to_owned(),
        };
        let broken = shown.to_owned();
        let text = compression.convert_stream(read(file, range))?.map_err(move |error| match error {
            error @ DataFusionError::External(_) => error,
            error => malformed(format!("{broken} cannot be decompressed: {error}")),
        });
        let counted = text.map(Some).chain(stream::once(async { None }));
        Ok(counted
            .scan(counter, |counter, chunk| {
                let Some(chunk) = chunk else { return std::future::ready(None) };
                std::future::ready(Some(chunk.and_then(|chunk| counter.count(&chunk).map(|()| chunk))))
            })
            .boxed())
    }
}

/// The bytes of a file. Reading blocks as short as a page cache lets it: each chunk is small.
fn read(mut file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let mut left = range.end.saturating_sub(range.start);
    let mut is_placed = false;
    let chunks = std::iter::from_fn(move || {
        let mut next = || -> std::io::Result<Option<Bytes>> {
            if !is_placed {
                file.seek(SeekFrom::Start(range.start))?;
                is_placed = true;
            }
            let wanted = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let mut chunk = vec![0; wanted];
            let count = file.read(&mut chunk)?;
            chunk.truncate(count);
            left -= count as u64;
            Ok((count > 0).then(|| chunk.into()))
        };
        next().map_err(DataFusionError::IoError).transpose()
    });
    stream::iter(chunks).boxed()
}

struct Counter {
    scanner: Scanner,
    batch_records: usize,
    records: usize,
    batch_bytes: usize,
    record_bytes: usize,
    reservation: MemoryReservation,
    shown: String,
}

impl Counter {
    fn count(&mut self, chunk: &[u8]) -> Result<()> {
        let mut from = 0;
        while let Some(end) = self.scanner.end_of_record(&chunk[from..]) {
            from += end;
            self.record_bytes = 0;
            self.records += 1;
            self.batch_bytes += end;
            if self.records >= self.batch_records {
                (self.records, self.batch_bytes) = (0, 0);
                self.reservation.free();
            }
        }
        let rest = chunk.len() - from;
        self.record_bytes += rest;
        self.batch_bytes += rest;
        if self.record_bytes > RECORD_BYTES_MAX {
            let message = format!("{} has a record of more than {RECORD_BYTES_MAX} bytes", self.shown);
            return Err(malformed(message));
        }
        self.reservation.try_resize(self.batch_bytes * COPIES)
    }
}

/// Finds where records end.
struct Scanner {
    syntax: Syntax,
    state: State,
}

/// Where in a text a byte stands.
#[derive(Default)]
pub(super) struct State {
    /// Of CSV.
    field: Field,
    /// Of JSON.
    is_quoted: bool,
    is_escaped: bool,
    depth: usize,
}

/// Where in a field of CSV a byte stands. A quote within a field that does not begin with one is a letter like others.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Start,
    Plain,
    Quoted,
    /// Behind a quote, which ends the field unless another one follows.
    Closed,
}

impl Scanner {
    /// The length of `text` up to the end of a record; `None` when none ends in it.
    fn end_of_record(&mut self, text: &[u8]) -> Option<usize> {
        let ends = |byte: &u8| match self.syntax {
            Syntax::Csv { delimiter, quote, escape } => self.state.csv(*byte, delimiter, quote, escape),
            Syntax::Json { depth } => self.state.json(*byte, depth),
        };
        text.iter().position(ends).map(|at| at + 1)
    }
}

impl State {
    /// Whether the next byte of CSV begins a field.
    pub(super) fn is_between_fields(&self) -> bool {
        self.field == Field::Start
    }

    /// Whether the next byte of JSON is within a text.
    pub(super) fn is_quoted(&self) -> bool {
        self.is_quoted
    }

    /// Whether the next byte of JSON belongs to a record itself, and not to a value within it.
    pub(super) fn is_within(&self, record_depth: usize) -> bool {
        self.depth == record_depth + 1
    }

    /// Takes a byte of CSV; whether it ends a record.
    pub(super) fn csv(&mut self, byte: u8, delimiter: u8, quote: u8, escape: Option<u8>) -> bool {
        self.field = match self.field {
            Field::Quoted if self.is_escaped => {
                self.is_escaped = false;
                Field::Quoted
            }
            Field::Quoted if byte == quote => Field::Closed,
            Field::Quoted => {
                self.is_escaped = escape == Some(byte);
                Field::Quoted
            }
            Field::Start | Field::Closed if byte == quote => Field::Quoted,
            _ if byte == delimiter || byte == b'\n' => Field::Start,
            _ => Field::Plain,
        };
        byte == b'\n' && self.field != Field::Quoted
    }

    /// Takes a byte of JSON; whether it ends a record.
    pub(super) fn json(&mut self, byte: u8, record_depth: usize) -> bool {
        if self.is_quoted {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_quoted = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.is_quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == record_depth;
            }
            _ => {}
        }
        false
    }
}

/// A file that is not what its format requires.
pub(super) fn malformed(message: String) -> DataFusionError {
    let hint = "check the file and the options that it is read with";
    crate::error::into_datafusion(VarveError::new(ErrorCode::FileMalformed, message, hint))
}

#[cfg(test)]
mod tests {
    use super::{Scanner, State, Syntax};

    #[test]
    fn records_end_where_their_syntax_says() {
        let csv = Syntax::Csv { delimiter: b',', quote: b'"', escape: None };
        let escaped = Syntax::Csv { delimiter: b',', quote: b'"', escape: Some(b'\\') };
        let (lines, array) = (Syntax::Json { depth: 0 }, Syntax::Json { depth: 1 });
        let check = |syntax: Syntax, text: &str, ends: &[usize]| {
            let mut scanner = Scanner { syntax, state: State::default() };
            let (mut at, mut found) = (0, Vec::new());
            while let Some(end) = scanner.end_of_record(&text.as_bytes()[at..]) {
                at += end;
                found.push(at);
            }
            assert_eq!(found, ends, "{text:?}");
        };
        check(csv, "a,b\n1,2\n", &[4, 8]);
        check(csv, "\"a\n\"\"b\",c\nd", &[10]);
        check(csv, "\"a\n\n\n\n", &[]);
        check(csv, "5\" pipe,6\n7,8\n", &[10, 14]);
        check(escaped, "\"a\\\"\n\"\nb\n", &[7, 9]);
        check(lines, "{\"a\":[1,{}]}\n{\"b\":\"}\"}", &[12, 22]);
        check(lines, "{\"a\":\"\\\"}\"}", &[11]);
        check(array, "[{\"a\":1},\n{\"a\":{}}]", &[8, 18]);
        check(lines, "[[[[", &[]);
    }
}
