//! Sums, means, counts and ends of numbers, for all groups in one array: what a group has lies side by side.
//!
//! DataFusion's accumulators hold an array each, so that a row touches as many places in memory as there are aggregates, and
//! with some ten thousand groups each of them is a miss of the caches. Here a row touches one. Counts that are the same are
//! held once, and numbers are widened a few rows before they are added instead of in columns of their own ([`lanes`]).
//!
//! What comes out is what DataFusion's accumulators hand to the second phase, in the same order of adding.

mod lanes;

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, RecordBatch, UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, Schema, UInt64Type};
use datafusion::common::{Result, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::expressions::{CastExpr, Literal};

use self::lanes::{Column, Lanes, ROWS_AT_ONCE, Step};

/// The first cell of a group counts its rows.
const ROWS: usize = 0;

/// A number of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cell {
    step: Step,
    argument: usize,
}

/// An aggregate, by the place of its cell and its argument.
enum Kept {
    CountOfRows,
    Count { argument: usize },
    Sum { cell: usize, argument: usize, data_type: DataType },
    Mean { cell: usize, argument: usize },
    End { cell: usize, argument: usize, data_type: DataType },
}

/// The aggregates of one thread that are kept so.
#[derive(Default)]
pub(super) struct Cells {
    kept: Vec<Kept>,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    cells: Vec<Cell>,
    /// Each group's number of rows and cells, group after group.
    words: Vec<u64>,
    /// How many NULLs each group has had, per argument; empty as long as there were none.
    nulls: Vec<Vec<u64>>,
    /// Whether rows are counted. Without means and counts only NULLs make that necessary.
    counts_rows: bool,
    /// Where the groups of the rows that are added begin.
    starts: Vec<usize>,
    lanes: Lanes,
}

impl Cells {
    /// Takes an aggregate over `arguments`, whose columns are those of `schema`; false when it must be kept otherwise.
    pub(super) fn take(
        &mut self,
        aggregate: &AggregateFunctionExpr,
        arguments: &[Arc<dyn PhysicalExpr>],
        schema: &Schema,
    ) -> Result<bool> {
        let [argument] = arguments else { return Ok(false) };
        let states = aggregate.state_fields()?;
        let states = states.iter().map(|field| field.data_type()).collect::<Vec<_>>();
        let data_type = argument.data_type(schema)?;
        if aggregate.is_distinct() || aggregate.ignore_nulls() {
            return Ok(false);
        }
        use DataType::{Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
        let kept = match (aggregate.fun().name(), states.as_slice(), &data_type) {
            ("count", [Int64], _) => match argument.downcast_ref::<Literal>() {
                Some(literal) if !literal.value().is_null() => Kept::CountOfRows,
                _ => Kept::Count { argument: self.argument(argument) },
            },
            ("sum", [state @ (Int64 | UInt64)], of) if *state == of => {
                let step = if *of == Int64 { Step::Sum } else { Step::SumOfUnsigned };
                let (cell, argument) = self.cell(step, argument, schema)?;
                Kept::Sum { cell, argument, data_type }
            }
            ("sum", [Float64], Float64) => {
                let (cell, argument) = self.cell(Step::SumOfFloats, argument, schema)?;
                Kept::Sum { cell, argument, data_type }
            }
            ("avg", [UInt64, Float64], Float64) => {
                let (cell, argument) = self.cell(Step::SumOfFloats, argument, schema)?;
                Kept::Mean { cell, argument }
            }
            (
                end @ ("min" | "max"),
                [state],
                of @ (Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32),
            ) if *state == of => {
                let step = if end == "min" { Step::Least } else { Step::Greatest };
                let (cell, argument) = self.cell(step, argument, schema)?;
                Kept::End { cell, argument, data_type }
            }
            _ => return Ok(false),
        };
        self.counts_rows |= matches!(kept, Kept::CountOfRows | Kept::Count { .. } | Kept::Mean { .. });
        self.kept.push(kept);
        Ok(true)
    }

    /// The place of the cell that `argument` is added to, and of the argument.
    fn cell(
        &mut self,
        step: Step,
        argument: &Arc<dyn PhysicalExpr>,
        schema: &Schema,
    ) -> Result<(usize, usize)> {
        let argument = self.argument(&not_widened(argument, schema)?);
        let cell = Cell { step, argument };
        let at = self.cells.iter().position(|other| *other == cell).unwrap_or_else(|| {
            self.cells.push(cell);
            self.cells.len() - 1
        });
        Ok((1 + at, argument))
    }

    fn argument(&mut self, argument: &Arc<dyn PhysicalExpr>) -> usize {
        self.arguments.iter().position(|other| other == argument).unwrap_or_else(|| {
            self.arguments.push(Arc::clone(argument));
            self.nulls.push(Vec::new());
            self.arguments.len() - 1
        })
    }

    /// Adds a batch: `groups` has the group of each row, of `total` groups.
    pub(super) fn add(&mut self, batch: &RecordBatch, groups: &[usize], total: usize) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let values = self.arguments.iter().map(|expr| expr.evaluate(batch)?.into_array(groups.len()));
        let values = values.collect::<Result<Vec<_>>>()?;
        let nulls: Vec<_> = values.iter().map(|values| values.logical_nulls()).collect();
        let nulls: Vec<_> =
            nulls.into_iter().map(|nulls| nulls.filter(|nulls| nulls.null_count() > 0)).collect();
        if nulls.iter().any(Option::is_some) {
            self.count_rows();
        }
        self.grow(total);
        for ((values, nulls), counts) in values.iter().zip(&nulls).zip(&mut self.nulls) {
            if let Some(nulls) = nulls {
                counts.resize(total, 0);
                let rows = groups.iter().zip(nulls);
                rows.filter(|(_, is_valid)| !is_valid).for_each(|(group, _)| counts[*group] += 1);
            }
            debug_assert_eq!(values.len(), groups.len());
        }
        let width = self.width();
        let Self { lanes, starts, words, cells, counts_rows, .. } = self;
        let of = |cell: &Cell| -> Column<'_> { (&values[cell.argument], nulls[cell.argument].as_ref()) };
        let runs = cells.chunk_by(|one, next| one.step == next.step);
        let runs: Vec<_> = runs.map(|run| (run[0].step, run.iter().map(of).collect::<Vec<_>>())).collect();
        for from in (0..groups.len()).step_by(ROWS_AT_ONCE) {
            let rows = from..groups.len().min(from + ROWS_AT_ONCE);
            starts.clear();
            starts.extend(groups[rows.clone()].iter().map(|group| group * width));
            if *counts_rows {
                starts.iter().for_each(|start| words[start + ROWS] += 1);
            }
            let mut at = ROWS + 1;
            for (step, columns) in &runs {
                lanes.add(columns, &rows, *step, starts, &mut words[at..])?;
                at += columns.len();
            }
        }
        Ok(())
    }

