//! Runs the steps over one row or over blocks of rows.
//!
//! A span of `n` columns is `n · rows` floats, whether `rows` is 1 or [`BLOCK`], and each row meets the same operations
//! in the same order. One copy of the code serves both: apart from forests and dense layers, which have kernels of
//! their own, steps take little of the time. Complexity: linear in columns, weights and tree levels; no allocation.

use varve_types::Isa;

use super::{BLOCK, Program};
use crate::forest::walk;
use crate::math::{exp, logistic, tanh};
use crate::step::{Derived, Norm, Op, Operand, Pair, Second, Softmax, Span, Step, Unary};

impl Program {
    /// Runs one row, whose slot 0 and features are in place.
    pub(crate) fn run_row(&self, isa: Isa, row: &mut [f32], codes: &mut [i8]) {
        assert!(row.len() == self.slots() && codes.len() >= self.code_bytes());
        for step in &self.steps {
            match &step.op {
                // SAFETY: the assertion above; the forest reads columns before its own and writes its own; slot 0
                // is -∞.
                Op::Forest { forest } => unsafe {
                    walk::score_row(forest, row.as_mut_ptr(), step.to.start);
                },
                Op::Dense { from, layer } => {
                    let (x, y) = around(row, 1, *from, step.to);
                    layer.row(isa, x, y, codes);
                }
                _ => run_step(step, row, 1),
            }
        }
    }

    /// Runs whole blocks, whose slots 0 and features are in place.
    pub(crate) fn run_blocks(&self, isa: Isa, blocks: &mut [f32], codes: &mut [i8]) {
        let stride = self.slots() * BLOCK;
        let whole = blocks.len().is_multiple_of(stride);
        assert!(whole && codes.len() >= self.code_bytes() && isa.is_available());
        for step in &self.steps {
            if let Op::Forest { forest } = &step.op {
                let count = blocks.len() / stride;
                // SAFETY: as in `run_row`, for every block.
                unsafe {
                    walk::score_blocks(forest, isa, blocks.as_mut_ptr(), count, stride, step.to.start);
                }
                continue;
            }
            for block in blocks.chunks_exact_mut(stride) {
                let Op::Dense { from, layer } = &step.op else {
                    run_step(step, block, BLOCK);
                    continue;
                };
                let (x, y) = around(block, BLOCK, *from, step.to);
                layer.block(isa, x, y, codes);
            }
        }
    }
}

/// The columns that a step reads, and those that it writes.
fn around(slots: &mut [f32], rows: usize, from: Span, to: Span) -> (&[f32], &mut [f32]) {
    let (before, rest) = slots.split_at_mut(to.start * rows);
    (&before[from.start * rows..from.end() * rows], &mut rest[..to.width * rows])
}

