//! Counts the messages of an ONNX model before any of them is decoded.
//!
//! An empty node costs two bytes on the wire and two hundred in memory, so bytes alone do not bound what decoding
//! takes. This walk follows the fields that [`super::proto`] declares, allocates nothing, and refuses too many.

use varve_types::Result;

use crate::failure::{damaged, too_large};
use crate::limits::Limits;

/// A message type: which of its fields are messages of which type, and which are texts or bytes.
struct Kind {
    messages: &'static [(u64, &'static Kind)],
    texts: &'static [u64],
}

static LEAF: Kind = Kind { messages: &[], texts: &[1] };
static TENSOR: Kind = Kind { messages: &[(13, &LEAF)], texts: &[6] };
static ATTRIBUTE: Kind = Kind { messages: &[(5, &TENSOR)], texts: &[9] };
static NODE: Kind = Kind { messages: &[(5, &ATTRIBUTE)], texts: &[1, 2] };
static SHAPE: Kind = Kind { messages: &[(1, &LEAF)], texts: &[] };
static TENSOR_TYPE: Kind = Kind { messages: &[(2, &SHAPE)], texts: &[] };
static TYPE: Kind = Kind { messages: &[(1, &TENSOR_TYPE)], texts: &[] };
static VALUE_INFO: Kind = Kind { messages: &[(2, &TYPE)], texts: &[] };
static GRAPH: Kind =
    Kind { messages: &[(1, &NODE), (5, &TENSOR), (11, &VALUE_INFO), (12, &VALUE_INFO)], texts: &[] };
static MODEL: Kind = Kind { messages: &[(7, &GRAPH), (8, &LEAF)], texts: &[] };

/// # Errors
/// `MODEL_TOO_LARGE` beyond `limits`; `MODEL_DAMAGED` when `bytes` are no protobuf message.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<()> {
    let mut left = Left { messages: limits.messages_max, texts: limits.nodes_max };
    walk(bytes, &MODEL, &mut left)
}

struct Left {
    messages: usize,
    texts: usize,
}

/// Recursion ends with the types above, not with the input: at most seven deep.
fn walk(mut bytes: &[u8], kind: &'static Kind, left: &mut Left) -> Result<()> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            5 => drop(take(&mut bytes, 4)?),
            2 => {
                let length = varint(&mut bytes)?;
                let length = usize::try_from(length).map_err(|_| damaged("an ONNX field is too long"))?;
                let content = take(&mut bytes, length)?;
                let field = key >> 3;
                if let Some((_, kind)) = kind.messages.iter().find(|(known, _)| *known == field) {
                    spend(&mut left.messages, "messages")?;
                    walk(content, kind, left)?;
                } else if kind.texts.contains(&field) {
                    spend(&mut left.texts, "texts")?;
                }
            }
            _ => return Err(damaged("the bytes are no ONNX message")),
        }
    }
    Ok(())
}

fn spend(left: &mut usize, what: &str) -> Result<()> {
    *left = left.checked_sub(1).ok_or_else(|| too_large(format!("an ONNX model with too many {what}")))?;
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) =
        bytes.split_at_checked(count).ok_or_else(|| damaged("the ONNX message ends too early"))?;
    *bytes = rest;
    Ok(taken)
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for at in 0..10 {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 127) << (7 * at);
        if byte < 128 {
            return Ok(number);
        }
    }
    Err(damaged("an ONNX number is too long"))
}
