//! Index access: rows that the filters may leave, found by the keys of an index instead of by reading columns.
//!
//! An index helps when filters fix its first columns to few values, and perhaps bound the next. How many rows it would give
//! is counted in the index itself. It may give too many rows, never too few: rows with a NULL among the key's columns are in
//! no index, which rules it out where a filter would keep them. Filters are applied to what it gives, except those that the
//! keys say themselves: a comparison need not read a column to find what the index was asked for.

use std::ops::Bound;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::utils::{Guarantee, LiteralGuarantee, conjunction_opt};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;
use datafusion::physical_plan::expressions::{BinaryExpr, Column, InListExpr, Literal};
use varve_table::{IndexId, KeyColumns, KeyRange, PRIMARY, RowSet, TableVersion};

use super::filters::Filter;
use super::{TableScan, floats};
use crate::error::into_datafusion;

/// So many ranges are looked up at most.
const RANGES_MAX: usize = 4_096;
/// An index is used when it leaves one row of so many, or fewer: fetching a row costs as much as filtering so many.
const ROWS_PER_FETCH: u64 = 32;
/// More rows than this that lie together are found by zone maps, and read in one go.
const ROWS_TOGETHER_MAX: u64 = 1 << 15;

/// How a scan finds its rows.
#[derive(Clone, Debug)]
pub(super) struct Access {
    index: IndexId,
    ranges: Vec<KeyRange>,
    /// Rows that it gives, deleted ones too.
    pub rows: u64,
    /// Parts of the filters that all of these rows pass.
    assured: Vec<Arc<dyn PhysicalExpr>>,
}

impl Access {
    /// The index that leaves the fewest rows under the scan's filters as they are now; `None` when reading all is cheaper.
    pub(super) fn choose(scan: &TableScan) -> Result<Option<Self>> {
        let version = &scan.version;
        if scan.filters.is_empty() || version.hot.keys().is_empty() {
            return Ok(None);
        }
        let current = scan.filters.iter().map(|filter| snapshot_physical_expr(Arc::clone(filter.expr())));
        let Some(filter) = conjunction_opt(current.collect::<Result<Vec<_>>>()?) else { return Ok(None) };
        let bounds = bounds(&filter, &scan.stored);
        let mut best: Option<(Self, Said)> = None;
        for key in version.hot.keys().iter() {
            let Some((ranges, said)) = ranges(version, key, &bounds)? else { continue };
            let rows = version.lookup(key.index).count(&ranges).map_err(into_datafusion)?;
            let Some(rows) = rows else { continue };
            if best.as_ref().is_none_or(|(best, _)| rows < best.rows) {
                best = Some((Self { index: key.index, ranges, rows, assured: Vec::new() }, said));
            }
        }
        let best = best.filter(|(best, _)| best.rows.saturating_mul(ROWS_PER_FETCH) <= stored_rows(version));
        let Some((mut best, said)) = best else { return Ok(None) };
        let zones_serve = best.rows > ROWS_TOGETHER_MAX
            && version.lookup(best.index).lie_together(&best.ranges).map_err(into_datafusion)?;
        // Filters that narrow while the query runs may have it choose anew.
        if !scan.filters.iter().any(Filter::is_dynamic) {
            let parts = split_conjunction(&filter).into_iter();
            let assured = parts.filter(|part| is_assured(part, &said, &scan.stored));
            best.assured = assured.cloned().collect();
        }
        Ok((!zones_serve).then_some(best))
    }

    /// What rows that it gives must still pass of `filters`, which are those that it was chosen for.
    pub(super) fn beyond(&self, filters: &[Filter]) -> Vec<Filter> {
        if self.assured.is_empty() {
            return filters.to_vec();
        }
        let parts = filters.iter().flat_map(|filter| split_conjunction(filter.expr()));
        let beyond = parts.filter(|part| !self.assured.contains(part));
        beyond.map(|part| Filter::new(Arc::clone(part))).collect()
    }

    /// The rows.
    pub(super) fn find(&self, version: &TableVersion) -> Result<Option<RowSet>> {
        version.lookup(self.index).rows(&self.ranges).map_err(into_datafusion)
    }

    /// The name of the index, as users know it.
    pub(super) fn shown(&self, scan: &TableScan) -> String {
        if self.index == PRIMARY {
            return "primary key".to_owned();
        }
        let index = scan.indexes.iter().find(|index| index.id == self.index);
        index.map_or_else(|| self.index.to_string(), |index| index.name.clone())
    }
}

fn stored_rows(version: &TableVersion) -> u64 {
    version.segments.iter().map(|live| live.segment.meta().rows).sum::<u64>() + version.hot.stored_rows()
}

/// What filters say of one column; rows where it is NULL pass none of them.
#[derive(Clone)]
struct Bounds {
    /// The only values.
    values: Option<Vec<ScalarValue>>,
    lower: Bound<ScalarValue>,
    upper: Bound<ScalarValue>,
}

