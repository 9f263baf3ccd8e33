//! The columns of several files read as one table.

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
    let mut fields: Vec<Field> = Vec::new();
    for field in schemas.iter().flat_map(|schema| schema.fields()) {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => merge(known, field),
            None => fields.push(field.as_ref().clone()),
        }
    }
    for field in &mut fields {
        if schemas.iter().any(|schema| schema.index_of(field.name()).is_err()) {
            field.set_nullable(true);
        }
    }
    Arc::new(Schema::new(fields))
}

/// Whether two files have the same columns in the same places; which may be NULL is another matter.
pub(super) fn are_alike(one: &SchemaRef, other: &SchemaRef) -> bool {
    let columns = |schema: &SchemaRef| {
        let fields = schema.fields().iter();
        fields.map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    columns(one) == columns(other)
}

fn merge(known: &mut Field, other: &Field) {
    // It is left half done where it fails.
    let mut both = known.clone();
    if both.try_merge(other).is_ok() {
        *known = both;
    }
    let is_nullable = known.is_nullable() || other.is_nullable() || *other.data_type() == DataType::Null;
    known.set_nullable(is_nullable);
}
