//! PREPARE, EXECUTE and DEALLOCATE. What is prepared belongs to the engine: all its sessions see it, until it closes.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{DataType, Ident, ObjectName, Statement};
use parking_lot::Mutex;
use varve_table::Version;
use varve_types::{ErrorCode, Result, VarveError};

use super::{Parsed, constants, names};
use crate::error::{exists, unknown, unsupported};
use crate::param::Params;
use crate::run::Run;

/// Statements that may be prepared at once, and the bytes of all their texts.
const STATEMENTS_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 16 << 20;

/// The statements that are prepared.
#[derive(Default)]
pub(crate) struct PreparedStatements {
    by_name: Mutex<HashMap<String, Arc<Prepared>>>,
}

struct Prepared {
    sql: String,
    /// Of the parameters; none when they are left to the values.
    types: Vec<DataType>,
}

impl PreparedStatements {
    /// PREPARE: names a statement. What is wrong with it besides its syntax, EXECUTE tells.
    ///
    /// # Errors
    /// `SQL_NAME` when the name is taken, `SQL_UNSUPPORTED`, `SQL_LIMIT`.
    pub(crate) fn prepare(&self, name: &Ident, types: Vec<DataType>, statement: &Parsed) -> Result<()> {
        if is_about_prepared(statement) {
            return Err(unsupported("PREPARE, EXECUTE and DEALLOCATE are not prepared themselves"));
        }
        let (name, sql) = (names::ident(name), statement.to_string());
        let mut by_name = self.by_name.lock();
        if by_name.contains_key(&name) {
            return Err(exists("prepared statement", &name));
        }
        let bytes = by_name.values().map(|prepared| prepared.sql.len()).sum::<usize>() + sql.len();
        if by_name.len() >= STATEMENTS_MAX || bytes > TEXT_BYTES_MAX {
            let message =
                format!("more than {STATEMENTS_MAX} statements or {TEXT_BYTES_MAX} bytes are prepared");
            return Err(VarveError::new(ErrorCode::SqlLimit, message, "DEALLOCATE those that are done"));
        }
        by_name.insert(name, Arc::new(Prepared { sql, types }));
        Ok(())
    }

    /// DEALLOCATE: forgets one statement, or ALL.
    ///
    /// # Errors
    /// `SQL_NAME`.
    pub(crate) fn deallocate(&self, name: &Ident) -> Result<()> {
        let mut by_name = self.by_name.lock();
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") {
            by_name.clear();
            return Ok(());
        }
        let name = names::ident(name);
        by_name.remove(&name).map(|_| ()).ok_or_else(|| unknown("prepared statement", &name))
    }

    fn find(&self, name: &ObjectName) -> Result<Arc<Prepared>> {
        let name = names::column(name)?;
        let found = self.by_name.lock().get(&name).cloned();
        found.ok_or_else(|| unknown("prepared statement", &name))
    }
}

/// Whether a statement is about prepared ones.
pub(crate) fn is_about_prepared(statement: &Parsed) -> bool {
    matches!(statement, Statement::Prepare { .. } | Statement::Execute { .. } | Statement::Deallocate { .. })
}

/// What EXECUTE runs: the text of the statement and the values of its parameters.
///
/// # Errors
/// `SQL_NAME`, `SQL_TYPE` when the number of values is another, and those of the expressions.
pub(crate) async fn executed(
    run: &Run<'_>,
    version: Arc<Version>,
    execute: Parsed,
) -> Result<(String, Params)> {
    let Statement::Execute { name: Some(name), parameters, immediate: false, into, using, .. } = execute
    else {
        return Err(unsupported("EXECUTE wants the name of a prepared statement"));
    };
    if !into.is_empty() || !using.is_empty() {
        return Err(unsupported("EXECUTE ... INTO and USING are not there: use EXECUTE name(values)"));
    }
    let prepared = run.engine.prepared().find(&name)?;
    if !prepared.types.is_empty() && prepared.types.len() != parameters.len() {
        let (wanted, given) = (prepared.types.len(), parameters.len());
        let message = format!("{name} has {wanted} parameters, {given} values are given");
        return Err(VarveError::new(ErrorCode::SqlType, message, "give a value for each parameter"));
    }
    let values = constants::values(run, version, &parameters, &prepared.types).await?;
    Ok((prepared.sql.clone(), Params { values }))
}
