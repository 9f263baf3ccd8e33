//! ON CONFLICT: what becomes of rows whose unique key another row has.
//!
//! Rows are taken in the order in which they were given, each looked up in the unique keys themselves; no query joins them
//! to the table. As in PostgreSQL DO UPDATE changes no row twice; where it differs from DuckDB and SQLite, which let the
//! last row win, a statement whose answer depends on the order of its rows is refused.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::{filter_record_batch, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::MemTable;
use datafusion::sql::sqlparser::ast::{
    ConflictTarget, DoUpdate, Expr, Ident, Insert, OnConflictAction, OnInsert, SqliteOnConflict, VisitorMut,
};
use futures::StreamExt;
use varve_table::{KeyRef, Keys, Lookup, PRIMARY, RowAddress, RowSet, Table, TableVersion, Version};
use varve_types::{ErrorCode, Result, VarveError};

use super::changes::{Changes, Held};
use super::names::{self, quoted};
use super::rows::{self, Checks};
use super::target::{Target, addresses, behind};
use super::walk::change;
use super::{parse, update};
use crate::error::{from_datafusion, unknown, unsupported};
use crate::planner::{GIVEN, Planner};
use crate::run::Run;
use crate::scan::ROW_ADDRESS;

/// The name by which DO UPDATE knows the row that was given.
const EXCLUDED: &str = "excluded";
/// The name of the rows that stand in the way among what is given to the planner.
const OLD: &str = "old";
/// The place of a given row among all.
const PLACE: &str = "__varve_place";
/// Bytes that a key takes while it is remembered, about.
const KEY_BYTES: usize = 64;

/// What becomes of a row that is in conflict.
pub(super) enum Rule {
    /// It is left out.
    Nothing(Option<ConflictTarget>),
    /// The rows in its way go, and earlier ones of the same statement.
    Replace,
    /// The row in its way is updated.
    Update(Option<ConflictTarget>, Box<DoUpdate>),
}

impl Rule {
    /// What a statement says; `None` when a conflict is an error. OR IGNORE is DO NOTHING, as in DuckDB: other constraints
    /// than unique keys still hold.
    pub(super) fn of(insert: &mut Insert) -> Result<Option<Self>> {
        if insert.replace_into || insert.or == Some(SqliteOnConflict::Replace) {
            return Ok(Some(Self::Replace));
        }
        if insert.ignore || insert.or == Some(SqliteOnConflict::Ignore) {
            return Ok(Some(Self::Nothing(None)));
        }
        match insert.or {
            None | Some(SqliteOnConflict::Abort) => {}
            Some(other) => return Err(unsupported(format!("INSERT OR {other} is not there"))),
        }
        match insert.on.take() {
            None => Ok(None),
            Some(OnInsert::OnConflict(on)) => Ok(Some(match on.action {
                OnConflictAction::DoNothing => Self::Nothing(on.conflict_target),
                OnConflictAction::DoUpdate(update) => Self::Update(on.conflict_target, Box::new(update)),
            })),
            Some(_) => Err(unsupported("ON DUPLICATE KEY UPDATE is not there: use ON CONFLICT")),
        }
    }

    /// Puts into `changes` what becomes of the `given` rows; how many were inserted or updated.
    pub(super) async fn resolve(
        self,
        run: &Run<'_>,
        planner: &mut Planner,
        target: &Target,
        (given, changes): (&Held, &mut Changes),
    ) -> Result<u64> {
        let version = planner.version.tables.get(&target.table.id).cloned();
        let version = version.ok_or_else(|| unknown("table", &target.table.name))?;
        let asked = match &self {
            Self::Nothing(asked) | Self::Update(asked, _) => asked.as_ref(),
            Self::Replace => None,
        };
        let arbiters = arbiters(&planner.version, &version, asked)?;
        let rows: usize = given.batches().iter().map(RecordBatch::num_rows).sum();
        given.reserve(rows * arbiters.len() * KEY_BYTES)?;
        let proposed = Proposed::new(&version, given.batches(), &arbiters)?;
        match self {
            Self::Nothing(_) => insert(changes, given.batches(), &proposed.unless_taken()?),
            Self::Replace => {
                let kept = proposed.last_ones(changes)?;
                insert(changes, given.batches(), &kept)
            }
            Self::Update(_, update) => {
                if arbiters.len() != 1 {
                    let message = "ON CONFLICT DO UPDATE must name the columns of one unique key";
                    return Err(VarveError::new(ErrorCode::SqlName, message, "write ON CONFLICT (columns)"));
                }
                let (kept, pairs) = proposed.pairs()?;
                let count = insert(changes, given.batches(), &kept)?;
                let pairs = Pairs { pairs, batches: given.batches() };
                Ok(count + pairs.update(run, planner, target, (*update, changes)).await?)
            }
        }
    }
}

