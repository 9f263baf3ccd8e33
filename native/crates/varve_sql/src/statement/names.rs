//! Names: what users write, and what it stands for.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName};
use varve_table::{DEFAULT_SCHEMA, TableVersion, Version};
use varve_types::Result;

use crate::catalogue::CATALOGUE;
use crate::error::{unknown, unsupported};

/// A name within a schema.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub schema: String,
    pub name: String,
}

/// Names without quotes are in lower case.
pub(crate) fn ident(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// `name`, `schema.name` or `varve.schema.name`.
pub(crate) fn object(name: &ObjectName) -> Result<Name> {
    let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(ident)).collect();
    let (schema, name) = match parts.as_deref() {
        Some([name]) => (DEFAULT_SCHEMA.to_owned(), name.clone()),
        Some([schema, name]) => (schema.clone(), name.clone()),
        Some([catalogue, schema, name]) if catalogue == CATALOGUE => (schema.clone(), name.clone()),
        _ => return Err(unsupported(format!("{name} is no name of a table here"))),
    };
    Ok(Name { schema, name })
}

/// The last part of a column's name.
pub(super) fn column(name: &ObjectName) -> Result<String> {
    let last = name.0.last().and_then(|part| part.as_ident()).map(ident);
    last.ok_or_else(|| unsupported(format!("{name} is no name of a column")))
}

/// All names of a function.
pub(super) fn of_function<'f>(name: &'f str, aliases: &'f [String]) -> impl Iterator<Item = String> {
    std::iter::once(name).chain(aliases.iter().map(String::as_str)).map(str::to_owned)
}

/// The table of this name.
pub(crate) fn table(version: &Version, name: &ObjectName) -> Result<Arc<TableVersion>> {
    let Name { schema, name } = object(name)?;
    let found = version.table(&schema, &name).cloned();
    found.ok_or_else(|| match version.view(&schema, &name) {
        Some(_) => unsupported(format!("{name} is a view, which has no rows of its own")),
        None => unknown("table", &name),
    })
}

/// A name that is not taken yet, and is then: `name`, `name_2`, `name_3`.
pub(super) fn free(name: &str, taken: &mut BTreeSet<String>) -> Ident {
    let numbered = (2..).map(|count| format!("{name}_{count}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| taken.insert(name.clone()));
    Ident::with_quote('"', free.unwrap_or_default())
}

/// `name` as SQL that means exactly it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name that stands alone, as SQL writes it.
pub(crate) fn written(name: &str) -> Result<ObjectName> {
    match super::parse::expression(name)? {
        Expr::Identifier(ident) => Ok(ObjectName::from(vec![ident])),
        Expr::CompoundIdentifier(idents) => Ok(ObjectName::from(idents)),
        _ => Err(unknown("table", name)),
    }
}
