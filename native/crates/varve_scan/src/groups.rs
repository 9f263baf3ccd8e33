//! Groups: rows that have the same key, numbered as they come.

use std::collections::HashMap;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use varve_types::{ErrorCode, Result, VarveError};

use crate::keys::KeyEncoder;

/// Bytes that an entry of the map takes beside its key.
const ENTRY_BYTES: usize = 48;

/// The groups so far.
pub(crate) struct Groups {
    /// None when all rows are one group.
    encoder: Option<KeyEncoder>,
    numbers: HashMap<Box<[u8]>, u32>,
    key_bytes: usize,
}

impl Groups {
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        let encoder = (!types.is_empty()).then(|| KeyEncoder::new(types.iter().cloned())).transpose()?;
        Ok(Self { encoder, numbers: HashMap::new(), key_bytes: 0 })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        if self.encoder.is_none() { 1 } else { self.numbers.len() }
    }

    /// About how many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        self.key_bytes + self.numbers.len() * ENTRY_BYTES
    }

    /// The group of each of `rows` rows, written to `numbers`.
    pub(crate) fn find(&mut self, keys: &[ArrayRef], rows: usize, numbers: &mut Vec<u32>) -> Result<()> {
        numbers.clear();
        let Some(encoder) = &self.encoder else {
            numbers.resize(rows, 0);
            return Ok(());
        };
        let encoded = encoder.encode(keys)?;
        for key in &encoded {
            let key = key.data();
            let number = match self.numbers.get(key) {
                Some(number) => *number,
                None => {
                    let next = u32::try_from(self.numbers.len()).map_err(|_| too_many())?;
                    self.key_bytes += key.len();
                    self.numbers.insert(key.into(), next);
                    next
                }
            };
            numbers.push(number);
        }
        Ok(())
    }

    /// The columns of the keys, in the order of their numbers.
    pub(crate) fn into_keys(self) -> Result<Vec<ArrayRef>> {
        let Some(encoder) = &self.encoder else { return Ok(Vec::new()) };
        let mut keys: Vec<&[u8]> = vec![&[]; self.numbers.len()];
        for (key, number) in &self.numbers {
            keys[*number as usize] = key;
        }
        encoder.decode(keys.into_iter())
    }
}

fn too_many() -> VarveError {
    VarveError::new(ErrorCode::LimitExceeded, "there are more than 4,294,967,295 groups", "filter first")
}
