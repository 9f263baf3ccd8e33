//! Filters as Vortex knows them, so that zone maps skip what they rule out.
//!
//! Only what means exactly the same is said: comparisons of a column with a literal of its type, and what is built of
//! them. Of a sum of conditions a part may be left out, since every filter is evaluated again.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};
use varve_table::Table;
use vortex::array::VortexSessionExecute;
use vortex::expr::{
    Expression, and_collect, eq, get_item, gt, gt_eq, is_null, lit, lt, lt_eq, not_eq, or_collect, root,
};
use vortex::session::VortexSession;
use vortex_arrow::ArrowSessionExt;

use crate::compare::Comparison;
use crate::expr::{Expr, Node};

/// What is said of a condition over the columns at `positions` of a table.
pub(crate) struct Pushdown<'p> {
    pub session: &'p VortexSession,
    pub table: &'p Table,
    pub positions: &'p [usize],
}

impl Pushdown<'_> {
    /// Conditions that each row which passes all of `conditions` fulfils.
    pub(crate) fn filters(&self, conditions: &[Expr]) -> Vec<Expression> {
        conditions.iter().filter_map(|condition| self.weaker(condition)).collect()
    }

    /// What every row fulfils for which `condition` is true.
    fn weaker(&self, condition: &Expr) -> Option<Expression> {
        match &condition.node {
            Node::And(all) => and_collect(all.iter().filter_map(|one| self.weaker(one))),
            Node::Or(all) => or_collect(all.iter().map(|one| self.weaker(one)).collect::<Option<Vec<_>>>()?),
            Node::Compare(comparison, sides) => self.compared(*comparison, &sides.0, &sides.1),
            Node::IsNull(value) => self.column(value).map(is_null),
            _ => None,
        }
    }

    fn compared(&self, comparison: Comparison, left: &Expr, right: &Expr) -> Option<Expression> {
        let (column, literal, comparison) = match (&left.node, &right.node) {
            (Node::Column(_), Node::Literal(value)) => (left, value, comparison),
            (Node::Literal(value), Node::Column(_)) => (right, value, comparison.swapped()),
            // A whole number is cast to 64 bits to meet its literal, which may fit the column as it is.
            (Node::Cast(inner), Node::Literal(value)) => (inner.as_ref(), value, comparison),
            (Node::Literal(value), Node::Cast(inner)) => (inner.as_ref(), value, comparison.swapped()),
            _ => return None,
        };
        let value = self.literal(literal, column)?;
        let column = self.column(column)?;
        Some(match comparison {
            Comparison::Eq => eq(column, value),
            Comparison::Ne => not_eq(column, value),
            Comparison::Lt => lt(column, value),
            Comparison::Le => lt_eq(column, value),
            Comparison::Gt => gt(column, value),
            Comparison::Ge => gt_eq(column, value),
        })
    }

    fn column(&self, value: &Expr) -> Option<Expression> {
        let Node::Column(at) = &value.node else { return None };
        let column = self.table.columns.get(*self.positions.get(*at)?)?;
        Some(get_item(column.stored_name().as_str(), root()))
    }

    /// A literal as a value of the column; `None` when it is none exactly.
    fn literal(&self, literal: &ArrayRef, column: &Expr) -> Option<Expression> {
        let (from, to) = (literal.data_type(), &column.data_type);
        if literal.is_null(0)
            || is_special(literal)
            || !(from == to || (from.is_integer() && to.is_integer()))
        {
            return None;
        }
        let value = crate::coerce::cast(literal, to).ok()?;
        let field = Field::new("", to.clone(), true);
        let array = self.session.arrow().from_arrow_array(Arc::clone(&value), &field).ok()?;
        let scalar = array.execute_scalar(0, &mut self.session.create_execution_ctx()).ok()?;
        Some(lit(scalar))
    }
}

/// Zeros and NaN, which Vortex orders otherwise.
fn is_special(literal: &ArrayRef) -> bool {
    match literal.data_type() {
        DataType::Float32 => special(f64::from(literal.as_primitive::<Float32Type>().value(0))),
        DataType::Float64 => special(literal.as_primitive::<Float64Type>().value(0)),
        _ => false,
    }
}

fn special(value: f64) -> bool {
    value == 0.0 || value.is_nan()
}
