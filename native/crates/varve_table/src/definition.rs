//! What tables, indexes and views are: names, columns, types, constraints. Plain data; it never changes once made.
//!
//! Columns are stored by [`ColumnId`], never by name, so that a rename touches no row: a stored field is called
//! [`Column::stored_name`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use varve_types::{ErrorCode, Result, VarveError};

use crate::error::damaged;
use crate::ids::{ColumnId, IndexId, TableId};
use crate::ipc;

/// One column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its number within the table.
    pub id: ColumnId,
    /// Its name as users see it.
    pub name: String,
    /// The Arrow type of its values.
    pub data_type: DataType,
    /// Whether NULL is a value of it.
    pub nullable: bool,
    /// The DEFAULT expression as SQL text; evaluated by whoever inserts.
    pub default: Option<String>,
    /// What rows that are older than the column hold; one value, of `data_type`. `None` is NULL.
    pub missing: Option<ArrayRef>,
    /// Arrow metadata of the field, such as "this string is JSON".
    pub metadata: HashMap<String, String>,
}

impl Column {
    /// The name of its field in hot batches and segments.
    #[must_use]
    pub fn stored_name(&self) -> String {
        self.id.stored_name()
    }

    /// The value of rows that are older than the column, `rows` times.
    ///
    /// # Errors
    /// `ARGUMENT_INVALID` when so many values do not fit into one array.
    pub fn missing_values(&self, rows: usize) -> Result<ArrayRef> {
        match &self.missing {
            None => Ok(new_null_array(&self.data_type, rows)),
            Some(value) => {
                let zeros = arrow_array::UInt32Array::from(vec![0; rows]);
                arrow_select::take::take(value, &zeros, None)
                    .map_err(|error| crate::error::from_arrow(error, "repeating a default value"))
            }
        }
    }

    fn field(&self, name: String, nullable: bool) -> Field {
        Field::new(name, self.data_type.clone(), nullable).with_metadata(self.metadata.clone())
    }
}

/// A CHECK constraint: rows for which it is false are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, for errors and for dropping it.
    pub name: String,
    /// The condition as SQL text over the columns' names.
    pub expression: String,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its number.
    pub id: TableId,
    /// The SQL schema that it is in.
    pub schema: String,
    /// Its name within the schema.
    pub name: String,
    /// Its columns, in the order of `SELECT *`.
    pub columns: Vec<Column>,
    /// The number that the next new column gets.
    pub next_column: u32,
    /// Columns of the primary key, in key order; empty when there is none.
    pub primary_key: Vec<ColumnId>,
    /// CHECK constraints.
    pub checks: Vec<Check>,
}

impl Table {
    /// The Arrow schema that users see: names, nullability, metadata.
    #[must_use]
    pub fn arrow_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| column.field(column.name.clone(), column.nullable));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The Arrow schema of stored rows: fields by [`Column::stored_name`].
    #[must_use]
    pub fn stored_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| column.field(column.stored_name(), column.nullable));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The column of this number.
    #[must_use]
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The same table with some of its columns only, in this order.
    pub(crate) fn project(&self, columns: &[ColumnId]) -> Self {
        let columns = columns.iter().filter_map(|id| self.column(*id)).cloned().collect();
        Self { columns, ..self.clone() }
    }

    /// The position of the column of this name in `columns`; exact spelling.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Rows in the form in which they are stored, whose fields are found by stored name: columns that they do not have
    /// get their `missing` value, columns that are no longer in the table go.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a stored column has another type than the table.
    pub(crate) fn adapt_stored(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.columns.iter().map(|column| {
            let Some(stored) = batch.column_by_name(&column.stored_name()) else {
                return column.missing_values(batch.num_rows());
            };
            if stored.data_type() == &column.data_type {
                return Ok(stored.clone());
            }
            Err(damaged(format!(
                "column {} of table {} is stored as {}, the table says {}",
                column.name,
                self.name,
                stored.data_type(),
                column.data_type
            )))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        self.stored_batch(columns, batch.num_rows())
    }

    /// Rows as users give them, columns in table order, in the form in which they are stored.
    ///
    /// # Errors
    /// `ARGUMENT_INVALID` when number, types or lengths of the columns are not the table's; `CONSTRAINT_VIOLATED` when a
    /// column that is NOT NULL has a NULL.
    pub fn store_batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.num_columns() != self.columns.len() {
            let message = format!(
                "table {} has {} columns, not {}",
                self.name,
                self.columns.len(),
                batch.num_columns()
            );
            return Err(VarveError::new(
                ErrorCode::ArgumentInvalid,
                message,
                "give every column, in table order",
            ));
        }
        for (column, values) in self.columns.iter().zip(batch.columns()) {
            if values.data_type() != &column.data_type {
                let message = format!(
                    "column {} of table {} is {}, not {}",
                    column.name,
                    self.name,
                    column.data_type,
                    values.data_type()
                );
                return Err(VarveError::new(ErrorCode::ArgumentInvalid, message, "cast the values first"));
            }
            if !column.nullable && values.logical_null_count() > 0 {
                let message = format!("column {} of table {} is NOT NULL", column.name, self.name);
                return Err(VarveError::new(
                    ErrorCode::ConstraintViolated,
                    message,
                    "give a value, or drop the constraint",
                ));
            }
        }
        self.stored_batch(batch.columns().to_vec(), batch.num_rows())
    }

    fn stored_batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.stored_schema(), columns, &options)
            .map_err(|error| crate::error::from_arrow(error, "forming stored rows"))
    }
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its number.
    pub id: IndexId,
    /// The table that it is of.
    pub table: TableId,
    /// Its name, unique within the table's schema.
    pub name: String,
    /// Its key, in key order.
    pub columns: Vec<ColumnId>,
    /// Whether two rows may not have the same key.
    pub unique: bool,
}

