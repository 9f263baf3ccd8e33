//! The operator `||` over texts and bytes, held to the bound: it becomes a function, whose answers are reckoned first.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::compute::kernels::concat_elements::concat_elements_dyn;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use super::check;
use super::growth::Growth;
use crate::chains;
use crate::expressions::{Rule, each_part_over, rule};

static FUNCTION: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(Concat { signature: signature() })));

/// The rule that puts the function in the place of the operator. It comes after those that give values their types, which
/// would ask for the type of each part of a chain of functions.
pub(crate) fn concat() -> Rule {
    rule("bounded_concat", |plan| each_part_over(plan, &bounded))
}

fn bounded(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) = part else {
        return Ok(Transformed::no(part));
    };
    let is_other = |side: &Expr| chains::first(side).get_type(schema).map_or(true, |of| of.is_nested());
    Ok(if is_other(&left) || is_other(&right) {
        Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }))
    } else {
        Transformed::yes(FUNCTION.call(vec![*left, *right]))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Concat {
    signature: Signature,
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        "||"
    }

    /// As the operator has it: the name of a column that is asked for without one.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        chains::name(self.name(), args, |side| side.schema_name().to_string())
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        chains::name(self.name(), args, Expr::to_string)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else { return plan_err!("|| takes two values") };
        let (left, right) = BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_input_types()?;
        Ok(vec![left, right])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [left, right] = types else { return plan_err!("|| takes two values") };
        BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(self.name(), Growth::Summed, &args.args, args.number_rows)?;
        let is_one = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_one { 1 } else { args.number_rows };
        let [left, right] = args.args.as_slice() else { return plan_err!("|| takes two values") };
        let joined = concat_elements_dyn(&left.to_array(rows)?, &right.to_array(rows)?)?;
        if is_one {
            return ScalarValue::try_from_array(&joined, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(joined))
    }
}
