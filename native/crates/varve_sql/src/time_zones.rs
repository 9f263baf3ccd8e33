//! Casts of times on a wall to moments in a time zone.
//!
//! DataFusion 55.2 compares what such a cast is made of instead of what it gives: of `CAST(t AS a zone) = a moment` it makes
//! `t = that moment in UTC`, in the logical plan and again in the physical one. So, where the zone is not UTC, the cast
//! becomes a function, which nobody takes apart. The way back, from a moment to a time on a wall, is the time in UTC
//! whatever the zone (`to_local_time` gives that of the zone), and may be taken apart.

use std::sync::Arc;

use datafusion::arrow::compute::CastOptions;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use crate::expressions::{Rule, each_part_over, rule};
use crate::types::UTC;

/// The rule. It comes after those that give values their types.
pub(crate) fn exact() -> Rule {
    rule("exact_zones", |plan| each_part_over(plan, &as_function))
}

fn as_function(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some((of, field, is_tried)) = cast_of(&expr, schema) else { return Ok(Transformed::no(expr)) };
    let may = matches!(field.data_type(), DataType::Timestamp(..));
    if !may || !of.get_type(schema).is_ok_and(|from| moves(&from, field.data_type())) {
        return Ok(Transformed::no(expr));
    }
    let signature = Signature::any(1, Volatility::Immutable);
    let cast = ZoneCast { field, is_tried, signature };
    Ok(Transformed::yes(ScalarUDF::new_from_impl(cast).call(vec![of.clone()])))
}

/// What a cast is of, what it gives, and whether a value that cannot be cast is NULL. Some functions become casts, when they
/// are simplified.
fn cast_of<'e>(expr: &'e Expr, schema: &DFSchema) -> Option<(&'e Expr, FieldRef, bool)> {
    match expr {
        Expr::Cast(Cast { expr, field }) => Some((expr, Arc::clone(field), false)),
        Expr::TryCast(TryCast { expr, field }) => Some((expr, Arc::clone(field), true)),
        Expr::ScalarFunction(call) => {
            let is_tried = match call.name() {
                "arrow_cast" | "cast_to_type" => false,
                "arrow_try_cast" | "try_cast_to_type" => true,
                _ => return None,
            };
            let (_, field) = expr.to_field(schema).ok()?;
            Some((call.args.first()?, field, is_tried))
        }
        _ => None,
    }
}

/// Whether a cast gives another number than its argument, but for units.
fn moves(from: &DataType, to: &DataType) -> bool {
    let (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(zone))) = (from, to) else { return false };
    !matches!(zone.as_ref(), UTC | "UTC")
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ZoneCast {
    /// What it gives.
    field: FieldRef,
    /// Whether a time that the zone does not have is NULL instead of an error.
    is_tried: bool,
    signature: Signature,
}

impl ScalarUDFImpl for ZoneCast {
    fn name(&self) -> &str {
        if self.is_tried { "try_cast_zone" } else { "cast_zone" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let is_nullable = self.is_tried || args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(self.field.as_ref().clone().with_name(self.name()).with_nullable(is_nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else { return plan_err!("a cast takes one value") };
        let options = CastOptions { safe: self.is_tried, ..CastOptions::default() };
        value.cast_to(self.field.data_type(), Some(&options))
    }
}
