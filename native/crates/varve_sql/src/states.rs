//! What every statement begins with: functions, rules and options of DataFusion.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::{ConfigNonZeroUsize, ConfigOptions};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::{ExprPlanner, RelationPlanner};
use datafusion::optimizer::{Analyzer, OptimizerContext};
use datafusion::prelude::SessionConfig;
use varve_table::DEFAULT_SCHEMA;

use crate::bounded::{self, bounded};
use crate::cardinality::{self, Learned};
use crate::catalogue::CATALOGUE;
use crate::dependencies::TrueRelations;
use crate::drawn::OnceForAll;
use crate::files::{FileRelations, Files};
use crate::interrupt::Closing;
use crate::json::{self, JsonOperators};
use crate::percentile::percentile_cont;
use crate::scaled::ScaledIntervals;
use crate::signs::MixedSigns;
use crate::sums::sum;
use crate::types::VarveTypes;
use crate::using::SharedColumns;
use crate::zeros::one_zero;
use crate::{
    checked, dates, digits, doubles, frames, guarded, intervals, membership, multisets, patterns, rules,
    subqueries, time_zones, values,
};

/// Sorts that a spilling query is expected to have at once, each with something set aside.
const SORTS_AT_ONCE: usize = 64;

/// Options that SET chose, by name.
pub(crate) type Chosen = BTreeMap<&'static str, String>;

/// What statements begin with under the same options.
pub(crate) struct States {
    /// No two states of an engine have the same.
    pub(crate) number: u64,
    pub(crate) chosen: Chosen,
    /// Of every statement.
    pub(crate) usual: Arc<SessionState>,
    /// Of a query that ran out of memory.
    pub(crate) spilling: Arc<SessionState>,
    /// Of a kept plan whose parameters get their values.
    pub(crate) binding: OptimizerContext,
}

/// What states are made with.
pub(crate) struct Maker {
    pub(crate) memory_bytes: usize,
    pub(crate) threads: usize,
    pub(crate) closing: Closing,
    pub(crate) learned: Arc<Learned>,
}

impl Maker {
    /// The state of an engine that opens, which does not know files as tables yet.
    pub(crate) fn opening(&self, environment: Arc<RuntimeEnv>) -> SessionState {
        let mut builder = SessionStateBuilder::new().with_default_features();
        for function in builder.scalar_functions().iter_mut().flatten() {
            *function = bounded(function);
        }
        builder.scalar_functions().get_or_insert_default().extend(json::functions());
        let planners: [Arc<dyn ExprPlanner>; 3] =
            [Arc::new(JsonOperators), Arc::new(MixedSigns), Arc::new(ScaledIntervals)];
        builder.expr_planners().get_or_insert_default().splice(0..0, planners);
        for function in builder.aggregate_functions().iter_mut().flatten() {
            match function.name() {
                "percentile_cont" => *function = percentile_cont(),
                "sum" => *function = sum(),
                _ => {}
            }
        }
        let mut analyzer = Analyzer::new();
        let untyped = [
            values::as_queries(),
            frames::of_groups(),
            digits::as_decimals(),
            doubles::of_both(),
            patterns::as_they_are_matched(),
            subqueries::of_outer_columns(),
        ];
        analyzer.rules.splice(0..0, untyped);
        let typed = [
            multisets::by_number(),
            subqueries::as_joins(),
            membership::as_equalities(),
            dates::within_moments(),
            time_zones::exact(),
            checked::integers(),
            bounded::concat(),
            guarded::parts(),
            intervals::by_length(),
            one_zero(),
        ];
        analyzer.rules.extend(typed);
        *builder.analyzer() = Some(analyzer);
        let config = self.config();
        let types = VarveTypes::under(config.options());
        builder
            .with_statistics_registry(cardinality::registry(Arc::clone(&self.learned)))
            .with_config(config)
            .with_runtime_env(environment)
            .with_type_planner(Arc::new(types))
            .with_query_planner(Arc::new(OnceForAll))
            .with_optimizer_rules(rules::logical())
            .with_physical_optimizer_rules(rules::physical(&self.learned, &self.closing, self.memory_bytes))
            .build()
    }

