//! Functions whose answer is longer than their arguments, and types that say how long it is, held to a bound.
//!
//! DataFusion takes the memory for such an answer outside of its pool, and a failed allocation ends the process: one
//! statement of twenty letters would be enough. So the bytes of an answer are reckoned from its arguments first.

mod concat;
mod growth;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use varve_types::{ErrorCode, VarveError};

use crate::error::into_datafusion;
use crate::expressions::each_part;
use growth::Growth;

pub(crate) use concat::concat;
pub(crate) use growth::summed as text_bytes;

/// Bytes of the answers of one batch of rows.
pub(crate) const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// Bytes of one value of a type that has its size, NULL too: a batch of 8192 rows takes half of [`ANSWER_BYTES_MAX`].
const VALUE_BYTES_MAX: u64 = 1 << 16;

/// `function`, held to the bound if it needs one.
pub(crate) fn bounded(function: &Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match Growth::of(function.name()) {
        Some(growth) => {
            Arc::new(ScalarUDF::new_from_impl(Bounded { inner: ScalarUDF::clone(function), growth }))
        }
        None => Arc::clone(function),
    }
}

/// # Errors
/// `SQL_LIMIT` when the answers for `rows` rows would be longer than the bound.
fn check(name: &str, growth: Growth, args: &[ColumnarValue], rows: usize) -> Result<()> {
    check_bytes(name, growth.bytes(args, rows)?, rows)
}

/// # Errors
/// `SQL_LIMIT` when the answers for `rows` rows are longer than the bound.
pub(crate) fn check_bytes(name: &str, bytes: u128, rows: usize) -> Result<()> {
    if bytes <= u128::from(ANSWER_BYTES_MAX) {
        return Ok(());
    }
    let message = format!("{name} would make {bytes} bytes of {rows} rows");
    let hint = "make shorter values, or use generate_series in FROM, which takes no memory";
    Err(into_datafusion(VarveError::new(ErrorCode::SqlLimit, message, hint)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    growth: Growth,
}

/// Refuses types whose values have a great size, whatever is in them: an array of NULL takes it too.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn check_type(data_type: &DataType) -> Result<()> {
    let bytes = value_bytes(data_type);
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let message = format!("each value of the type would take {bytes} bytes, the limit is {VALUE_BYTES_MAX}");
    Err(into_datafusion(VarveError::new(ErrorCode::SqlLimit, message, "use a type without a size")))
}

fn value_bytes(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeBinary(size) => above_zero(i64::from(*size)) as u64,
        DataType::FixedSizeList(item, size) => {
            (above_zero(i64::from(*size)) as u64).saturating_mul(value_bytes(item.data_type()))
        }
        DataType::Struct(fields) => {
            fields.iter().map(|field| value_bytes(field.data_type())).fold(0, u64::saturating_add)
        }
        other => other.primitive_width().unwrap_or(16) as u64,
    }
}

fn above_zero(number: i64) -> u128 {
    u128::try_from(number).unwrap_or(0)
}

impl ScalarUDFImpl for Bounded {
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(self.inner.name(), self.growth, &args.args, args.number_rows)?;
        self.inner.inner().invoke_with_args(args)
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.inner().schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field = self.inner.inner().return_field_from_args(args)?;
        check_type(field.data_type())?;
        Ok(field)
    }

    #[expect(deprecated, reason = "who still asks gets the answer of the function")]
    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        self.inner.inner().is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = self.inner.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Self { inner, growth: self.growth }))
    }

    /// Some functions make part of their answer here, of the arguments that are literals, and call others that know no bound.
    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if matches!(self.growth, Growth::Summed | Growth::Separated) {
            let known = args.iter().map(|arg| match arg {
                Expr::Literal(value, _) => ColumnarValue::Scalar(value.clone()),
                _ => ColumnarValue::Scalar(ScalarValue::Utf8View(None)),
            });
            check(self.name(), self.growth, &known.collect::<Vec<_>>(), 1)?;
        }
        Ok(match self.inner.inner().simplify(args, context)? {
            ExprSimplifyResult::Simplified(simple) => {
                let held = each_part(simple, &|part| {
                    let Expr::ScalarFunction(mut call) = part else { return Ok(Transformed::no(part)) };
                    if !call.func.inner().is::<Self>() {
                        call.func = bounded(&call.func);
                    }
                    Ok(Transformed::yes(Expr::ScalarFunction(call)))
                })?;
                ExprSimplifyResult::Simplified(held.data)
            }
            original @ ExprSimplifyResult::Original(_) => original,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(types)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.inner().output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
