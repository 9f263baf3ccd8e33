//! What the parser reads and DataFusion then passes over without a word: the rows would be others than asked for.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{GroupByExpr, Insert, Query, Select, Statement, TableFactor, Visitor};
use varve_types::{ErrorCode, Result, VarveError};

use super::walk::look;

/// # Errors
/// `SQL_UNSUPPORTED` when there is any of it.
pub(super) fn refuse(statement: &Statement) -> Result<()> {
    look(statement, &mut PassedOver)
}

struct PassedOver;

/// Breaks at the first clause that is there.
fn none_of(clauses: &[(bool, &str)]) -> ControlFlow<VarveError> {
    match clauses.iter().find(|(is_there, _)| *is_there) {
        Some((_, clause)) => ControlFlow::Break(VarveError::new(
            ErrorCode::SqlUnsupported,
            format!("{clause} is not there"),
            "",
        )),
        None => ControlFlow::Continue(()),
    }
}

impl Visitor for PassedOver {
    type Break = VarveError;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<VarveError> {
        let Statement::Insert(Insert { overwrite, partitioned, after_columns, settings, .. }) = statement
        else {
            return ControlFlow::Continue(());
        };
        none_of(&[
            (*overwrite, "INSERT OVERWRITE"),
            (partitioned.is_some() || !after_columns.is_empty(), "INSERT ... PARTITION"),
            (settings.is_some(), "SETTINGS"),
        ])
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<VarveError> {
        none_of(&[
            (query.for_clause.is_some(), "FOR"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<VarveError> {
        let (GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers)) = &select.group_by;
        none_of(&[
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!modifiers.is_empty(), "GROUP BY ... WITH"),
            (select.value_table_mode.is_some(), "SELECT AS"),
        ])
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<VarveError> {
        match factor {
            TableFactor::Table { with_ordinality, partitions, json_path, sample, version, .. } => none_of(&[
                (*with_ordinality, "WITH ORDINALITY"),
                (!partitions.is_empty(), "PARTITION"),
                (json_path.is_some(), "a path behind the name of a table"),
                (sample.is_some(), "TABLESAMPLE"),
                (version.is_some(), "a version of a table"),
            ]),
            TableFactor::Derived { sample, .. } => none_of(&[(sample.is_some(), "TABLESAMPLE")]),
            TableFactor::UNNEST { with_offset, with_ordinality, .. } => {
                none_of(&[(*with_offset, "WITH OFFSET"), (*with_ordinality, "WITH ORDINALITY")])
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
