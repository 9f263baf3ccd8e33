//! The rules of the logical and of the physical plan, in order: DataFusion's, guarded where they need it, and ours.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;

use crate::cardinality::{self, Learned};
use crate::dependencies::TrueDependencies;
use crate::interrupt::Closing;
use crate::join_order::JoinOrder;
use crate::planning::still_wanted;
use crate::pushdown::{self, guarded};
use crate::resorted::before_it_is_refused;
use crate::sort_merge::SortMerge;
use crate::zeros::BothZeros;
use crate::{
    aggregate, alike_windows, barriers, decimals, drawn, empty_input, failing, filter_columns, interrupt,
    lambdas, null_joins, resummed, substituted, turned,
};

pub(crate) type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;
pub(crate) type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Rules that ask which columns determine others.
const ASKING: [&str; 4] =
    ["replace_distinct_aggregate", "eliminate_join", "eliminate_duplicated_expr", "optimize_projections"];

/// All rules of the logical plan, without those that an analyzer has before them.
pub(crate) fn logical() -> Vec<LogicalRule> {
    let mut rules: Vec<LogicalRule> = Vec::new();
    for known in Optimizer::new().rules {
        if ASKING.contains(&known.name()) {
            rules.push(Arc::new(TrueDependencies));
        }
        let known = match known.name() {
            "push_down_filter" => moving_filters(known),
            _ => alike_windows::told_apart(resummed::of_one_type(null_joins::kept_apart(known))),
        };
        rules.push(around(known, |plan, rule| {
            still_wanted()?;
            rule(plan)
        }));
    }
    rules.push(Arc::new(BothZeros));
    rules
}

/// The rule that moves filters to where the columns are that they are about.
fn moving_filters(rule: LogicalRule) -> LogicalRule {
    drawn::left_there(substituted::bounded(empty_input::kept_above(turned::first(rule))))
}

/// All rules of the physical plan. Hash tables of joins are estimated to be of `table_bytes_max` bytes at most; 0 for no hash
/// joins at all.
///
/// Filters go into scans before joins are ordered and their sides chosen: a scan knows what its filters leave.
pub(crate) fn physical(learned: &Arc<Learned>, closing: &Closing, table_bytes_max: usize) -> Vec<Rule> {
    let mut rules = Vec::new();
    let (pushdown, others): (Vec<Rule>, Vec<Rule>) =
        PhysicalOptimizer::new().rules.into_iter().partition(|rule| rule.name() == "FilterPushdown");
    for known in others {
        let chooses_sides = known.name() == "join_selection";
        if chooses_sides {
            rules.extend(pushdown.iter().cloned());
            let order = JoinOrder::new(Arc::clone(learned));
            rules.push(rule("join_order", move |plan| order.ordered(plan)));
        }
        if known.name() == "ProjectionPushdown" {
            rules.push(rule("all_columns_of_filters", filter_columns::all_shown));
        }
        rules.push(known);
        if chooses_sides {
            let estimates = cardinality::registry(Arc::clone(learned));
            let merges = SortMerge::new(table_bytes_max, estimates);
            rules.push(rule("sort_merge", move |plan| merges.replaced(plan)));
            rules.push(rule("barriers", barriers::said_less));
        }
    }
    let mut rules: Vec<Rule> =
        rules.into_iter().map(guarded).map(lambdas::kept).map(before_it_is_refused).collect();
    rules.push(rule("joins_without_waiting", pushdown::without_waiting));
    rules.push(rule("filters_in_turn", failing::filters_in_turn));
    rules.push(rule("short_decimals", decimals::in_short_ways));
    rules.push(rule("group_in_both_phases", aggregate::in_both_phases));
    rules.push(rule("group_by_place", aggregate::by_place));
    let closing = closing.clone();
    rules.push(rule("interruptible", move |plan| interrupt::with_checkpoints(plan, &closing)));
    rules
}

/// The child that an operator or an expression of ours, which has one, is made with.
pub(crate) fn only_child<T>(mut children: Vec<T>) -> Result<T> {
    match (children.pop(), children.is_empty()) {
        (Some(child), true) => Ok(child),
        _ => internal_err!("there is not one child"),
    }
}

/// The conditions of the filters that a plan begins with, from the first one down, and what they are over.
pub(crate) fn filters(plan: &LogicalPlan) -> (Vec<&Expr>, &LogicalPlan) {
    let (mut conditions, mut below) = (Vec::new(), plan);
    while let LogicalPlan::Filter(Filter { predicate, input, .. }) = below {
        conditions.push(predicate);
        below = input;
    }
    (conditions, below)
}

/// One of our rules: `rewrite` makes another plan for the same rows, with the same schema.
fn rule(
    name: &'static str,
    rewrite: impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> + Send + Sync + 'static,
) -> Rule {
    Arc::new(Rewrite { name, rewrite })
}

/// A rule of ours, of the physical plan or, in [`crate::expressions`], of the logical one.
pub(crate) struct Rewrite<F> {
    pub(crate) name: &'static str,
    pub(crate) rewrite: F,
}

impl<F> fmt::Debug for Rewrite<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

impl<F> PhysicalOptimizerRule for Rewrite<F>
where
    F: Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        self.name
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        (self.rewrite)(plan)
    }
}

/// The rule without nodes that `is_left` is true of: they, and what it would do with all of a plan at one, stay as they are.
pub(crate) fn without(rule: LogicalRule, is_left: fn(&LogicalPlan) -> Result<bool>) -> LogicalRule {
    around(rule, move |plan, rule| if is_left(&plan)? { Ok(Transformed::no(plan)) } else { rule(plan) })
}

/// The rule in another one: `rewrite` gets each node, and what the rule makes of a node.
pub(crate) fn around(
    rule: LogicalRule,
    rewrite: impl Fn(LogicalPlan, Rewriting) -> Result<Transformed<LogicalPlan>> + Send + Sync + 'static,
) -> LogicalRule {
    Arc::new(Around { rule, rewrite })
}

type Rewriting<'r> = &'r dyn Fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>;

struct Around<F> {
    rule: LogicalRule,
    rewrite: F,
}

impl<F> fmt::Debug for Around<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(out)
    }
}

impl<F> OptimizerRule for Around<F>
where
    F: Fn(LogicalPlan, Rewriting) -> Result<Transformed<LogicalPlan>> + Send + Sync,
{
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        (self.rewrite)(plan, &|plan| self.rule.rewrite(plan, config))
    }
}
