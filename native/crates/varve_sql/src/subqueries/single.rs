//! A query that stands for a value, of which nothing says that it has one row at most.
//!
//! DataFusion 55.2 refuses those that name columns of the query around them. Here the rows that belong to a row are counted,
//! with the first of them, and more than one is an error, as it is of a query that names none.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::functions::core::expr_fn::named_struct;
use datafusion::functions_aggregate::first_last::first_value;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, lit,
};

use super::forms;

/// The name of the function, which may fail.
pub(crate) const ONLY_VALUE: &str = "only_value";

/// The value of the first column of the only row of `query`, or NULL where there is none.
pub(super) fn only_value(query: LogicalPlan) -> Result<Expr> {
    let value = forms::first_column(&query);
    let (value, rows) = (first_value(value, vec![]), forms::all_rows());
    let first_and_count = LogicalPlanBuilder::from(query)
        .aggregate(Vec::<Expr>::new(), [value.clone(), rows.clone()])?
        .project([named_struct(vec![
            lit("value"),
            forms::named_as(&value),
            lit("rows"),
            forms::named_as(&rows),
        ])])?
        .build()?;
    let function = OnlyValue { signature: Signature::any(1, Volatility::Immutable) };
    Ok(ScalarUDF::new_from_impl(function).call(vec![forms::scalar(first_and_count)]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyValue {
    signature: Signature,
}

impl ScalarUDFImpl for OnlyValue {
    fn name(&self) -> &'static str {
        ONLY_VALUE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Struct(fields)] if fields.len() == 2 => Ok(fields[0].data_type().clone()),
            _ => internal_err!("{ONLY_VALUE} is called with {types:?}"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let counted = args.args[0].to_array(args.number_rows)?;
        let counted = counted.as_struct();
        let rows = counted.column(1).as_primitive::<Int64Type>();
        let is_one = |row: usize| counted.is_null(row) || rows.is_null(row) || rows.value(row) <= 1;
        if !(0..counted.len()).all(is_one) {
            return exec_err!(
                "a query that stands for a value has more than one row: LIMIT 1 takes one of them"
            );
        }
        let value = counted.column(0).to_data();
        let nulls = NullBuffer::union(counted.nulls(), value.nulls());
        let value = value.into_builder().nulls(nulls).build()?;
        Ok(ColumnarValue::Array(Arc::new(make_array(value))))
    }
}
