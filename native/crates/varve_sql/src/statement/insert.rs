//! INSERT. Rows stream into the table, unless ON CONFLICT or RETURNING needs all of them first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr as Logical, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{Expr, Insert, Query, SetExpr, Statement, TableObject, Value};
use futures::StreamExt;
use varve_table::{Column, Table, TableId, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::changes::{Changes, Held};
use super::conflict::Rule;
use super::returning::Returning;
use super::rows::Checks;
use super::target::Target;
use super::{digits, names, parse, rows, texts};
use crate::error::{from_datafusion, unknown, unsupported};
use crate::output::Output;
use crate::param::Params;
use crate::planner::Planner;
use crate::plans::GivenRows;
use crate::run::Run;

pub(super) async fn run(run: &Run<'_>, transaction: &mut Transaction, mut insert: Insert) -> Result<Output> {
    let rule = Rule::of(&mut insert)?;
    let mut planner = run.planner(transaction.snapshot());
    let returning = insert.returning.take();
    let Planned { target, plan, checks } = Planned::new(&planner, insert, Parameters::PutIn).await?;
    let table = &target.table;
    let returning = Returning::new(returning, &target);
    let rows = run.stream(&planner, plan).await?;
    if rule.is_none() && returning.is_none() {
        let count = transaction.append(table.id, checks.checked(rows)).await?;
        return Ok(Output::done(Some(count)));
    }
    let mut given = Held::new(run, "INSERT");
    let mut rows = std::pin::pin!(checks.checked(rows));
    while let Some(batch) = rows.next().await {
        given.push(rows::of_table(table, &batch?)?)?;
    }
    let mut changes = Changes::new(run, table, "INSERT");
    let count = match rule {
        Some(rule) => rule.resolve(run, &mut planner, &target, (&given, &mut changes)).await?,
        None => {
            given.batches().iter().try_for_each(|rows| changes.come(rows))?;
            given.batches().iter().map(|rows| rows.num_rows() as u64).sum()
        }
    };
    drop(given);
    changes.apply(run, &mut planner, transaction, (count, returning.as_ref())).await
}

/// What a plan has for its parameters.
#[derive(Clone, Copy)]
enum Parameters {
    /// Their values.
    PutIn,
    /// Nothing yet.
    Open,
}

/// What an INSERT comes to.
struct Planned {
    target: Target,
    /// Gives the rows, as the table has them.
    plan: LogicalPlan,
    checks: Checks,
}

impl Planned {
    async fn new(planner: &Planner, insert: Insert, parameters: Parameters) -> Result<Self> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(unsupported("INSERT INTO a function is not there"));
        };
        let alias = insert.table_alias.as_ref().map(|alias| names::ident(&alias.alias));
        let target = Target::named(&planner.version, name, alias)?;
        let table = &target.table;
        let given = insert.columns.iter().map(names::column).collect::<Result<Vec<_>>>()?;
        let targets = targets(table, &given)?;
        let source = match insert.source {
            Some(source) => {
                let source = Statement::Query(in_columns(table, &targets, source)?);
                let planned = match parameters {
                    Parameters::PutIn => planner.plan(source).await,
                    Parameters::Open => planner.unbound(source).await,
                };
                planned.map_err(from_datafusion)?
            }
            // DEFAULT VALUES: one row of nothing.
            None => LogicalPlanBuilder::empty(true).build().map_err(from_datafusion)?,
        };
        let plan = in_table_order(planner, table, &targets, source)?;
        let checks = Checks::new(planner, table)?;
        Ok(Self { target, plan, checks })
    }
}

/// So many hot rows may be copied while a caller's thread waits.
const COPIED_ROWS_MAX: usize = 1 << 10;

/// An INSERT whose rows are made of its parameters alone: it needs no query.
pub(crate) struct InsertRows {
    table: TableId,
    /// Of the version that it was planned for.
    definitions: u64,
    rows: GivenRows,
    checks: Checks,
}

