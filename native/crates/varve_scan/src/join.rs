//! Joins by equal keys: the right side is in memory, by its keys, and the left side passes by.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use varve_types::{ErrorCode, Result, VarveError};

use crate::coerce::cast;
use crate::error::from_arrow;
use crate::keys::KeyEncoder;
use crate::plan::JoinKind;

/// Pairs that come out together at most.
const PAIRS_MAX: usize = 65_536;
/// Ends a chain of rows that have the same key.
const NONE: u32 = u32::MAX;
/// Bytes of an entry of the map, and of a row in its chain.
const ENTRY_BYTES: usize = 48;

/// Where the keys of one side are, and the types that they are compared in.
#[derive(Clone)]
pub(crate) struct KeyColumns {
    pub at: Vec<usize>,
    pub types: Vec<DataType>,
}

impl KeyColumns {
    fn of(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.at.iter().zip(&self.types).map(|(at, to)| cast(batch.column(*at), to)).collect()
    }
}

/// The right side of a join.
pub(crate) struct Built {
    encoder: KeyEncoder,
    rows: RecordBatch,
    /// The first row of each key.
    first: HashMap<Box<[u8]>, u32>,
    /// The next row with the same key.
    next: Vec<u32>,
}

impl Built {
    /// Of these rows; keys with NULL are left out.
    pub(crate) fn new(schema: &SchemaRef, batches: &[RecordBatch], keys: &KeyColumns) -> Result<Self> {
        let rows = concat_batches(schema, batches).map_err(from_arrow)?;
        let encoder = KeyEncoder::new(keys.types.iter().cloned())?;
        if u32::try_from(rows.num_rows()).is_err() {
            return Err(VarveError::new(
                ErrorCode::LimitExceeded,
                "the right side of a join has more than 4,294,967,295 rows",
                "filter it, or join the other way round",
            ));
        }
        let columns = keys.of(&rows)?;
        let encoded = encoder.encode(&columns)?;
        let mut first = HashMap::new();
        let mut next = vec![NONE; rows.num_rows()];
        // Backwards, so that chains run forwards.
        for row in (0..rows.num_rows()).rev().filter(|row| has_key(&columns, *row)) {
            if let Some(later) = first.insert(Box::from(encoded.row(row).data()), row as u32) {
                next[row] = later;
            }
        }
        Ok(Self { encoder, rows, first, next })
    }

    /// About how many bytes it takes beside its rows.
    pub(crate) fn bytes(rows: usize) -> usize {
        rows * (ENTRY_BYTES + size_of::<u32>())
    }
}

/// A batch of the left side on its way through a join.
pub(crate) struct Probe {
    batch: RecordBatch,
    /// For each row its first match.
    matches: Vec<u32>,
    row: usize,
    /// The next match of `row`, once it has begun.
    at: Option<u32>,
}

impl Probe {
    pub(crate) fn new(built: &Built, batch: RecordBatch, keys: &KeyColumns) -> Result<Self> {
        let columns = keys.of(&batch)?;
        let encoded = built.encoder.encode(&columns)?;
        let matches = (0..batch.num_rows()).map(|row| {
            let found = has_key(&columns, row).then(|| built.first.get(encoded.row(row).data())).flatten();
            found.copied().unwrap_or(NONE)
        });
        Ok(Self { matches: matches.collect(), batch, row: 0, at: None })
    }

    /// The rows of the left side that have a match, or have none.
    pub(crate) fn kept(&self, has_match: bool) -> Result<RecordBatch> {
        let rows = self.matches.iter().enumerate().filter(|(_, first)| (**first != NONE) == has_match);
        let rows: UInt32Array = rows.map(|(row, _)| row as u32).collect::<Vec<_>>().into();
        arrow_select::take::take_record_batch(&self.batch, &rows).map_err(from_arrow)
    }

    /// The next pairs; `None` after the last. `columns` are those of the right side that come along.
    pub(crate) fn pairs(
        &mut self,
        built: &Built,
        kind: JoinKind,
        columns: &[usize],
        schema: &SchemaRef,
    ) -> Result<Option<RecordBatch>> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        while self.row < self.matches.len() && left.len() < PAIRS_MAX {
            let at = self.at.unwrap_or(self.matches[self.row]);
            if at != NONE {
                left.push(self.row as u32);
                right.push(Some(at));
                let next = built.next[at as usize];
                if next != NONE {
                    self.at = Some(next);
                    continue;
                }
            } else if kind == JoinKind::Left {
                left.push(self.row as u32);
                right.push(None);
            }
            self.at = None;
            self.row += 1;
        }
        if left.is_empty() {
            return Ok(None);
        }
        let (left, right) = (UInt32Array::from(left), UInt32Array::from(right));
        let here = self.batch.columns().iter().map(|column| take(column, &left, None));
        let there = columns.iter().map(|at| {
            let column = built.rows.column(*at);
            // There is no row to take.
            if column.is_empty() {
                Ok(new_null_array(column.data_type(), right.len()))
            } else {
                take(column, &right, None)
            }
        });
        let all = here.chain(there).collect::<std::result::Result<Vec<_>, _>>().map_err(from_arrow)?;
        let options = RecordBatchOptions::new().with_row_count(Some(left.len()));
        RecordBatch::try_new_with_options(Arc::clone(schema), all, &options).map(Some).map_err(from_arrow)
    }
}

/// Whether no column of the key is NULL.
fn has_key(columns: &[ArrayRef], row: usize) -> bool {
    columns.iter().all(|column| column.is_valid(row))
}
