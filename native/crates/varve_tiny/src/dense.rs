//! Dense layers: y = x · W + b, in f32 or with int8 weights.
//!
//! f32 weights stand input after input, outputs padded to sixteen, so that one row adds whole vectors of outputs
//! and a block of rows reuses each weight for many rows ([`crate::product`]). int8 weights stand output after output, for dot products.
//!
//! int8: weights are rounded to 127 steps either side per output channel (scale s = max|w| / 127), and each row's
//! inputs likewise (scale a = max|x| / 127). The products add up exactly in i32. So output j differs from f32 by at
//! most Σ |x_i|·s_j/2 + |w_ij|·a/2 + a·s_j/4, apart from the rounding of f32 itself ([`Dense::error_bound`]).

use crate::product::{Side, WIDTH_MAX, dots, multiply};
use crate::program::BLOCK;
use varve_types::Isa;

/// Outputs are padded to a multiple of this.
const PAD: usize = WIDTH_MAX;
/// Outputs of one row that are worked out at a time.
const TOGETHER: usize = 4 * PAD;
/// Inputs of int8 weights are padded to a multiple of this.
pub(crate) const PAD_INT8: usize = 32;

/// One dense layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Shape [outputs].
    pub(crate) bias: Vec<f32>,
    pub(crate) weights: Weights,
}

/// The weights of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Weights {
    /// Shape [inputs, outputs padded to 16].
    F32(Vec<f32>),
    /// Codes of shape [outputs, inputs padded to 32], and scales of shape [outputs].
    Int8 { codes: Vec<i8>, scales: Vec<f32> },
}

impl Dense {
    /// From weights of shape [inputs, outputs].
    pub(crate) fn new(inputs: usize, outputs: usize, weights: &[f32], bias: Vec<f32>) -> Self {
        let padded = outputs.next_multiple_of(PAD);
        let mut all = vec![0.0; inputs * padded];
        for (row, from) in all.chunks_exact_mut(padded.max(1)).zip(weights.chunks_exact(outputs.max(1))) {
            row[..outputs].copy_from_slice(from);
        }
        Self { inputs, outputs, bias, weights: Weights::F32(all) }
    }

    /// The weight from input `i` to output `j`.
    pub(crate) fn weight(&self, i: usize, j: usize) -> f32 {
        match &self.weights {
            Weights::F32(weights) => weights[i * self.outputs.next_multiple_of(PAD) + j],
            Weights::Int8 { codes, scales } => {
                f32::from(codes[j * self.inputs.next_multiple_of(PAD_INT8) + i]) * scales[j]
            }
        }
    }

    /// The same layer with int8 weights.
    pub(crate) fn to_int8(&self) -> Self {
        let padded = self.inputs.next_multiple_of(PAD_INT8);
        let mut codes = vec![0; self.outputs * padded];
        let mut scales = vec![0.0; self.outputs];
        for j in 0..self.outputs {
            let largest = (0..self.inputs).fold(0.0, |most: f32, i| most.max(self.weight(i, j).abs()));
            let scale = largest / 127.0;
            scales[j] = scale;
            for i in 0..self.inputs {
                codes[j * padded + i] = code(self.weight(i, j), inverse(scale));
            }
        }
        Self {
            inputs: self.inputs,
            outputs: self.outputs,
            bias: self.bias.clone(),
            weights: Weights::Int8 { codes, scales },
        }
    }

