//! Frames of windows, from one value to another, over columns whose values have no distance.
//!
//! `rank() OVER (ORDER BY b)` has such a frame without a word of it, from the first row to the last one that is equal to the
//! current one. DataFusion 55.2 wants the type of a distance even for that, which it has for numbers, texts and times with a
//! date and not for the rest, such as BYTEA, TIME and STRUCT. GROUPS is the same where no distance is named.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFrame, WindowFrameBound, WindowFrameUnits};

use crate::expressions::{Rule, each_part_over, rule};

/// The rule. It comes before those that give values their types.
pub(crate) fn of_groups() -> Rule {
    rule("frames_of_groups", |plan| each_part_over(plan, &with_groups))
}

fn with_groups(part: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut function) = part else { return Ok(Transformed::no(part)) };
    let params = &mut function.params;
    let WindowFrame { units, start_bound, end_bound, .. } = &params.window_frame;
    let first = params.order_by.first().and_then(|key| key.expr.get_type(columns).ok());
    let first = first.filter(|data_type| *units == WindowFrameUnits::Range && !has_distance(data_type));
    let Some(data_type) = first else { return Ok(Transformed::no(Expr::WindowFunction(function))) };
    if names_distance(start_bound) || names_distance(end_bound) {
        return plan_err!("RANGE with a distance needs values that have one; {data_type} has none");
    }
    params.window_frame =
        WindowFrame::new_bounds(WindowFrameUnits::Groups, start_bound.clone(), end_bound.clone());
    Ok(Transformed::yes(Expr::WindowFunction(function)))
}

/// Whether DataFusion knows a distance between two values, or does as if there were one.
fn has_distance(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => has_distance(values),
        DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Union(..) => false,
        other => !other.is_binary() && !matches!(other, DataType::FixedSizeBinary(_)),
    }
}

fn names_distance(bound: &WindowFrameBound) -> bool {
    match bound {
        WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => !value.is_null(),
        WindowFrameBound::CurrentRow => false,
    }
}
