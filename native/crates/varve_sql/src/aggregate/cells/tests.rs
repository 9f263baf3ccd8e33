//! Cells beside DataFusion's accumulators.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch, StringViewArray,
    UInt64Array,
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
        ("float", Arc::new(rows.iter().map(|row| of(row).map(|n| n as f32 / 3.0)).collect::<Float32Array>())),
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
