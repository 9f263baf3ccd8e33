//! COPY as text.
//!
//! The parser's own COPY is PostgreSQL's. Here options may have the names and places that DuckDB and DataFusion have for
//! them, and stand in the tree under those of the parser: overwriting, compression and groups of rows are Redshift's.

use datafusion::sql::sqlparser::ast::{
    CopyLegacyOption, CopyOption, CopySource, CopyTarget, FileSize, Ident, Statement, UnloadPartitionBy,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Everything after the word COPY.
pub(crate) fn parse(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let source = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        CopySource::Query(query)
    } else {
        let table_name = parser.parse_object_name(false)?;
        let columns = parser.parse_parenthesized_column_list(IsOptional::Optional, false)?;
        CopySource::Table { table_name, columns }
    };
    let to = if parser.parse_keyword(Keyword::TO) {
        true
    } else if matches!(source, CopySource::Table { .. }) && parser.parse_keyword(Keyword::FROM) {
        false
    } else {
        return parser.expected_ref("TO, or FROM behind a table", parser.peek_token_ref());
    };
    let target = if parser.parse_keyword(Keyword::STDIN) {
        CopyTarget::Stdin
    } else if parser.parse_keyword(Keyword::STDOUT) {
        CopyTarget::Stdout
    } else if parser.parse_keyword(Keyword::PROGRAM) {
        CopyTarget::Program { command: parser.parse_literal_string()? }
    } else {
        CopyTarget::File { filename: parser.parse_literal_string()? }
    };
    let (mut options, mut legacy_options) = (Vec::new(), Vec::new());
    if parser.parse_keywords(&[Keyword::STORED, Keyword::AS]) {
        options.push(CopyOption::Format(Ident::new(word(parser)?)));
    }
    let mut partitions = UnloadPartitionBy { columns: Vec::new(), include: false };
    if parser.parse_keywords(&[Keyword::PARTITIONED, Keyword::BY]) {
        partitions.columns = parser.parse_parenthesized_column_list(IsOptional::Mandatory, false)?;
    }
    let _optional = parser.parse_one_of_keywords(&[Keyword::WITH, Keyword::OPTIONS]);
    if parser.consume_token(&Token::LParen) {
        for given in parser.parse_comma_separated(option)? {
            match given {
                Given::Plain(option) => options.push(option),
                Given::Legacy(option) => legacy_options.push(option),
                Given::PartitionBy(columns) => partitions.columns = columns,
                Given::HoldsPartitions(include) => partitions.include = include,
                Given::Nothing => {}
            }
        }
        parser.expect_token(&Token::RParen)?;
    }
    if !partitions.columns.is_empty() {
        legacy_options.push(CopyLegacyOption::PartitionBy(partitions));
    }
    while let Some(option) = trailing(parser)? {
        legacy_options.push(option);
    }
    Ok(Statement::Copy { source, to, target, options, legacy_options, values: Vec::new() })
}

enum Given {
    Plain(CopyOption),
    Legacy(CopyLegacyOption),
    PartitionBy(Vec<Ident>),
    HoldsPartitions(bool),
    Nothing,
}

