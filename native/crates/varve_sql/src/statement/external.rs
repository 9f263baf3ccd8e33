//! CREATE EXTERNAL TABLE: a view of files, kept in the database under a name.
//!
//! DataFusion's parser reads the statement; what comes of it is `CREATE VIEW name AS SELECT * FROM read_csv('...', ...)`,
//! so that files are found, confined and read in one way however a statement names them.

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{CreateExternalTable, DFParserBuilder, Statement as Extended};
use datafusion::sql::sqlparser::ast::{ColumnDef, ColumnOption, Statement, Value};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use varve_table::View;

use super::dialect::VarveDialect;
use super::{names, quotes};
use crate::files::options::Format;

/// How the query of each such view begins.
const READS: &str = "SELECT * FROM read_";

/// Whether the statement that comes next is one.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let word = |at: usize| match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    };
    if word(0) != Some(Keyword::CREATE) {
        return false;
    }
    let replaces = word(1) == Some(Keyword::OR) && word(2) == Some(Keyword::REPLACE);
    let at = if replaces { 3 } else { 1 };
    let is_unbounded = word(at) == Some(Keyword::UNBOUNDED);
    word(at + usize::from(is_unbounded)) == Some(Keyword::EXTERNAL)
}

/// The statement that comes next, as the view that it makes.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    while !matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon) {
        tokens.push(parser.next_token());
    }
    let parsed = DFParserBuilder::new(tokens)
        .with_recursion_limit(super::parse::RECURSION_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statement());
    match parsed {
        Ok(Extended::CreateExternalTable(create)) => {
            let sql = view(&create)?;
            Parser::new(&VarveDialect).try_with_sql(&sql)?.parse_statement()
        }
        Ok(other) => refuse(format!("expected CREATE EXTERNAL TABLE, found: {other}")),
        Err(error) => Err(syntax(error)),
    }
}

/// Whether CREATE EXTERNAL TABLE may have made the view, so that DROP TABLE may remove it.
pub(super) fn is_external(view: &View) -> bool {
    view.sql.starts_with(READS)
}

/// The text that makes the view. The order that WITH ORDER promises changes no answer and is not used.
fn view(create: &CreateExternalTable) -> Result<String, ParserError> {
    let refused = [
        (create.unbounded, "UNBOUNDED"),
        (create.temporary, "TEMPORARY"),
        (!create.constraints.is_empty(), "a constraint"),
    ];
    if let Some((_, what)) = refused.iter().find(|(is_there, _)| *is_there) {
        return refuse(format!("an external table has no {what} here"));
    }
    let [location] = create.locations.as_slice() else {
        return refuse("an external table has one LOCATION here; it may be a pattern, as 'folder/*.csv'");
    };
    let kind = create.file_type.to_ascii_lowercase();
    if Format::named(&kind).is_none() {
        return refuse(format!("an external table is STORED AS PARQUET, CSV, JSON or ARROW, not {kind}"));
    }
    // A folder stands for the files of that format in it and below it, as in DataFusion.
    let path = if location.ends_with('/') { format!("{location}**/*.{kind}") } else { location.clone() };
    let mut args = vec![quotes::written(&path)];
    for (name, value) in &create.options {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("format.").unwrap_or(&name);
        let value = match value {
            Value::SingleQuotedString(text)
            | Value::DoubleQuotedString(text)
            | Value::EscapedStringLiteral(text) => quotes::written(text),
            other => other.to_string(),
        };
        args.push(format!("{} = {value}", names::quoted(name)));
    }
    args.extend(columns(create)?);
    Ok(format!(
        "CREATE {}VIEW {}{} AS {READS}{kind}({})",
        if create.or_replace { "OR REPLACE " } else { "" },
        if create.if_not_exists { "IF NOT EXISTS " } else { "" },
        create.name,
        args.join(", ")
    ))
}

/// The options that tell columns: those of the files, and those that folders tell, which are text unless they have types.
fn columns(create: &CreateExternalTable) -> Result<Vec<String>, ParserError> {
    let (folders, files): (Vec<&ColumnDef>, Vec<&ColumnDef>) = create
        .columns
        .iter()
        .partition(|column| create.table_partition_cols.contains(&column.name.to_string()));
    let mut told = Vec::new();
    if !files.is_empty() {
        told.push(dictionary("columns", files.into_iter().map(column))?);
    }
    // What the folders down to LOCATION are called says nothing of its rows, as in DataFusion.
    let is_asked = create.options.iter().any(|(name, _)| name.eq_ignore_ascii_case("hive_partitioning"));
    let is_partition = create.locations.iter().any(|location| location.contains('='));
    if create.table_partition_cols.is_empty() && is_partition && !is_asked {
        told.push("hive_partitioning = false".to_owned());
    }
    if !create.table_partition_cols.is_empty() {
        told.push("hive_partitioning = true".to_owned());
        let types = create.table_partition_cols.iter().map(|name| {
            let typed = folders.iter().find(|column| column.name.to_string() == *name);
            let name = name.trim_matches('"');
            typed.map_or_else(|| Ok(format!("{}: 'VARCHAR'", names::quoted(name))), |typed| column(typed))
        });
        told.push(dictionary("hive_types", types)?);
    }
    Ok(told)
}

/// `option = {"name": 'type', ...}`.
fn dictionary(
    option: &str,
    entries: impl Iterator<Item = Result<String, ParserError>>,
) -> Result<String, ParserError> {
    Ok(format!("{option} = {{{}}}", entries.collect::<Result<Vec<_>, _>>()?.join(", ")))
}

/// `"name": 'type'`.
fn column(column: &ColumnDef) -> Result<String, ParserError> {
    let mut kind = column.data_type.to_string();
    for option in &column.options {
        match option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => kind += " NOT NULL",
            _ => return refuse(format!("a column of an external table has no {option} here")),
        }
    }
    Ok(format!("{}: {}", names::quoted(&names::ident(&column.name)), quotes::written(&kind)))
}

fn syntax(error: DataFusionError) -> ParserError {
    match error {
        DataFusionError::SQL(error, _) => *error,
        DataFusionError::Diagnostic(_, error) => syntax(*error),
        other => ParserError::ParserError(other.to_string()),
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, ParserError> {
    Err(ParserError::ParserError(message.into()))
}
