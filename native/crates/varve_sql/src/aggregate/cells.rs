//! Sums, means, counts and ends of numbers, for all groups in one array: what a group has lies side by side.
//!
//! DataFusion's accumulators hold an array each, so that a row touches as many places in memory as there are aggregates, and
//! with some ten thousand groups each of them is a miss of the caches. Here a row touches one. Counts that are the same are
//! held once, and whole numbers are widened where they are added instead of into columns of their own.
//!
//! What comes out is what DataFusion's accumulators hand to the second phase, in the same order of adding.

use std::cell;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, RecordBatch, UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::common::{Result, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::expressions::{CastExpr, Literal};

use crate::sums::overflow;

/// Rows that are added to all cells before the next ones are: what they touch stays in a core's first cache.
const ROWS_AT_ONCE: usize = 1024;

/// The first cell of a group counts its rows.
const ROWS: usize = 0;

/// How values come into a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Of whole numbers with a sign.
    Sum,
    SumOfUnsigned,
    SumOfFloats,
    /// Of whole numbers of 64 bits with a sign, or narrower ones.
    Least,
    Greatest,
}

impl Step {
    /// The word of two groups that become one.
    fn of_both(self, one: u64, other: u64) -> Result<u64> {
        Ok(match self {
            Self::Sum => match (one as i64).checked_add(other as i64) {
                Some(sum) => sum as u64,
                None => return Err(overflow(&DataType::Int64).into()),
            },
            Self::SumOfUnsigned => one.checked_add(other).ok_or_else(|| overflow(&DataType::UInt64))?,
            Self::SumOfFloats => (f64::from_bits(one) + f64::from_bits(other)).to_bits(),
            Self::Least => (one as i64).min(other as i64) as u64,
            Self::Greatest => (one as i64).max(other as i64) as u64,
        })
    }
}

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
        for from in (0..groups.len()).step_by(ROWS_AT_ONCE) {
            let groups = &groups[from..groups.len().min(from + ROWS_AT_ONCE)];
            self.starts.clear();
            self.starts.extend(groups.iter().map(|group| group * width));
            if self.counts_rows {
                self.starts.iter().for_each(|start| self.words[start + ROWS] += 1);
            }
            for (at, cell) in self.cells.iter().enumerate() {
                let part = Part {
                    values: &values[cell.argument],
                    nulls: nulls[cell.argument].as_ref().map(|nulls| nulls.slice(from, groups.len())),
                    from,
                    starts: &self.starts,
                };
                part.add_to(&mut self.words[1 + at..], cell.step)?;
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
            let fresh = match cell.step {
                Step::Sum | Step::SumOfUnsigned | Step::SumOfFloats => continue,
                Step::Least => i64::MAX,
                Step::Greatest => i64::MIN,
            };
            let cells = self.words[before * width..].iter_mut().skip(1 + at).step_by(width);
            cells.for_each(|word| *word = fresh as u64);
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
        8 * (self.words.capacity() + nulls + self.starts.capacity())
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

/// Some rows of a batch.
struct Part<'p> {
    /// Of the whole batch.
    values: &'p ArrayRef,
    nulls: Option<NullBuffer>,
    /// The first row.
    from: usize,
    starts: &'p [usize],
}

/// Calls `$part.each` with the values of `$part` as one of these types, and ends the function.
macro_rules! with_values {
    ($part:expr, $words:expr, $step:expr, $($of:ty),+) => {
        $(if let Some(values) = $part.values.as_primitive_opt::<$of>() {
            return $part.each(values.values(), $words, $step);
        })+
        unreachable!("{} is not added", $part.values.data_type())
    };
}

impl Part<'_> {
    /// Adds the rows to the words at which their groups start.
    fn add_to(&self, words: &mut [u64], step: Step) -> Result<()> {
        // Sums of narrower numbers than these fit, of however many rows.
        let is_beyond = cell::Cell::new(false);
        let note = |beyond| is_beyond.set(is_beyond.get() | beyond);
        let (integers, unsigned) =
            (self.values.as_primitive_opt::<Int64Type>(), self.values.as_primitive_opt());
        match (step, integers, unsigned) {
            (Step::Sum, Some(values), _) => self.each(values.values(), words, |sum, value: i64| {
                let (sum, beyond) = (sum as i64).overflowing_add(value);
                note(beyond);
                sum as u64
            }),
            (Step::SumOfUnsigned, _, Some(values)) => {
                self.each(PrimitiveArray::<UInt64Type>::values(values), words, |sum: u64, value: u64| {
                    let (sum, beyond) = sum.overflowing_add(value);
                    note(beyond);
                    sum
                })
            }
            _ => self.add_freely(words, step),
        }
        match is_beyond.get() {
            true => Err(overflow(self.values.data_type()).into()),
            false => Ok(()),
        }
    }

    fn add_freely(&self, words: &mut [u64], step: Step) {
        match step {
            Step::Sum | Step::SumOfUnsigned => self.add_integers(words, i64::wrapping_add),
            Step::Least => self.add_integers(words, i64::min),
            Step::Greatest => self.add_integers(words, i64::max),
            Step::SumOfFloats => {
                let add = |sum, value: f64| (f64::from_bits(sum) + value).to_bits();
                with_values!(
                    self,
                    words,
                    add,
                    Float64Type,
                    Float32Type,
                    Int8Type,
                    Int16Type,
                    Int32Type,
                    UInt8Type,
                    UInt16Type,
                    UInt32Type
                );
            }
        }
    }

    fn add_integers(&self, words: &mut [u64], step: impl Fn(i64, i64) -> i64) {
        let step = |word: u64, value: i64| step(word as i64, value) as u64;
        with_values!(
            self, words, step, Int64Type, Int32Type, Int16Type, Int8Type, UInt8Type, UInt16Type, UInt32Type
        );
    }

    fn each<N: Copy + Into<W>, W>(&self, values: &[N], words: &mut [u64], step: impl Fn(u64, W) -> u64) {
        let rows = self.starts.iter().zip(&values[self.from..]);
        let mut add = |start: &usize, value: &N| {
            let word = &mut words[*start];
            *word = step(*word, (*value).into());
        };
        match &self.nulls {
            None => rows.for_each(|(start, value)| add(start, value)),
            Some(nulls) => {
                rows.zip(nulls)
                    .filter(|(_, is_valid)| *is_valid)
                    .for_each(|((start, value), _)| add(start, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch,
        StringViewArray, UInt64Array,
    };
    use datafusion::arrow::datatypes::{DataType, Schema};
    use datafusion::functions_aggregate::average::avg_udaf;
    use datafusion::functions_aggregate::count::count_udaf;
    use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
    use datafusion::functions_aggregate::sum::sum_udaf;
    use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
    use datafusion::physical_expr::PhysicalExpr;
    use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
    use datafusion::physical_plan::expressions::{cast, col, lit};
    use proptest::prelude::*;

    use super::Cells;

    /// A group and a number that all columns are made of.
    type Row = (usize, Option<i64>, Option<i64>);

    fn batch(rows: &[Row]) -> RecordBatch {
        let of = |row: &Row| row.1;
        let other = |row: &Row| row.2;
        let columns: [(&str, ArrayRef); 7] = [
            ("small", Arc::new(rows.iter().map(|row| of(row).map(|n| n as i8)).collect::<Int8Array>())),
            ("int", Arc::new(rows.iter().map(|row| other(row).map(|n| n as i32)).collect::<Int32Array>())),
            ("long", Arc::new(rows.iter().map(of).collect::<Int64Array>())),
            (
                "unsigned",
                Arc::new(rows.iter().map(|row| of(row).map(i64::unsigned_abs)).collect::<UInt64Array>()),
            ),
            (
                "float",
                Arc::new(rows.iter().map(|row| of(row).map(|n| n as f32 / 3.0)).collect::<Float32Array>()),
            ),
            (
                "double",
                Arc::new(rows.iter().map(|row| other(row).map(|n| n as f64 / 7.0)).collect::<Float64Array>()),
            ),
            (
                "text",
                Arc::new(rows.iter().map(|row| of(row).map(|n| n.to_string())).collect::<StringViewArray>()),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
            .expect("a batch")
    }

    /// Every aggregate that cells hold, with what is widened for it.
    fn aggregates(schema: &Arc<Schema>) -> Vec<(AggregateFunctionExpr, Arc<dyn PhysicalExpr>)> {
        let column = |name: &str| col(name, schema).expect("a column");
        let as_type = |name: &str, to: DataType| cast(column(name), schema, to).expect("a cast");
        let made = |of, argument: Arc<dyn PhysicalExpr>| {
            let built = AggregateExprBuilder::new(of, vec![Arc::clone(&argument)]);
            (built.schema(Arc::clone(schema)).alias("a").build().expect("an aggregate"), argument)
        };
        vec![
            made(count_udaf(), lit(1_i64)),
            made(count_udaf(), column("text")),
            made(count_udaf(), column("int")),
            made(sum_udaf(), as_type("int", DataType::Int64)),
            made(sum_udaf(), column("long")),
            made(sum_udaf(), column("unsigned")),
            made(sum_udaf(), as_type("float", DataType::Float64)),
            made(sum_udaf(), column("double")),
            made(avg_udaf(), as_type("int", DataType::Float64)),
            made(avg_udaf(), column("double")),
            made(min_udaf(), column("small")),
            made(max_udaf(), column("small")),
            made(min_udaf(), column("long")),
            made(max_udaf(), column("int")),
        ]
    }

    /// Cells and accumulators of the same aggregates, with the numbers of their groups.
    struct Both {
        cells: Cells,
        others: Vec<Box<dyn GroupsAccumulator>>,
        numbers: Vec<usize>,
    }

    impl Both {
        fn new(wanted: &[(AggregateFunctionExpr, Arc<dyn PhysicalExpr>)], schema: &Schema) -> Self {
            let mut cells = Cells::default();
            let others = wanted.iter().map(|(aggregate, argument)| {
                let arguments = [Arc::clone(argument)];
                let name = aggregate.fun().name();
                assert!(cells.take(aggregate, &arguments, schema).expect("types"), "{name} of {argument}");
                aggregate.create_groups_accumulator().expect("an accumulator")
            });
            let others = others.collect();
            Self { cells, others, numbers: Vec::new() }
        }

        /// Groups have numbers in the order in which they come.
        fn number(&mut self, group: usize) -> usize {
            self.numbers.iter().position(|number| *number == group).unwrap_or_else(|| {
                self.numbers.push(group);
                self.numbers.len() - 1
            })
        }

        fn add(&mut self, rows: &[Row], wanted: &[(AggregateFunctionExpr, Arc<dyn PhysicalExpr>)]) {
            let groups: Vec<usize> = rows.iter().map(|row| self.number(row.0)).collect();
            let batch = batch(rows);
            self.cells.add(&batch, &groups, self.numbers.len()).expect("numbers");
            for ((_, argument), other) in wanted.iter().zip(&mut self.others) {
                let values = argument.evaluate(&batch).and_then(|value| value.into_array(rows.len()));
                let values = [values.expect("values")];
                other.update_batch(&values, &groups, None, self.numbers.len()).expect("numbers");
            }
        }
    }

    #[test]
    fn sums_that_do_not_fit_are_errors() {
        let schema = batch(&[]).schema();
        for (of, most) in [(4, i64::MAX), (5, i64::MIN)] {
            let wanted: Vec<_> = aggregates(&schema).into_iter().skip(of).take(1).collect();
            let most = [(0, Some(most), None)];
            let both = || Both::new(&wanted, &schema);
            let add = |to: &mut Both| to.cells.add(&batch(&most), &[0], 1);
            let (mut one, mut other) = (both(), both());
            add(&mut one).expect("it fits");
            add(&mut other).expect("it fits");
            let message = "does not fit";
            let absorbed = one.cells.absorb(&mut other.cells, &[0], 1);
            assert!(absorbed.is_err_and(|error| error.to_string().contains(message)));
            let mut one = both();
            add(&mut one).expect("it fits");
            assert!(add(&mut one).is_err_and(|error| error.to_string().contains(message)));
        }
    }

    proptest! {
        /// All of them, and each alone, have the states and results of DataFusion's accumulators: of one thread and of two
        /// whose groups become one's.
        #[test]
        fn states_and_results_are_those_of_datafusion(
            batches in prop::collection::vec(
                prop::collection::vec(
                    // Sums of so many fit.
                    (0usize..40, prop::option::weighted(0.9, -1i64 << 54..1 << 54), prop::option::of(-9i64..9)),
                    1..60,
                ),
                1..6,
            ),
            with_nulls: bool,
            are_two: bool,
            with_results: bool,
            only in prop::option::of(0usize..14),
        ) {
            let schema = batch(&[]).schema();
            let wanted = aggregates(&schema).into_iter().enumerate();
            let wanted = wanted.filter(|(at, _)| only.is_none_or(|only| only == *at));
            let wanted: Vec<_> = wanted.map(|(_, wanted)| wanted).collect();
            let mut both = [Both::new(&wanted, &schema), Both::new(&wanted, &schema)];
            for (i, rows) in batches.iter().enumerate() {
                // The first batch has no NULL, so that groups are there before one comes.
                let filled = |row: &Row| match with_nulls && i > 0 {
                    true => *row,
                    false => (row.0, row.1.or(Some(5)), row.2.or(Some(6))),
                };
                let rows: Vec<Row> = rows.iter().map(filled).collect();
                both[usize::from(are_two && i % 2 == 1)].add(&rows, &wanted);
            }
            let [mut one, mut other] = both;
            let groups: Vec<usize> = other.numbers.iter().map(|group| one.number(*group)).collect();
            let one_total = one.numbers.len();
            one.cells.absorb(&mut other.cells, &groups, one_total).expect("sums fit");
            for (one, other) in one.others.iter_mut().zip(&mut other.others) {
                let states = other.state(EmitTo::All).expect("states");
                one.merge_batch(&states, &groups, one_total).expect("states");
            }
            let found = match with_results {
                true => one.cells.results().expect("results").into_iter().map(|result| vec![result]).collect(),
                false => one.cells.states().expect("states"),
            };
            prop_assert_eq!(found.len(), wanted.len());
            for (((aggregate, argument), found), other) in wanted.iter().zip(found).zip(&mut one.others) {
                let expected = match with_results {
                    true => vec![other.evaluate(EmitTo::All).expect("a result")],
                    false => other.state(EmitTo::All).expect("states"),
                };
                prop_assert_eq!(found, expected, "{} of {}", aggregate.fun().name(), argument);
            }
        }
    }
}