fn option(parser: &mut Parser<'_>) -> Result<Given, ParserError> {
    let mut name = parser.parse_identifier()?.value.to_ascii_lowercase();
    if matches!(name.as_str(), "format" | "execution") && parser.consume_token(&Token::Period) {
        name = parser.parse_identifier()?.value.to_ascii_lowercase();
    }
    let plain = name.strip_prefix("format.").or_else(|| name.strip_prefix("execution.")).unwrap_or(&name);
    Ok(Given::Plain(match plain {
        "format" => CopyOption::Format(Ident::new(word(parser)?)),
        "header" | "has_header" => CopyOption::Header(truth(parser)?),
        "delimiter" | "delim" | "sep" => CopyOption::Delimiter(letter(parser)?),
        "quote" => CopyOption::Quote(letter(parser)?),
        "escape" => CopyOption::Escape(letter(parser)?),
        "null" | "nullstr" | "null_value" => CopyOption::Null(parser.parse_literal_string()?),
        "overwrite" | "overwrite_or_ignore" | "allowoverwrite" => {
            let overwrites = truth(parser)?;
            return Ok(if overwrites {
                Given::Legacy(CopyLegacyOption::AllowOverwrite)
            } else {
                Given::Nothing
            });
        }
        "row_group_size" | "max_row_group_size" => {
            return group_rows(parser).map(Given::Legacy);
        }
        "partition_by" => return partition_columns(parser).map(Given::PartitionBy),
        "write_partition_columns" | "keep_partition_by_columns" => {
            return truth(parser).map(Given::HoldsPartitions);
        }
        "compression" => {
            let name = word(parser)?.to_ascii_lowercase();
            return Ok(match name.as_str() {
                "auto" => Given::Nothing,
                "none" | "uncompressed" => Given::Legacy(uncompressed()),
                "gzip" | "gz" => Given::Legacy(CopyLegacyOption::Gzip),
                "bzip2" | "bz2" => Given::Legacy(CopyLegacyOption::Bzip2),
                "zstd" | "zst" => Given::Legacy(CopyLegacyOption::Zstd),
                _ => Given::Legacy(CopyLegacyOption::Extension(name)),
            });
        }
        _ => return Err(ParserError::ParserError(format!("COPY has no option {name}"))),
    }))
}

/// The options that the tree shows behind the brackets.
fn trailing(parser: &mut Parser<'_>) -> Result<Option<CopyLegacyOption>, ParserError> {
    let options = [
        (Keyword::ALLOWOVERWRITE, CopyLegacyOption::AllowOverwrite),
        (Keyword::GZIP, CopyLegacyOption::Gzip),
        (Keyword::BZIP2, CopyLegacyOption::Bzip2),
        (Keyword::ZSTD, CopyLegacyOption::Zstd),
    ];
    if parser.parse_keywords(&[Keyword::COMPUPDATE, Keyword::FALSE]) {
        return Ok(Some(uncompressed()));
    }
    if parser.parse_keyword(Keyword::EXTENSION) {
        return Ok(Some(CopyLegacyOption::Extension(parser.parse_literal_string()?)));
    }
    if parser.parse_keyword(Keyword::ROWGROUPSIZE) {
        return group_rows(parser).map(Some);
    }
    if parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]) {
        let columns = parser.parse_parenthesized_column_list(IsOptional::Mandatory, false)?;
        let include = parser.parse_keyword(Keyword::INCLUDE);
        return Ok(Some(CopyLegacyOption::PartitionBy(UnloadPartitionBy { columns, include })));
    }
    Ok(options.into_iter().find_map(|(word, option)| parser.parse_keyword(word).then_some(option)))
}

fn group_rows(parser: &mut Parser<'_>) -> Result<CopyLegacyOption, ParserError> {
    Ok(CopyLegacyOption::RowGroupSize(FileSize { size: parser.parse_number_value()?, unit: None }))
}

/// One column, or some in brackets.
fn partition_columns(parser: &mut Parser<'_>) -> Result<Vec<Ident>, ParserError> {
    match parser.peek_token_ref().token {
        Token::LParen => parser.parse_parenthesized_column_list(IsOptional::Mandatory, false),
        _ => Ok(vec![parser.parse_identifier()?]),
    }
}

fn uncompressed() -> CopyLegacyOption {
    CopyLegacyOption::CompUpdate { preset: false, enabled: Some(false) }
}

/// A word or a text.
fn word(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    if matches!(parser.peek_token_ref().token, Token::SingleQuotedString(_)) {
        return parser.parse_literal_string();
    }
    Ok(parser.parse_identifier()?.value)
}

/// True when nothing is written; a text says it as well.
fn truth(parser: &mut Parser<'_>) -> Result<bool, ParserError> {
    if matches!(parser.peek_token_ref().token, Token::Comma | Token::RParen) {
        return Ok(true);
    }
    let token = parser.next_token();
    match token.token.to_string().trim_matches('\'').to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => parser.expected("TRUE or FALSE", token),
    }
}

fn letter(parser: &mut Parser<'_>) -> Result<char, ParserError> {
    let text = parser.parse_literal_string()?;
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some('\\'), Some('t')) if text == "\\t" => Ok('\t'),
        (Some(letter), None) => Ok(letter),
        _ => Err(ParserError::ParserError(format!("'{text}' is not one letter"))),
    }
}
