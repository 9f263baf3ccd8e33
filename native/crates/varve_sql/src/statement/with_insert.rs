//! `WITH ... INSERT INTO table SELECT ...`: INSERT with another word order.

use datafusion::sql::sqlparser::ast::{SetExpr, Statement};

/// An INSERT behind a WITH as one whose query begins with it; others as they are.
pub(super) fn as_insert(statement: Statement) -> Statement {
    let Statement::Query(mut query) = statement else { return statement };
    let SetExpr::Insert(Statement::Insert(insert)) = query.body.as_mut() else {
        return Statement::Query(query);
    };
    let (Some(outer), Some(source)) = (query.with.take(), &mut insert.source) else {
        return Statement::Query(query);
    };
    match &mut source.with {
        Some(inner) => {
            inner.recursive |= outer.recursive;
            inner.cte_tables.splice(0..0, outer.cte_tables);
        }
        none => *none = Some(outer),
    }
    Statement::Insert(insert.clone())
}
