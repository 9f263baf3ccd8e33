//! Writes a model file.

use super::tags::{self, Tagged};
use super::{HASH_AT, HEADER_BYTES, MAGIC, VERSION, hash_of};
use crate::dense::{Dense, Weights};
use crate::forest::Forest;
use crate::model::Model;
use crate::schema::{Classes, Schema};
use crate::step::{Derived, Op, Operand, Span, Unary};

/// The model as a file.
pub(crate) fn write(model: &Model) -> Vec<u8> {
    let mut out = Writer { bytes: vec![0; HEADER_BYTES] };
    out.schema(&model.schema);
    out.count(model.program.features);
    out.count(model.program.steps.len());
    for step in &model.program.steps {
        out.op(&step.op);
    }
    out.span(model.program.output);
    seal(&mut out.bytes);
    out.bytes
}

/// Writes the header, zeros until now, of a file whose body is complete.
pub(super) fn seal(file: &mut [u8]) {
    let body = (file.len() - HEADER_BYTES) as u64;
    file[..8].copy_from_slice(&MAGIC);
    file[8..12].copy_from_slice(&VERSION.to_le_bytes());
    file[16..24].copy_from_slice(&body.to_le_bytes());
    let hash = hash_of(file);
    file[HASH_AT..HASH_AT + 32].copy_from_slice(&hash);
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("limits keep counts below 2^32"));
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn f32(&mut self, number: f32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn floats(&mut self, numbers: &[f32]) {
        self.count(numbers.len());
        numbers.iter().for_each(|number| self.f32(*number));
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn span(&mut self, span: Span) {
        self.count(span.start);
        self.count(span.width);
    }

    fn schema(&mut self, schema: &Schema) {
        self.texts(&schema.features);
        self.texts(&schema.outputs);
        match &schema.classes {
            Classes::None => self.byte(0),
            Classes::Integers(labels) => {
                self.byte(1);
                self.count(labels.len());
                labels.iter().for_each(|label| self.bytes.extend_from_slice(&label.to_le_bytes()));
            }
            Classes::Texts(labels) => {
                self.byte(2);
                self.texts(labels);
            }
        }
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Impute { from, replaced, values } => {
                self.byte(tags::IMPUTE);
                self.span(*from);
                self.f32(*replaced);
                self.floats(values);
            }
            Op::Scale { from, offset, scale } => {
                self.byte(tags::SCALE);
                self.span(*from);
                self.floats(offset);
                self.floats(scale);
            }
            Op::Pair { op, a, b } => {
                self.byte(tags::PAIR);
                self.byte(op.tag());
                self.operand(a);
                self.operand(b);
            }
            Op::Unary { from, op } => {
                self.byte(tags::UNARY);
                self.span(*from);
                self.unary(*op);
            }
            Op::Normalize { from, norm } => {
                self.byte(tags::NORMALIZE);
                self.span(*from);
                self.byte(norm.tag());
            }
            Op::OneHot { from, categories } => {
                self.byte(tags::ONE_HOT);
                self.span(*from);
                self.floats(categories);
            }
            Op::Encode { from, keys, values, other } => {
                self.byte(tags::ENCODE);
                self.span(*from);
                self.floats(keys);
                self.floats(values);
                self.f32(*other);
            }
            Op::Gather { columns } => {
                self.byte(tags::GATHER);
                self.count(columns.len());
                columns.iter().for_each(|column| self.u32(*column));
            }
            Op::Softmax { from, kind } => {
                self.byte(tags::SOFTMAX);
                self.span(*from);
                self.byte(kind.tag());
            }
            Op::Second { from, kind } => {
                self.byte(tags::SECOND);
                self.span(*from);
                self.byte(kind.tag());
            }
            Op::Derive { columns } => {
                self.byte(tags::DERIVE);
                self.count(columns.len());
                columns.iter().for_each(|column| self.derived(column));
            }
            Op::Dense { from, layer } => self.dense(*from, layer),
            Op::Forest { forest } => self.forest(forest),
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Columns(span) => {
                self.byte(0);
                self.span(*span);
            }
            Operand::Constants(values) => {
                self.byte(1);
                self.floats(values);
            }
        }
    }

    /// A byte and always two parameters, zero where a function has fewer.
    fn unary(&mut self, op: Unary) {
        let (tag, first, second) = match op {
            Unary::Relu => (0, 0.0, 0.0),
            Unary::LeakyRelu { alpha } => (1, alpha, 0.0),
            Unary::Sigmoid => (2, 0.0, 0.0),
            Unary::HardSigmoid { alpha, beta } => (3, alpha, beta),
            Unary::Tanh => (4, 0.0, 0.0),
            Unary::Elu { alpha } => (5, alpha, 0.0),
            Unary::Selu { alpha, gamma } => (6, alpha, gamma),
            Unary::Softplus => (7, 0.0, 0.0),
            Unary::Softsign => (8, 0.0, 0.0),
            Unary::Exp => (9, 0.0, 0.0),
            Unary::Log => (10, 0.0, 0.0),
            Unary::Sqrt => (11, 0.0, 0.0),
            Unary::Abs => (12, 0.0, 0.0),
            Unary::Neg => (13, 0.0, 0.0),
            Unary::Trunc => (14, 0.0, 0.0),
            Unary::Clip { low, high } => (15, low, high),
            Unary::Binarize { threshold } => (16, threshold, 0.0),
        };
        self.byte(tag);
        self.f32(first);
        self.f32(second);
    }

    fn derived(&mut self, column: &Derived) {
        match column {
            Derived::NanAsLow { slot } => {
                self.byte(0);
                self.u32(*slot);
            }
            Derived::Member { slot, set, missing } => {
                self.byte(1 + u8::from(*missing));
                self.u32(*slot);
                self.floats(set);
            }
        }
    }

    /// Weights go without their padding, input after input (f32) or output after output (int8).
    fn dense(&mut self, from: Span, layer: &Dense) {
        match &layer.weights {
            Weights::F32(_) => {
                self.byte(tags::DENSE_F32);
                self.span(from);
                self.floats(&layer.bias);
                for i in 0..layer.inputs {
                    (0..layer.outputs).for_each(|j| self.f32(layer.weight(i, j)));
                }
            }
            Weights::Int8 { codes, scales } => {
                self.byte(tags::DENSE_INT8);
                self.span(from);
                self.floats(&layer.bias);
                scales.iter().for_each(|scale| self.f32(*scale));
                let padded = codes.len() / layer.outputs.max(1);
                for row in codes.chunks_exact(padded.max(1)) {
                    self.bytes.extend(row[..layer.inputs].iter().map(|code| *code as u8));
                }
            }
        }
    }

    fn forest(&mut self, forest: &Forest) {
        self.byte(tags::FOREST);
        self.byte(forest.aggregate.tag());
        self.count(forest.targets);
        self.floats(&forest.base);
        self.floats(&forest.vectors);
        self.count(forest.trees.len());
        for tree in &forest.trees {
            self.u32(tree.first);
            self.u32(tree.depth);
            self.u32(tree.target);
        }
        self.count(forest.nodes.len());
        for node in &forest.nodes {
            self.f32(node.value);
            self.bytes.extend_from_slice(&node.column.to_le_bytes());
            self.bytes.extend_from_slice(&node.delta.to_le_bytes());
        }
    }
}
