//! Constant tensors of an ONNX model.

use varve_types::Result;

use super::proto::{TensorProto, data_type};
use crate::failure::{damaged, too_large, unsupported};
use crate::limits::Limits;

/// A constant: its shape and its numbers or texts.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

/// Integers keep their type, because a shape or a label is not a float.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }
}

impl Tensor {
    pub(crate) fn of(proto: &TensorProto, limits: &Limits) -> Result<Self> {
        let name = &proto.name;
        if proto.data_location != 0 || !proto.external_data.is_empty() {
            return Err(unsupported(format!("tensor {name} keeps its data in another file")));
        }
        let dims = proto.dims.iter().map(|dim| usize::try_from(*dim));
        let dims: Vec<usize> =
            dims.collect::<Result<_, _>>().map_err(|_| damaged(format!("tensor {name} has no shape")))?;
        let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
        let count = count
            .filter(|count| *count <= limits.weights_max)
            .ok_or_else(|| too_large(format!("tensor {name} has more than {} items", limits.weights_max)))?;
        let data = data_of(proto)?;
        if data.len() != count {
            return Err(damaged(format!("tensor {name} holds {} items of {count}", data.len())));
        }
        Ok(Self { dims, data })
    }

    /// The numbers as f32; integers must survive the conversion.
    pub(crate) fn floats(&self) -> Result<Vec<f32>> {
        match &self.data {
            Data::Floats(values) => Ok(values.clone()),
            Data::Integers(values) => values.iter().map(|value| exact(*value)).collect(),
            Data::Texts(_) => Err(unsupported("texts where numbers are needed")),
        }
    }

    pub(crate) fn integers(&self) -> Result<&[i64]> {
        match &self.data {
            Data::Integers(values) => Ok(values),
            _ => Err(damaged("a constant is not of an integer type")),
        }
    }
}

/// An integer as f32. Error: `MODEL_UNSUPPORTED` where f32 cannot tell it from its neighbours.
pub(crate) fn exact(value: i64) -> Result<f32> {
    if value.unsigned_abs() <= 1 << 24 {
        Ok(value as f32)
    } else {
        Err(unsupported(format!("integer {value} does not fit a float")))
    }
}

fn data_of(proto: &TensorProto) -> Result<Data> {
    let raw = &proto.raw_data;
    Ok(match proto.data_type {
        data_type::FLOAT if raw.is_empty() => Data::Floats(proto.float_data.clone()),
        data_type::FLOAT => Data::Floats(words(raw)?.iter().map(|word| f32::from_le_bytes(*word)).collect()),
        data_type::INT64 if raw.is_empty() => Data::Integers(proto.int64_data.clone()),
        data_type::INT64 => {
            Data::Integers(words(raw)?.iter().map(|word| i64::from_le_bytes(*word)).collect())
        }
        data_type::INT32 if !raw.is_empty() => {
            Data::Integers(words(raw)?.iter().map(|word| i64::from(i32::from_le_bytes(*word))).collect())
        }
        data_type::UINT8 | data_type::BOOL if !raw.is_empty() => {
            Data::Integers(raw.iter().map(|byte| i64::from(*byte)).collect())
        }
        data_type::INT32 | data_type::UINT8 | data_type::BOOL => {
            Data::Integers(proto.int32_data.iter().map(|value| i64::from(*value)).collect())
        }
        data_type::STRING => {
            Data::Texts(proto.string_data.iter().map(|text| utf8(text)).collect::<Result<_>>()?)
        }
        data_type::DOUBLE => return Err(unsupported(format!("tensor {} is of type double", proto.name))),
        other => return Err(unsupported(format!("tensor {} is of element type {other}", proto.name))),
    })
}

fn words<const N: usize>(raw: &[u8]) -> Result<&[[u8; N]]> {
    let (words, rest) = raw.as_chunks();
    if rest.is_empty() { Ok(words) } else { Err(damaged("raw data of a tensor does not end with an item")) }
}

pub(crate) fn utf8(bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|cause| damaged("a text of the model is not UTF-8").caused_by(cause))
}
