//! MERGE: a join of the table with a source, which tells for each pair what the first clause that fits makes of it. A WITH in
//! front is that of the query.

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::sql::sqlparser::ast::{
    Expr, Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertExpr, MergeInsertKind, TableFactor,
};
use futures::StreamExt;
use varve_table::{RowAddress, Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use super::changes::Changes;
use super::insert::{self, default_of};
use super::names::{self, quoted};
use super::returning::{Returning, alone, of_merge};
use super::rows::{self, Checks};
use super::target::{Target, behind};
use super::{parse, update};
use crate::error::{from_datafusion, unsupported};
use crate::output::Output;
use crate::run::Run;

/// The column that tells that a row is of the source.
const OF_SOURCE: &str = "__varve_source";

pub(super) async fn run(
    run: &Run<'_>,
    transaction: &mut Transaction,
    with: &str,
    merge: Merge,
) -> Result<Output> {
    let mut planner = run.planner(transaction.snapshot());
    let target = Target::new(&planner.version, &alone(merge.table))?;
    let returning = Returning::new(of_merge(merge.output)?, &target);
    let clauses = merge.clauses.iter().map(|clause| Clause::new(&target, clause));
    let clauses = clauses.collect::<Result<Vec<_>>>()?;
    let sql = with.to_owned() + &query(&target, &merge.source, &merge.on, &clauses)?;
    let plan = planner.plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
    let plan = rows::cast_behind(plan, 2, &target.table)?;
    let checks = Checks::new(&planner, &target.table)?;
    let mut changes = Changes::new(run, &target.table, "MERGE");
    let mut count = 0;
    let mut batches = run.stream(&planner, plan).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        let comes = take(&batch, &clauses, &mut changes)?;
        let rows = behind(&batch, 2)?;
        let new = filter_record_batch(&rows, &comes).map_err(|error| from_datafusion(error.into()))?;
        checks.check(&new)?;
        changes.come(&new)?;
        if returning.is_some() {
            let goes: BooleanArray = comes.iter().map(|comes| Some(comes != Some(true))).collect();
            let old = filter_record_batch(&rows, &goes).map_err(|error| from_datafusion(error.into()))?;
            changes.show(&old)?;
        }
    }
    changes.apply(run, &mut planner, transaction, (count, returning.as_ref())).await
}

/// Notes the rows that go; which rows of the batch come.
fn take(batch: &RecordBatch, clauses: &[Clause], changes: &mut Changes) -> Result<BooleanArray> {
    let rows = batch.column(0).as_primitive::<UInt64Type>();
    let chosen = batch.column(1).as_primitive::<Int64Type>();
    let comes = (0..batch.num_rows()).map(|at| {
        let clause = usize::try_from(chosen.value(at)).ok().and_then(|at| clauses.get(at));
        let clause = clause.ok_or_else(|| crate::error::defect("MERGE chose no clause".into()))?;
        if clause.kind != Kind::NotMatched && !changes.go(RowAddress(rows.value(at))) {
            return Err(VarveError::new(
                ErrorCode::ConstraintViolated,
                "MERGE would change a row twice: several rows of the source match it",
                "give each key once in the source",
            ));
        }
        Ok(Some(clause.values.is_some()))
    });
    comes.collect()
}

/// What a clause is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Matched,
    NotMatched,
    NotMatchedBySource,
}

/// A clause as SQL.
struct Clause {
    kind: Kind,
    condition: String,
    /// New values of all columns; `None` when the row goes.
    values: Option<Vec<String>>,
}

