//! Which expressions may give an error instead of a value, and filters of them in an order that keeps them from it.
//!
//! `b <> 0 AND a / b > 1` divides by no zero, in whatever order an optimiser asks. DataFusion 55.2 computes both sides for
//! all rows unless the first leaves few, and so did the scan's filters.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{BinaryExpr as LogicalBinary, Cast};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use datafusion::physical_expr::utils::conjunction_opt;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{BinaryExpr, CastExpr, Literal, case, lit};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::scalar::ScalarValue;

use crate::checked::is_checked;
use crate::subqueries::ONLY_VALUE;

/// Functions that refuse some values, beside those whose names begin with `to_`.
const REFUSING: [&str; 17] = [
    "arrow_cast",
    "cast_to_type",
    "cast_zone",
    "chr",
    "date_bin",
    "decode",
    "factorial",
    "gcd",
    "generate_series",
    "lcm",
    "lpad",
    "make_date",
    "make_time",
    "power",
    "range",
    "repeat",
    "rpad",
];

/// So many filters that may fail come one after the other.
const TURNS_MAX: usize = 16;

/// Whether some value of `expr` may be an error.
pub(crate) fn may_fail(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|part| {
        Ok(match part {
            Expr::BinaryExpr(LogicalBinary { left, op, right }) => {
                let divisor = match right.as_ref() {
                    Expr::Literal(value, _) => Some(value),
                    _ => None,
                };
                let may = |of: DataType| arithmetic_may_fail(*op, &of, divisor);
                op.is_numerical_operators() && left.get_type(schema).map_or(true, may)
            }
            Expr::Cast(Cast { expr, field }) => {
                expr.get_type(schema).map_or(true, |of| cast_may_fail(&of, field.data_type()))
            }
            Expr::ScalarFunction(call) => function_may_fail(call.name()),
            _ => false,
        })
    })
}

/// The same of the physical plan.
pub(crate) fn may_fail_at_last(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    expr.exists(|part| {
        if let Some(binary) = part.downcast_ref::<BinaryExpr>() {
            let divisor = binary.right().downcast_ref::<Literal>().map(Literal::value);
            return Ok(binary.op().is_numerical_operators()
                && arithmetic_may_fail(*binary.op(), &binary.left().data_type(schema)?, divisor));
        }
        if let Some(cast) = part.downcast_ref::<CastExpr>() {
            return Ok(cast_may_fail(&cast.expr().data_type(schema)?, cast.cast_type()));
        }
        Ok(part.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| function_may_fail(call.name())))
    })
}

/// Filters that leave the same rows one after the other as all of `conjuncts` together: those that may fail come last, and
/// see what the others left.
pub(crate) fn in_turn<'e>(
    conjuncts: impl IntoIterator<Item = &'e Arc<dyn PhysicalExpr>>,
    schema: &Schema,
) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
    let (mut safe, mut failing) = (Vec::new(), Vec::new());
    for part in conjuncts.into_iter().flat_map(split_conjunction) {
        let place = if may_fail_at_last(part, schema)? { &mut failing } else { &mut safe };
        place.push(Arc::clone(part));
    }
    // Each is an operator, or a pass over rows.
    if failing.len() > TURNS_MAX {
        let rest = failing.split_off(TURNS_MAX - 1);
        failing.extend(conjunction_opt(rest));
    }
    Ok(conjunction_opt(safe).into_iter().chain(failing).collect())
}

/// The plan with an operator for each of those, and such joins.
pub(crate) fn filters_in_turn(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let other = match node.downcast_ref() {
            Some(filter) => stacked(filter)?,
            None => joined_in_turn(&node)?,
        };
        Ok(other.map_or_else(|| Transformed::no(node), Transformed::yes))
    })
    .data()
}

/// A join with another filter, if `node` is one that needs it.
fn joined_in_turn(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = node.downcast_ref::<HashJoinExec>()
        && let Some(filter) = nested(join.filter())?
    {
        return Ok(Some(Arc::new(join.builder().with_filter(Some(filter)).build()?)));
    }
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = nested(join.filter())?
    {
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter));
        return Ok(Some(Arc::new(join.build()?)));
    }
    if let Some(join) = node.downcast_ref::<SortMergeJoinExec>()
        && let Some(filter) = nested(join.filter().as_ref())?
    {
        let join = SortMergeJoinExec::try_new(
            Arc::clone(join.left()),
            Arc::clone(join.right()),
            join.on().to_vec(),
            Some(filter),
            join.join_type(),
            join.sort_options().to_vec(),
            join.null_equality(),
        )?;
        return Ok(Some(Arc::new(join)));
    }
    Ok(None)
}

/// One filter above the other; `None` when there is one.
fn stacked(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut parts = in_turn([filter.predicate()], &filter.input().schema())?;
    let Some(last) = parts.pop().filter(|_| !parts.is_empty()) else { return Ok(None) };
    let mut input = Arc::clone(filter.input());
    for part in parts {
        let earlier = FilterExecBuilder::new(part, input).with_batch_size(filter.batch_size());
        input = Arc::new(earlier.build()?);
    }
    let last = FilterExecBuilder::from(filter).with_predicate(last).with_input(input).build()?;
    Ok(Some(Arc::new(last)))
}

/// One filter within the other, as a CASE; `None` when there is one.
fn nested(filter: Option<&JoinFilter>) -> Result<Option<JoinFilter>> {
    let Some(filter) = filter else { return Ok(None) };
    let mut parts = in_turn([filter.expression()], filter.schema())?.into_iter().rev();
    let (Some(last), Some(before)) = (parts.next(), parts.next()) else { return Ok(None) };
    let within = |rest, first| case(None, vec![(first, rest)], Some(lit(false)));
    let all = std::iter::once(before).chain(parts).try_fold(last, within)?;
    Ok(Some(JoinFilter::new(all, filter.column_indices().to_vec(), Arc::clone(filter.schema()))))
}

fn arithmetic_may_fail(op: Operator, of: &DataType, right: Option<&ScalarValue>) -> bool {
    let is_zero =
        |value: &ScalarValue| ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| zero == *value);
    match op {
        _ if !of.is_integer() && !of.is_decimal() => false,
        Operator::Divide | Operator::Modulo => right.is_none_or(is_zero),
        // Those of integers are functions where they may.
        _ => of.is_decimal(),
    }
}

fn cast_may_fail(from: &DataType, to: &DataType) -> bool {
    let digits = |of: &DataType| match of {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => i16::from(*precision) - i16::from(*scale),
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        _ => 20,
    };
    match (from, to) {
        _ if from == to => false,
        (DataType::Dictionary(_, values), _) => cast_may_fail(values, to),
        (DataType::List(from), DataType::List(to)) => cast_may_fail(from.data_type(), to.data_type()),
        (text, _) if text.is_string() => !to.is_string() && !to.is_binary(),
        (bytes, _) if bytes.is_binary() => !to.is_binary(),
        (_, to) if to.is_floating() || to.is_string() => false,
        (from, to) if from.is_integer() && to.is_integer() => {
            let width = |of: &DataType| of.primitive_width().unwrap_or(0);
            let is_wider = width(to) > width(from);
            !(is_wider && (to.is_signed_integer() || from.is_unsigned_integer()))
        }
        (from, to) if to.is_decimal() => from.is_floating() || digits(from) > digits(to),
        (from, to) => to.is_integer() && from.is_numeric(),
    }
}

fn function_may_fail(name: &str) -> bool {
    REFUSING.contains(&name)
        || name == ONLY_VALUE
        || is_checked(name)
        || name.starts_with("to_") && !matches!(name, "to_json" | "to_char" | "to_hex")
}
