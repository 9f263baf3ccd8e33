//! Runs the steps over one row or over blocks of rows.
//!
//! Every kernel is generic over `ROWS`, 1 or [`BLOCK`]: a span of `n` columns is `n · ROWS` floats either way, and each
//! row meets the same operations in the same order. Forests over blocks and dense layers, which take the time, are
//! compiled once per instruction set; the other steps once, so that the kernels stay small. Complexity: linear in columns, weights and tree levels; no
//! allocation.

use super::{BLOCK, Program};
use crate::dense::Dense;
use crate::forest::lanes::Lanes;
use crate::forest::{Forest, walk};
use crate::isa::{Isa, with_lanes};
use crate::math::{exp, logistic, tanh};
use crate::step::{Derived, Norm, Op, Operand, Pair, Second, Softmax, Span, Step, Unary};

impl Program {
    /// Runs one row, whose slot 0 and features are in place.
    pub(crate) fn run_row(&self, isa: Isa, row: &mut [f32], codes: &mut [i8]) {
        assert!(row.len() == self.slots() && codes.len() >= self.code_bytes() && isa.is_available());
        for step in &self.steps {
            match &step.op {
                // SAFETY: the assertion above; the forest reads columns before its own and writes its own; slot 0
                // is -∞.
                Op::Forest { forest } => unsafe {
                    walk::score_row(forest, row.as_mut_ptr(), step.to.start);
                },
                Op::Dense { from, layer } => {
                    let (x, y) = around::<1>(row, *from, step.to);
                    // SAFETY: the instruction set is available.
                    unsafe {
                        with_lanes!(
                            isa,
                            dense_row(layer: &Dense, x: &[f32], y: &mut [f32], codes: &mut [i8])
                        );
                    }
                }
                _ => run_step::<1>(step, row),
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
                let (x, count, out) = (blocks.as_mut_ptr(), blocks.len() / stride, step.to.start);
                // SAFETY: as in `run_row`, for every block.
                unsafe {
                    with_lanes!(
                        isa,
                        forest_blocks(forest: &Forest, x: *mut f32, count: usize, stride: usize, out: usize)
                    );
                }
                continue;
            }
            for block in blocks.chunks_exact_mut(stride) {
                let Op::Dense { from, layer } = &step.op else {
                    run_step::<BLOCK>(step, block);
                    continue;
                };
                let (x, y) = around::<BLOCK>(block, *from, step.to);
                // SAFETY: the instruction set is available.
                unsafe {
                    with_lanes!(
                        isa,
                        dense_block(layer: &Dense, x: &[f32], y: &mut [f32], codes: &mut [i8])
                    );
                }
            }
        }
    }
}

/// The columns that a step reads, and those that it writes.
fn around<const ROWS: usize>(slots: &mut [f32], from: Span, to: Span) -> (&[f32], &mut [f32]) {
    let (before, rest) = slots.split_at_mut(to.start * ROWS);
    (&before[from.start * ROWS..from.end() * ROWS], &mut rest[..to.width * ROWS])
}

/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn dense_row<L: Lanes>(layer: &Dense, x: &[f32], y: &mut [f32], codes: &mut [i8]) {
    layer.row(x, y, codes);
}

/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn dense_block<L: Lanes>(layer: &Dense, x: &[f32], y: &mut [f32], codes: &mut [i8]) {
    layer.block(x, y, codes);
}

/// # Safety
/// As [`walk::score_blocks`].
#[inline(always)]
unsafe fn forest_blocks<L: Lanes>(forest: &Forest, x: *mut f32, count: usize, stride: usize, out: usize) {
    // SAFETY: as the caller vouches.
    unsafe { walk::score_blocks::<L>(forest, x, count, stride, out) };
}

