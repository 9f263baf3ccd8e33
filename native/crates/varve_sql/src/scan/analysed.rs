//! What ANALYZE found out, where the rows themselves say nothing: always a guess, for rows may have changed since.

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};
use varve_table::TableVersion;

/// `known` of the column at `position`, with what ANALYZE knows beside it.
pub(super) fn fill(version: &TableVersion, position: usize, known: ColumnStatistics) -> ColumnStatistics {
    let analysed = version.statistics.as_ref().zip(version.table.columns.get(position));
    let Some((statistics, column)) = analysed else { return known };
    let Some(summary) = statistics.column(column.id) else { return known };
    let live = version.live_rows();
    let share = |count: u64| match statistics.rows {
        0 => 0,
        rows => (u128::from(count) * u128::from(live) / u128::from(rows)) as usize,
    };
    let bound = |at: usize| {
        let bounds = statistics.bounds_of(&column.stored_name())?;
        ScalarValue::try_from_array(bounds, at).ok().filter(|bound| !bound.is_null())
    };
    // A column with few different values has seen most of them; one whose values differ gets new ones with its rows.
    let distinct = summary
        .distinct
        .map(|distinct| if distinct >= statistics.rows / 10 { share(distinct) } else { distinct as usize });
    let live = usize::try_from(live).unwrap_or(usize::MAX);
    ColumnStatistics {
        null_count: or(known.null_count, Some(share(summary.nulls))),
        distinct_count: or(known.distinct_count, distinct.map(|distinct| distinct.min(live))),
        min_value: or(known.min_value, bound(0)),
        max_value: or(known.max_value, bound(1)),
        ..known
    }
}

fn or<T: std::fmt::Debug + Clone + PartialEq + Eq + PartialOrd>(
    known: Precision<T>,
    guess: Option<T>,
) -> Precision<T> {
    match (known, guess) {
        (Precision::Absent, Some(guess)) => Precision::Inexact(guess),
        (known, _) => known,
    }
}
