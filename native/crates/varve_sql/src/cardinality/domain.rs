//! How many values a column can have.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;

use super::Shape;

/// What is known of the values of one column, wherever in a plan it is: always of the whole table that it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Domain {
    /// So many different values at most.
    pub(crate) values: f64,
    /// Rows of the table.
    pub(crate) rows: f64,
    /// Which column of which table it is; `None` for what was computed of several.
    pub(crate) origin: Option<Shape>,
}

impl Domain {
    /// How many different values `rows` rows have, if rows take them independently: Cardenas' formula.
    pub(crate) fn seen_in(self, rows: f64) -> f64 {
        let values = self.values.max(1.0);
        (values * (1.0 - (-rows / values).exp())).min(rows)
    }

    /// The values of several columns together.
    fn together(domains: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        domains.reduce(|one, other| {
            let (one, other) = (one?, other?);
            let rows = one.rows.max(other.rows);
            Some(Self { values: (one.values * other.values).min(rows), rows, origin: None })
        })?
    }
}

/// What is known of the values of an expression over `columns`: it has no more than the columns in it together.
pub(crate) fn of_expr(expr: &Arc<dyn PhysicalExpr>, columns: &[Option<Domain>]) -> Option<Domain> {
    Domain::together(
        collect_columns(expr).iter().map(|column| columns.get(column.index()).copied().flatten()),
    )
}

/// What is known of the combinations of several expressions.
pub(crate) fn of_all<'e>(
    exprs: impl Iterator<Item = &'e Arc<dyn PhysicalExpr>>,
    columns: &[Option<Domain>],
) -> Option<Domain> {
    Domain::together(exprs.map(|expr| of_expr(expr, columns)))
}

/// Of so many values a key and its counterpart are, as far as they are known: of those of the side with fewer, for one side
/// mostly refers to the other.
pub(crate) fn common(left: Option<Domain>, right: Option<Domain>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.values.min(right.values).max(1.0)),
        (Some(one), None) | (None, Some(one)) => Some(one.values.max(1.0)),
        (None, None) => None,
    }
}
