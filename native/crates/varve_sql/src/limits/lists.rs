//! Limits on the lists of a statement.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, GroupByExpr, OrderByKind, Query, Select, SelectItem, Statement, TableWithJoins,
    Visitor, WindowSpec, WindowType,
};
use varve_types::{Result, VarveError};

use super::{flow, items, within};
use crate::statement::walk::look;

/// Relations of one FROM.
const RELATIONS_MAX: usize = 256;
/// Windows that are not the same: each is sorted for.
const WINDOWS_MAX: usize = 256;
/// Combinations of groups, as ROLLUP and CUBE make them.
const GROUPING_SETS_MAX: usize = 4_096;

/// Refuses a statement whose lists are too long. Tables that are given by `*` are not known yet.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn of_statement(statement: &Statement) -> Result<()> {
    look(statement, &mut Lists::default())
}

#[derive(Default)]
struct Lists {
    /// How windows are written.
    windows: HashSet<String>,
}

impl Visitor for Lists {
    type Break = VarveError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<VarveError> {
        match query.order_by.as_ref().map(|order| &order.kind) {
            Some(OrderByKind::Expressions(keys)) => flow(items("ORDER BY", keys.len())),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<VarveError> {
        flow(of_select(select))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<VarveError> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if let FunctionArguments::List(list) = &function.args {
            flow(items("the list of arguments", list.args.len()))?;
        }
        match &function.over {
            Some(window) => flow(self.window(window)),
            None => ControlFlow::Continue(()),
        }
    }
}

impl Lists {
    fn window(&mut self, window: &WindowType) -> Result<()> {
        if let WindowType::WindowSpec(WindowSpec { partition_by, order_by, .. }) = window {
            items("a window", partition_by.len() + order_by.len())?;
        }
        self.windows.insert(window.to_string());
        within("the statement", self.windows.len(), WINDOWS_MAX, "windows", "compute them in several queries")
    }
}

fn of_select(select: &Select) -> Result<()> {
    items("SELECT", select.projection.len())?;
    let relations = select.from.iter().map(|TableWithJoins { joins, .. }| 1 + joins.len()).sum();
    within("FROM", relations, RELATIONS_MAX, "relations", "join fewer of them, and put answers into tables")?;
    let is_wildcard =
        |item: &&SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let wildcards = select.projection.iter().filter(is_wildcard).count();
    within("SELECT", wildcards, RELATIONS_MAX, "items of all columns", "name columns")?;
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        items("GROUP BY", keys.len())?;
        let sets = keys.iter().map(grouping_sets).fold(1, usize::saturating_mul);
        within(
            "GROUP BY",
            sets,
            GROUPING_SETS_MAX,
            "grouping sets",
            "name fewer columns in CUBE and ROLLUP",
        )?;
    }
    Ok(())
}

/// How many sets of columns a part of GROUP BY stands for.
fn grouping_sets(key: &Expr) -> usize {
    match key {
        Expr::Cube(parts) => {
            u32::try_from(parts.len()).ok().and_then(|n| 1usize.checked_shl(n)).unwrap_or(usize::MAX)
        }
        Expr::Rollup(parts) => parts.len() + 1,
        Expr::GroupingSets(sets) => sets.len(),
        _ => 1,
    }
}
