//! Planning one statement at one snapshot: what names mean, and what parameters are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{SchemaProvider, TableFunctionArgs, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{
    Column, DFSchema, DataFusionError, ParamValues, Result, TableReference, internal_err,
    plan_datafusion_err, plan_err,
};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, EmptyRelation, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, Projection,
    ScalarUDF, TableSource, Volatility, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::operator_statistics::StatisticsRegistry;
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;
use futures::FutureExt;
use varve_table::{DEFAULT_SCHEMA, RowSet, TableId, Version};
use vortex::session::VortexSession;

use crate::catalogue::{CATALOGUE, Names, StoredTable};
use crate::digits::{AS_WRITTEN, as_written};
use crate::drawn::shared;
use crate::engine::Engine;
use crate::error::into_datafusion;
use crate::limits;
use crate::param::Params;
use crate::planning::{Planners, Planning};
use crate::statement::{columns, digits, drawn, enclosing, lists, names, parse, sources};
use crate::system::{self, SYSTEM};
use crate::types::VarveTypes;
use crate::zeros::with_both_zeros;

/// The schema that DML finds its target in, by number, with the addresses of its rows. No statement can name it.
pub(crate) const TARGETS: &str = "\u{1}targets";
/// The schema that DML finds relations of its own in: rows that were given or written. No statement can name it.
pub(crate) const GIVEN: &str = "\u{1}given";
/// Views may stand on views, so deep.
const VIEW_DEPTH_MAX: usize = 32;

/// What a statement is planned with.
pub(crate) struct Planner {
    pub(crate) state: Arc<SessionState>,
    pub(crate) version: Arc<Version>,
    pub(crate) params: Arc<Params>,
    planners: Planners,
    session: Option<VortexSession>,
    threads: usize,
    view_depth: usize,
    /// Columns of all relations that the statement named so far.
    named_columns: AtomicUsize,
    given: HashMap<&'static str, Arc<dyn TableProvider>>,
}

impl Planner {
    pub(crate) fn new(engine: &Engine, state: &SessionState, version: Arc<Version>, params: &Params) -> Self {
        let mut state = state.clone();
        state.mark_start_execution();
        Self {
            threads: state.config().target_partitions(),
            state: Arc::new(state),
            planners: engine.planners().clone(),
            version,
            params: Arc::new(params.clone()),
            session: engine.database().ok().map(|database| database.session().clone()),
            view_depth: 0,
            named_columns: AtomicUsize::new(0),
            given: HashMap::new(),
        }
    }

