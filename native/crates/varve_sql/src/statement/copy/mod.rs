//! COPY: a table or query into a file, and a file into a table.

mod encode;
mod folder;
mod options;
mod parse;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{CopyLegacyOption, CopyOption, CopySource, CopyTarget, Statement};
use futures::StreamExt;
use varve_table::{Table, Transaction};
use varve_types::{ErrorCode, Result, VarveError};

use self::encode::encoded;
use self::options::CopyOptions;
pub(super) use self::parse::parse;
use super::insert::{in_table_order, targets};
use super::rows::Checks;
use super::{Parsed, names};
use crate::error::{defect, from_datafusion, unknown, unsupported};
use crate::files::options::Format;
use crate::files::{Draft, path};
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;

/// COPY ... TO: the file, or the folder, appears when all rows are in it, or not at all.
pub(super) async fn to_file(run: &Run<'_>, planner: &Planner, copy: Parsed) -> Result<Output> {
    let Copy { source, file, options } = Copy::of(copy)?;
    let path = path::absolute(&file)?;
    let options = CopyOptions::new(&path, &options)?;
    let query = match source {
        CopySource::Query(query) => query,
        CopySource::Table { table_name, columns } => {
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
            match super::parse::one(&format!("SELECT {columns} FROM {table_name}"))? {
                Statement::Query(query) => query,
                _ => return Err(defect("a SELECT was not parsed as one".into())),
            }
        }
    };
    let is_ordered = query.order_by.is_some();
    let plan = planner.plan(Statement::Query(query)).await.map_err(from_datafusion)?;
    let count = if file.ends_with('/') || !options.partition_by.is_empty() {
        folder::write(run, planner, (plan, is_ordered), &path, &options).await?
    } else {
        let draft = Draft::new(run.engine.files().confinement(), &path, options.may_overwrite)?;
        write(run.stream(planner, plan).await?, &options, draft).await?
    };
    Ok(Output::done(Some(count)))
}

/// Writes rows into a file, which is kept then; how many there are.
async fn write(rows: Output, options: &CopyOptions, mut draft: Draft) -> Result<u64> {
    let (mut chunks, count) = encoded(rows, options)?;
    while let Some(chunk) = chunks.next().await.transpose()? {
        // The disk may take its time: other tasks of this thread go on elsewhere.
        tokio::task::block_in_place(|| draft.write(&chunk))?;
    }
    tokio::task::block_in_place(|| draft.keep())?;
    Ok(count.load(Ordering::Relaxed))
}

/// COPY ... FROM: all rows of a file or none. Columns of CSV are taken by their place, others by their name.
pub(super) async fn from_file(run: &Run<'_>, transaction: &mut Transaction, copy: Parsed) -> Result<Output> {
    let Copy { source, file, options } = Copy::of(copy)?;
    let CopySource::Table { table_name, columns } = source else {
        return Err(unsupported("COPY ... FROM is about a table"));
    };
    let planner = run.planner(transaction.snapshot());
    let table = Arc::clone(&names::table(&planner.version, &table_name)?.table);
    let given: Vec<String> = columns.iter().map(names::ident).collect();
    let paths = path::expand(run.engine.files().confinement(), &file)?;
    let mut options = CopyOptions::new(&paths[0], &options)?.reading()?;
    let is_by_place = options.format == Format::Csv;
    // Values of CSV go by their place, and a folder has none. Others are read where the table has such a column.
    let wanted = table.columns.iter().filter(|_| !is_by_place).map(|column| column.name.clone());
    options.partitions.wanted = Some(wanted.collect());
    let schema = if is_by_place { Some(schema_of_csv(&table, &targets(&table, &given)?)) } else { None };
    let mut rows = run.engine.files().table(&paths, &options, schema).await?;
    if options.format == Format::Json {
        let schema = schema_of_json(&table, rows.schema());
        rows = run.engine.files().table(&paths, &options, Some(schema)).await?;
    }
    let (given, source) = named_rows(rows, given, is_by_place)?;
    let plan = in_table_order(&planner, &table, &targets(&table, &given)?, source)?;
    let checks = Checks::new(&planner, &table)?;
    let rows = run.stream(&planner, plan).await?;
    let count = transaction.append(table.id, checks.checked(rows)).await?;
    Ok(Output::done(Some(count)))
}

/// A COPY that is about a file.
struct Copy {
    source: CopySource,
    file: String,
    options: (Vec<CopyOption>, Vec<CopyLegacyOption>),
}

impl Copy {
    fn of(statement: Parsed) -> Result<Self> {
        match statement {
            Statement::Copy {
                source,
                target: CopyTarget::File { filename },
                options,
                legacy_options,
                ..
            } => Ok(Self { source, file: filename, options: (options, legacy_options) }),
            _ => Err(VarveError::new(
                ErrorCode::FileForbidden,
                "COPY is about files only, not about streams and programs",
                "as in COPY t TO 't.parquet'",
            )),
        }
    }
}

/// What the rows of a file are called while they are planned.
const COPIED: &str = "copied";

/// The rows of a file, and the columns of the table that they are for: `given`, or all that the file has.
fn named_rows(
    rows: Arc<dyn TableProvider>,
    given: Vec<String>,
    is_by_place: bool,
) -> Result<(Vec<String>, LogicalPlan)> {
    let fields = rows.schema();
    let source = LogicalPlanBuilder::scan(COPIED, provider_as_source(rows), None).map_err(from_datafusion)?;
    if is_by_place {
        return Ok((given, source.build().map_err(from_datafusion)?));
    }
    if given.is_empty() {
        let all = fields.fields().iter().map(|field| field.name().clone()).collect();
        return Ok((all, source.build().map_err(from_datafusion)?));
    }
    let columns = given.iter().map(|name| {
        fields.index_of(name).map_err(|_| unknown("column of the file", name))?;
        Ok(Expr::Column(Column::new(Some(TableReference::bare(COPIED)), name.clone())))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let source = source.project(columns).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
    Ok((given, source))
}

/// The types that the values of CSV are read as: those of the table where text can be read as them at once.
fn schema_of_csv(table: &Table, targets: &[usize]) -> SchemaRef {
    let field = |position: &usize| {
        let column = &table.columns[*position];
        let data_type = match &column.data_type {
            plain if plain.is_numeric() || plain.is_temporal() => plain.clone(),
            DataType::Boolean => DataType::Boolean,
            _ => DataType::Utf8View,
        };
        Field::new(&column.name, data_type, true)
    };
    Arc::new(Schema::new(targets.iter().map(field).collect::<Vec<_>>()))
}

/// The types that the values of JSON are read as: what columns of the file seem to be, but that numbers for decimals keep all
/// their digits.
fn schema_of_json(table: &Table, found: SchemaRef) -> SchemaRef {
    let field = |field: &FieldRef| {
        let column = table.position(field.name()).map(|position| &table.columns[position].data_type);
        match column.filter(|column| column.is_decimal() && field.data_type().is_numeric()) {
            Some(decimal) => Arc::new(field.as_ref().clone().with_data_type(decimal.clone())),
            None => Arc::clone(field),
        }
    };
    Arc::new(Schema::new(found.fields().iter().map(field).collect::<Vec<_>>()))
}