fn run_step(step: &Step, slots: &mut [f32], rows: usize) {
    let (before, rest) = slots.split_at_mut(step.to.start * rows);
    let before = &*before;
    let to = &mut rest[..step.to.width * rows];
    let columns = |span: Span| &before[span.start * rows..span.end() * rows];
    match &step.op {
        Op::Impute { from, replaced, values } => {
            let replaces = |x: f32| x == *replaced || (x.is_nan() && replaced.is_nan());
            for (at, (to, from)) in pairs(to, columns(*from), rows).enumerate() {
                let value = nth(values, at);
                each(to, from, |x| if replaces(x) { value } else { x });
            }
        }
        Op::Scale { from, offset, scale } => {
            for (at, (to, from)) in pairs(to, columns(*from), rows).enumerate() {
                let (offset, scale) = (nth(offset, at), nth(scale, at));
                each(to, from, |x| (x - offset) * scale);
            }
        }
        Op::Pair { op, a, b } => {
            for (at, to) in to.chunks_exact_mut(rows).enumerate() {
                let mut constants = [0.0; BLOCK];
                to.copy_from_slice(operand(a, at, before, &mut constants[..rows]));
                pair(*op, to, operand(b, at, before, &mut constants[..rows]));
            }
        }
        Op::Unary { from, op } => unary(to, columns(*from), *op),
        Op::Normalize { from, norm } => normalize(to, columns(*from), rows, *norm),
        Op::OneHot { from, categories } => {
            let outputs = to.chunks_exact_mut(rows * categories.len());
            for (x, outputs) in columns(*from).chunks_exact(rows).zip(outputs) {
                for (to, category) in outputs.chunks_exact_mut(rows).zip(categories) {
                    each(to, x, |x| f32::from(u8::from(x == *category)));
                }
            }
        }
        Op::Encode { from, keys, values, other } => {
            each(to, columns(*from), |x| encode(x, keys, values, *other))
        }
        Op::Gather { columns } => {
            for (to, &slot) in to.chunks_exact_mut(rows).zip(columns) {
                to.copy_from_slice(&before[slot as usize * rows..][..rows]);
            }
        }
        Op::Softmax { from, kind } => softmax(to, columns(*from), rows, *kind),
        Op::Second { from, kind } => {
            let (first, second) = to.split_at_mut(rows);
            for ((s, first), second) in columns(*from).iter().zip(first).zip(second) {
                (*first, *second) = match kind {
                    Second::Complement => (1.0 - s, *s),
                    Second::Negative => (-s, *s),
                    Second::Logistic => (logistic(-s), logistic(*s)),
                };
            }
        }
        Op::Derive { columns } => {
            for (to, column) in to.chunks_exact_mut(rows).zip(columns) {
                derive(to, before, column);
            }
        }
        // These have kernels of their own; see `run_row` and `run_blocks`.
        Op::Dense { .. } | Op::Forest { .. } => {}
    }
}

#[inline(always)]
fn nth(values: &[f32], at: usize) -> f32 {
    if values.len() == 1 { values[0] } else { values[at] }
}

#[inline(always)]
fn each(to: &mut [f32], from: &[f32], f: impl Fn(f32) -> f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = f(*from);
    }
}

/// Column by column what is written and what is read.
#[inline(always)]
fn pairs<'a>(
    to: &'a mut [f32],
    from: &'a [f32],
    rows: usize,
) -> impl Iterator<Item = (&'a mut [f32], &'a [f32])> {
    to.chunks_exact_mut(rows).zip(from.chunks_exact(rows))
}

/// Column `at` of an operand; a constant is written into `constants`, once for each row.
fn operand<'a>(operand: &Operand, at: usize, before: &'a [f32], constants: &'a mut [f32]) -> &'a [f32] {
    let rows = constants.len();
    match operand {
        Operand::Constants(values) => {
            constants.fill(nth(values, at));
            constants
        }
        Operand::Columns(span) => {
            let slot = span.start + if span.width == 1 { 0 } else { at };
            &before[slot * rows..][..rows]
        }
    }
}

/// `to = to op b`
fn pair(op: Pair, to: &mut [f32], b: &[f32]) {
    let both = to.iter_mut().zip(b);
    match op {
        Pair::Add => both.for_each(|(a, b)| *a += b),
        Pair::Sub => both.for_each(|(a, b)| *a -= b),
        Pair::Mul => both.for_each(|(a, b)| *a *= b),
        Pair::Div => both.for_each(|(a, b)| *a /= b),
        Pair::Min => both.for_each(|(a, b)| *a = a.min(*b)),
        Pair::Max => both.for_each(|(a, b)| *a = a.max(*b)),
    }
}

