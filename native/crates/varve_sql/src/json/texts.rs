//! JSON as a whole: whether a text is, and the JSON of a value.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, OffsetSizeTrait, StringViewBuilder};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::common::{Result, exec_datafusion_err, plan_err};
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use jiter::Jiter;

use crate::bounded::check_bytes;

/// What stands around a value, and `null`.
const MARKS_BYTES: u128 = 4;
/// The longest number is a decimal of 256 bits; points in time and intervals are shorter.
const NUMBER_BYTES: u128 = 84;

/// `json_valid(text)`: whether the other functions read all of it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct IsValid {
    signature: Signature,
}

impl Default for IsValid {
    fn default() -> Self {
        Self { signature: Signature::uniform(1, vec![DataType::Utf8View], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IsValid {
    fn name(&self) -> &'static str {
        "json_valid"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let of_texts = |args: &[ArrayRef]| {
            let texts = args[0].as_string_view().iter();
            Ok(Arc::new(texts.map(|text| Some(is_json(text?))).collect::<BooleanArray>()) as ArrayRef)
        };
        make_scalar_function(of_texts, Vec::new())(&args.args)
    }
}

fn is_json(text: &str) -> bool {
    let mut rest = Jiter::new(text.as_bytes());
    rest.next_skip().is_ok() && rest.finish().is_ok()
}

/// `to_json(value)`: a struct as an object with all of its names, points in time as texts of ISO 8601, binary as hexadecimal
/// digits, what is no JSON number as null; NULL for NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToJson {
    signature: Signature,
}

impl Default for ToJson {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ToJson {
    fn name(&self) -> &'static str {
        "to_json"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if let Some(strange) = types.iter().find(|of| !is_written(of)) {
            return plan_err!("to_json does not write {strange}");
        }
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        make_scalar_function(|args: &[ArrayRef]| json_of(&args[0]), Vec::new())(&args.args)
    }
}

/// Whether [`written_bytes`] knows how long the JSON of such a value is.
fn is_written(of: &DataType) -> bool {
    match of {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => is_written(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_written(field.data_type())),
        DataType::Dictionary(_, value) => value.is_string(),
        other => other.is_string() || other.is_binary() || other.is_primitive() || is_plain(other),
    }
}

fn is_plain(of: &DataType) -> bool {
    matches!(of, DataType::Null | DataType::Boolean)
}

fn json_of(values: &ArrayRef) -> Result<ArrayRef> {
    check_bytes("to_json", written_bytes(values)?, values.len())?;
    let field = Arc::new(Field::new("value", values.data_type().clone(), true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(&field, values, &options)?;
    let mut texts = StringViewBuilder::with_capacity(values.len());
    let mut json = Vec::new();
    for row in 0..values.len() {
        if encoder.is_null(row) {
            texts.append_null();
            continue;
        }
        json.clear();
        encoder.encode(row, &mut json);
        texts.append_value(str::from_utf8(&json).map_err(|error| exec_datafusion_err!("{error}"))?);
    }
    Ok(Arc::new(texts.finish()))
}

/// The bytes of the JSON of values, or somewhat more.
fn written_bytes(values: &ArrayRef) -> Result<u128> {
    let of_items = |items: ArrayRef| Ok(written_bytes(&items)? + values.len() as u128 * MARKS_BYTES);
    match values.data_type() {
        DataType::List(_) => {
            let list = values.as_list::<i32>();
            of_items(part(list.values(), list.offsets()))
        }
        DataType::LargeList(_) => {
            let list = values.as_list::<i64>();
            of_items(part(list.values(), list.offsets()))
        }
        DataType::FixedSizeList(_, _) => of_items(Arc::clone(values.as_fixed_size_list().values())),
        DataType::Map(_, _) => {
            let map = values.as_map();
            of_items(part(&(Arc::new(map.entries().clone()) as ArrayRef), map.offsets()))
        }
        DataType::Struct(fields) => {
            let mut bytes = values.len() as u128 * MARKS_BYTES;
            for (field, column) in fields.iter().zip(values.as_struct().columns()) {
                let name = escaped_bytes(field.name()) + MARKS_BYTES;
                bytes += name * values.len() as u128 + written_bytes(column)?;
            }
            Ok(bytes)
        }
        binary if binary.is_binary() => {
            let bytes = cast(values, &DataType::BinaryView)?;
            let bytes = bytes.as_binary_view().lengths().map(u128::from).sum::<u128>();
            Ok(2 * bytes + values.len() as u128 * MARKS_BYTES)
        }
        text if text.is_string() || matches!(text, DataType::Dictionary(_, _)) => {
            let texts = cast(values, &DataType::Utf8View)?;
            Ok(texts.as_string_view().iter().flatten().map(|text| escaped_bytes(text) + MARKS_BYTES).sum())
        }
        _ => Ok(values.len() as u128 * NUMBER_BYTES),
    }
}

/// The items that lists have.
fn part<O: OffsetSizeTrait>(items: &ArrayRef, offsets: &OffsetBuffer<O>) -> ArrayRef {
    let (first, last) = (offsets.first().expect("there is one"), offsets.last().expect("there is one"));
    items.slice(first.as_usize(), (*last - *first).as_usize())
}

/// The bytes of a text with its escapes.
fn escaped_bytes(text: &str) -> u128 {
    let mut more = 0;
    for byte in text.as_bytes() {
        more += match byte {
            b'"' | b'\\' => 1,
            0..0x20 => 5,
            _ => 0,
        };
    }
    (text.len() + more) as u128
}
