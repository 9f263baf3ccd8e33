//! Arithmetic of BIGINT, and shorter integers with a sign, with BIGINT UNSIGNED.
//!
//! DataFusion 55.2 computes it with decimals of 20 digits, and takes the answer to be of 20 digits until types are given, when
//! it has 21: `FROM (SELECT a, a - u AS r FROM t) AS x, unnest([x.a, x.r])` made lists of both, and panicked. Such numbers
//! become these decimals where they are planned, so that there is one type from the beginning.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// What holds each integer of either kind.
const EITHER: DataType = DataType::Decimal128(20, 0);

/// Plans it.
#[derive(Debug)]
pub(crate) struct MixedSigns;

impl ExprPlanner for MixedSigns {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        columns: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_mixed = is_arithmetic(&expr.op) && {
            let (left, right) = (expr.left.get_type(columns)?, expr.right.get_type(columns)?);
            let is_wide = |side: &DataType| *side == DataType::UInt64;
            is_wide(&left) && right.is_signed_integer() || left.is_signed_integer() && is_wide(&right)
        };
        Ok(PlannerResult::Original(if is_mixed {
            let RawBinaryExpr { op, left, right } = expr;
            RawBinaryExpr { op, left: cast(left, EITHER), right: cast(right, EITHER) }
        } else {
            expr
        }))
    }
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}
