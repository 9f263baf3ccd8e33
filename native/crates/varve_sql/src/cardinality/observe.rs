//! Comparing what a finished plan did with what was estimated.
//!
//! A filter that a join or a top-k narrows while it runs keeps rows away that would have come otherwise: below one, row
//! counts tell nothing but that there are so many at least.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::operator_statistics::StatisticsRegistry;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::{Estimate, join, of_plan, registry};
use crate::cardinality::Learned;
use crate::scan::TableScan;

/// Whether a plan joins anything. Only such plans can teach something that matters.
pub(crate) fn has_joins(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<HashJoinExec>() || plan.is::<SortMergeJoinExec>() || plan.children().into_iter().any(has_joins)
}

/// Learns from a plan whose rows have all come.
pub(crate) fn observe(plan: &Arc<dyn ExecutionPlan>, learned: &Arc<Learned>) {
    let registry = registry(Arc::clone(learned));
    Observer { learned, registry: &registry }.visit(plan, false);
}

struct Observer<'o> {
    learned: &'o Learned,
    registry: &'o StatisticsRegistry,
}

impl Observer<'_> {
    /// `is_narrowed`: whether a filter from above may keep rows away.
    fn visit(&self, plan: &Arc<dyn ExecutionPlan>, is_narrowed: bool) {
        // What stops early, or lets its input stop early, tells nothing of what would have come.
        let is_sort = plan.is::<SortExec>();
        if (plan.fetch().is_some() && !is_sort) || plan.is::<SortMergeJoinExec>() {
            return;
        }
        if let Some(scan) = TableScan::of(plan.as_ref()) {
            if let (Some(shape), Some(actual), Ok(raw)) =
                (scan.filter_shape(), actual(plan), scan.statistics())
                && let Some(raw) = raw.num_rows.get_value()
            {
                let raw = *raw as f64;
                if !is_narrowed || actual > raw * self.learned.factor(shape) {
                    self.learned.observe(shape, raw, actual);
                }
            }
            return;
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            self.visit(join.left(), is_narrowed);
            self.visit(join.right(), true);
            if !is_narrowed {
                self.learn_join(plan, join);
            }
            return;
        }
        let narrows = (is_sort && plan.fetch().is_some())
            || plan.downcast_ref::<AggregateExec>().is_some_and(|it| it.group_expr().is_true_no_grouping());
        for input in plan.children() {
            self.visit(input, is_narrowed || narrows);
        }
    }

    fn learn_join(&self, plan: &Arc<dyn ExecutionPlan>, join: &HashJoinExec) {
        if *join.join_type() != JoinType::Inner || join.filter().is_some() {
            return;
        }
        let estimates = [join.left(), join.right()].map(|input| of_plan(input.as_ref(), self.registry));
        let [Ok(left), Ok(right)] = estimates else { return };
        let Some(shape) = join::shape(&left, &right, join.on()) else { return };
        let (Some(built), Some(joined)) = (actual(join.left()), actual(plan)) else { return };
        if built < 1.0 {
            return;
        }
        let left = Estimate { rows: built, ..left };
        self.learned.observe(shape, join::pairs(&left, &right, join.on()), joined);
    }
}

fn actual(plan: &Arc<dyn ExecutionPlan>) -> Option<f64> {
    Some(plan.metrics()?.output_rows()? as f64)
}