/// The unique keys that may be in conflict, as places among the keys of the table: all, or the one that is asked for.
fn arbiters(version: &Version, table: &TableVersion, asked: Option<&ConflictTarget>) -> Result<Vec<usize>> {
    let unique = table.hot.keys().iter().enumerate().filter(|(_, key)| key.unique);
    let Some(asked) = asked else { return Ok(unique.map(|(place, _)| place).collect()) };
    let found = match asked {
        ConflictTarget::Columns(columns) => {
            let mut wanted = Vec::with_capacity(columns.len());
            for column in columns {
                let name = names::ident(column);
                let position = table.table.position(&name).ok_or_else(|| unknown("column", &name))?;
                wanted.push(table.table.columns[position].id);
            }
            let is_same = |columns: &[varve_table::ColumnId]| {
                columns.iter().all(|id| wanted.contains(id)) && wanted.iter().all(|id| columns.contains(id))
            };
            unique.filter(|(_, key)| is_same(&key.columns)).map(|(place, _)| place).next()
        }
        ConflictTarget::OnConstraint(name) => {
            let name = names::object(name)?.name;
            let index = version.indexes.iter().find(|index| index.name == name);
            let primary = format!("{}_pkey", table.table.name);
            let id = index.map(|index| index.id).or_else(|| (name == primary).then_some(PRIMARY));
            unique.filter(|(_, key)| Some(key.index) == id).map(|(place, _)| place).next()
        }
    };
    let found = found.ok_or_else(|| unknown("unique key of", &format!("ON CONFLICT{asked}")))?;
    Ok(vec![found])
}

/// The rows that a statement gives, by their unique keys.
struct Proposed<'v> {
    /// For each arbiter, the keys of each batch.
    keys: Vec<Vec<Keys>>,
    /// For each arbiter, how the rows that are there are found.
    lookups: Vec<Lookup<'v>>,
    /// Rows of each batch.
    rows: Vec<usize>,
}

/// For each batch, the rows of it that are inserted.
type Kept = Vec<BooleanArray>;

/// A given row (its batch and its place there) and the row that stands in its way.
type Pair = ((usize, usize), RowAddress);

impl<'v> Proposed<'v> {
    fn new(version: &'v TableVersion, batches: &[RecordBatch], arbiters: &[usize]) -> Result<Self> {
        let stored = batches.iter().map(|rows| version.table.store_batch(rows));
        let stored = stored.collect::<Result<Vec<_>>>()?;
        let columns = || arbiters.iter().map(|place| &version.hot.keys()[*place]);
        let keys = columns().map(|columns| stored.iter().map(|rows| columns.keys(rows)).collect());
        Ok(Self {
            keys: keys.collect::<Result<_>>()?,
            lookups: columns().map(|columns| version.lookup(columns.index)).collect(),
            rows: batches.iter().map(RecordBatch::num_rows).collect(),
        })
    }

