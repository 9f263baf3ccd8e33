//! `SELECT ... INTO table FROM ...`: CREATE TABLE with another word order.

use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{SetExpr, Statement};

/// A query that says which table its rows go into, as the statement that makes the table; others as they are.
pub(super) fn as_create_table(statement: Statement) -> Statement {
    let Statement::Query(mut query) = statement else { return statement };
    let SetExpr::Select(select) = query.body.as_mut() else { return Statement::Query(query) };
    match select.into.take_if(|into| !into.temporary && !into.unlogged) {
        Some(into) => CreateTableBuilder::new(into.name).query(Some(query)).build().into(),
        None => Statement::Query(query),
    }
}
