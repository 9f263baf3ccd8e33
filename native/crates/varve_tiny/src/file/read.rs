//! Reads a model file that nobody vouches for.

use varve_types::{ErrorCode, Result, VarveError};

use super::tags::{self, Tagged};
use super::{HASH_AT, HEADER_BYTES, MAGIC, VERSION, hash_of};
use crate::dense::{Dense, PAD_INT8, Weights};
use crate::failure::{damaged, too_large};
use crate::forest::{Forest, Node, Tree};
use crate::limits::Limits;
use crate::model::Model;
use crate::program::Program;
use crate::schema::{Classes, Schema};
use crate::step::{Derived, Op, Operand, Span, Unary};

/// The model of a file.
pub(crate) fn read(file: &[u8], limits: &Limits) -> Result<Model> {
    let mut input = Reader { rest: body(file, limits)?, limits };
    let schema = input.schema()?;
    let mut program = Program::new(input.u32()? as usize);
    program.check(limits)?;
    for _ in 0..input.u32()? {
        let op = input.op()?;
        program.push(op, limits)?;
    }
    program.output = input.span()?;
    program.check(limits)?;
    if !input.rest.is_empty() {
        return Err(damaged("bytes follow the program of the model file"));
    }
    let classes = schema.classes.len();
    let outputs = program.output.width;
    if schema.features.len() != program.features
        || schema.outputs.len() != outputs
        || (classes != 0 && classes != outputs)
    {
        return Err(damaged("the schema does not match the program of the model file"));
    }
    Ok(Model { schema, program })
}

/// The body of a file whose header and hash are right.
fn body<'a>(file: &'a [u8], limits: &Limits) -> Result<&'a [u8]> {
    if file.len() > limits.file_bytes_max {
        return Err(too_large(format!("a model file of {} bytes", file.len())));
    }
    if file.len() < HEADER_BYTES || file[..8] != MAGIC {
        return Err(damaged("no model file starts here"));
    }
    let version = u32::from_le_bytes(array(&file[8..12]));
    if version > VERSION {
        return Err(VarveError::new(
            ErrorCode::ModelUnsupported,
            format!("a model file of format {version}, this Varve reads up to {VERSION}"),
            "open it with a newer Varve",
        ));
    }
    let body = &file[HEADER_BYTES..];
    let length = u64::from_le_bytes(array(&file[16..24]));
    let zeros = file[12..16] == [0; 4] && file[56..64] == [0; 8];
    if version != VERSION || length != body.len() as u64 || !zeros {
        return Err(damaged("version or length of the model file is wrong"));
    }
    if file[HASH_AT..HASH_AT + 32] != hash_of(file) {
        return Err(damaged("the SHA-256 of the model file is wrong"));
    }
    Ok(body)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