/// What is said of which columns of the table, by position.
type Said = Vec<(usize, Bounds)>;

/// What `filter` says of each column.
fn bounds(filter: &Arc<dyn PhysicalExpr>, columns: &SchemaRef) -> Vec<Bounds> {
    let free = Bounds { values: None, lower: Bound::Unbounded, upper: Bound::Unbounded };
    let mut bounds = vec![free; columns.fields().len()];
    for known in LiteralGuarantee::analyze(filter) {
        if let (Guarantee::In, Ok(at)) = (known.guarantee, columns.index_of(&known.column.name)) {
            bounds[at].values = Some(known.literals.into_iter().filter(|value| !value.is_null()).collect());
        }
    }
    for part in split_conjunction(filter) {
        let Some((column, operator, value)) = comparison(part) else { continue };
        let Some(of) = bounds.get_mut(column.index()) else { continue };
        if !is_of_type(value, columns.field(column.index()).data_type()) {
            continue;
        }
        let value = value.clone();
        match operator {
            Operator::Gt => of.lower = tighter(&of.lower, Bound::Excluded(value), ScalarValue::gt),
            Operator::GtEq => of.lower = tighter(&of.lower, Bound::Included(value), ScalarValue::gt),
            Operator::Lt => of.upper = tighter(&of.upper, Bound::Excluded(value), ScalarValue::lt),
            Operator::LtEq => of.upper = tighter(&of.upper, Bound::Included(value), ScalarValue::lt),
            _ => {}
        }
    }
    bounds
}

/// `column operator value`, whichever side it is written on.
pub(super) fn comparison(expr: &Arc<dyn PhysicalExpr>) -> Option<(&Column, Operator, &ScalarValue)> {
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (binary.left(), binary.right());
    let (column, value, operator) = match (left.downcast_ref::<Column>(), right.downcast_ref::<Column>()) {
        (Some(column), None) => (column, right.downcast_ref::<Literal>()?, *binary.op()),
        (None, Some(column)) => (column, left.downcast_ref::<Literal>()?, binary.op().swap()?),
        _ => return None,
    };
    (!value.value().is_null()).then(|| (column, operator, value.value()))
}

/// The narrower of two bounds, where `is_narrower` compares their values.
fn tighter(
    one: &Bound<ScalarValue>,
    other: Bound<ScalarValue>,
    is_narrower: fn(&ScalarValue, &ScalarValue) -> bool,
) -> Bound<ScalarValue> {
    let value = |bound: &Bound<ScalarValue>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value.clone()),
        Bound::Unbounded => None,
    };
    match (value(one), value(&other)) {
        (Some(before), Some(after)) if is_narrower(&before, &after) => one.clone(),
        (Some(before), Some(after)) if before == after && matches!(one, Bound::Excluded(_)) => one.clone(),
        _ => other,
    }
}

/// The ranges of a key that hold every row within `bounds`, and what they say of which columns; `None` when they say nothing.
fn ranges(
    version: &TableVersion,
    key: &KeyColumns,
    bounds: &[Bounds],
) -> Result<Option<(Vec<KeyRange>, Said)>> {
    let columns = &version.table.columns;
    let positions: Option<Vec<usize>> =
        key.columns.iter().map(|id| columns.iter().position(|column| column.id == *id)).collect();
    let Some(positions) = positions else { return Ok(None) };
    let mut prefixes: Vec<Vec<ArrayRef>> = vec![Vec::new()];
    let mut used = 0;
    for position in &positions {
        let Some(values) = &bounds[*position].values else { break };
        let Some(values) = arrays(values, &columns[*position].data_type)? else { break };
        if prefixes.len().saturating_mul(values.len()) > RANGES_MAX {
            break;
        }
        let longer = prefixes.iter().flat_map(|prefix| {
            values.iter().map(|value| prefix.iter().chain([value]).cloned().collect::<Vec<ArrayRef>>())
        });
        prefixes = longer.collect();
        used += 1;
    }
    let next = positions.get(used);
    let next =
        next.map(|position| stretches(&bounds[*position], &columns[*position].data_type)).transpose()?;
    let next = next.unwrap_or_default();
    let said = used + usize::from(!next.is_empty());
    if said == 0 || positions[said..].iter().any(|position| columns[*position].nullable) {
        return Ok(None);
    }
    let next = if next.is_empty() { vec![(Bound::Unbounded, Bound::Unbounded)] } else { next };
    let ranges = prefixes.iter().flat_map(|prefix| {
        next.iter().map(|(lower, upper)| key.range(prefix, lower.as_ref(), upper.as_ref()))
    });
    let ranges = ranges.collect::<varve_types::Result<_>>().map_err(into_datafusion)?;
    let said = positions[..said].iter().enumerate().map(|(at, position)| {
        let Bounds { values, lower, upper } = bounds[*position].clone();
        let values = values.filter(|_| at < used);
        (*position, Bounds { values, lower, upper })
    });
    Ok(Some((ranges, said.collect())))
}

