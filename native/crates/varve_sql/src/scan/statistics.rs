//! What a scan knows of its rows before it runs: how many there are, and the bounds of their columns.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use varve_table::{HotChunk, LiveSegment, TableVersion};
use vortex::array::stats::StatsSet;
use vortex::dtype::{DType, PType};
use vortex::expr::stats::{Precision as VortexPrecision, Stat};
use vortex::scalar::Scalar;
use vortex_datafusion::convert::TryToDataFusion;

use super::selectivity::selectivity;
use super::{TableScan, analysed, filters};
use crate::cardinality::{Domain, shape};

/// Statistics of what comes out of a scan.
pub(super) fn of(scan: &TableScan) -> Result<Statistics> {
    let rows = scan.only.as_ref().map_or_else(|| scan.version.live_rows(), |only| only.len());
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let table: Vec<ColumnStatistics> = (0..scan.stored.fields().len())
        .map(|position| {
            let known = column(&scan.version, position, scan.stored.field(position).data_type());
            analysed::fill(&scan.version, position, known)
        })
        .collect();
    let mut columns: Vec<ColumnStatistics> =
        scan.columns.iter().map(|position| table[*position].clone()).collect();
    let mut num_rows = Precision::Exact(rows);
    if scan.only.is_some() {
        num_rows = num_rows.to_inexact();
        columns = columns.into_iter().map(ColumnStatistics::to_inexact).collect();
    }
    if let Some(filter) = filters::required(&scan.filters) {
        let selectivity = selectivity(&filter, &scan.stored, &table);
        num_rows = Precision::Inexact((rows as f64 * selectivity).ceil() as usize);
        columns = columns.into_iter().map(ColumnStatistics::to_inexact).collect();
    }
    if let Some(access) = &scan.access {
        let found = usize::try_from(access.rows).unwrap_or(usize::MAX);
        num_rows = num_rows.min(&Precision::Inexact(found));
    }
    if let Some(fetch) = scan.fetch {
        columns = columns.into_iter().map(ColumnStatistics::to_inexact).collect();
        num_rows = match num_rows {
            Precision::Exact(rows) => Precision::Exact(rows.min(fetch)),
            Precision::Inexact(rows) => Precision::Inexact(rows.min(fetch)),
            Precision::Absent => Precision::Absent,
        };
    }
    let bytes = scan.schema.fields().iter().map(|field| width(field.data_type())).sum::<usize>();
    let total_byte_size = num_rows.multiply(&Precision::Inexact(bytes)).to_inexact();
    Ok(Statistics { num_rows, total_byte_size, column_statistics: columns })
}

/// What is known of the values of the columns that come out, whatever the filters are.
pub(super) fn domains(scan: &TableScan) -> Vec<Option<Domain>> {
    let live = scan.version.live_rows() as f64;
    let definition = &scan.version.table;
    let of = |position: &usize| {
        let stored = scan.stored.fields().get(*position)?;
        let known = column(&scan.version, *position, stored.data_type());
        let known = analysed::fill(&scan.version, *position, known);
        let is_key = |id| definition.primary_key.as_slice() == [id];
        let is_unique = definition.columns.get(*position).is_some_and(|column| is_key(column.id));
        let values = match known.distinct_count.get_value() {
            _ if is_unique => live,
            Some(values) => *values as f64,
            None => span(&known)? as f64,
        };
        let origin = definition.columns.get(*position).map(|column| shape((definition.id.0, column.id.0)));
        Some(Domain { values: values.min(live).max(1.0), rows: live.max(1.0), origin })
    };
    scan.columns.iter().map(of).collect()
}

/// How many integers, days or the like there are between the bounds of a column.
pub(super) fn span(column: &ColumnStatistics) -> Option<u64> {
    let end = |value: &Precision<ScalarValue>| match value.get_value()? {
        value if value.data_type().is_integer() => match value.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(value) => value,
            _ => None,
        },
        ScalarValue::Date32(Some(day)) => Some(i64::from(*day)),
        _ => None,
    };
    let span = end(&column.max_value)?.checked_sub(end(&column.min_value)?)?;
    u64::try_from(span).ok()?.checked_add(1)
}

/// A guess at the bytes of one value in memory.
pub(crate) fn width(data_type: &DataType) -> usize {
    data_type.primitive_width().unwrap_or(32)
}