#[inline(never)]
fn unary(to: &mut [f32], from: &[f32], op: Unary) {
    match op {
        // NaN stays NaN, as in ONNX Runtime: `max` would drop it.
        Unary::Relu => each(to, from, |x| if x < 0.0 { 0.0 } else { x }),
        Unary::LeakyRelu { alpha } => each(to, from, |x| if x < 0.0 { alpha * x } else { x }),
        Unary::Sigmoid => each(to, from, logistic),
        Unary::HardSigmoid { alpha, beta } => each(to, from, |x| (alpha * x + beta).clamp(0.0, 1.0)),
        Unary::Tanh => each(to, from, tanh),
        Unary::Elu { alpha } => each(to, from, |x| if x < 0.0 { alpha * (exp(x) - 1.0) } else { x }),
        Unary::Selu { alpha, gamma } => {
            each(to, from, |x| gamma * if x > 0.0 { x } else { alpha * (exp(x) - 1.0) });
        }
        Unary::Softplus => each(to, from, |x| x.max(0.0) + exp(-x.abs()).ln_1p()),
        Unary::Softsign => each(to, from, |x| x / (1.0 + x.abs())),
        Unary::Exp => each(to, from, exp),
        Unary::Log => each(to, from, f32::ln),
        Unary::Sqrt => each(to, from, f32::sqrt),
        Unary::Abs => each(to, from, f32::abs),
        Unary::Neg => each(to, from, |x| -x),
        Unary::Trunc => each(to, from, f32::trunc),
        Unary::Clip { low, high } => {
            each(to, from, |x| {
                if x < low {
                    low
                } else if x > high {
                    high
                } else {
                    x
                }
            });
        }
        Unary::Binarize { threshold } => each(to, from, |x| f32::from(u8::from(x > threshold))),
    }
}

fn normalize(to: &mut [f32], from: &[f32], rows: usize, norm: Norm) {
    let mut length = [0.0f32; BLOCK];
    let length = &mut length[..rows];
    for (at, column) in from.chunks_exact(rows).enumerate() {
        for (length, x) in length.iter_mut().zip(column) {
            *length = match norm {
                Norm::L1 => *length + x.abs(),
                Norm::L2 => *length + x * x,
                // The largest number, not the largest magnitude: so ONNX-ML defines it.
                Norm::Max => {
                    if at == 0 {
                        *x
                    } else {
                        length.max(*x)
                    }
                }
            };
        }
    }
    for length in &mut *length {
        if norm == Norm::L2 {
            *length = length.sqrt();
        }
        // A row of zeros stays one.
        if *length == 0.0 {
            *length = 1.0;
        }
    }
    for (to, from) in pairs(to, from, rows) {
        for ((to, from), length) in to.iter_mut().zip(from).zip(&*length) {
            *to = from / length;
        }
    }
}

fn softmax(to: &mut [f32], from: &[f32], rows: usize, kind: Softmax) {
    let mut most = [f32::MIN; BLOCK];
    let mut sum = [0.0; BLOCK];
    let (most, sum) = (&mut most[..rows], &mut sum[..rows]);
    for column in from.chunks_exact(rows) {
        for (most, x) in most.iter_mut().zip(column) {
            *most = most.max(*x);
        }
    }
    for (to, from) in pairs(to, from, rows) {
        for (((to, x), most), sum) in to.iter_mut().zip(from).zip(&*most).zip(&mut *sum) {
            if kind == Softmax::Zero && x.abs() <= 1e-7 {
                *to = x * exp(-most);
                continue;
            }
            let e = exp(x - most);
            *sum += e;
            *to = if kind == Softmax::Log { x - most } else { e };
        }
    }
    if kind == Softmax::Log {
        sum.iter_mut().for_each(|sum| *sum = sum.ln());
    }
    for to in to.chunks_exact_mut(rows) {
        for (to, sum) in to.iter_mut().zip(&*sum) {
            *to = if kind == Softmax::Log { *to - sum } else { *to / sum };
        }
    }
}

#[inline(always)]
fn encode(x: f32, keys: &[f32], values: &[f32], other: f32) -> f32 {
    let same = |key: &f32| *key == x || (key.is_nan() && x.is_nan());
    keys.iter().position(same).map_or(other, |at| values[at])
}

fn derive(to: &mut [f32], before: &[f32], column: &Derived) {
    let rows = to.len();
    match column {
        Derived::NanAsLow { slot } => {
            each(to, &before[*slot as usize * rows..][..rows], |x| {
                if x.is_nan() { f32::NEG_INFINITY } else { x }
            });
        }
        Derived::Member { slot, set, missing } => {
            let is_in = |x: f32| set.contains(&x) || (*missing && x.is_nan());
            each(to, &before[*slot as usize * rows..][..rows], |x| f32::from(u8::from(is_in(x))));
        }
    }
}