    /// Takes the groups of others, which have the same aggregates: `groups` has the group here of each, of `total` groups.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub(super) fn absorb(&mut self, other: &mut Self, groups: &[usize], total: usize) -> Result<()> {
        if self.counts_rows != other.counts_rows {
            self.count_rows();
            other.count_rows();
        }
        self.grow(total);
        let width = self.width();
        for (theirs, group) in other.words.chunks_exact(width).zip(groups) {
            let own = &mut self.words[group * width..][..width];
            own[ROWS] += theirs[ROWS];
            for ((own, theirs), cell) in own[1..].iter_mut().zip(&theirs[1..]).zip(&self.cells) {
                *own = cell.step.of_both(*own, *theirs)?;
            }
        }
        for (own, theirs) in self.nulls.iter_mut().zip(&other.nulls) {
            if !theirs.is_empty() {
                own.resize(total, 0);
                theirs.iter().zip(groups).for_each(|(nulls, group)| own[*group] += nulls);
            }
        }
        other.clear();
        Ok(())
    }

    /// From now on, rows are counted.
    fn count_rows(&mut self) {
        if !self.counts_rows {
            // Every group of before has a value, so it is as if it had one row.
            let width = self.width();
            self.words.iter_mut().skip(ROWS).step_by(width).for_each(|rows| *rows = 1);
            self.counts_rows = true;
        }
    }

    /// Makes room for new groups.
    fn grow(&mut self, total: usize) {
        let width = self.width();
        let before = self.words.len() / width;
        self.words.resize(total * width, 0);
        for (at, cell) in self.cells.iter().enumerate() {
            let cells = self.words[before * width..].iter_mut().skip(1 + at).step_by(width);
            cells.for_each(|word| *word = cell.step.first());
        }
    }

    /// The states of each aggregate, of all groups; no group is left.
    pub(super) fn states(&mut self) -> Result<Vec<Vec<ArrayRef>>> {
        let states = self.kept.iter().map(|kept| self.states_of(kept)).collect::<Result<_>>()?;
        self.clear();
        Ok(states)
    }

    /// What each aggregate comes to, of all groups; no group is left.
    pub(super) fn results(&mut self) -> Result<Vec<ArrayRef>> {
        let result = |kept| {
            let states = self.states_of(kept)?;
            match (kept, states.as_slice()) {
                (Kept::Mean { .. }, [counts, sums]) => {
                    let (counts, sums) =
                        (counts.as_primitive::<UInt64Type>(), sums.as_primitive::<Float64Type>());
                    let means =
                        sums.values().iter().zip(counts.values()).map(|(sum, count)| sum / *count as f64);
                    let means = means.collect::<Vec<_>>();
                    Ok(Arc::new(PrimitiveArray::<Float64Type>::new(means.into(), sums.nulls().cloned()))
                        as ArrayRef)
                }
                (_, [result]) => Ok(Arc::clone(result)),
                _ => internal_err!("an aggregate has one result"),
            }
        };
        let results = self.kept.iter().map(result).collect::<Result<_>>()?;
        self.clear();
        Ok(results)
    }

    fn clear(&mut self) {
        self.words = Vec::new();
        self.nulls.iter_mut().for_each(|nulls| *nulls = Vec::new());
    }

    fn states_of(&self, kept: &Kept) -> Result<Vec<ArrayRef>> {
        Ok(match kept {
            Kept::CountOfRows => {
                vec![Arc::new(self.words_of(ROWS).map(|rows| rows as i64).collect::<Int64Array>())]
            }
            Kept::Count { argument } => {
                vec![Arc::new(self.counts(*argument).map(|count| count as i64).collect::<Int64Array>())]
            }
            Kept::Sum { cell, argument, data_type } => {
                let valid = self.valid(*argument);
                let words = self.words_of(*cell);
                vec![match data_type {
                    DataType::Float64 => {
                        let values = words.map(f64::from_bits).collect::<Vec<_>>();
                        Arc::new(PrimitiveArray::<Float64Type>::new(values.into(), valid))
                    }
                    DataType::UInt64 => {
                        Arc::new(PrimitiveArray::<UInt64Type>::new(words.collect::<Vec<_>>().into(), valid))
                    }
                    _ => Arc::new(integers(words, valid)),
                }]
            }
            Kept::Mean { cell, argument } => {
                let valid = self.valid(*argument);
                let counts = self.counts(*argument).collect::<Vec<_>>();
                let sums = self.words_of(*cell).map(f64::from_bits).collect::<Vec<_>>();
                vec![
                    Arc::new(UInt64Array::new(counts.into(), valid.clone())),
                    Arc::new(PrimitiveArray::<Float64Type>::new(sums.into(), valid)),
                ]
            }
            Kept::End { cell, argument, data_type } => {
                // What a group without a value began with is no value of a narrower type; it is NULL before it is cast.
                vec![cast(&integers(self.words_of(*cell), self.valid(*argument)), data_type)?]
            }
        })
    }

    fn words_of(&self, cell: usize) -> impl Iterator<Item = u64> {
        self.words.iter().skip(cell).step_by(self.width()).copied()
    }

    /// How many values, NULL aside, each group has.
    fn counts(&self, argument: usize) -> impl Iterator<Item = u64> {
        let nulls = self.nulls[argument].iter().copied().chain(std::iter::repeat(0));
        self.words_of(ROWS).zip(nulls).map(|(rows, nulls)| rows - nulls)
    }

    /// Which groups have a value; `None` when all have.
    fn valid(&self, argument: usize) -> Option<NullBuffer> {
        let had_nulls = !self.nulls[argument].is_empty();
        had_nulls.then(|| self.counts(argument).map(|count| count > 0).collect())
    }

    fn width(&self) -> usize {
        1 + self.cells.len()
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        let nulls = self.nulls.iter().map(Vec::capacity).sum::<usize>();
        8 * (self.words.capacity() + nulls + self.starts.capacity()) + self.lanes.size()
    }
}

fn integers(words: impl Iterator<Item = u64>, valid: Option<NullBuffer>) -> PrimitiveArray<Int64Type> {
    PrimitiveArray::new(words.map(|word| word as i64).collect::<Vec<_>>().into(), valid)
}

/// The argument without a cast that only widens it.
fn not_widened(argument: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    use DataType::{Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    if let Some(cast) = argument.downcast_ref::<CastExpr>() {
        let only_widens = matches!(
            (cast.expr().data_type(schema)?, cast.cast_type()),
            (Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32, Int64 | Float64)
                | (UInt8 | UInt16 | UInt32, UInt64)
                | (Float32, Float64)
        );
        if only_widens {
            return Ok(Arc::clone(cast.expr()));
        }
    }
    Ok(Arc::clone(argument))
}

#[cfg(test)]
mod tests;
