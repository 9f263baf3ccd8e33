//! The packed batch: what a caller hands to a write, byte for byte what the log stores.
//!
//! Little endian, repeated: `u8 op` (1 put, 2 delete), `u32 key length`, `u32 value length` (0 for a
//! delete), key, value. Later operations on a key win over earlier ones of the same batch.

use varve_types::{ErrorCode, Result, VarveError};

use crate::error::{argument, limit};
use crate::limits::{BATCH_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};

const PUT: u8 = 1;
const DELETE: u8 = 2;
const HEAD: usize = 9;

/// A checked packed batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    count: usize,
}

/// One operation inside a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; `None` deletes.
    pub value: Option<&'a [u8]>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes packed bytes from outside and checks every length.
    ///
    /// Errors: `ARGUMENT_INVALID` (structure), `KEY_TOO_LARGE`, `VALUE_TOO_LARGE`, `LIMIT_EXCEEDED`.
    pub fn from_packed(bytes: Vec<u8>) -> Result<Self> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(too_large(bytes.len()));
        }
        let mut rest = bytes.as_slice();
        let mut count = 0;
        while !rest.is_empty() {
            let (op, after) = split(rest)
                .ok_or_else(|| argument(format!("operation {count} of the packed batch is malformed")))?;
            check(op.key.len(), op.value.map_or(0, <[u8]>::len))?;
            rest = after;
            count += 1;
        }
        Ok(Self { bytes, count })
    }

    /// Adds a put. Errors: `KEY_TOO_LARGE`, `VALUE_TOO_LARGE`, `LIMIT_EXCEEDED`.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.push(PUT, key, value)
    }

    /// Adds a delete. Deleting a missing key succeeds. Errors: as [`Batch::put`].
    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.push(DELETE, key, &[])
    }

    /// Operations in the batch.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there is no operation.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The packed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The operations in order.
    pub fn ops(&self) -> Ops<'_> {
        Ops { rest: &self.bytes }
    }

    fn push(&mut self, op: u8, key: &[u8], value: &[u8]) -> Result<()> {
        check(key.len(), value.len())?;
        let bytes_after = self.bytes.len() + HEAD + key.len() + value.len();
        if bytes_after > BATCH_BYTES_MAX {
            return Err(too_large(bytes_after));
        }
        self.bytes.push(op);
        self.bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }
}

/// Iterates packed operations; stops at the first malformed one, which a checked batch does not have.
#[derive(Clone, Debug)]
pub struct Ops<'a> {
    rest: &'a [u8],
}

impl<'a> Ops<'a> {
    /// Reads packed bytes without a previous check.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True when everything was read, false when the rest is malformed.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Op<'a>;

    #[inline]
    fn next(&mut self) -> Option<Op<'a>> {
        let (op, rest) = split(self.rest)?;
        self.rest = rest;
        Some(op)
    }
}

/// `KEY_TOO_LARGE` or `VALUE_TOO_LARGE` when a length is beyond its limit.
pub fn check(key_bytes: usize, value_bytes: usize) -> Result<()> {
    if key_bytes > KEY_BYTES_MAX {
        return Err(VarveError::new(
            ErrorCode::KeyTooLarge,
            format!("a key of {key_bytes} bytes is over the limit of {KEY_BYTES_MAX}"),
            "store a hash of the key and the key in the value",
        ));
    }
    if value_bytes > VALUE_BYTES_MAX {
        return Err(VarveError::new(
            ErrorCode::ValueTooLarge,
            format!("a value of {value_bytes} bytes is over the limit of {VALUE_BYTES_MAX}"),
            "split the value over several keys",
        ));
    }
    Ok(())
}

#[inline]
fn split(bytes: &[u8]) -> Option<(Op<'_>, &[u8])> {
    let head = bytes.get(..HEAD)?;
    let key_bytes = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let value_bytes = u32::from_le_bytes([head[5], head[6], head[7], head[8]]) as usize;
    let key_end = HEAD.checked_add(key_bytes)?;
    let value_end = key_end.checked_add(value_bytes)?;
    let body = bytes.get(..value_end)?;
    let value = match head[0] {
        PUT => Some(&body[key_end..]),
        DELETE if value_bytes == 0 => None,
        _ => return None,
    };
    Some((Op { key: &body[HEAD..key_end], value }, &bytes[value_end..]))
}

fn too_large(bytes: usize) -> VarveError {
    limit(
        format!("a batch of {bytes} bytes is over the limit of {BATCH_BYTES_MAX}"),
        "write several smaller batches",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_malformed() {
        let mut batch = Batch::new();
        batch.put(b"", b"").unwrap();
        batch.put(b"key", b"value").unwrap();
        batch.delete(b"key").unwrap();
        let again = Batch::from_packed(batch.bytes().to_vec()).unwrap();
        assert_eq!(again, batch);
        let ops: Vec<_> = again.ops().collect();
        assert_eq!(ops.len(), 3);
        assert_eq!(ops[1], Op { key: b"key", value: Some(b"value") });
        assert_eq!(ops[2].value, None);
        for cut in 1..batch.bytes().len() {
            let prefix = batch.bytes()[..cut].to_vec();
            let whole = cut == 9 || cut == 26;
            assert_eq!(Batch::from_packed(prefix).is_ok(), whole, "cut {cut}");
        }
        let mut bad = batch.bytes().to_vec();
        bad[0] = 3;
        assert_eq!(Batch::from_packed(bad).unwrap_err().code(), ErrorCode::ArgumentInvalid);
    }

    #[test]
    fn limits() {
        let mut batch = Batch::new();
        assert!(batch.put(&vec![0; KEY_BYTES_MAX], b"").is_ok());
        assert_eq!(batch.put(&vec![0; KEY_BYTES_MAX + 1], b"").unwrap_err().code(), ErrorCode::KeyTooLarge);
        let long = vec![0; VALUE_BYTES_MAX + 1];
        assert_eq!(batch.put(b"k", &long).unwrap_err().code(), ErrorCode::ValueTooLarge);
    }
}