    /// The same for another statement.
    fn again(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            version: Arc::clone(&self.version),
            params: Arc::clone(&self.params),
            planners: self.planners.clone(),
            session: self.session.clone(),
            threads: self.threads,
            view_depth: self.view_depth,
            named_columns: AtomicUsize::new(0),
            given: self.given.clone(),
        }
    }

    /// What makes plans of its plans.
    pub(crate) fn planning(&self) -> Planning {
        Planning::new(&self.state, &self.planners)
    }

    /// What is estimated of plans.
    pub(crate) fn estimates(&self) -> StatisticsRegistry {
        self.state.statistics_registry().cloned().unwrap_or_default()
    }

    /// Statements from now on find `relation` by this name in the schema [`GIVEN`].
    pub(crate) fn give(&mut self, name: &'static str, relation: Arc<dyn TableProvider>) {
        self.given.insert(name, relation);
    }

    /// Some rows of a table as a relation that shows their addresses.
    pub(crate) fn rows_of(&self, table: TableId, rows: RowSet) -> Result<Arc<dyn TableProvider>> {
        let version = self.version.tables.get(&table);
        let version = version.ok_or_else(|| plan_datafusion_err!("table {table} not found"))?;
        Ok(Arc::new(self.stored_table(version, true)?.of_rows(rows)))
    }

    /// The plan of a query or EXPLAIN, with its parameters put in.
    pub(crate) async fn plan(&self, statement: ast::Statement) -> Result<LogicalPlan> {
        let own = self.again();
        self.planners.aside(move || own.plan_here(statement)).await
    }

    /// The same on the caller's thread.
    fn plan_here(&self, statement: ast::Statement) -> Result<LogicalPlan> {
        self.bind(self.unbound_here(statement)?)
    }

    /// The plan of a query whose parameters are not known yet.
    pub(crate) async fn unbound(&self, statement: ast::Statement) -> Result<LogicalPlan> {
        let own = self.again();
        self.planners.aside(move || own.unbound_here(statement)).await
    }

    /// The same on the caller's thread.
    pub(crate) fn unbound_here(&self, mut statement: ast::Statement) -> Result<LogicalPlan> {
        let view = |name: &_| self.view_as_written(name);
        limits::of_reached(&statement, &view)?;
        sources::put_in(&mut statement, &self.params).map_err(into_datafusion)?;
        lists::settle(&mut statement);
        columns::settle(&mut statement, self.view_depth == 0, &|query| self.columns(query))?;
        enclosing::name(&mut statement);
        self.keep_digits(&mut statement);
        let draws = drawn::mark(&mut statement, &|function| self.draws(function), &view);
        self.named_columns.store(0, Relaxed);
        let plan = SqlToRel::new(self).sql_statement_to_plan_with_context(statement, &mut self.context())?;
        limits::of_plan(&plan)?;
        if draws { shared(plan) } else { Ok(plan) }
    }

    /// The columns of a query.
    fn columns(&self, query: ast::Query) -> Result<Vec<Column>> {
        self.named_columns.store(0, Relaxed);
        let query = ast::Statement::Query(Box::new(query));
        let plan = SqlToRel::new(self).sql_statement_to_plan_with_context(query, &mut self.context())?;
        Ok(plan.schema().columns())
    }

    /// An expression over `schema`, with its parameters put in.
    pub(crate) fn expr(&self, mut expr: ast::Expr, schema: &DFSchema) -> Result<Expr> {
        lists::settle(&mut expr);
        self.keep_digits(&mut expr);
        SqlToRel::new(self).sql_to_expr(expr, schema, &mut self.context())
    }

    /// Whether a function gives another value at each call.
    fn draws(&self, function: &str) -> bool {
        let known = self.state.scalar_functions().get(function);
        known.is_some_and(|known| known.signature().volatility == Volatility::Volatile)
    }

    fn keep_digits(&self, node: &mut impl ast::VisitMut) {
        // They are decimals then, however many digits they have.
        if !self.options().sql_parser.parse_float_as_decimal {
            digits::keep(node);
        }
    }

    /// What computes an expression for rows of `columns`, as a query of these rows would.
    pub(crate) fn computed(&self, expr: Expr, columns: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        let rows = EmptyRelation { produce_one_row: false, schema: Arc::new(columns.clone()) };
        let query = LogicalPlanBuilder::from(LogicalPlan::EmptyRelation(rows)).project([expr])?.build()?;
        let options = self.state.config_options();
        let query = self.state.analyzer().execute_and_check(query, options, |_, _| {})?;
        let LogicalPlan::Projection(Projection { expr, .. }) = query else {
            return internal_err!("a query for one expression is no projection");
        };
        let expr = expr.into_iter().next().unwrap_or_default().unalias();
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(columns.clone()))
            .with_config_options(Arc::clone(options))
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        let expr = with_both_zeros(ExprSimplifier::new(context).simplify(expr)?)?;
        create_physical_expr(
            &expr,
            columns,
            self.state.execution_props(),
            &PhysicalPlanningContext::default(),
        )
    }

    fn context(&self) -> PlannerContext {
        let types = self
            .params
            .values
            .iter()
            .map(|value| (!value.is_null()).then(|| Arc::new(Field::new("", value.data_type(), true))));
        PlannerContext::new().with_prepare_param_data_types(types.collect())
    }

    /// The same plan with its parameters put in.
    pub(crate) fn bind(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let wanted = plan.get_parameter_names()?.len();
        if wanted == 0 {
            return Ok(plan);
        }
        let values = self.params.values.iter().cloned().map(ScalarAndMetadata::from).collect();
        plan.with_param_values(ParamValues::List(values))
    }

    fn stored(
        &self,
        version: &Arc<varve_table::TableVersion>,
        with_address: bool,
    ) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(self.stored_table(version, with_address)?))
    }

    fn stored_table(
        &self,
        version: &Arc<varve_table::TableVersion>,
        with_address: bool,
    ) -> Result<StoredTable> {
        let session =
            self.session.clone().ok_or_else(|| plan_datafusion_err!("this engine has no database"))?;
        let of = (Arc::clone(version), Arc::clone(&self.version.indexes));
        Ok(StoredTable::new(of, session, self.threads, with_address))
    }

    fn view(&self, view: &varve_table::View) -> Result<Arc<dyn TableProvider>> {
        if self.view_depth == VIEW_DEPTH_MAX {
            return plan_err!("view {} stands on more than {VIEW_DEPTH_MAX} others", view.name);
        }
        let inner = Self {
            params: Arc::default(),
            view_depth: self.view_depth + 1,
            given: HashMap::new(),
            ..self.again()
        };
        let statement = parse::one(&view.sql).map_err(into_datafusion)?;
        Ok(Arc::new(ViewTable::new(inner.plan_here(statement)?, Some(view.sql.clone()))))
    }

    fn view_as_written(&self, name: &ast::ObjectName) -> Option<ast::Statement> {
        let name = names::object(name).ok()?;
        parse::one(&self.version.view(&name.schema, &name.name)?.sql).ok()
    }

    fn provider(&self, name: &TableReference) -> Result<Arc<dyn TableProvider>> {
        let not_found = || plan_datafusion_err!("table '{name}' not found");
        if name.catalog().is_some_and(|catalogue| catalogue != CATALOGUE) {
            return Err(not_found());
        }
        let (schema, table) = (name.schema().unwrap_or(DEFAULT_SCHEMA), name.table());
        if schema == TARGETS {
            let id = table.parse().map(TableId).map_err(|_| not_found())?;
            return self.stored(self.version.tables.get(&id).ok_or_else(not_found)?, true);
        }
        if schema == GIVEN {
            return self.given.get(table).cloned().ok_or_else(not_found);
        }
        if schema == "information_schema" {
            let names = Names::new(&self.version, |view| {
                // Only this one shows columns. A view that stands on nothing any more has none; and views over this one
                // do not see columns of views, or they would look at each other for ever.
                let is_shown = table == "columns" && self.view_depth == 0;
                let planned = is_shown.then(|| self.view(view).ok()).flatten();
                planned.map_or_else(|| Arc::new(Schema::empty()), |view| view.schema())
            });
            let provider = InformationSchemaProvider::new(Arc::new(names));
            let found = provider.table(table).now_or_never();
            return found.and_then(|found| found.transpose()).unwrap_or_else(|| Err(not_found()));
        }
        if let Some(version) = self.version.table(schema, table) {
            return self.stored(version, false);
        }
        if let Some(view) = self.version.view(schema, table) {
            return self.view(view);
        }
        let is_ours = schema == SYSTEM && !self.version.schemas.iter().any(|made| made == SYSTEM);
        is_ours.then(|| system::relation(&self.version, table)).transpose()?.flatten().ok_or_else(not_found)
    }
}

