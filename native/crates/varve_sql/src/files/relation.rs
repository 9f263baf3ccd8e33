//! What a FROM clause calls a file: `'x.parquet'`, or `read_csv('x.csv', header = false)`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchema, Result, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{ExprSchemable, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, ObjectName, TableFactor, TableFunctionArgs,
};
use varve_types::{ErrorCode, VarveError};

use super::Files;
use super::options::{Format, ReadOptions, text};
use crate::error::{from_datafusion, into_datafusion, unsupported};
use crate::statement::{names, parse};

/// Plans files that stand in the place of tables.
#[derive(Debug)]
pub(crate) struct FileRelations {
    files: Arc<Files>,
}

impl FileRelations {
    pub(crate) fn new(files: Arc<Files>) -> Self {
        Self { files }
    }
}

impl RelationPlanner for FileRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table { name, args, alias, .. } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let found = match args {
            None => quoted(name).map(|path| (stem(path), self.files.table_now(path, None, None))),
            Some(args) => reader(name).map(|(function, format)| {
                let table = self.function((&function, &format), args, context);
                (function, table)
            }),
        };
        let Some((name, table)) = found else { return Ok(RelationPlanning::Original(Box::new(relation))) };
        let table = table.map_err(into_datafusion)?;
        let scan =
            LogicalPlanBuilder::scan(TableReference::bare(name), provider_as_source(table), None)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(scan, alias.clone()))))
    }
}

impl FileRelations {
    fn function(
        &self,
        (function, format): (&str, &str),
        args: &TableFunctionArgs,
        context: &mut dyn RelationPlannerContext,
    ) -> varve_types::Result<Arc<dyn TableProvider>> {
        let mut args = args.args.iter();
        let path = match args.next() {
            Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(path))) => text("path", path),
            _ => Err(VarveError::new(
                ErrorCode::SqlType,
                format!("{function} wants a path as a text that is written out"),
                "as in read_csv('x.csv', header = false)",
            )),
        }?;
        let mut options = ReadOptions::of_file(path.as_ref(), format)
            .ok_or_else(|| unsupported(format!("there is no format {format}")))?;
        let mut schema = None;
        for arg in args {
            let (name, value) = named(arg).ok_or_else(|| {
                let message = format!("{function} wants options as NAME = VALUE, not {arg}");
                VarveError::new(ErrorCode::SqlSyntax, message, "as in read_csv('x.csv', header = false)")
            })?;
            match name.as_str() {
                "columns" if options.format != Format::Arrow => {
                    schema = Some(Arc::new(Schema::new(columns(&name, &value, context)?)));
                }
                "hive_types" => options.partitions.types = columns(&name, &value, context)?,
                _ => options.set(&name, &value)?,
            }
        }
        self.files.table_now(&path, Some(&options), schema)
    }
}

/// What `columns = {'name': 'type', ...}` says that a file holds, CSV by place, others by name; and `hive_types` its folders.
fn columns(
    option: &str,
    value: &Expr,
    context: &mut dyn RelationPlannerContext,
) -> varve_types::Result<Vec<FieldRef>> {
    let Expr::Dictionary(columns) = value else {
        let message = format!("{option} are not {value}");
        let hint = format!("as in {option} = {{'a': 'INT', 'b': 'TEXT'}}");
        return Err(VarveError::new(ErrorCode::SqlValue, message, hint));
    };
    let columns = columns.iter().map(|column| {
        let (data_type, nullable) = parse::column_type(&text(option, &column.value)?)?;
        let none = parse::expression(&format!("CAST(NULL AS {data_type})"))?;
        let none = context.sql_to_expr(none, &DFSchema::empty()).map_err(from_datafusion)?;
        let data_type = none.get_type(&DFSchema::empty()).map_err(from_datafusion)?;
        Ok(Field::new(names::ident(&column.key), data_type, nullable).into())
    });
    columns.collect()
}

/// The text of a name in single quotes, which no table has.
fn quoted(name: &ObjectName) -> Option<&str> {
    let [part] = name.0.as_slice() else { return None };
    part.as_ident().filter(|ident| ident.quote_style == Some('\'')).map(|ident| ident.value.as_str())
}

/// The function that reads files, and the name of their format.
fn reader(name: &ObjectName) -> Option<(String, String)> {
    let [part] = name.0.as_slice() else { return None };
    let name = part.as_ident()?.value.to_ascii_lowercase();
    let format = match name.as_str() {
        "parquet_scan" => "parquet",
        "read_csv_auto" => "csv",
        "read_json_auto" => "json",
        other => other.strip_prefix("read_").filter(|format| Format::named(format).is_some())?,
    };
    let format = format.to_owned();
    Some((name, format))
}

/// `name = value`, `name := value` or `name => value`.
fn named(arg: &FunctionArg) -> Option<(String, Expr)> {
    match arg {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
            Some((name.value.clone(), value.clone()))
        }
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        })) => match left.as_ref() {
            Expr::Identifier(name) => Some((name.value.clone(), right.as_ref().clone())),
            _ => None,
        },
        _ => None,
    }
}

/// The name of a file without its folder and ending: what its columns are qualified with.
fn stem(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(name).to_owned()
}
