//! What there is, and what a statement answers, without running anything.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Statement;
use varve_table::{Table, TableVersion, Version, View};
use varve_types::Result;

use crate::engine::Engine;
use crate::error::{from_datafusion, unsupported};
use crate::explain::{self, Operator};
use crate::param;
use crate::param::Params;
use crate::run::Run;
use crate::session::Session;
use crate::statement::{self, names, parse};

/// A table or a view.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// The SQL schema that it is in.
    pub schema: String,
    /// Its name within the schema.
    pub name: String,
    /// A view has no rows of its own.
    pub is_view: bool,
    /// Its columns.
    pub columns: SchemaRef,
    /// Places of the primary key's columns, in key order.
    pub primary_key: Vec<usize>,
}

/// What a statement takes and answers.
#[derive(Clone, Debug)]
pub struct StatementShape {
    /// How many parameters it has.
    pub parameters: usize,
    /// The columns of its answer; none when it changes something and returns nothing.
    pub columns: SchemaRef,
}

impl Engine {
    /// A table as it is now, by its name as SQL writes it. It never waits.
    ///
    /// # Errors
    /// `SQL_SYNTAX` when it is no name, `SQL_NAME` when there is no such table, `SQL_UNSUPPORTED` when it is a view.
    pub fn table(&self, name: &str) -> Result<(TableShape, Arc<TableVersion>)> {
        let version = self.database()?.snapshot();
        let found = names::table(&version, &names::written(name)?)?;
        Ok((of_table(&found.table), found))
    }
}

impl Session {
    /// All tables and views, by schema and name.
    ///
    /// # Errors
    /// Those of planning a view whose tables are gone.
    pub async fn tables(&self) -> Result<Vec<TableShape>> {
        let version = self.version().await;
        let mut all: Vec<_> = version.tables.values().map(|table| of_table(&table.table)).collect();
        for view in version.views.iter() {
            all.push(self.of_view(&version, view).await?);
        }
        all.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
        Ok(all)
    }

    /// One table or view, by its name as SQL writes it; `None` when there is none.
    ///
    /// # Errors
    /// `SQL_SYNTAX` when it is no name.
    pub async fn describe(&self, name: &str) -> Result<Option<TableShape>> {
        let version = self.version().await;
        let name = names::object(&names::written(name)?)?;
        if let Some(table) = version.table(&name.schema, &name.name) {
            return Ok(Some(of_table(&table.table)));
        }
        match version.view(&name.schema, &name.name) {
            Some(view) => self.of_view(&version, view).await.map(Some),
            None => Ok(None),
        }
    }

    /// What one statement takes and answers.
    ///
    /// # Errors
    /// `SQL_*`.
    pub async fn shape(&self, sql: &str) -> Result<StatementShape> {
        let mut statement = parse::one(sql)?;
        let parameters = param::count(&mut statement);
        let version = self.version().await;
        let columns = if statement::changes(&statement) {
            let no_params = Params::default();
            let mut planner = Run::new(self.engine(), &no_params).planner(version);
            statement::returned(&mut planner, statement).await?.unwrap_or_else(|| Arc::new(Schema::empty()))
        } else {
            self.columns(&version, statement).await?
        };
        Ok(StatementShape { parameters, columns })
    }

    /// The plan of a query as JSON: a `PlanOperator` of core/interfaces. With `analyze` the query runs, and what happened
    /// stands beside what was estimated. The plan of a query with parameters is what it is before they have values.
    ///
    /// # Errors
    /// `SQL_*`; `SQL_UNSUPPORTED` for a statement that is no query, and to run one whose parameters have no values.
    pub async fn explain(&self, sql: &str, analyze: bool) -> Result<String> {
        let mut statement = parse::one(sql)?;
        if !matches!(statement, Statement::Query(_)) {
            return Err(unsupported("a plan as JSON is there for queries only"));
        }
        let has_parameters = param::count(&mut statement) > 0;
        if has_parameters && analyze {
            return Err(unsupported("a query runs only when its parameters have values"));
        }
        let version = self.version().await;
        let no_params = Params::default();
        let planner = Run::new(self.engine(), &no_params).planner(version);
        let plan = planner.unbound(statement).await.map_err(from_datafusion)?;
        let tree = if has_parameters {
            Operator::of_logical(&planner.planning().optimised(plan).await.map_err(from_datafusion)?)
        } else {
            explain::explained(&planner, plan, analyze).await?
        };
        Ok(tree.json())
    }

    async fn of_view(&self, version: &Arc<Version>, view: &View) -> Result<TableShape> {
        Ok(TableShape {
            schema: view.schema.clone(),
            name: view.name.clone(),
            is_view: true,
            columns: self.columns(version, parse::one(&view.sql)?).await?,
            primary_key: Vec::new(),
        })
    }

    async fn columns(&self, version: &Arc<Version>, statement: statement::Parsed) -> Result<SchemaRef> {
        if matches!(statement, Statement::Copy { .. }) {
            return Ok(Arc::new(Schema::empty()));
        }
        if explain::is_ours(&statement) {
            return Ok(explain::columns());
        }
        let no_params = Params::default();
        let planner = Run::new(self.engine(), &no_params).planner(Arc::clone(version));
        let plan: LogicalPlan = planner.unbound(statement).await.map_err(from_datafusion)?;
        Ok(Arc::clone(plan.schema().inner()))
    }
}

fn of_table(table: &Table) -> TableShape {
    let place = |id| table.columns.iter().position(|column| column.id == id);
    TableShape {
        schema: table.schema.clone(),
        name: table.name.clone(),
        is_view: false,
        columns: table.arrow_schema(),
        primary_key: table.primary_key.iter().filter_map(|id| place(*id)).collect(),
    }
}