    /// All rows, in order.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.rows.iter().enumerate().flat_map(|(batch, rows)| (0..*rows).map(move |row| (batch, row)))
    }

    /// The keys of a row, with the place of their arbiter; a key with a NULL is no key.
    fn keys(&self, (batch, row): (usize, usize)) -> impl Iterator<Item = (usize, KeyRef<'_>)> {
        let keys = self.keys.iter().enumerate();
        keys.filter_map(move |(arbiter, keys)| Some((arbiter, keys[batch].get(row)?)))
    }

    /// Rows that are in the way of none that is there, nor of an earlier one that is kept.
    fn unless_taken(&self) -> Result<Kept> {
        let mut taken = vec![HashMap::new(); self.keys.len()];
        self.kept(|row| {
            for (arbiter, key) in self.keys(row) {
                if taken[arbiter].contains_key(&key) || self.lookups[arbiter].find_one(key)?.is_some() {
                    return Ok(false);
                }
            }
            taken_by(&mut taken, self.keys(row), row);
            Ok(true)
        })
    }

    /// Rows that no later one is in the way of; those that are there and in the way of one go.
    fn last_ones(&self, changes: &mut Changes) -> Result<Kept> {
        let mut taken = vec![HashMap::new(); self.keys.len()];
        let mut lost: Vec<Vec<bool>> = self.rows.iter().map(|rows| vec![false; *rows]).collect();
        for row in self.rows() {
            for (arbiter, key) in self.keys(row) {
                if let Some((batch, row)) = taken[arbiter].get(&key) {
                    let (batch, row): (usize, usize) = (*batch, *row);
                    lost[batch][row] = true;
                }
                if let Some(old) = self.lookups[arbiter].find_one(key)? {
                    changes.go(old);
                }
            }
            taken_by(&mut taken, self.keys(row), row);
        }
        changes.count_gone()?;
        self.kept(|(batch, row)| Ok(!lost[batch][row]))
    }

    /// Rows that are in nobody's way, and those that are with whom. For one arbiter.
    fn pairs(&self) -> Result<(Kept, Vec<Pair>)> {
        let mut taken = vec![HashMap::new(); self.keys.len()];
        let mut pairs = Vec::new();
        let kept = self.kept(|row| {
            for (arbiter, key) in self.keys(row) {
                if taken[arbiter].contains_key(&key) {
                    return Err(twice());
                }
                if let Some(old) = self.lookups[arbiter].find_one(key)? {
                    pairs.push((row, old));
                    return Ok(false);
                }
            }
            taken_by(&mut taken, self.keys(row), row);
            Ok(true)
        })?;
        Ok((kept, pairs))
    }

    fn kept(&self, mut is_kept: impl FnMut((usize, usize)) -> Result<bool>) -> Result<Kept> {
        let batches = self.rows.iter().enumerate();
        let kept = batches.map(|(batch, rows)| {
            let kept = (0..*rows).map(|row| is_kept((batch, row)));
            kept.collect::<Result<Vec<bool>>>().map(BooleanArray::from)
        });
        kept.collect()
    }
}

fn taken_by<'k>(
    taken: &mut [HashMap<KeyRef<'k>, (usize, usize)>],
    keys: impl Iterator<Item = (usize, KeyRef<'k>)>,
    row: (usize, usize),
) {
    for (arbiter, key) in keys {
        taken[arbiter].insert(key, row);
    }
}

/// The rows that are kept come; how many.
fn insert(changes: &mut Changes, batches: &[RecordBatch], kept: &Kept) -> Result<u64> {
    let mut count = 0;
    for (rows, kept) in batches.iter().zip(kept) {
        changes.come(&filter_record_batch(rows, kept).map_err(from_arrow)?)?;
        count += kept.true_count() as u64;
    }
    Ok(count)
}

/// Given rows with the rows in their way.
struct Pairs<'b> {
    pairs: Vec<Pair>,
    batches: &'b [RecordBatch],
}

