//! What a scan tells the workload of its table when it ends: what was asked, and what it took.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::expressions::{Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr};
use varve_table::{ColumnId, Predicate, PredicateKind, ScanReport, TableVersion};

use super::TableScan;
use super::access::comparison;
use super::filters::Filter;

/// What one execution of a scan did so far; it reports when it is dropped.
#[derive(Debug)]
pub(super) struct Observer {
    version: Arc<TableVersion>,
    filters: Vec<Filter>,
    /// Positions that come out.
    columns: Vec<usize>,
    indexed: bool,
    rows: AtomicU64,
    kept: AtomicU64,
    parts: AtomicU64,
    empty_parts: AtomicU64,
    ns: AtomicU64,
}

impl Observer {
    pub(super) fn new(scan: &TableScan) -> Self {
        Self {
            version: Arc::clone(&scan.version),
            filters: scan.filters.clone(),
            columns: scan.columns.clone(),
            indexed: scan.access.is_some() || scan.only.is_some(),
            rows: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            parts: AtomicU64::new(0),
            empty_parts: AtomicU64::new(0),
            ns: AtomicU64::new(0),
        }
    }

    /// A piece of a segment was taken up.
    pub(super) fn took(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Zone maps ruled out so many rows before anything was read.
    pub(super) fn skipped(&self, rows: u64) {
        self.took(rows);
        self.read(0, Duration::ZERO);
    }

    /// Part of a segment was read; so many rows of it passed.
    pub(super) fn read(&self, kept: usize, took: Duration) {
        self.kept.fetch_add(kept as u64, Ordering::Relaxed);
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.empty_parts.fetch_add(u64::from(kept == 0), Ordering::Relaxed);
        self.spent(took);
    }

    /// Time went by for it otherwise than by reading: zone maps were looked at.
    pub(super) fn spent(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.ns.fetch_add(ns, Ordering::Relaxed);
    }

    fn column(&self, position: usize) -> Option<ColumnId> {
        self.version.table.columns.get(position).map(|column| column.id)
    }

    fn report(&self) -> ScanReport {
        let mut report = ScanReport {
            columns: self.columns.iter().filter_map(|position| self.column(*position)).collect(),
            rows: self.rows.load(Ordering::Relaxed),
            kept: self.kept.load(Ordering::Relaxed),
            parts: self.parts.load(Ordering::Relaxed),
            empty_parts: self.empty_parts.load(Ordering::Relaxed),
            ns: self.ns.load(Ordering::Relaxed),
            indexed: self.indexed,
            ..ScanReport::default()
        };
        let mut predicates = BTreeSet::new();
        let mut asked = Vec::new();
        // Filters that narrow while the query runs belong to others, and differ from run to run.
        for filter in self.filters.iter().filter(|filter| !filter.is_dynamic()) {
            for part in split_conjunction(filter.expr()) {
                for column in collect_columns(part) {
                    let Some(column) = self.column(column.index()) else { continue };
                    report.columns.insert(column);
                    predicates.insert(Predicate { column, kind: kind(part) });
                    asked.extend(interval(part).map(|interval| (column, interval)));
                }
            }
        }
        report.predicates = predicates.into_iter().collect();
        let first = report.predicates.first().map(|predicate| predicate.column);
        let of_first = asked.into_iter().filter(|(column, _)| Some(*column) == first);
        report.interval = of_first
            .map(|(_, interval)| interval)
            .reduce(|(low, high), (from, to)| (low.max(from), high.min(to)))
            .filter(|(low, high)| low.is_finite() || high.is_finite())
            .map(|(low, high)| (low.max(f64::MIN), high.min(f64::MAX)));
        report
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if *self.rows.get_mut() > 0 {
            self.version.workload.scanned(&self.report());
        }
    }
}

/// What part of a filter asks of its column.
fn kind(part: &Arc<dyn PhysicalExpr>) -> PredicateKind {
    if let Some((_, operator, _)) = comparison(part) {
        return match operator {
            Operator::Eq => PredicateKind::Equal,
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => PredicateKind::Range,
            _ => PredicateKind::Other,
        };
    }
    if let Some(list) = part.downcast_ref::<InListExpr>() {
        let is_plain = !list.negated() && list.expr().is::<Column>();
        return if is_plain { PredicateKind::In } else { PredicateKind::Other };
    }
    if part.is::<LikeExpr>() {
        return PredicateKind::Like;
    }
    if part.is::<IsNullExpr>() || part.is::<IsNotNullExpr>() {
        return PredicateKind::Null;
    }
    PredicateKind::Other
}

/// The numbers between which a comparison wants its column.
fn interval(part: &Arc<dyn PhysicalExpr>) -> Option<(f64, f64)> {
    let (_, operator, value) = comparison(part)?;
    let value = number(value)?;
    match operator {
        Operator::Eq => Some((value, value)),
        Operator::Lt | Operator::LtEq => Some((f64::NEG_INFINITY, value)),
        Operator::Gt | Operator::GtEq => Some((value, f64::INFINITY)),
        _ => None,
    }
}

fn number(value: &ScalarValue) -> Option<f64> {
    let value = match value.data_type() {
        data_type if data_type.is_temporal() => value.cast_to(&DataType::Int64).ok()?,
        data_type if data_type.is_numeric() => value.clone(),
        _ => return None,
    };
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(number)) => number.filter(|number| number.is_finite()),
        _ => None,
    }
}
