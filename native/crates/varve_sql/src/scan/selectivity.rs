//! What share of the rows a filter keeps, guessed from what the statistics of the columns tell.
//!
//! Comparisons with constants are looked at together, as intervals; every other part of a conjunction by its form. The
//! guesses are those of Selinger et al., "Access Path Selection in a Relational Database Management System" (SIGMOD 1979),
//! table 1, where nothing better is known. Parts of a conjunction depend on each other more often than not, so that each
//! further one counts only by the root of the one before.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ColumnStatistics;
use datafusion::common::stats::Precision;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::intervals::utils::check_support;
use datafusion::physical_expr::utils::{collect_columns, conjunction_opt};
use datafusion::physical_expr::{AnalysisContext, PhysicalExpr, analyze, split_conjunction};
use datafusion::physical_plan::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};

const EQUAL: f64 = 0.1;
const COMPARED: f64 = 1.0 / 3.0;
const LIKE: f64 = 0.1;
const IS_NULL: f64 = 0.05;
const UNKNOWN: f64 = 0.2;

/// The share of rows, between 0 and 1, for which `filter` is true. `columns` are those of `schema`.
pub(crate) fn selectivity(
    filter: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    columns: &[ColumnStatistics],
) -> f64 {
    let known = Known { schema, columns };
    known.conjunction(filter).clamp(0.0, 1.0)
}

struct Known<'a> {
    schema: &'a SchemaRef,
    columns: &'a [ColumnStatistics],
}

impl Known<'_> {
    fn conjunction(&self, filter: &Arc<dyn PhysicalExpr>) -> f64 {
        let (ranges, others): (Vec<_>, Vec<_>) = split_conjunction(filter)
            .into_iter()
            .partition(|part| is_range(part) && check_support(part, self.schema));
        let mut shares: Vec<f64> = others.into_iter().map(|part| self.part(part)).collect();
        if let Some(ranges) = conjunction_opt(ranges.into_iter().map(Arc::clone)) {
            shares.push(self.intervals(&ranges).unwrap_or(COMPARED));
        }
        shares.sort_by(f64::total_cmp);
        shares.iter().zip(0..).map(|(share, place)| share.powf(0.5f64.powi(place))).product()
    }

    /// The share of comparisons with constants; `None` when the columns' bounds are not known.
    fn intervals(&self, ranges: &Arc<dyn PhysicalExpr>) -> Option<f64> {
        let bounded = |column: &Column| {
            let statistics = self.columns.get(column.index());
            statistics
                .is_some_and(|it| it.min_value.get_value().is_some() && it.max_value.get_value().is_some())
        };
        if !collect_columns(ranges).iter().all(bounded) {
            return None;
        }
        let context = AnalysisContext::try_from_statistics(self.schema, self.columns).ok()?;
        analyze(ranges, context, self.schema).ok()?.selectivity
    }

    fn part(&self, part: &Arc<dyn PhysicalExpr>) -> f64 {
        if let Some(binary) = part.downcast_ref::<BinaryExpr>() {
            return self.binary(binary);
        }
        if let Some(list) = part.downcast_ref::<InListExpr>() {
            let kept = (list.list().len() as f64 * self.share_of_one(list.expr()).unwrap_or(EQUAL)).min(0.5);
            return if list.negated() { 1.0 - kept } else { kept };
        }
        if let Some(like) = part.downcast_ref::<LikeExpr>() {
            return if like.negated() { 1.0 - LIKE } else { LIKE };
        }
        if let Some(not) = part.downcast_ref::<NotExpr>() {
            return 1.0 - self.conjunction(not.arg());
        }
        if part.downcast_ref::<IsNullExpr>().is_some() {
            return IS_NULL;
        }
        if part.downcast_ref::<IsNotNullExpr>().is_some() {
            return 1.0 - IS_NULL;
        }
        UNKNOWN
    }

    fn binary(&self, binary: &BinaryExpr) -> f64 {
        // The side with more values tells; a constant tells nothing.
        let equal = || {
            let sides =
                [binary.left(), binary.right()].into_iter().filter_map(|side| self.share_of_one(side));
            sides.reduce(f64::min).unwrap_or(EQUAL)
        };
        match binary.op() {
            Operator::Or => (self.conjunction(binary.left()) + self.conjunction(binary.right())).min(1.0),
            Operator::And => self.conjunction(binary.left()) * self.conjunction(binary.right()),
            Operator::Eq | Operator::IsNotDistinctFrom => equal(),
            Operator::NotEq | Operator::IsDistinctFrom => 1.0 - equal(),
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => COMPARED,
            _ => UNKNOWN,
        }
    }

    /// The share of rows in which `expr` has one certain value; `None` when it is not known how many it has.
    fn share_of_one(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<f64> {
        let column = self.columns.get(expr.downcast_ref::<Column>()?.index())?;
        match column.distinct_count {
            Precision::Exact(values) | Precision::Inexact(values) if values > 0 => Some(1.0 / values as f64),
            _ => None,
        }
    }
}

/// Whether `part` compares a column with a constant by its order.
fn is_range(part: &Arc<dyn PhysicalExpr>) -> bool {
    part.downcast_ref::<BinaryExpr>().is_some_and(|binary| {
        let sides = [binary.left(), binary.right()];
        matches!(binary.op(), Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
            && sides.iter().any(|side| side.downcast_ref::<Column>().is_some())
            && sides.iter().any(|side| side.downcast_ref::<Literal>().is_some())
    })
}