    /// How far int8 may be from f32 for this row, per output; `self` is the f32 layer.
    #[cfg(test)]
    pub(crate) fn error_bound(&self, x: &[f32]) -> Vec<f64> {
        let largest =
            |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, |most: f32, v| most.max(v.abs()));
        let a = f64::from(largest(&mut x.iter().copied()) / 127.0);
        (0..self.outputs)
            .map(|j| {
                let column = || (0..self.inputs).map(move |i| self.weight(i, j));
                let s = f64::from(largest(&mut column()) / 127.0);
                let rounding: f64 = x
                    .iter()
                    .zip(column())
                    .map(|(&x, w)| f64::from(x.abs()) * s / 2.0 + f64::from(w.abs()) * a / 2.0 + a * s / 4.0)
                    .sum();
                // f32 adds up to one rounding per term.
                let terms: f64 = x.iter().zip(column()).map(|(&x, w)| f64::from((x * w).abs())).sum();
                rounding + (terms + f64::from(self.bias[j].abs())) * 2e-6
            })
            .collect()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let weights = match &self.weights {
            Weights::F32(weights) => size_of_val(&weights[..]),
            Weights::Int8 { codes, scales } => codes.len() + size_of_val(&scales[..]),
        };
        weights + size_of_val(&self.bias[..])
    }

    /// One row: `x` of shape [inputs], `y` of shape [outputs].
    pub(crate) fn row(&self, isa: Isa, x: &[f32], y: &mut [f32], codes: &mut [i8]) {
        match &self.weights {
            Weights::F32(weights) => {
                let padded = self.outputs.next_multiple_of(PAD);
                let mut sums = [0.0; TOGETHER];
                for first in (0..self.outputs).step_by(TOGETHER) {
                    let outputs = first..self.outputs.min(first + TOGETHER);
                    let (given, rest) = sums.split_at_mut(outputs.len());
                    given.copy_from_slice(&self.bias[outputs.clone()]);
                    rest.fill(0.0);
                    let count = outputs.len().next_multiple_of(PAD);
                    let across = Side { floats: &weights[first..], stride: padded, count };
                    multiply(isa, self.inputs, across, Side { floats: x, stride: 1, count: 1 }, &mut sums, 0);
                    y[outputs.clone()].copy_from_slice(&sums[..outputs.len()]);
                }
            }
            Weights::Int8 { codes: weights, scales } => self.dots::<1>(isa, (weights, scales), x, y, codes),
        }
    }

    /// A block of rows: `x` of shape [inputs, BLOCK], `y` of shape [outputs, BLOCK].
    pub(crate) fn block(&self, isa: Isa, x: &[f32], y: &mut [f32], codes: &mut [i8]) {
        match &self.weights {
            Weights::F32(weights) => {
                for (y, bias) in y.as_chunks_mut::<BLOCK>().0.iter_mut().zip(&self.bias) {
                    y.fill(*bias);
                }
                let across = Side { floats: x, stride: BLOCK, count: BLOCK };
                let each =
                    Side { floats: weights, stride: self.outputs.next_multiple_of(PAD), count: self.outputs };
                multiply(isa, self.inputs, across, each, y, BLOCK);
            }
            Weights::Int8 { codes: weights, scales } => {
                for row in 0..BLOCK {
                    self.dots::<BLOCK>(isa, (weights, scales), &x[row..], &mut y[row..], codes);
                }
            }
        }
    }

    /// One row with int8 weights; its inputs and outputs stand `STRIDE` apart.
    fn dots<const STRIDE: usize>(
        &self,
        isa: Isa,
        (weights, scales): (&[i8], &[f32]),
        x: &[f32],
        y: &mut [f32],
        codes: &mut [i8],
    ) {
        let codes = &mut codes[..self.inputs.next_multiple_of(PAD_INT8)];
        let scale = encode_row((0..self.inputs).map(|i| x[i * STRIDE]), codes);
        let mut sums = [0; TOGETHER];
        for first in (0..self.outputs).step_by(TOGETHER) {
            let sums = &mut sums[..TOGETHER.min(self.outputs - first)];
            dots(isa, &weights[first * codes.len()..][..sums.len() * codes.len()], codes, sums);
            for (j, sum) in (first..).zip(sums) {
                y[j * STRIDE] = *sum as f32 * (scales[j] * scale) + self.bias[j];
            }
        }
    }
}

/// Writes the codes of a row and returns their scale; padding becomes 0.
#[inline(always)]
fn encode_row(x: impl Iterator<Item = f32> + Clone, codes: &mut [i8]) -> f32 {
    let largest = x.clone().fold(0.0, |most: f32, x| most.max(x.abs()));
    let scale = largest / 127.0;
    let factor = inverse(scale);
    codes.fill(0);
    for (to, x) in codes.iter_mut().zip(x) {
        *to = code(x, factor);
    }
    scale
}

#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if scale > 0.0 { 1.0 / scale } else { 0.0 }
}

/// The nearest code, ties to even; NaN becomes 0.
#[inline(always)]
fn code(x: f32, factor: f32) -> i8 {
    // Adding and subtracting 1.5 · 2^23 rounds without an instruction that old CPUs lack.
    let rounded = ((x * factor).clamp(-127.0, 127.0) + 12_582_912.0) - 12_582_912.0;
    rounded as i8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn int8_stays_within_its_bound(
            inputs in 1usize..40,
            outputs in 1usize..20,
            seed in proptest::collection::vec(-3.0f32..3.0, 40 * 20 + 40 + 20),
        ) {
            let (weights, rest) = seed.split_at(inputs * outputs);
            let (x, bias) = (&rest[..inputs], rest[inputs..inputs + outputs].to_vec());
            let layer = Dense::new(inputs, outputs, weights, bias);
            let (mut exact, mut near) = (vec![0.0; outputs], vec![0.0; outputs]);
            layer.row(Isa::detect(), x, &mut exact, &mut []);
            layer.to_int8().row(Isa::detect(), x, &mut near, &mut [0; 64]);
            for ((exact, near), bound) in exact.iter().zip(&near).zip(layer.error_bound(x)) {
                let error = f64::from((exact - near).abs());
                prop_assert!(error <= bound, "{exact} became {near}: {error} over {bound}");
            }
        }

        #[test]
        fn a_block_is_its_rows(
            inputs in 1usize..20,
            outputs in 1usize..150,
            seed in proptest::collection::vec(-3.0f32..3.0, 20 * 150 + 150 + 20 * BLOCK),
        ) {
            let (weights, rest) = seed.split_at(inputs * outputs);
            let layer = Dense::new(inputs, outputs, weights, rest[..outputs].to_vec());
            let x = &rest[outputs..outputs + inputs * BLOCK];
            for layer in [layer.to_int8(), layer] {
                let mut block = vec![0.0; outputs * BLOCK];
                layer.block(Isa::detect(), x, &mut block, &mut [0; 32]);
                for row in 0..BLOCK {
                    let one: Vec<f32> = (0..inputs).map(|i| x[i * BLOCK + row]).collect();
                    let mut y = vec![0.0; outputs];
                    layer.row(Isa::Scalar, &one, &mut y, &mut [0; 32]);
                    let column: Vec<f32> = (0..outputs).map(|j| block[j * BLOCK + row]).collect();
                    prop_assert_eq!(&y, &column);
                }
            }
        }
    }
}
