//! Plans that are kept: a statement that comes again is neither parsed nor optimised again.
//!
//! A kept plan is optimised with its parameters open, so it holds for all values of the same types. When it is used, the
//! tables in it are replaced by those of the statement's snapshot, the values are put in, and expressions and limits are
//! simplified once more, so that a value is compared as the literal that it now is. What an optimised plan could say otherwise a moment later
//! is not kept: functions that are not the same for the same arguments, and tables that are not stored ones. Nor are rows: the
//! files of a version are removed when nothing holds it any more.
//!
//! Queries of parameters alone, and INSERTs of them, are kept as the expressions that they are.

mod given;
mod repeatable;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, Volatility};
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;
use varve_table::Version;

use crate::catalogue::StoredTable;
use crate::expressions::each_node;
use crate::membership::is_open;
use crate::param::Params;
use crate::statement::InsertRows;
use crate::states::States;

pub(crate) use given::GivenRows;
use repeatable::Repeatable;

/// So many plans are kept; the one that was not used for longest goes.
const PLANS_MAX: usize = 256;
/// Longer texts are not kept: they are loads, not questions.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Nodes and expressions of a plan that is small.
const SMALL_PARTS_MAX: usize = 512;

/// What is kept of a statement.
#[derive(Clone)]
pub(crate) enum Kept {
    /// A query.
    Query(Arc<Query>),
    /// A query of its parameters alone.
    Given(Arc<GivenRows>),
    /// An INSERT of its parameters alone.
    Insert(Arc<InsertRows>),
}

/// A query that is kept.
pub(crate) struct Query {
    /// Optimised with its parameters open.
    plan: LogicalPlan,
    is_small: bool,
    /// Of its last run, if it has no parameters.
    physical: Mutex<Option<Arc<Repeatable>>>,
}

impl Query {
    /// A query whose plan is optimised.
    pub(crate) fn new(optimised: LogicalPlan) -> Result<Self> {
        let plan = over(optimised, |table| Ok(table.without_rows()))?;
        Ok(Self { is_small: is_small(&plan)?, plan, physical: Mutex::default() })
    }

    /// Whether its physical plan is made within milliseconds.
    pub(crate) fn is_small(&self) -> bool {
        self.is_small
    }

    /// The physical plan of an earlier run, if it serves for one at `version` with these parameters.
    pub(crate) fn physical(&self, version: &Version, params: &Params) -> Option<Arc<dyn ExecutionPlan>> {
        let kept = self.physical.lock().clone().filter(|_| params.values.is_empty())?;
        kept.at(version)
    }

    /// Keeps the physical plan of a run that is about to begin.
    pub(crate) fn keep(&self, physical: &Arc<dyn ExecutionPlan>, params: &Params) {
        if params.values.is_empty() {
            *self.physical.lock() = Repeatable::of(physical).map(Arc::new);
        }
    }
}

/// What a plan was made for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    text: Box<str>,
    /// Of the version; it grows with every definition.
    definitions: u64,
    /// Of the states.
    options: u64,
    types: Vec<DataType>,
}

impl PlanKey {
    /// `None` when such a statement is not kept.
    pub(crate) fn new(text: &str, states: &States, version: &Version, params: &Params) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let types = params.values.iter().map(|value| value.data_type()).collect();
        Some(Self { text: text.into(), definitions: version.definitions, options: states.number, types })
    }

    /// The types of the parameters.
    pub(crate) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// Whether an optimised query is good for all parameters of these types. A NULL has no type that would hold for other
    /// values.
    pub(crate) fn is_for_queries(&self) -> bool {
        !self.types.contains(&DataType::Null)
    }
}

/// The plans of one engine.
pub(crate) struct Plans {
    kept: Mutex<Shelf>,
    /// What must see the values of parameters.
    bound: Optimizer,
}

#[derive(Default)]
struct Shelf {
    /// Each with the number of its last use.
    plans: HashMap<PlanKey, (Kept, u64)>,
    uses: u64,
}

