//! Rules that see a plan with some of its operators covered.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::rules::Rule;

type Plan = Arc<dyn ExecutionPlan>;

/// A rule that does not see some operators, or not through them: what covers them is in a plan only while it runs.
#[derive(Debug)]
pub(crate) struct Covered {
    pub(crate) rule: Rule,
    /// Puts covers over a node, or changes it otherwise.
    pub(crate) cover: fn(Plan) -> Result<Transformed<Plan>>,
    /// What a node covers, if it is a cover.
    pub(crate) covered: fn(&dyn ExecutionPlan) -> Option<&Plan>,
}

impl PhysicalOptimizerRule for Covered {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        let with_covers = plan.transform_up(self.cover)?;
        let optimised = self.rule.optimize(with_covers.data, config)?;
        if !with_covers.transformed {
            return Ok(optimised);
        }
        let uncover = |node: Plan| {
            Ok(match (self.covered)(node.as_ref()) {
                Some(inner) => Transformed::yes(Arc::clone(inner)),
                None => Transformed::no(node),
            })
        };
        optimised.transform_up(uncover).data()
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}