struct Reader<'a> {
    rest: &'a [u8],
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| damaged("the model file ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// `count` items of `width` bytes.
    fn items(&mut self, count: usize, width: usize) -> Result<&'a [u8]> {
        self.take(count.checked_mul(width).ok_or_else(|| damaged("the model file ends too early"))?)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(array(self.take(4)?)))
    }

    fn f32(&mut self) -> Result<f32> {
        Ok(f32::from_bits(self.u32()?))
    }

    fn f32s(&mut self, count: usize) -> Result<Vec<f32>> {
        Ok(self.items(count, 4)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn floats(&mut self) -> Result<Vec<f32>> {
        let count = self.u32()? as usize;
        self.f32s(count)
    }

    fn text(&mut self) -> Result<String> {
        let count = self.u32()? as usize;
        if count > self.limits.text_bytes_max {
            return Err(too_large(format!("a name of {count} bytes")));
        }
        let text = std::str::from_utf8(self.take(count)?);
        text.map(str::to_owned).map_err(|cause| damaged("a name is not UTF-8").caused_by(cause))
    }

    fn texts(&mut self) -> Result<Vec<String>> {
        let count = self.u32()? as usize;
        if count > self.limits.slots_max {
            return Err(too_large(format!("{count} names")));
        }
        (0..count).map(|_| self.text()).collect()
    }

    fn span(&mut self) -> Result<Span> {
        Ok(Span { start: self.u32()? as usize, width: self.u32()? as usize })
    }

    fn tagged<T: Tagged>(&mut self) -> Result<T> {
        let tag = self.byte()?;
        T::of_tag(tag).ok_or_else(|| damaged(format!("unknown variant {tag} in the model file")))
    }

    fn schema(&mut self) -> Result<Schema> {
        let (features, outputs) = (self.texts()?, self.texts()?);
        let classes = match self.byte()? {
            0 => Classes::None,
            1 => {
                let count = self.u32()? as usize;
                let labels = self.items(count, 8)?.as_chunks().0;
                Classes::Integers(labels.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
            }
            2 => Classes::Texts(self.texts()?),
            tag => return Err(damaged(format!("unknown kind {tag} of class labels"))),
        };
        Ok(Schema { features, outputs, classes })
    }

    fn op(&mut self) -> Result<Op> {
        let tag = self.byte()?;
        Ok(match tag {
            tags::IMPUTE => Op::Impute { from: self.span()?, replaced: self.f32()?, values: self.floats()? },
            tags::SCALE => Op::Scale { from: self.span()?, offset: self.floats()?, scale: self.floats()? },
            tags::PAIR => Op::Pair { op: self.tagged()?, a: self.operand()?, b: self.operand()? },
            tags::UNARY => Op::Unary { from: self.span()?, op: self.unary()? },
            tags::NORMALIZE => Op::Normalize { from: self.span()?, norm: self.tagged()? },
            tags::ONE_HOT => Op::OneHot { from: self.span()?, categories: self.floats()? },
            tags::ENCODE => Op::Encode {
                from: self.span()?,
                keys: self.floats()?,
                values: self.floats()?,
                other: self.f32()?,
            },
            tags::GATHER => {
                let count = self.u32()? as usize;
                let columns = self.items(count, 4)?.as_chunks().0;
                Op::Gather { columns: columns.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect() }
            }
            tags::SOFTMAX => Op::Softmax { from: self.span()?, kind: self.tagged()? },
            tags::SECOND => Op::Second { from: self.span()?, kind: self.tagged()? },
            tags::DERIVE => {
                let count = self.u32()? as usize;
                if count > self.limits.slots_max {
                    return Err(too_large(format!("{count} derived columns")));
                }
                Op::Derive { columns: (0..count).map(|_| self.derived()).collect::<Result<_>>()? }
            }
            tags::DENSE_F32 | tags::DENSE_INT8 => self.dense(tag == tags::DENSE_INT8)?,
            tags::FOREST => Op::Forest { forest: self.forest()? },
            tag => return Err(damaged(format!("unknown step {tag} in the model file"))),
        })
    }

    fn operand(&mut self) -> Result<Operand> {
        match self.byte()? {
            0 => Ok(Operand::Columns(self.span()?)),
            1 => Ok(Operand::Constants(self.floats()?)),
            tag => Err(damaged(format!("unknown operand {tag} in the model file"))),
        }
    }

    fn unary(&mut self) -> Result<Unary> {
        let (tag, first, second) = (self.byte()?, self.f32()?, self.f32()?);
        Ok(match tag {
            0 => Unary::Relu,
            1 => Unary::LeakyRelu { alpha: first },
            2 => Unary::Sigmoid,
            3 => Unary::HardSigmoid { alpha: first, beta: second },
            4 => Unary::Tanh,
            5 => Unary::Elu { alpha: first },
            6 => Unary::Selu { alpha: first, gamma: second },
            7 => Unary::Softplus,
            8 => Unary::Softsign,
            9 => Unary::Exp,
            10 => Unary::Log,
            11 => Unary::Sqrt,
            12 => Unary::Abs,
            13 => Unary::Neg,
            14 => Unary::Trunc,
            15 => Unary::Clip { low: first, high: second },
            16 => Unary::Binarize { threshold: first },
            tag => return Err(damaged(format!("unknown function {tag} in the model file"))),
        })
    }

    fn derived(&mut self) -> Result<Derived> {
        match self.byte()? {
            0 => Ok(Derived::NanAsLow { slot: self.u32()? }),
            tag @ (1 | 2) => {
                Ok(Derived::Member { slot: self.u32()?, set: self.floats()?, missing: tag == 2 })
            }
            tag => Err(damaged(format!("unknown derived column {tag} in the model file"))),
        }
    }

    fn dense(&mut self, int8: bool) -> Result<Op> {
        let (from, bias) = (self.span()?, self.floats()?);
        let (inputs, outputs) = (from.width, bias.len());
        let count = inputs.checked_mul(outputs).filter(|count| *count <= self.limits.weights_max);
        let count = count.ok_or_else(|| too_large(format!("a dense layer of {inputs} by {outputs}")))?;
        // Padding multiplies thin layers: their length is bounded here, before any of it exists.
        if inputs > self.limits.slots_max || outputs > self.limits.slots_max {
            return Err(too_large(format!("a dense layer of {inputs} by {outputs}")));
        }
        if !int8 {
            let weights = self.f32s(count)?;
            return Ok(Op::Dense { from, layer: Dense::new(inputs, outputs, &weights, bias) });
        }
        let scales = self.f32s(outputs)?;
        let from_file = self.take(count)?;
        let padded = inputs.next_multiple_of(PAD_INT8);
        let mut codes = vec![0; outputs * padded];
        for (row, from) in codes.chunks_exact_mut(padded.max(1)).zip(from_file.chunks_exact(inputs.max(1))) {
            for (code, byte) in row.iter_mut().zip(from) {
                // -128 is no code: two products of it would leave the range that the sum is proven for.
                *code = (*byte as i8).max(-127);
            }
        }
        Ok(Op::Dense {
            from,
            layer: Dense { inputs, outputs, bias, weights: Weights::Int8 { codes, scales } },
        })
    }

    fn forest(&mut self) -> Result<Forest> {
        let aggregate = self.tagged()?;
        let targets = self.u32()? as usize;
        let (base, vectors) = (self.floats()?, self.floats()?);
        let count = self.u32()? as usize;
        let trees = self.items(count, 12)?.as_chunks::<12>().0;
        let trees = trees
            .iter()
            .map(|bytes| Tree {
                first: u32::from_le_bytes(array(&bytes[..4])),
                depth: u32::from_le_bytes(array(&bytes[4..8])),
                target: u32::from_le_bytes(array(&bytes[8..])),
            })
            .collect();
        let count = self.u32()? as usize;
        let nodes = self.items(count, 8)?.as_chunks::<8>().0;
        let nodes = nodes
            .iter()
            .map(|bytes| Node {
                value: f32::from_le_bytes(array(&bytes[..4])),
                column: u16::from_le_bytes(array(&bytes[4..6])),
                delta: u16::from_le_bytes(array(&bytes[6..])),
            })
            .collect();
        Ok(Forest { nodes, trees, vectors, targets, base, aggregate })
    }
}
