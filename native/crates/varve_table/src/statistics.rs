//! What was found out about the rows of a table, for whoever plans queries. It is right for the commit that it is about and
//! a good guess for later ones.

use arrow_array::{ArrayRef, RecordBatch};
use serde::{Deserialize, Serialize};
use varve_types::Result;

use crate::error::{damaged, from_arrow};
use crate::ids::{ColumnId, CommitSeq, TableId};
use crate::ipc;

/// Statistics of a table.
#[derive(Clone, Debug)]
pub struct TableStatistics {
    /// The table.
    pub table: TableId,
    /// The commit whose rows they are about, or the one before it when they were found in its transaction.
    pub seq: CommitSeq,
    /// How many rows there were.
    pub rows: u64,
    /// What is known of columns; those that came later are not there.
    pub columns: Vec<ColumnSummary>,
    /// The least value of columns in the first row, the greatest in the second; fields are named by
    /// [`crate::Column::stored_name`]. Columns without an order are not there.
    pub bounds: RecordBatch,
}

/// What is known of the values of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// The column.
    pub id: ColumnId,
    /// How many are NULL.
    pub nulls: u64,
    /// How many different ones there are, by a sketch; `None` for types that have none.
    pub distinct: Option<u64>,
}

/// Statistics as the catalogue keeps them.
#[derive(Serialize, Deserialize)]
struct Stored {
    table: u64,
    seq: u64,
    rows: u64,
    columns: Vec<ColumnSummary>,
}

impl TableStatistics {
    /// What is known of a column.
    #[must_use]
    pub fn column(&self, id: ColumnId) -> Option<&ColumnSummary> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The least and the greatest value of the column of this stored name, as an array of two.
    #[must_use]
    pub fn bounds_of(&self, stored_name: &str) -> Option<&ArrayRef> {
        self.bounds.column_by_name(stored_name)
    }

    /// JSON, and the bounds as Arrow IPC.
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let stored =
            Stored { table: self.table.0, seq: self.seq.0, rows: self.rows, columns: self.columns.clone() };
        let json = serde_json::to_vec(&stored).expect("plain data has a JSON form");
        let bounds = ipc::encode(&self.bounds.schema(), std::slice::from_ref(&self.bounds))
            .map_err(|error| from_arrow(error, "keeping statistics"))?;
        Ok((json, bounds))
    }

    /// The inverse of `encode`.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when the bytes are not what it wrote.
    pub(crate) fn decode(json: &[u8], bounds: &[u8]) -> Result<Self> {
        let unreadable = "statistics cannot be read";
        let stored: Stored =
            serde_json::from_slice(json).map_err(|error| damaged(unreadable).caused_by(error))?;
        let (_, batches) = ipc::decode(bounds).map_err(|error| damaged(unreadable).caused_by(error))?;
        let bounds = batches.into_iter().next().filter(|bounds| bounds.num_rows() == 2);
        Ok(Self {
            table: TableId(stored.table),
            seq: CommitSeq(stored.seq),
            rows: stored.rows,
            columns: stored.columns,
            bounds: bounds.ok_or_else(|| damaged(unreadable))?,
        })
    }
}
