//! Sums, differences and products of integers that are errors where they do not fit.
//!
//! DataFusion 55.2 lets them wrap around: 100000 * 100000 of two columns of INT was 1410065408, in answers and in what UPDATE
//! wrote. Where the types, and what is known of the values, leave no room for that, it computes as before.

use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, internal_err, plan_err};
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::chains;
use crate::expressions::{Rule, each_part_over, rule};

/// Whether a function is such an operator. No other has a name like it.
pub(crate) fn is_checked(function: &str) -> bool {
    function.starts_with("checked_")
}

fn type_of(side: &Expr, schema: &DFSchema) -> Result<DataType> {
    chains::first(side).get_type(schema)
}

/// The rule. It comes after those that give values their types.
pub(crate) fn integers() -> Rule {
    rule("checked_integers", |plan| each_part_over(plan, &checked))
}

fn checked(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &part else { return Ok(Transformed::no(part)) };
    let (Operator::Plus | Operator::Minus | Operator::Multiply) = op else {
        return Ok(Transformed::no(part));
    };
    let (Ok(of), Ok(other)) = (type_of(left, schema), type_of(right, schema)) else {
        return Ok(Transformed::no(part));
    };
    if !of.is_integer() || other != of || bits(&part, schema)? < type_bits(&of) {
        return Ok(Transformed::no(part));
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else {
        return internal_err!("an operator is none");
    };
    let function =
        ScalarUDF::new_from_impl(Checked { op, signature: Signature::any(2, Volatility::Immutable) });
    Ok(Transformed::yes(function.call(vec![*left, *right])))
}

/// The values of `expr`, an integer, are less than two to the power of this, sign apart.
fn bits(expr: &Expr, schema: &DFSchema) -> Result<u32> {
    Ok(match expr {
        Expr::Literal(value, _) => match i64::try_from(value.clone()) {
            Ok(value) => u64::BITS - value.unsigned_abs().leading_zeros(),
            Err(_) => type_bits(&value.data_type()),
        },
        Expr::Cast(Cast { expr, field }) if expr.get_type(schema)?.is_integer() => {
            bits(expr, schema)?.min(type_bits(field.data_type()))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is_unsigned = || type_of(left, schema).map(|of| of.is_unsigned_integer());
            let (left, right) = (bits(left, schema)?, bits(right, schema)?);
            match op {
                Operator::Minus if is_unsigned()? => u32::MAX,
                Operator::Plus | Operator::Minus => left.max(right).saturating_add(1),
                Operator::Multiply => left.saturating_add(right),
                _ => type_bits(&expr.get_type(schema)?),
            }
        }
        other => type_bits(&type_of(other, schema)?),
    })
}

/// The same of a type; one more than the bits that it has for the least value, whose magnitude is that.
fn type_bits(of: &DataType) -> u32 {
    let bits = 8 * of.primitive_width().unwrap_or(8) as u32;
    if of.is_unsigned_integer() { bits + 1 } else { bits }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    op: Operator,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.op {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_sub",
            _ => "checked_mul",
        }
    }

    /// That of the operator, so that columns keep their names.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        chains::name(self.name(), args, |side| side.schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [left, _] = types else { return plan_err!("an operator has two sides") };
        Ok(left.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), args.arg_fields[0].data_type().clone(), is_nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return plan_err!("an operator has two sides") };
        match self.op {
            Operator::Plus => apply(left, right, add),
            Operator::Minus => apply(left, right, sub),
            _ => apply(left, right, mul),
        }
    }
}
