//! Sorts that DataFusion loses sight of.
//!
//! It sorts by fewer columns where it knows some of them to be equal to others. Rules that come later change what such a
//! column is computed from, after which it is not known any more (DataFusion 55.2, `ProjectionPushdown`), and the last rule
//! then refuses the plan, which is as right as before. It is sorted by all columns instead.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;
use datafusion::physical_plan::ExecutionPlan;

use crate::rules::Rule;

/// The rule with another try, if it is the one that refuses plans.
pub(crate) fn before_it_is_refused(rule: Rule) -> Rule {
    if rule.name() == "SanityCheckPlan" { Arc::new(Resorted(rule)) } else { rule }
}

#[derive(Debug)]
struct Resorted(Rule);

impl PhysicalOptimizerRule for Resorted {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match self.0.optimize(Arc::clone(&plan), config) {
            Err(DataFusionError::Plan(_)) => {
                let plan = OutputRequirements::new_add_mode().optimize(plan, config)?;
                let plan = EnsureRequirements::new().optimize(plan, config)?;
                let plan = OutputRequirements::new_remove_mode().optimize(plan, config)?;
                self.0.optimize(plan, config)
            }
            checked => checked,
        }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}
