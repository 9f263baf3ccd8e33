//! A model that is ready to score, and the memory that scoring needs.

use varve_types::{Isa, Result};

use crate::failure::shape;
use crate::file;
use crate::limits::Limits;
use crate::onnx;
use crate::program::{BLOCK, Program};
use crate::quantise;
use crate::schema::Schema;
use crate::step::Op;

/// Batches of forests are scored in so many bytes, or one block if that is more: about half a second-level cache.
const BATCH_BYTES: usize = 128 << 10;
/// So few rows of a last block are scored one by one.
const LOOSE_ROWS: usize = 6;

/// A model: immutable, shareable among threads. Each thread scores with a [`Scratch`] of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) schema: Schema,
    pub(crate) program: Program,
}

/// The memory of one thread that scores rows of one model.
#[derive(Clone, Debug)]
pub struct Scratch {
    isa: Isa,
    row: Vec<f32>,
    /// Blocks of rows; see [`crate::program`].
    blocks: Vec<f32>,
    codes: Vec<i8>,
}

impl Model {
    /// Opens a model file.
    ///
    /// # Errors
    /// `MODEL_DAMAGED` when hash or structure are wrong, `MODEL_UNSUPPORTED` when a newer Varve wrote it,
    /// `MODEL_TOO_LARGE` beyond `limits`.
    pub fn open(bytes: &[u8], limits: &Limits) -> Result<Self> {
        file::read(bytes, limits)
    }

    /// Imports an ONNX message. Of its outputs, the first of type float is scored; labels become
    /// [`Schema::classes`].
    ///
    /// # Errors
    /// `MODEL_DAMAGED` when the message contradicts itself, `MODEL_UNSUPPORTED` naming the operator, type or
    /// attribute that is missing here, `MODEL_TOO_LARGE` beyond `limits`.
    pub fn from_onnx(bytes: &[u8], limits: &Limits) -> Result<Self> {
        onnx::import(bytes, limits)
    }