impl Clause {
    fn new(target: &Target, clause: &MergeClause) -> Result<Self> {
        let kind = match clause.clause_kind {
            MergeClauseKind::Matched => Kind::Matched,
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => Kind::NotMatched,
            MergeClauseKind::NotMatchedBySource => Kind::NotMatchedBySource,
        };
        let of_target = format!("{} IS NOT NULL", target.address());
        let mut condition = match kind {
            Kind::Matched => format!("{of_target} AND {OF_SOURCE} IS NOT NULL"),
            Kind::NotMatched => format!("{} IS NULL", target.address()),
            Kind::NotMatchedBySource => format!("{OF_SOURCE} IS NULL"),
        };
        if let Some(predicate) = &clause.predicate {
            condition += &format!(" AND ({predicate})");
        }
        let values = match &clause.action {
            MergeAction::Delete { .. } => None,
            MergeAction::Insert(insert) => Some(inserted(&target.table, insert)?),
            MergeAction::Update(update) => {
                if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                    return Err(unsupported("WHERE within MERGE is not there: use WHEN MATCHED AND"));
                }
                let new = update::assigned(&target.table, &update.assignments)?;
                let values = target.table.columns.iter().zip(new);
                let values = values.map(|(column, value)| match value {
                    Some(value) => value.to_string(),
                    None => target.column(&column.name),
                });
                Some(values.collect())
            }
        };
        Ok(Self { kind, condition, values })
    }
}

/// The values of an inserted row.
fn inserted(table: &Table, insert: &MergeInsertExpr) -> Result<Vec<String>> {
    let MergeInsertKind::Values(values) = &insert.kind else {
        return Err(unsupported("INSERT ROW is not there: use VALUES"));
    };
    let [row] = values.rows.as_slice() else { return Err(unsupported("MERGE inserts one row per row")) };
    if insert.insert_predicate.is_some() {
        return Err(unsupported("WHERE within MERGE is not there: use WHEN NOT MATCHED AND"));
    }
    let names = insert.columns.iter().map(names::column).collect::<Result<Vec<_>>>()?;
    let targets = insert::targets(table, &names)?;
    if targets.len() != row.content.len() {
        let message = format!("{} values are given for {} columns", row.content.len(), targets.len());
        return Err(VarveError::new(ErrorCode::SqlType, message, "give a value for each column"));
    }
    let mut new = table.columns.iter().map(default_of).collect::<Result<Vec<Expr>>>()?;
    for (value, target) in row.content.iter().zip(targets) {
        if !insert::is_default(value) {
            new[target] = value.clone();
        }
    }
    Ok(new.iter().map(ToString::to_string).collect())
}

/// The query for address, clause and values of all rows that a clause fits.
fn query(target: &Target, source: &TableFactor, on: &Expr, clauses: &[Clause]) -> Result<String> {
    let has = |kind: Kind| clauses.iter().any(|clause| clause.kind == kind);
    let join = match (has(Kind::NotMatchedBySource), has(Kind::NotMatched)) {
        (false, false) => "JOIN",
        (true, false) => "LEFT JOIN",
        (false, true) => "RIGHT JOIN",
        (true, true) => "FULL JOIN",
    };
    let whens = |value: &dyn Fn(usize, &Clause) -> String| -> String {
        let whens = clauses.iter().enumerate();
        whens.map(|(at, clause)| format!(" WHEN {} THEN {}", clause.condition, value(at, clause))).collect()
    };
    let mut sql =
        format!("SELECT {}, CASE{} END AS \"clause\"", target.address(), whens(&|at, _| at.to_string()));
    for (at, column) in target.table.columns.iter().enumerate() {
        let value = |_, clause: &Clause| match &clause.values {
            Some(values) => format!("({})", values[at]),
            None => target.column(&column.name),
        };
        sql += &format!(", CASE{} END AS \"v{at}\"", whens(&value));
    }
    let fits: Vec<String> = clauses.iter().map(|clause| format!("({})", clause.condition)).collect();
    let alias = quoted(&source_name(source)?);
    Ok(format!(
        "{sql} FROM {} {join} (SELECT *, TRUE AS {OF_SOURCE} FROM {source}) AS {alias} ON {on} WHERE {}",
        target.relation(),
        fits.join(" OR "),
    ))
}

/// What the statement calls the source.
fn source_name(source: &TableFactor) -> Result<String> {
    let (TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. }) =
        source
    else {
        let TableFactor::Table { name, .. } = source else {
            return Err(unsupported("the source of MERGE is a table or a query with a name"));
        };
        return names::column(name);
    };
    Ok(names::ident(&alias.name))
}
