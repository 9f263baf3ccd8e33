//! The rules of the physical plan, in order: DataFusion's, guarded where they need it, and ours.

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use crate::aggregate::{GroupByPlace, GroupByRadix};
use crate::cardinality::{self, Learned};
use crate::decimals::ShortDecimals;
use crate::interrupt::{Closing, Interruptible};
use crate::join_order::JoinOrder;
use crate::pushdown::guarded;
use crate::sort_merge::SortMerge;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// All rules. Hash tables of joins are estimated to be of `table_bytes_max` bytes at most; 0 for no hash joins at all.
///
/// Filters go into scans before joins are ordered and their sides chosen: a scan knows what its filters leave.
pub(crate) fn physical(learned: &Arc<Learned>, closing: &Closing, table_bytes_max: usize) -> Vec<Rule> {
    let mut rules = Vec::new();
    let (pushdown, others): (Vec<Rule>, Vec<Rule>) =
        PhysicalOptimizer::new().rules.into_iter().partition(|rule| rule.name() == "FilterPushdown");
    for rule in others {
        let chooses_sides = rule.name() == "join_selection";
        if chooses_sides {
            rules.extend(pushdown.iter().cloned());
            rules.push(Arc::new(JoinOrder::new(Arc::clone(learned))));
        }
        rules.push(rule);
        if chooses_sides {
            let estimates = cardinality::registry(Arc::clone(learned));
            rules.push(Arc::new(SortMerge::new(table_bytes_max, estimates)));
        }
    }
    let mut rules: Vec<Rule> = rules.into_iter().map(guarded).collect();
    rules.push(Arc::new(ShortDecimals));
    rules.push(Arc::new(GroupByPlace));
    rules.push(Arc::new(GroupByRadix));
    rules.push(Arc::new(Interruptible(closing.clone())));
    rules
}