    /// The model as a file; `design.md` has its format byte by byte. The same model gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(self)
    }

    /// The same model with int8 weights in its dense layers; `design.md` has the bound on their error. Forests stay
    /// as they are.
    #[must_use]
    pub fn quantised(&self) -> Self {
        quantise::quantised(self)
    }

    /// Names of features, outputs and classes.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Bytes of weights, trees and constants in memory.
    pub fn bytes(&self) -> usize {
        self.program.bytes()
    }

    /// What the model consists of, for people: `forest of 100 trees, 6300 nodes`, `dense 16x32 int8`, `scale`.
    pub fn steps(&self) -> Vec<String> {
        self.program
            .steps
            .iter()
            .map(|step| match &step.op {
                Op::Forest { forest } => {
                    format!("forest of {} trees, {} nodes", forest.trees.len(), forest.nodes.len())
                }
                Op::Dense { layer, .. } => {
                    let kind = match layer.weights {
                        crate::dense::Weights::F32(_) => "f32",
                        crate::dense::Weights::Int8 { .. } => "int8",
                    };
                    format!("dense {}x{} {kind}", layer.inputs, layer.outputs)
                }
                op => op.name().to_owned(),
            })
            .collect()
    }

    /// Memory for scoring on one thread, for the fastest instruction set of this CPU.
    pub fn scratch(&self) -> Scratch {
        self.scratch_for(Isa::detect())
    }

    /// As [`Model::scratch`], for `isa`; [`Isa::Scalar`] when the CPU lacks it.
    pub fn scratch_for(&self, isa: Isa) -> Scratch {
        let slots = self.program.slots();
        let block = slots * BLOCK;
        // Only trees gain by several blocks, which they answer while they are in the cache; a net's columns should
        // stay there themselves.
        let has_forest = self.program.steps.iter().any(|step| matches!(step.op, Op::Forest { .. }));
        let blocks = if has_forest { (BATCH_BYTES / (block * size_of::<f32>())).clamp(1, 16) } else { 1 };
        let mut scratch = Scratch {
            isa: if isa.is_available() { isa } else { Isa::Scalar },
            row: vec![0.0; slots],
            blocks: vec![0.0; blocks * block],
            codes: vec![0; self.program.code_bytes()],
        };
        scratch.row[0] = f32::NEG_INFINITY;
        for block in scratch.blocks.chunks_exact_mut(block) {
            block[..BLOCK].fill(f32::NEG_INFINITY);
        }
        scratch
    }

    /// Scores one row: `features` of shape [features], `out` of shape [outputs].
    ///
    /// # Errors
    /// `MODEL_SHAPE` when either length differs, or `scratch` is of another model.
    ///
    /// Cost: no allocation; 100 trees of depth 6 take about 1 µs.
    pub fn infer(&self, scratch: &mut Scratch, features: &[f32], out: &mut [f32]) -> Result<()> {
        let width = self.program.features;
        if features.len() != width || out.len() != self.program.output.width {
            let (outputs, given) = (self.program.output.width, out.len());
            return Err(shape(format!(
                "{} features for {given} outputs; the model takes {width} and gives {outputs}",
                features.len()
            )));
        }
        self.check_scratch(scratch)?;
        self.infer_row(scratch, features, out);
        Ok(())
    }

    /// Scores rows: `rows` of shape [n, features], `out` of shape [n, outputs].
    ///
    /// # Errors
    /// As [`Model::infer`].
    ///
    /// Cost: no allocation; per row and tree about half of a single row's.
    pub fn infer_batch(&self, scratch: &mut Scratch, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let (features, outputs) = (self.program.features, self.program.output.width);
        let count = rows.len() / features;
        if !rows.len().is_multiple_of(features) || out.len() != count * outputs {
            return Err(shape(format!(
                "{} numbers in, {} out; the model takes rows of {features} and gives {outputs} for each",
                rows.len(),
                out.len()
            )));
        }
        self.check_scratch(scratch)?;
        let together = scratch.blocks.len() / self.program.slots();
        for (rows, out) in rows.chunks(together * features).zip(out.chunks_mut(together * outputs)) {
            let count = rows.len() / features;
            let loose = if count % BLOCK <= LOOSE_ROWS { count % BLOCK } else { 0 };
            let (rows, loose_rows) = rows.split_at((count - loose) * features);
            let (out, loose_out) = out.split_at_mut((count - loose) * outputs);
            self.infer_blocks(scratch, rows, out);
            for (row, out) in loose_rows.chunks_exact(features).zip(loose_out.chunks_exact_mut(outputs)) {
                self.infer_row(scratch, row, out);
            }
        }
        Ok(())
    }

    fn check_scratch(&self, scratch: &Scratch) -> Result<()> {
        let slots = self.program.slots();
        let fits = scratch.row.len() == slots
            && scratch.blocks.len().is_multiple_of(slots * BLOCK)
            && scratch.codes.len() >= self.program.code_bytes();
        if fits { Ok(()) } else { Err(shape("the scratch memory belongs to another model")) }
    }

    #[inline]
    fn infer_row(&self, scratch: &mut Scratch, features: &[f32], out: &mut [f32]) {
        scratch.row[1..=features.len()].copy_from_slice(features);
        self.program.run_row(scratch.isa, &mut scratch.row, &mut scratch.codes);
        out.copy_from_slice(&scratch.row[self.program.output.start..self.program.output.end()]);
    }

    /// At most as many rows as `scratch` has blocks for.
    fn infer_blocks(&self, scratch: &mut Scratch, rows: &[f32], out: &mut [f32]) {
        let (features, outputs) = (self.program.features, self.program.output.width);
        let stride = self.program.slots() * BLOCK;
        let blocks = (rows.len() / features).div_ceil(BLOCK);
        let used = &mut scratch.blocks[..blocks * stride];
        // Rows that a last block lacks are those of an earlier batch; they are scored and forgotten.
        for (block, rows) in used.chunks_exact_mut(stride).zip(rows.chunks(BLOCK * features)) {
            for (row, from) in rows.chunks_exact(features).enumerate() {
                for (column, x) in from.iter().enumerate() {
                    block[(1 + column) * BLOCK + row] = *x;
                }
            }
        }
        self.program.run_blocks(scratch.isa, used, &mut scratch.codes);
        let first = self.program.output.start;
        for (block, out) in used.chunks_exact(stride).zip(out.chunks_mut(BLOCK * outputs)) {
            for (row, to) in out.chunks_exact_mut(outputs).enumerate() {
                for (column, y) in to.iter_mut().enumerate() {
                    *y = block[(first + column) * BLOCK + row];
                }
            }
        }
    }
}