/// Statistics of one column over all segments and hot chunks.
fn column(version: &TableVersion, position: usize, data_type: &DataType) -> ColumnStatistics {
    let Some(definition) = version.table.columns.get(position) else {
        return ColumnStatistics::new_unknown();
    };
    let name = definition.stored_name();
    let segments = version.segments.iter().map(|live| segment_column(live, &name, data_type));
    let is_exact = version.hot.deleted().is_empty();
    let hot = version.hot.chunks().iter().map(|chunk| {
        let known = hot_column(chunk, position, data_type);
        if is_exact { known } else { known.to_inexact() }
    });
    let mut parts = segments.chain(hot);
    let Some(mut whole) = parts.next() else { return ColumnStatistics::new_unknown() };
    for part in parts {
        whole = ColumnStatistics {
            null_count: whole.null_count.add(&part.null_count),
            min_value: whole.min_value.min(&part.min_value),
            max_value: whole.max_value.max(&part.max_value),
            ..ColumnStatistics::new_unknown()
        };
    }
    // Without segments there are no dictionaries, which is not to say that there are no values.
    if let Some(values) = dictionary_values(version, &name).filter(|values| *values > 0) {
        whole.distinct_count = Precision::Inexact(usize::try_from(values).unwrap_or(usize::MAX));
    }
    whole
}

/// Rows of a column that are in no dictionary are no more than one of so many, and no more than so many.
const OTHERS_SHARE: u64 = 8;
const OTHERS_MAX: u64 = 1 << 20;

/// About how many values a column has, most of whose rows are in dictionaries; `None` when too many are not.
pub(super) fn dictionary_values(version: &TableVersion, stored_name: &str) -> Option<u64> {
    let (mut rows, mut others, mut values, mut of_one) = (0, 0, 0, 0);
    for live in &version.segments {
        let (kept, all) = (live.segment.dictionaries(stored_name), live.segment.file().row_count());
        rows += all;
        others += all - kept.rows;
        values = values.max(kept.values);
        of_one += u64::from(kept.values == 1);
    }
    (others <= OTHERS_MAX.min(rows / OTHERS_SHARE)).then_some(values.max(of_one))
}

fn hot_column(chunk: &HotChunk, position: usize, data_type: &DataType) -> ColumnStatistics {
    let known = chunk.bounds(position);
    let bound = |value: &Option<ArrayRef>| {
        let value = value.as_ref().and_then(|value| ScalarValue::try_from_array(value, 0).ok());
        value.and_then(|value| value.cast_to(data_type).ok()).map_or(Precision::Absent, Precision::Exact)
    };
    // NaN is beyond every number: where it is a bound, comparisons with it tell nothing.
    let has_nan = [&known.least, &known.greatest].into_iter().flatten().any(is_nan);
    ColumnStatistics {
        null_count: Precision::Exact(known.nulls),
        min_value: if has_nan { Precision::Absent } else { bound(&known.least) },
        max_value: if has_nan { Precision::Absent } else { bound(&known.greatest) },
        ..ColumnStatistics::new_unknown()
    }
}

fn is_nan(value: &ArrayRef) -> bool {
    match ScalarValue::try_from_array(value, 0) {
        Ok(ScalarValue::Float16(Some(value))) => value.is_nan(),
        Ok(ScalarValue::Float32(Some(value))) => value.is_nan(),
        Ok(ScalarValue::Float64(Some(value))) => value.is_nan(),
        _ => false,
    }
}

fn segment_column(live: &LiveSegment, name: &str, data_type: &DataType) -> ColumnStatistics {
    let file = live.segment.file();
    let at = file.dtype().as_struct_fields_opt().and_then(|fields| fields.find(name));
    let Some((at, stats)) = at.zip(file.file_stats()) else { return ColumnStatistics::new_unknown() };
    let (stats, dtype) = stats.get(at);
    let known = ColumnStatistics {
        null_count: precision(stats.get_as::<usize>(Stat::NullCount, &PType::U64.into())),
        min_value: bound(stats, Stat::Min, dtype, data_type),
        max_value: bound(stats, Stat::Max, dtype, data_type),
        ..ColumnStatistics::new_unknown()
    };
    if live.deleted.is_some() { known.to_inexact() } else { known }
}

/// The least or greatest value, if it is known and no NaN can hide beside it.
fn bound(stats: &StatsSet, stat: Stat, dtype: &DType, data_type: &DataType) -> Precision<ScalarValue> {
    let nan_count = stats.get_as::<u64>(Stat::NaNCount, &PType::U64.into());
    if dtype.is_float() && nan_count != VortexPrecision::Exact(0) {
        return Precision::Absent;
    }
    let value = stats.get(stat).and_then(|value| {
        let scalar = Scalar::try_new(stat.dtype(dtype)?, Some(value)).ok()?;
        scalar.try_to_df().ok()?.cast_to(data_type).ok()
    });
    precision(value)
}

fn precision<T: std::fmt::Debug + Clone + PartialEq + Eq + PartialOrd>(
    value: VortexPrecision<T>,
) -> Precision<T> {
    match value {
        VortexPrecision::Exact(value) => Precision::Exact(value),
        VortexPrecision::Inexact(value) => Precision::Inexact(value),
        VortexPrecision::Absent => Precision::Absent,
    }
}