impl ContextProvider for Planner {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let provider = self.provider(&name)?;
        let columns = provider.schema().fields().len();
        limits::named_columns(columns + self.named_columns.fetch_add(columns, Relaxed))?;
        Ok(provider_as_source(provider))
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        let function = self.state.table_functions().get(name);
        let function = function.ok_or_else(|| plan_datafusion_err!("table function '{name}' not found"))?;
        let args: Vec<Expr> = args.into_iter().map(|arg| self.constant(arg)).collect::<Result<_>>()?;
        let provider =
            function.create_table_provider_with_args(TableFunctionArgs::new(&args, self.state.as_ref()))?;
        Ok(provider_as_source(provider))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(VarveTypes::under(self.options())))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let is_kept = name == AS_WRITTEN;
        self.state.scalar_functions().get(name).cloned().or_else(|| is_kept.then(as_written))
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.udfs().into_iter().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.udafs().into_iter().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.udwfs().into_iter().collect()
    }
}

impl Planner {
    /// An argument of a table function as a literal.
    fn constant(&self, arg: Expr) -> Result<Expr, DataFusionError> {
        use datafusion::logical_expr::simplify::SimplifyContext;
        use datafusion::optimizer::simplify_expressions::ExprSimplifier;

        let context = SimplifyContext::builder()
            .with_config_options(Arc::clone(self.state.config_options()))
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        simplifier.coerce(arg, &DFSchema::empty()).and_then(|arg| simplifier.simplify(arg))
    }
}
