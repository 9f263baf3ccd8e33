//! Rows on their way into a table, and tables on their way into a database.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Schema};
use varve_table::{
    Column, ColumnId, DEFAULT_SCHEMA, PRIMARY, RowSet, Table, TableId, TableVersion, Transaction,
};
use varve_types::{ErrorCode, Result, VarveError};

use crate::coerce::cast;
use crate::error::{from_arrow, no_column};

/// Makes a table of the columns of `schema`.
pub(crate) fn create_table(
    transaction: &mut Transaction,
    name: &str,
    schema: &Schema,
    primary_key: &[String],
) -> Result<()> {
    let version = transaction.snapshot();
    if version.table(DEFAULT_SCHEMA, name).is_some() || version.view(DEFAULT_SCHEMA, name).is_some() {
        let message = format!("there is a table or view {name} already");
        return Err(VarveError::new(ErrorCode::SqlName, message, "give another name, or drop it first"));
    }
    if schema.fields().is_empty() {
        return Err(VarveError::new(ErrorCode::ArgumentInvalid, "a table has at least one column", ""));
    }
    let columns = schema.fields().iter().zip(0u32..).map(|(field, id)| Column {
        id: ColumnId(id),
        name: field.name().clone(),
        data_type: stored_type(field.data_type()),
        nullable: field.is_nullable() && !primary_key.contains(field.name()),
        default: None,
        missing: None,
        metadata: HashMap::new(),
    });
    let columns: Vec<Column> = columns.collect();
    let key = primary_key.iter().map(|name| {
        let found = columns.iter().find(|column| &column.name == name);
        found.map(|column| column.id).ok_or_else(|| no_column(name, &[]))
    });
    let primary_key = key.collect::<Result<_>>()?;
    let table = Table {
        id: TableId(transaction.next_id()),
        schema: DEFAULT_SCHEMA.to_owned(),
        name: name.to_owned(),
        next_column: columns.len() as u32,
        columns,
        primary_key,
        checks: Vec::new(),
    };
    transaction.put_table(table)
}

/// Strings and bytes are views, as tables that SQL makes have them.
fn stored_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}

/// How rows of one schema become rows of a table: columns by name, cast; those that are left out are NULL.
pub(crate) struct Intake {
    table: Arc<Table>,
    /// For each column of the table its place in the rows.
    places: Vec<Option<usize>>,
}

impl Intake {
    /// # Errors
    /// `SQL_NAME` for columns that the table does not have; `CAPABILITY_MISSING` when the table has conditions or defaults
    /// that only SQL evaluates.
    pub(crate) fn new(table: &Arc<Table>, schema: &Schema) -> Result<Self> {
        if let Some(check) = table.checks.first() {
            return Err(needs_sql(format!("table {} has the CHECK {}", table.name, check.name)));
        }
        let names = || table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        if let Some(other) = schema.fields().iter().find(|field| table.position(field.name()).is_none()) {
            return Err(no_column(other.name(), &names()));
        }
        let places = table.columns.iter().map(|column| match schema.index_of(&column.name) {
            Ok(place) => Ok(Some(place)),
            Err(_) if column.default.is_some() => {
                Err(needs_sql(format!("column {} of table {} has a DEFAULT", column.name, table.name)))
            }
            Err(_) => Ok(None),
        });
        Ok(Self { places: places.collect::<Result<_>>()?, table: Arc::clone(table) })
    }

    /// The rows as the table has them.
    pub(crate) fn take(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let columns = self.table.columns.iter().zip(&self.places).map(|(column, place)| match place {
            Some(place) => cast(batch.column(*place), &column.data_type),
            None => Ok(arrow_array::new_null_array(&column.data_type, rows)),
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let fields = self.table.arrow_schema();
        let fields = fields.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(from_arrow)
    }
}

/// The rows of `version` whose primary keys are those of `batches`; other columns of these are not looked at.
///
/// # Errors
/// `SQL_UNSUPPORTED` when the table has no primary key, `SQL_NAME` when a column of it is missing.
pub(crate) fn find(version: &TableVersion, batches: &[RecordBatch]) -> Result<RowSet> {
    let table = &version.table;
    let key = version.hot.keys().iter().find(|key| key.index == PRIMARY);
    let key = key.ok_or_else(|| {
        let message = format!("table {} has no primary key", table.name);
        VarveError::new(ErrorCode::SqlUnsupported, message, "make it with one")
    })?;
    let lookup = version.lookup(PRIMARY);
    let mut found = RowSet::default();
    for batch in batches {
        let columns = key.columns.iter().zip(key.types()).map(|(id, data_type)| {
            let name = table.column(*id).map_or("", |column| column.name.as_str());
            let values = batch.column_by_name(name).ok_or_else(|| no_column(name, &[]))?;
            cast(values, data_type)
        });
        let keys = key.encode(&columns.collect::<Result<Vec<_>>>()?)?;
        for row in 0..keys.len() {
            if let Some(key) = keys.get(row)
                && let Some(address) = lookup.find_one(key)?
            {
                found.insert(address);
            }
        }
    }
    Ok(found)
}

fn needs_sql(what: String) -> VarveError {
    let message = format!("{what}, which only SQL evaluates");
    VarveError::new(ErrorCode::CapabilityMissing, message, "the pc tier (@varve/pc) has SQL")
}
