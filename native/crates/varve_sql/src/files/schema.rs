//! The columns of several files read as one table.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// The columns of all files, by their names and in the order of the first file that has them. One that a file has not, or
/// that may be NULL in it, may be NULL. Where files say another type of a column, that of the first holds and the others are
/// cast to it.
pub(super) fn merged(schemas: &[SchemaRef]) -> SchemaRef {
    let [first, others @ ..] = schemas else { return Arc::new(Schema::empty()) };
    if others.iter().all(|other| other.fields() == first.fields()) {
        return Arc::clone(first);
    }
    let mut columns: Vec<Column> = Vec::new();
    let mut places = HashMap::new();
    for schema in schemas {
        for field in schema.fields() {
            let place = *places.entry(field.name()).or_insert(columns.len());
            match columns.get_mut(place) {
                Some(known) => known.meets(field),
                None => columns.push(Column { field: field.as_ref().clone(), files: 1 }),
            }
        }
    }
    let fields = columns.into_iter().map(|Column { field, files }| {
        let is_nullable = field.is_nullable() || files < schemas.len();
        field.with_nullable(is_nullable)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A column, and how many files have it.
struct Column {
    field: Field,
    files: usize,
}

impl Column {
    fn meets(&mut self, other: &Field) {
        // It is left half done where it fails.
        let mut both = self.field.clone();
        if both.try_merge(other).is_ok() {
            self.field = both;
        }
        let is_nullable =
            self.field.is_nullable() || other.is_nullable() || *other.data_type() == DataType::Null;
        self.field.set_nullable(is_nullable);
        self.files += 1;
    }
}

/// Whether two files have the same columns in the same places; which may be NULL is another matter.
pub(super) fn are_alike(one: &SchemaRef, other: &SchemaRef) -> bool {
    let columns = |schema: &SchemaRef| {
        let fields = schema.fields().iter();
        fields.map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    columns(one) == columns(other)
}
