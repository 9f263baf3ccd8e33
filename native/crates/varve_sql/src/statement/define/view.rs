//! CREATE VIEW and DROP VIEW.

use datafusion::sql::sqlparser::ast::{CreateView, ObjectName};
use varve_table::{Transaction, View};
use varve_types::Result;

use super::super::names::{self, Name};
use super::super::parse;
use super::Dropping;
use super::table::check_free;
use crate::error::{exists, from_datafusion, unsupported};
use crate::output::Output;
use crate::run::Run;

pub(in crate::statement) async fn create_view(
    run: &Run<'_>,
    transaction: &mut Transaction,
    create: CreateView,
) -> Result<Output> {
    if create.materialized || create.temporary {
        return Err(unsupported("MATERIALIZED and TEMPORARY views are not there"));
    }
    let Name { schema, name } = names::object(&create.name)?;
    let version = transaction.snapshot();
    if version.view(&schema, &name).is_some() {
        if create.if_not_exists {
            return Ok(Output::done(None));
        }
        if !create.or_replace {
            return Err(exists("view", &name));
        }
    } else {
        check_free(&version, &schema, &name)?;
    }
    let query = create.query.to_string();
    let sql = if create.columns.is_empty() {
        query
    } else {
        let columns: Vec<String> =
            create.columns.iter().map(|column| names::quoted(&names::ident(&column.name))).collect();
        format!("SELECT * FROM ({query}) AS {} ({})", names::quoted(&name), columns.join(", "))
    };
    run.planner(version).plan(parse::one(&sql)?).await.map_err(from_datafusion)?;
    transaction.put_view(View { schema, name, sql })?;
    Ok(Output::done(None))
}

pub(in crate::statement) fn drop_view(
    transaction: &mut Transaction,
    name: &ObjectName,
    dropping: Dropping,
) -> Result<()> {
    let Name { schema, name } = names::object(name)?;
    match transaction.snapshot().view(&schema, &name) {
        Some(_) => transaction.drop_view(&schema, &name),
        None => dropping.nothing("view", &name),
    }
}