impl InsertRows {
    /// `None` when the statement is another one, or cannot be planned like that.
    pub(crate) async fn of(planner: &Planner, statement: &Statement, types: &[DataType]) -> Option<Self> {
        let Statement::Insert(insert) = statement else { return None };
        if insert.returning.is_some() || !insert.source.as_deref().is_none_or(are_few_values) {
            return None;
        }
        let mut insert = insert.clone();
        if Rule::of(&mut insert).ok()?.is_some() {
            return None;
        }
        let Planned { target, plan, checks } = Planned::new(planner, insert, Parameters::Open).await.ok()?;
        // Optimised, `now()` would be the moment of the first time for ever.
        if !GivenRows::suits(&plan) || checks.is_of_statement {
            return None;
        }
        let rows = GivenRows::of(&planner.state.optimize(&plan).ok()?, types)?;
        Some(Self { table: target.table.id, definitions: planner.version.definitions, rows, checks })
    }

    /// Whether a transaction knows the table as it was planned for.
    pub(crate) fn fits(&self, transaction: &Transaction) -> bool {
        transaction.definitions() == self.definitions
    }

    /// Whether that takes no longer than to hand it to another thread.
    pub(crate) fn is_quick(&self, transaction: &Transaction) -> bool {
        let hot = transaction.hot(self.table);
        hot.is_some_and(|hot| hot.merged_with(self.rows.len()) <= COPIED_ROWS_MAX)
    }

    /// Inserts the rows; how many.
    pub(crate) fn apply(&self, transaction: &mut Transaction, params: &Params) -> Result<u64> {
        let rows = self.rows.evaluate(params).map_err(from_datafusion)?;
        self.checks.check(&rows)?;
        transaction.append_few(self.table, &rows)
    }
}

/// Positions in the table of the columns that are given; all of them when none is named.
pub(super) fn targets(table: &Table, given: &[String]) -> Result<Vec<usize>> {
    if given.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut targets = Vec::with_capacity(given.len());
    for name in given {
        let position = table.position(name).ok_or_else(|| unknown("column", name))?;
        if targets.contains(&position) {
            let message = format!("column {name} is named twice");
            return Err(VarveError::new(ErrorCode::SqlName, message, "name it once"));
        }
        targets.push(position);
    }
    Ok(targets)
}

/// Whether a query is VALUES of few rows; others are not even planned to see whether they are made of parameters alone.
fn are_few_values(query: &Query) -> bool {
    matches!(query.body.as_ref(), SetExpr::Values(values) if values.rows.len() <= GivenRows::ROWS_MAX)
}

/// The source with the DEFAULT of the column in the place of each word DEFAULT, and texts as what the columns hold.
fn in_columns(table: &Table, targets: &[usize], mut query: Box<Query>) -> Result<Box<Query>> {
    if let SetExpr::Values(values) = query.body.as_mut() {
        for row in &mut values.rows {
            for (value, target) in row.content.iter_mut().zip(targets) {
                if is_default(value) {
                    *value = default_of(&table.columns[*target])?;
                }
            }
        }
    }
    let types = || targets.iter().map(|target| &table.columns[*target].data_type);
    texts::in_columns(&mut query, types())?;
    digits::in_columns(&mut query, types())?;
    Ok(query)
}

/// Whether a value is the word DEFAULT.
pub(super) fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
}

/// The DEFAULT of a column, NULL when it has none.
pub(super) fn default_of(column: &Column) -> Result<Expr> {
    match &column.default {
        Some(sql) => parse::expression(sql),
        None => Ok(Expr::Value(Value::Null.into())),
    }
}

/// The source with a value for each column of the table.
pub(super) fn in_table_order(
    planner: &Planner,
    table: &Table,
    targets: &[usize],
    source: LogicalPlan,
) -> Result<LogicalPlan> {
    let given = source.schema().columns();
    if given.len() != targets.len() && !given.is_empty() {
        let message =
            format!("{} values are given for {} columns of {}", given.len(), targets.len(), table.name);
        return Err(VarveError::new(
            ErrorCode::SqlType,
            message,
            "name the columns, or give a value for each",
        ));
    }
    let mut values = Vec::with_capacity(table.columns.len());
    for (position, column) in table.columns.iter().enumerate() {
        let place = targets.iter().position(|target| *target == position).and_then(|place| given.get(place));
        values.push(match (place, &column.default) {
            (Some(given), _) => Logical::Column(given.clone()),
            (None, Some(_)) => {
                planner.expr(default_of(column)?, &DFSchema::empty()).map_err(from_datafusion)?
            }
            (None, None) => lit(ScalarValue::Null),
        });
    }
    rows::cast(source, values, table)
}