fn run_step<const ROWS: usize>(step: &Step, slots: &mut [f32]) {
    let (before, rest) = slots.split_at_mut(step.to.start * ROWS);
    let to = &mut rest[..step.to.width * ROWS];
    let columns = |span: Span| &before[span.start * ROWS..span.end() * ROWS];
    match &step.op {
        Op::Impute { from, replaced, values } => {
            let replaces = |x: f32| x == *replaced || (x.is_nan() && replaced.is_nan());
            with_constants::<ROWS>(
                to,
                columns(*from),
                values,
                |x, value| if replaces(x) { value } else { x },
            );
        }
        Op::Scale { from, offset, scale } => {
            with_constants::<ROWS>(to, columns(*from), offset, |x, offset| x - offset);
            for (at, column) in to.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
                let scale = nth(scale, at);
                column.iter_mut().for_each(|x| *x *= scale);
            }
        }
        Op::Pair { op, a, b } => match op {
            Pair::Add => pair::<ROWS>(to, before, a, b, |a, b| a + b),
            Pair::Sub => pair::<ROWS>(to, before, a, b, |a, b| a - b),
            Pair::Mul => pair::<ROWS>(to, before, a, b, |a, b| a * b),
            Pair::Div => pair::<ROWS>(to, before, a, b, |a, b| a / b),
            Pair::Min => pair::<ROWS>(to, before, a, b, f32::min),
            Pair::Max => pair::<ROWS>(to, before, a, b, f32::max),
        },
        Op::Unary { from, op } => unary(to, columns(*from), *op),
        Op::Normalize { from, norm } => normalize::<ROWS>(to, columns(*from), *norm),
        Op::OneHot { from, categories } => {
            let outputs = to.as_chunks_mut::<ROWS>().0.chunks_exact_mut(categories.len());
            for (x, outputs) in columns(*from).as_chunks::<ROWS>().0.iter().zip(outputs) {
                for (output, category) in outputs.iter_mut().zip(categories) {
                    *output = x.map(|x| f32::from(u8::from(x == *category)));
                }
            }
        }
        Op::Encode { from, keys, values, other } => {
            each(to, columns(*from), |x| encode(x, keys, values, *other))
        }
        Op::Gather { columns } => {
            for (to, &slot) in to.as_chunks_mut::<ROWS>().0.iter_mut().zip(columns) {
                to.copy_from_slice(&before[slot as usize * ROWS..][..ROWS]);
            }
        }
        Op::Softmax { from, kind } => softmax::<ROWS>(to, columns(*from), *kind),
        Op::Second { from, kind } => {
            let (first, second) = to.split_at_mut(ROWS);
            for ((s, first), second) in columns(*from).iter().zip(first).zip(second) {
                (*first, *second) = match kind {
                    Second::Complement => (1.0 - s, *s),
                    Second::Negative => (-s, *s),
                    Second::Logistic => (logistic(-s), logistic(*s)),
                };
            }
        }
        Op::Derive { columns } => {
            for (to, column) in to.as_chunks_mut::<ROWS>().0.iter_mut().zip(columns) {
                derive::<ROWS>(to, before, column);
            }
        }
        // These choose an instruction set; see `run_row` and `run_blocks`.
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

#[inline(always)]
fn with_constants<const ROWS: usize>(
    to: &mut [f32],
    from: &[f32],
    constants: &[f32],
    f: impl Fn(f32, f32) -> f32,
) {
    let columns = to.as_chunks_mut::<ROWS>().0.iter_mut().zip(from.as_chunks::<ROWS>().0);
    for (at, (to, from)) in columns.enumerate() {
        let constant = nth(constants, at);
        each(to, from, |x| f(x, constant));
    }
}

#[inline(always)]
fn pair<const ROWS: usize>(
    to: &mut [f32],
    before: &[f32],
    a: &Operand,
    b: &Operand,
    f: impl Fn(f32, f32) -> f32,
) {
    let load = |operand: &Operand, at: usize| -> [f32; ROWS] {
        match operand {
            Operand::Constants(values) => [nth(values, at); ROWS],
            Operand::Columns(span) => {
                let slot = span.start + if span.width == 1 { 0 } else { at };
                std::array::from_fn(|row| before[slot * ROWS + row])
            }
        }
    };
    for (at, to) in to.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        let (a, b) = (load(a, at), load(b, at));
        for row in 0..ROWS {
            to[row] = f(a[row], b[row]);
        }
    }
}

/// One copy for rows and blocks: a span is a slice either way.
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

#[inline(always)]
fn normalize<const ROWS: usize>(to: &mut [f32], from: &[f32], norm: Norm) {
    let mut length = [0.0f32; ROWS];
    for (at, column) in from.as_chunks::<ROWS>().0.iter().enumerate() {
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
    for length in &mut length {
        if norm == Norm::L2 {
            *length = length.sqrt();
        }
        // A row of zeros stays one.
        if *length == 0.0 {
            *length = 1.0;
        }
    }
    for (to, from) in to.as_chunks_mut::<ROWS>().0.iter_mut().zip(from.as_chunks::<ROWS>().0) {
        for row in 0..ROWS {
            to[row] = from[row] / length[row];
        }
    }
}

#[inline(always)]
fn softmax<const ROWS: usize>(to: &mut [f32], from: &[f32], kind: Softmax) {
    let mut most = [f32::MIN; ROWS];
    for column in from.as_chunks::<ROWS>().0 {
        for (most, x) in most.iter_mut().zip(column) {
            *most = most.max(*x);
        }
    }
    let mut sum = [0.0; ROWS];
    for (to, from) in to.as_chunks_mut::<ROWS>().0.iter_mut().zip(from.as_chunks::<ROWS>().0) {
        for row in 0..ROWS {
            let (x, most) = (from[row], most[row]);
            if kind == Softmax::Zero && x.abs() <= 1e-7 {
                to[row] = x * exp(-most);
                continue;
            }
            let e = exp(x - most);
            sum[row] += e;
            to[row] = if kind == Softmax::Log { x - most } else { e };
        }
    }
    if kind == Softmax::Log {
        sum = sum.map(f32::ln);
    }
    for to in to.as_chunks_mut::<ROWS>().0 {
        for (to, sum) in to.iter_mut().zip(&sum) {
            *to = if kind == Softmax::Log { *to - sum } else { *to / sum };
        }
    }
}

#[inline(always)]
fn encode(x: f32, keys: &[f32], values: &[f32], other: f32) -> f32 {
    let same = |key: &f32| *key == x || (key.is_nan() && x.is_nan());
    keys.iter().position(same).map_or(other, |at| values[at])
}

#[inline(always)]
fn derive<const ROWS: usize>(to: &mut [f32; ROWS], before: &[f32], column: &Derived) {
    match column {
        Derived::NanAsLow { slot } => {
            each(to, &before[*slot as usize * ROWS..][..ROWS], |x| {
                if x.is_nan() { f32::NEG_INFINITY } else { x }
            });
        }
        Derived::Member { slot, set, missing } => {
            let is_in = |x: f32| set.contains(&x) || (*missing && x.is_nan());
            each(to, &before[*slot as usize * ROWS..][..ROWS], |x| f32::from(u8::from(is_in(x))));
        }
    }
}