/// Whether rows with keys pass a part of the filters, where each of these columns is one of its values, or, if it has none,
/// within its bounds. Floating point numbers compare otherwise than their keys do.
fn is_assured(part: &Arc<dyn PhysicalExpr>, said: &Said, columns: &SchemaRef) -> bool {
    let said_of = |column: &Column| {
        let is_exact = !columns.field(column.index()).data_type().is_floating();
        said.iter().find(|(position, _)| is_exact && *position == column.index()).map(|(_, bounds)| bounds)
    };
    if let Some((column, operator, value)) = comparison(part) {
        let Some(Bounds { values, lower, upper }) = said_of(column) else { return false };
        if let Some(values) = values {
            return values.iter().all(|known| passes(known, operator, value));
        }
        let end = match operator {
            Operator::Gt | Operator::GtEq => lower,
            Operator::Lt | Operator::LtEq => upper,
            _ => return false,
        };
        return match end {
            Bound::Included(end) => passes(end, operator, value),
            Bound::Excluded(end) => end == value || passes(end, operator, value),
            Bound::Unbounded => false,
        };
    }
    let Some(list) = part.downcast_ref::<InListExpr>().filter(|list| !list.negated()) else { return false };
    let known =
        list.expr().downcast_ref::<Column>().and_then(said_of).and_then(|bounds| bounds.values.as_ref());
    let is_listed = |value: &ScalarValue| {
        list.list().iter().any(|one| one.downcast_ref::<Literal>().is_some_and(|one| one.value() == value))
    };
    known.is_some_and(|values| values.iter().all(is_listed))
}

/// Whether `known operator value`; not when they cannot be compared.
fn passes(known: &ScalarValue, operator: Operator, value: &ScalarValue) -> bool {
    let Some(order) = known.partial_cmp(value) else { return false };
    match operator {
        Operator::Eq => order.is_eq(),
        Operator::NotEq => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::GtEq => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::LtEq => order.is_le(),
        _ => false,
    }
}

/// From where to where the keys of a column lie.
type Stretch = (Bound<ArrayRef>, Bound<ArrayRef>);

/// Where the keys of a column lie that are within `bounds`; nothing when those do not tell.
fn stretches(bounds: &Bounds, data_type: &DataType) -> Result<Vec<Stretch>> {
    let stored = |bound: &Bound<ScalarValue>, is_lower: bool| match bound {
        Bound::Included(value) => {
            Ok(array(&floats::outer(value, is_lower), data_type)?.map_or(Bound::Unbounded, Bound::Included))
        }
        Bound::Excluded(value) => {
            Ok(array(&floats::outer(value, !is_lower), data_type)?.map_or(Bound::Unbounded, Bound::Excluded))
        }
        Bound::Unbounded => Ok::<_, DataFusionError>(Bound::Unbounded),
    };
    let (lower, upper) = (stored(&bounds.lower, true)?, stored(&bounds.upper, false)?);
    // Keys have NaN at either end, by its sign; filters have it at one. They are asked again.
    let nan = match (&lower, &upper) {
        (Bound::Unbounded, Bound::Unbounded) => return Ok(Vec::new()),
        (Bound::Unbounded, _) => floats::infinity(data_type, false).map(|end| (end, false)),
        (_, Bound::Unbounded) => floats::infinity(data_type, true).map(|end| (end, true)),
        _ => None,
    };
    let mut stretches = vec![(lower, upper)];
    if let Some((end, is_negative)) = nan {
        let end = Bound::Excluded(end.to_array_of_size(1)?);
        stretches.push(if is_negative { (Bound::Unbounded, end) } else { (end, Bound::Unbounded) });
    }
    Ok(stretches)
}

fn arrays(values: &[ScalarValue], data_type: &DataType) -> Result<Option<Vec<ArrayRef>>> {
    let both = |value: &ScalarValue| match floats::zeros(value) {
        Some((negative, positive)) => vec![negative, positive],
        None => vec![value.clone()],
    };
    values.iter().flat_map(both).map(|value| array(&value, data_type)).collect()
}

/// A value as a key has it; `None` when its type is not the column's. NaN is left out: keys tell one from another.
fn array(value: &ScalarValue, data_type: &DataType) -> Result<Option<ArrayRef>> {
    if !is_of_type(value, data_type) || (data_type.is_floating() && !floats::is_number(value)) {
        return Ok(None);
    }
    value.cast_to(data_type)?.to_array_of_size(1).map(Some)
}

/// Whether a column of a key may have such values.
fn is_of_type(value: &ScalarValue, data_type: &DataType) -> bool {
    let value_type = value.data_type();
    let is_same = &value_type == data_type || (value_type.is_string() && data_type.is_string());
    is_same && !data_type.is_nested()
}
