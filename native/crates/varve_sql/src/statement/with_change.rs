//! `WITH ... INSERT INTO table SELECT ...`: INSERT with another word order.

use datafusion::sql::sqlparser::ast::{Insert, SetExpr, Statement};

/// An INSERT behind a WITH as one whose query begins with it; others as they are.
pub(super) fn as_insert(statement: Statement) -> Statement {
    let Statement::Query(mut query) = statement else { return statement };
    let (SetExpr::Insert(insertion), Some(outer)) = (query.body.as_mut(), &mut query.with) else {
        return Statement::Query(query);
    };
    let Statement::Insert(Insert { source: Some(source), .. }) = insertion else {
        return Statement::Query(query);
    };
    match &mut source.with {
        Some(inner) => {
            inner.recursive |= outer.recursive;
            inner.cte_tables.splice(0..0, outer.cte_tables.drain(..));
        }
        none => *none = query.with.take(),
    }
    match *query.body {
        SetExpr::Insert(insertion) => insertion,
        _ => Statement::Query(query),
    }
}
