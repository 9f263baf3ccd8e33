//! The library's functions over a document and a path in it, for whatever SQL has as a path.
//!
//! datafusion-functions-json 0.55 takes steps of BIGINT and no other numbers, and a path of several steps only when none of
//! them is a column. Its answers lie in arrays that panic when all of them are longer than 2 GiB, which takes one long
//! document that many rows share.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_functions_json::udfs::json_get_json_udf;

use crate::bounded::{ANSWER_BYTES_MAX, check_bytes, text_bytes};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// The library's.
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl Part {
    pub(super) fn function(inner: &Arc<ScalarUDF>) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Self { inner: Arc::clone(inner), signature }))
    }

    /// The answers, in parts of so many rows that the documents of each are no longer than answers may be.
    fn of_rows(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        if rows < 2 || !args.args.iter().any(is_array) || text_bytes(&args.args[..1], rows)? <= LONG {
            return self.inner.inner().invoke_with_args(args);
        }
        let half = |from: usize, rows: usize| {
            let of = |arg: &ColumnarValue| match arg {
                ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(from, rows)),
                scalar => scalar.clone(),
            };
            let part = ScalarFunctionArgs {
                args: args.args.iter().map(of).collect(),
                number_rows: rows,
                ..args.clone()
            };
            self.of_rows(part)?.into_array(rows)
        };
        let halves = [half(0, rows / 2)?, half(rows / 2, rows - rows / 2)?];
        let bytes = halves.iter().map(|half| half.get_array_memory_size() as u128).sum();
        check_bytes(self.name(), bytes, rows)?;
        Ok(ColumnarValue::Array(concat(&[halves[0].as_ref(), halves[1].as_ref()])?))
    }
}

const LONG: u128 = ANSWER_BYTES_MAX as u128;

impl ScalarUDFImpl for Part {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let as_step = |of: &DataType| match of {
            DataType::Null => DataType::Utf8View,
            number if number.is_integer() && *number != DataType::UInt64 => DataType::Int64,
            other => other.clone(),
        };
        Ok(types.iter().map(as_step).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(plain(self.inner.return_type(types)?))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let json = json_get_json_udf();
        while args.args.len() > 2 && args.args[1..].iter().any(is_array) {
            let field = Arc::new(Field::new(json.name(), DataType::Utf8, true));
            let step = ScalarFunctionArgs {
                args: args.args[..2].to_vec(),
                arg_fields: args.arg_fields[..2].to_vec(),
                return_field: Arc::clone(&field),
                ..args.clone()
            };
            let part = Self { inner: Arc::clone(&json), signature: self.signature.clone() }.of_rows(step)?;
            args.args.splice(..2, [part]);
            args.arg_fields.splice(..2, [field]);
        }
        let wanted = args.return_field.data_type().clone();
        match self.of_rows(args)? {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(cast(&array, &wanted)?)),
            ColumnarValue::Scalar(value) => Ok(ColumnarValue::Scalar(value.cast_to(&wanted)?)),
        }
    }
}

fn is_array(arg: &ColumnarValue) -> bool {
    matches!(arg, ColumnarValue::Array(_))
}

/// Without the library's mark on the items of lists, which would make the type another one than that of the same list.
fn plain(of: DataType) -> DataType {
    match of {
        DataType::List(item) => DataType::new_list(item.data_type().clone(), true),
        other => other,
    }
}
