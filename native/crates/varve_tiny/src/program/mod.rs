//! A model as a straight line of steps over the columns ("slots") of a row.
//!
//! Slot 0 is -∞ for every row: leaves of forests look at it. The features follow, then what each step writes, in the
//! order of the steps. One row is `slots` floats; a batch is blocks of [`BLOCK`] rows, each block slot after slot,
//! so that every step runs along rows.
//!
//! Invariants, checked by [`Program::check`]:
//! 1. A step reads only slots before its own: no slot is read before it is written.
//! 2. `slots` is one past the last written slot; the outputs are written slots.

mod run;

use varve_types::Result;

use crate::dense::{PAD_INT8, Weights};
use crate::failure::{damaged, too_large};
use crate::limits::Limits;
use crate::step::{Op, Span, Step};

/// Rows of a block.
pub(crate) const BLOCK: usize = 64;

/// Features, steps and outputs of a model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) features: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) output: Span,
}

impl Program {
    /// A program without steps over so many features.
    pub(crate) fn new(features: usize) -> Self {
        Self { features, steps: Vec::new(), output: Span { start: 1, width: features } }
    }

    /// Floats of a row: slot 0, features, and results of steps.
    pub(crate) fn slots(&self) -> usize {
        self.steps.last().map_or(1 + self.features, |step| step.to.end())
    }

    /// Appends an operation and returns the columns that it writes.
    ///
    /// # Errors
    /// What [`Op::check`] finds; `MODEL_TOO_LARGE` beyond `limits`.
    pub(crate) fn push(&mut self, op: Op, limits: &Limits) -> Result<Span> {
        let start = self.slots();
        op.check(start, limits)?;
        let to = Span { start, width: op.width() };
        if to.end() > limits.slots_max || self.steps.len() >= limits.steps_max {
            return Err(too_large(format!("{} floats for each row", to.end())));
        }
        self.steps.push(Step { op, to });
        Ok(to)
    }

    /// Holds the invariants of the outputs; those of the steps were held by [`Program::push`].
    pub(crate) fn check(&self, limits: &Limits) -> Result<()> {
        if self.features == 0 || 1 + self.features > limits.slots_max {
            return Err(too_large(format!("{} features", self.features)));
        }
        let inside = self.output.width > 0 && self.output.start > 0 && self.output.end() <= self.slots();
        if inside { Ok(()) } else { Err(damaged("the outputs are not columns of the program")) }
    }

    /// Bytes that int8 layers need for the codes of one row.
    pub(crate) fn code_bytes(&self) -> usize {
        let of = |step: &Step| match &step.op {
            Op::Dense { layer, .. } if matches!(layer.weights, Weights::Int8 { .. }) => {
                layer.inputs.next_multiple_of(PAD_INT8)
            }
            _ => 0,
        };
        self.steps.iter().map(of).max().unwrap_or(0)
    }

    /// Bytes of weights, trees and constants in memory.
    pub(crate) fn bytes(&self) -> usize {
        let of = |step: &Step| match &step.op {
            Op::Dense { layer, .. } => layer.bytes(),
            Op::Forest { forest } => forest.bytes(),
            _ => 0,
        };
        self.steps.iter().map(|step| of(step) + size_of::<Step>()).sum()
    }
}