    fn config(&self) -> SessionConfig {
        let mut config = SessionConfig::new()
            .with_target_partitions(self.threads)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOGUE, DEFAULT_SCHEMA)
            .with_information_schema(true);
        let options = config.options_mut();
        options.sql_parser.map_string_types_to_utf8view = true;
        options.execution.parquet.pushdown_filters = true;
        // Each thread's sort sets so much aside to merge what it spilt: all of them together must not be most of a small
        // pool.
        let aside = options.execution.sort_spill_reservation_bytes;
        options.execution.sort_spill_reservation_bytes = aside.min(self.memory_bytes / (8 * self.threads));
        // Repartitioned rows that are spilt lie in a file per batch. With more in one, DataFusion 55.2 may wait for ever: a
        // reader waits for the file that it is at while its batch is in the next (apache/datafusion#24883).
        options.execution.max_spill_file_size_bytes =
            ConfigNonZeroUsize::try_new(1).expect("one is not zero");
        // One table that all threads look up in needs no repartitioning of the rows that look; only large ones are worth
        // that.
        options.optimizer.hash_join_single_partition_threshold = (128 << 20).min(self.memory_bytes / 8);
        options.optimizer.hash_join_single_partition_threshold_rows = 1 << 20;
        // Keys of a small span are looked up by place, in a table that stays in the cache of a core: 4 bytes for each key
        // that there may be.
        options.execution.perfect_hash_join_small_build_threshold = 1 << 18;
        options.optimizer.use_statistics_registry = true;
        // It takes `x IS NOT TRUE` for a column that may be NULL, which the same comparison is not in the logical plan, and
        // refuses to aggregate it (DataFusion 55.2).
        options.execution.skip_physical_aggregate_schema_check = true;
        config
    }

    /// All states under the options of `usual`.
    pub(crate) fn states(&self, number: u64, chosen: Chosen, usual: SessionState) -> States {
        let binding = OptimizerContext::new_with_config_options(Arc::clone(usual.config_options()));
        States {
            number,
            chosen,
            spilling: Arc::new(self.spilling(&usual)),
            binding: binding.with_max_passes(1),
            usual: Arc::new(usual),
        }
    }

    /// The same state for a query that ran out of memory: without hash joins, on one thread, with many sorts.
    fn spilling(&self, usual: &SessionState) -> SessionState {
        // Each partition has its own sorts, and each of them its share of the memory.
        let mut config = usual.config().clone().with_target_partitions(1);
        config.options_mut().execution.sort_spill_reservation_bytes = self.memory_bytes / SORTS_AT_ONCE;
        SessionStateBuilder::from(usual.clone())
            .with_config(config)
            .with_physical_optimizer_rules(rules::physical(&self.learned, &self.closing, 0))
            .build()
    }
}

/// The state with files in the place of tables.
pub(crate) fn with_files(state: SessionState, files: &Arc<Files>) -> SessionState {
    let files = Arc::new(FileRelations::new(Arc::clone(files)));
    let planners: Vec<Arc<dyn RelationPlanner>> =
        vec![Arc::new(TrueRelations), files, Arc::new(SharedColumns)];
    SessionStateBuilder::from(state).with_relation_planners(planners).build()
}

/// The state under other options. Some functions are made for them.
pub(crate) fn under(mut state: SessionState, options: ConfigOptions) -> Result<SessionState> {
    let functions = state.scalar_functions().values();
    let others: Vec<_> = functions.filter_map(|known| known.inner().with_updated_config(&options)).collect();
    for other in others {
        state.register_udf(Arc::new(other))?;
    }
    *state.config_mut().options_mut() = options;
    Ok(state)
}
