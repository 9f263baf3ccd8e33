//! Decimals compared with doubles, as doubles.
//!
//! DataFusion 55.2 makes decimals with 15 digits before the point and 15 behind it of both: with a double that is larger it
//! failed, and one that is smaller was zero. As in PostgreSQL and DuckDB both are doubles. What is written in a statement
//! stays as it is where such a decimal holds it: `c <= 0.06 + 0.01` is meant of decimals.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};

use crate::expressions::{Rule, compared, each_part_over, rule};

/// What DataFusion makes of a double beside a decimal.
const SHORT: DataType = DataType::Decimal128(30, 15);

/// The rule. It comes before those that give values their types.
pub(crate) fn of_both() -> Rule {
    rule("doubles_of_both", |plan| each_part_over(plan, &in_part))
}

fn in_part(mut part: Expr, columns: &DFSchema) -> Result<Transformed<Expr>> {
    let is_changed = settle(compared(&mut part), columns);
    Ok(Transformed::new_transformed(part, is_changed))
}

/// Makes doubles of the decimals among what is compared if a double there may be none of those decimals; whether it is so.
fn settle(compared: Vec<&mut Expr>, columns: &DFSchema) -> bool {
    let has_type = |expr: &Expr, is: fn(&DataType) -> bool| expr.get_type(columns).is_ok_and(|of| is(&of));
    if !compared.iter().any(|expr| may_be_other(expr) && has_type(expr, DataType::is_floating)) {
        return false;
    }
    let mut is_changed = false;
    for expr in compared {
        if has_type(expr, DataType::is_decimal) {
            *expr = cast(std::mem::take(expr), DataType::Float64);
            is_changed = true;
        }
    }
    is_changed
}

fn may_be_other(double: &Expr) -> bool {
    match double {
        Expr::Negative(of) => may_be_other(of),
        Expr::Literal(value @ (ScalarValue::Float32(Some(_)) | ScalarValue::Float64(Some(_))), _) => {
            let short = value.cast_to(&SHORT).and_then(|short| short.cast_to(&value.data_type()));
            !short.is_ok_and(|short| short == *value)
        }
        other => other.any_column_refs() || other.contains_outer(),
    }
}
