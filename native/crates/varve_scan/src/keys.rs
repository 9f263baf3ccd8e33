//! Values of several columns as bytes that are equal when the values are, and in their order.

use arrow_array::ArrayRef;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::DataType;
use varve_types::Result;

use crate::coerce::canonical;
use crate::error::from_arrow;

/// Encodes keys of columns of some types.
#[derive(Debug)]
pub(crate) struct KeyEncoder {
    converter: RowConverter,
}

impl KeyEncoder {
    pub(crate) fn new(types: impl Iterator<Item = DataType>) -> Result<Self> {
        let fields = types.map(SortField::new).collect();
        Ok(Self { converter: RowConverter::new(fields).map_err(from_arrow)? })
    }

    /// The keys of the rows of `columns`.
    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        let columns: Vec<ArrayRef> = columns.iter().map(canonical).collect();
        self.converter.convert_columns(&columns).map_err(from_arrow)
    }

    /// The columns of which these are keys.
    pub(crate) fn decode<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        self.converter.convert_rows(keys.map(|key| parser.parse(key))).map_err(from_arrow)
    }
}
