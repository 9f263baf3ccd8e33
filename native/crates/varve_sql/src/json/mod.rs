//! JSON, which is text here: functions over it, and the operators `->` and `->>`.

mod parts;
mod texts;

use std::sync::{Arc, LazyLock};

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion_functions_json::udfs;

use parts::Part;
use texts::{IsValid, ToJson};

static JSON_OF_PART: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Part::function(&udfs::json_get_json_udf()));
static TEXT_OF_PART: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Part::function(&udfs::json_as_text_udf()));

/// The functions: ours that make and check JSON, and of the library's those whose answer has one type. `json_get` gives a
/// union, which no table holds.
pub(crate) fn functions() -> [Arc<ScalarUDF>; 12] {
    [
        Arc::clone(&JSON_OF_PART),
        Arc::clone(&TEXT_OF_PART),
        Part::function(&udfs::json_contains_udf()),
        Part::function(&udfs::json_get_array_udf()),
        Part::function(&udfs::json_get_bool_udf()),
        Part::function(&udfs::json_get_float_udf()),
        Part::function(&udfs::json_get_int_udf()),
        Part::function(&udfs::json_get_str_udf()),
        Part::function(&udfs::json_length_udf()),
        Part::function(&udfs::json_object_keys_udf()),
        Arc::new(ScalarUDF::new_from_impl(IsValid::default())),
        Arc::new(ScalarUDF::new_from_impl(ToJson::default())),
    ]
}

/// `doc -> 'a'` is the JSON of a part, `doc ->> 'a'` its text: that of a string without quotes, and NULL of JSON's null.
#[derive(Debug)]
pub(crate) struct JsonOperators;

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _columns: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::Arrow => &JSON_OF_PART,
            BinaryOperator::LongArrow => &TEXT_OF_PART,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let RawBinaryExpr { op, left, right } = expr;
        let name = format!("{} {op} {}", left.schema_name(), right.schema_name());
        // A part of a part is found in one go.
        let mut path = match left.unalias() {
            Expr::ScalarFunction(part) if part.func == *JSON_OF_PART => part.args,
            document => vec![document],
        };
        path.push(right);
        Ok(PlannerResult::Planned(function.call(path).alias(name)))
    }
}
