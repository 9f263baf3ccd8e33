//! WITH in front of a statement that changes a table.
//!
//! `WITH ... INSERT INTO table SELECT ...` is INSERT with another word order. UPDATE, DELETE and MERGE have no query of their own
//! to begin with it: the one that they are written as does.

use datafusion::sql::sqlparser::ast::{Insert, Query, SetExpr, Statement};

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

/// UPDATE, DELETE or MERGE, if the query is that behind a WITH.
pub(super) fn change(query: &Query) -> Option<&Statement> {
    match query.body.as_ref() {
        SetExpr::Update(change) | SetExpr::Delete(change) | SetExpr::Merge(change) => Some(change),
        _ => None,
    }
}

/// Such a statement, and the WITH in front of it as the text that its query begins with.
pub(super) fn divided(statement: Statement) -> (String, Statement) {
    let Statement::Query(query) = &statement else { return (String::new(), statement) };
    match (change(query), &query.with) {
        (Some(change), Some(with)) => (format!("{with} "), change.clone()),
        _ => (String::new(), statement),
    }
}
