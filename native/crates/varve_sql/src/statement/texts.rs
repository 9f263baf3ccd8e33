//! Texts among other values, in rows of VALUES that go into a table.
//!
//! As in PostgreSQL they are of the type of their column: `INSERT INTO t (day) VALUES ('2026-01-02'), (current_date)`.
//! DataFusion looks for one type of all values of a column first, which texts have with few others.

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, Value};
use varve_types::Result;

use super::{parse, quotes};

/// Casts texts that stand below or above other values to the type of their column; `types` are those of the columns.
pub(super) fn in_columns<'t>(query: &mut Query, types: impl Iterator<Item = &'t DataType>) -> Result<()> {
    let SetExpr::Values(values) = query.body.as_mut() else { return Ok(()) };
    for (at, data_type) in types.enumerate() {
        let mut column: Vec<_> = values.rows.iter_mut().filter_map(|row| row.content.get_mut(at)).collect();
        if data_type.is_string() || data_type.is_nested() || column.iter().all(|value| is_untyped(value)) {
            continue;
        }
        // What is written as X'00' is no view, and DataFusion finds no type of both.
        let data_type = if data_type.is_binary() { &DataType::Binary } else { data_type };
        let data_type = quotes::written(&data_type.to_string());
        for value in &mut column {
            if let Some(text) = text(value) {
                **value = parse::expression(&format!("arrow_cast({}, {data_type})", quotes::written(text)))?;
            }
        }
    }
    Ok(())
}

fn text(value: &Expr) -> Option<&str> {
    let Expr::Value(literal) = value else { return None };
    match &literal.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

/// Whether a value is a text or NULL, or not known yet.
fn is_untyped(value: &Expr) -> bool {
    let Expr::Value(literal) = value else { return false };
    matches!(literal.value, Value::SingleQuotedString(_) | Value::Null | Value::Placeholder(_))
}