/// A view: a query with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The SQL schema that it is in.
    pub schema: String,
    /// Its name within the schema.
    pub name: String,
    /// The query as SQL text.
    pub sql: String,
}

/// [`Table`] without its types and constants, which Arrow writes.
#[derive(Serialize, Deserialize)]
struct TableJson {
    id: TableId,
    schema: String,
    name: String,
    columns: Vec<ColumnJson>,
    next_column: u32,
    primary_key: Vec<ColumnId>,
    checks: Vec<Check>,
}

#[derive(Serialize, Deserialize)]
struct ColumnJson {
    id: ColumnId,
    name: String,
    nullable: bool,
    default: Option<String>,
    has_missing: bool,
}

/// A table as it is stored: JSON, and an IPC stream of one row with the types and the missing values.
pub(crate) struct StoredTable {
    pub json: Vec<u8>,
    pub types: Vec<u8>,
}

impl Table {
    pub(crate) fn encode(&self) -> Result<StoredTable> {
        let json = TableJson {
            id: self.id,
            schema: self.schema.clone(),
            name: self.name.clone(),
            columns: self
                .columns
                .iter()
                .map(|column| ColumnJson {
                    id: column.id,
                    name: column.name.clone(),
                    nullable: column.nullable,
                    default: column.default.clone(),
                    has_missing: column.missing.is_some(),
                })
                .collect(),
            next_column: self.next_column,
            primary_key: self.primary_key.clone(),
            checks: self.checks.clone(),
        };
        let json = serde_json::to_vec(&json).expect("plain data has a JSON form");
        let fields = self.columns.iter().map(|column| column.field(column.stored_name(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let types =
            self.columns.iter().map(|column| column.missing_values(1)).collect::<Result<Vec<_>>>().and_then(
                |values| {
                    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(1));
                    RecordBatch::try_new_with_options(Arc::clone(&schema), values, &options)
                        .and_then(|row| ipc::encode(&schema, &[row]))
                        .map_err(|error| crate::error::from_arrow(error, "writing a table definition"))
                },
            )?;
        Ok(StoredTable { json, types })
    }

    pub(crate) fn decode(stored: &StoredTable) -> Result<Self> {
        let bad = |why: String| damaged(format!("a table definition cannot be read: {why}"));
        let json: TableJson = serde_json::from_slice(&stored.json).map_err(|error| bad(error.to_string()))?;
        let (schema, rows) = ipc::decode(&stored.types).map_err(|error| bad(error.to_string()))?;
        let [row] = rows.as_slice() else { return Err(bad("its types are not one row".into())) };
        if schema.fields().len() != json.columns.len() || row.num_rows() != 1 {
            return Err(bad("its types are not those of its columns".into()));
        }
        let columns = json.columns.into_iter().zip(schema.fields()).zip(row.columns());
        let columns = columns.map(|((column, field), value)| Column {
            id: column.id,
            name: column.name,
            data_type: field.data_type().clone(),
            nullable: column.nullable,
            default: column.default,
            missing: column.has_missing.then(|| value.clone()),
            metadata: field.metadata().clone(),
        });
        Ok(Self {
            id: json.id,
            schema: json.schema,
            name: json.name,
            columns: columns.collect(),
            next_column: json.next_column,
            primary_key: json.primary_key,
            checks: json.checks,
        })
    }
}