impl Default for Plans {
    fn default() -> Self {
        let bound = Optimizer::with_rules(vec![
            Arc::new(SimplifyExpressions::new()),
            Arc::new(EliminateLimit::new()),
        ]);
        Self { kept: Mutex::default(), bound }
    }
}

impl Plans {
    pub(crate) fn find(&self, key: &PlanKey) -> Option<Kept> {
        let mut kept = self.kept.lock();
        kept.uses += 1;
        let now = kept.uses;
        let (plan, used) = kept.plans.get_mut(key)?;
        *used = now;
        Some(plan.clone())
    }

    pub(crate) fn keep(&self, key: PlanKey, plan: Kept) {
        let mut kept = self.kept.lock();
        if kept.plans.len() >= PLANS_MAX {
            let oldest = kept.plans.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                kept.plans.remove(&oldest);
            }
        }
        let now = kept.uses;
        kept.plans.insert(key, (plan, now));
    }

    /// The plan of a kept query for one run: at `version`, with these parameters.
    pub(crate) fn ready(
        &self,
        query: &Query,
        states: &States,
        version: &Version,
        params: &Params,
    ) -> Result<LogicalPlan> {
        let plan = over(query.plan.clone(), |table| table.at(version))?;
        if params.values.is_empty() {
            return Ok(plan);
        }
        let values = params.values.iter().cloned().map(Into::into).collect();
        let plan = plan.with_param_values(ParamValues::List(values))?;
        self.bound.optimize(plan, &states.binding, |_, _| {})
    }
}

/// Whether a plan has few nodes and expressions.
fn is_small(plan: &LogicalPlan) -> Result<bool> {
    let mut parts = 0;
    let mut count = || {
        parts += 1;
        if parts > SMALL_PARTS_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue }
    };
    plan.apply_with_subqueries(|node| {
        count();
        node.apply_expressions(|expr| expr.apply(|_| Ok(count())))
    })?;
    Ok(parts <= SMALL_PARTS_MAX)
}

/// Whether a plan, not optimised yet, may be kept when it is.
pub(crate) fn may_be_kept(plan: &LogicalPlan) -> bool {
    let mut may = true;
    let walked = plan.apply_with_subqueries(|node| {
        may &= match node {
            LogicalPlan::TableScan(scan) => is_stored(scan),
            LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_) => false,
            LogicalPlan::Filter(filter) => !filter.input.exists(|node| Ok(answers_nothing(node)))?,
            _ => true,
        };
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                may &= !changes_by_itself(part) && !matches!(part, Expr::InList(list) if is_open(list));
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if may { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    may && walked.is_ok()
}

/// Whether a node gives a row though none came to it. DataFusion takes a condition without columns, as one on a parameter is,
/// below such an aggregate, which then gives the row that the condition was to drop; a value it sees through.
fn answers_nothing(node: &LogicalPlan) -> bool {
    let LogicalPlan::Aggregate(aggregate) = node else { return false };
    aggregate.group_expr.iter().all(|expr| matches!(expr, Expr::GroupingSet(_)))
}

/// Whether an expression may have another value for the same arguments later.
pub(crate) fn changes_by_itself(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
        Expr::AggregateFunction(call) => call.func.signature().volatility != Volatility::Immutable,
        Expr::ScalarVariable(..) => true,
        _ => false,
    }
}

fn is_stored(scan: &TableScan) -> bool {
    source_as_provider(&scan.source).is_ok_and(|provider| provider.downcast_ref::<StoredTable>().is_some())
}

/// The same plan over other tables.
fn over(plan: LogicalPlan, other: impl Fn(&StoredTable) -> Result<StoredTable>) -> Result<LogicalPlan> {
    each_node(plan, &|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let Some(table) = provider.downcast_ref::<StoredTable>() else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        scan.source = provider_as_source(Arc::new(other(table)?));
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })
}