impl Pairs<'_> {
    /// Updates the rows in the way; how many.
    async fn update(
        &self,
        run: &Run<'_>,
        planner: &mut Planner,
        target: &Target,
        (update, changes): (DoUpdate, &mut Changes),
    ) -> Result<u64> {
        let table = &target.table;
        let sql = query(target, update)?;
        let old: RowSet = self.pairs.iter().map(|(_, old)| *old).collect();
        let old = planner.rows_of(table.id, old).map_err(from_datafusion)?;
        planner.give(OLD, old);
        planner.give(EXCLUDED, Arc::new(self.excluded(table)?));
        let plan = planner.plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
        let plan = rows::cast_behind(plan, 2, table)?;
        let checks = Checks::new(planner, table)?;
        let mut last: HashMap<RowAddress, u64> = HashMap::new();
        for (place, (_, old)) in self.pairs.iter().enumerate() {
            last.insert(*old, place as u64);
        }
        let mut count = 0;
        let mut batches = run.stream(planner, plan).await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let places = batch.column(1).as_primitive::<UInt64Type>().values();
            for (old, place) in addresses(&batch).zip(places) {
                // A later row would change it again, or would have to look at it as it is now.
                if last.get(&old).is_some_and(|last| place < last) {
                    return Err(twice());
                }
                changes.go(old);
            }
            let new = behind(&batch, 2)?;
            checks.check(&new)?;
            changes.come(&new)?;
            count += new.num_rows() as u64;
        }
        Ok(count)
    }

    /// The given rows that are in conflict, each with the address of the row in its way and with its place among all.
    fn excluded(&self, table: &Table) -> Result<MemTable> {
        let columns = table.arrow_schema();
        let renamed =
            columns.fields().iter().map(|field| field.as_ref().clone().with_name(new_name(field.name())));
        let own = [ROW_ADDRESS, PLACE].map(|name| Field::new(name, DataType::UInt64, false));
        let schema = Arc::new(Schema::new(renamed.chain(own).collect::<Vec<_>>()));
        let mut next = 0u64;
        let batches = self.pairs.chunk_by(|one, other| one.0.0 == other.0.0).map(|pairs| {
            let places = UInt64Array::from_iter_values(pairs.iter().map(|((_, row), _)| *row as u64));
            let mut rows = take_record_batch(&self.batches[pairs[0].0.0], &places)?.columns().to_vec();
            let old = pairs.iter().map(|(_, old)| old.0);
            rows.push(Arc::new(UInt64Array::from_iter_values(old)));
            rows.push(Arc::new(UInt64Array::from_iter_values(next..next + pairs.len() as u64)));
            next += pairs.len() as u64;
            RecordBatch::try_new(Arc::clone(&schema), rows)
        });
        let batches = batches.collect::<std::result::Result<Vec<_>, _>>().map_err(from_arrow)?;
        MemTable::try_new(schema, vec![batches]).map_err(from_datafusion)
    }
}

/// The query for address, place and new values. Columns without a table's name are those of the old row.
fn query(target: &Target, mut update: DoUpdate) -> Result<String> {
    let table = &target.table;
    change(&mut update, &mut Excluded { table });
    let new = update::assigned(table, &update.assignments)?;
    let condition = update.selection.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
    let mut sql = format!("SELECT {}, {EXCLUDED}.{PLACE}", target.address());
    for (at, (column, value)) in table.columns.iter().zip(&new).enumerate() {
        let value = value.as_ref().map_or_else(|| target.column(&column.name), |value| format!("({value})"));
        sql += &format!(", {value} AS \"v{at}\"");
    }
    let given = |name: &str, alias: &str| format!("{}.{} AS {alias}", quoted(GIVEN), quoted(name));
    Ok(format!(
        "{sql} FROM {} JOIN {} ON {} = {EXCLUDED}.{ROW_ADDRESS}{condition}",
        given(OLD, &quoted(&target.alias)),
        given(EXCLUDED, EXCLUDED),
        target.address(),
    ))
}

/// What the column of a given row is called, so that its name alone means the old row.
fn new_name(column: &str) -> String {
    format!("__varve_new_{column}")
}

/// Gives `excluded.column` the name that it has in the query.
struct Excluded<'t> {
    table: &'t Table,
}

impl VisitorMut for Excluded<'_> {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [relation, column] = parts.as_mut_slice()
            && names::ident(relation) == EXCLUDED
            && self.table.position(&names::ident(column)).is_some()
        {
            *column = Ident::with_quote('"', new_name(&names::ident(column)));
        }
        ControlFlow::Continue(())
    }
}

fn twice() -> VarveError {
    VarveError::new(
        ErrorCode::ConstraintViolated,
        "ON CONFLICT DO UPDATE would change a row twice: two given rows have the same key",
        "give each key once",
    )
}

fn from_arrow(error: ArrowError) -> VarveError {
    from_datafusion(error.into())
}
