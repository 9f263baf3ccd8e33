//! SQL text to statements, within limits: what is too long or too deep is refused before anything recurses over it.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{DataType, Expr};
use datafusion::sql::sqlparser::dialect::{Dialect, DuckDbDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use varve_types::{ErrorCode, Result, VarveError};

use super::dialect::VarveDialect;
use super::{
    Parsed, arrows, copy, counts, external, ignored, quotes, row_values, select_into, shorthand, with_change,
};
use crate::limits;

/// Levels that the parser goes down.
pub(super) const RECURSION_MAX: usize = 300;

/// All statements of a text.
pub(crate) fn all(sql: &str) -> Result<Vec<Parsed>> {
    let mut statements = parsed(sql)?;
    for statement in &mut statements {
        limits::of_statement(statement)?;
        ignored::refuse(statement)?;
        arrows::settle(statement);
        row_values::take_apart(statement);
        shorthand::settle(statement);
        counts::settle(statement);
    }
    Ok(statements)
}

fn parsed(sql: &str) -> Result<Vec<Parsed>> {
    let tokens = tokens(sql)?;
    let has_struct = tokens.iter().any(|token| is_word(token, Keyword::STRUCT));
    let statements = divided(&mut parser(&VarveDialect, tokens));
    match statements {
        // Types as `STRUCT(a INT)`, which is a call elsewhere, are DuckDB's, as those of `STRUCT<a INT>` are ours.
        Err(ParserError::ParserError(_)) if has_struct => {
            divided(&mut parser(&DuckDbDialect {}, self::tokens(sql)?)).or(statements)
        }
        statements => statements,
    }
    .map_err(syntax)
}

fn is_word(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword)
}

/// Statements between semicolons. The parser does not know external tables, nor COPY with the options that it has here.
fn divided(parser: &mut Parser<'_>) -> Result<Vec<Parsed>, ParserError> {
    let mut statements = Vec::new();
    loop {
        let mut is_divided = statements.is_empty();
        while parser.consume_token(&Token::SemiColon) {
            is_divided = true;
        }
        if parser.peek_token_ref().token == Token::EOF {
            return Ok(statements);
        }
        if !is_divided {
            return parser.expected_ref("end of statement", parser.peek_token_ref());
        }
        let statement = if parser.parse_keyword(Keyword::COPY) {
            copy::parse(parser)?
        } else if external::is_next(parser) {
            external::parse(parser)?
        } else {
            parser.parse_statement()?
        };
        statements.push(with_change::as_insert(select_into::as_create_table(statement)));
    }
}

/// The only statement of a text that we wrote or checked before.
pub(crate) fn one(sql: &str) -> Result<Parsed> {
    let mut statements = all(sql)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        _ => Err(VarveError::new(ErrorCode::SqlSyntax, "one statement is wanted", "")),
    }
}

/// An expression.
pub(crate) fn expression(sql: &str) -> Result<Expr> {
    let mut expression = parser(&VarveDialect, tokens(sql)?).parse_expr().map_err(syntax)?;
    arrows::settle(&mut expression);
    Ok(expression)
}

/// The type of a column as CREATE TABLE writes it, and whether it may be NULL.
pub(crate) fn column_type(sql: &str) -> Result<(DataType, bool)> {
    let mut parser = parser(&VarveDialect, tokens(sql)?);
    let data_type = parser.parse_data_type().map_err(syntax)?;
    let nullable = !parser.parse_keywords(&[Keyword::NOT, Keyword::NULL]);
    parser.expect_token(&Token::EOF).map_err(syntax)?;
    Ok((data_type, nullable))
}

fn parser(dialect: &dyn Dialect, tokens: Vec<TokenWithSpan>) -> Parser<'_> {
    Parser::new(dialect).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens)
}

/// The tokens of a text within limits. Quotes in them are written so that they can be read again.
fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>> {
    limits::of_text(sql)?;
    let mut tokens = Tokenizer::new(&VarveDialect, sql)
        .tokenize_with_location()
        .map_err(|error| syntax(ParserError::TokenizerError(error.to_string())))?;
    limits::of_tokens(&tokens)?;
    for TokenWithSpan { token, .. } in &mut tokens {
        // As `1_000` is written, and not read by what makes numbers of texts.
        if let Token::Number(digits, _) | Token::HexStringLiteral(digits) = token {
            digits.retain(|digit| digit != '_');
        }
    }
    quotes::settle(&mut tokens)?;
    arrows::tell_apart(&mut tokens);
    leave_advice_out(&mut tokens);
    Ok(tokens)
}

/// `WITH a AS MATERIALIZED (...)` and `AS NOT MATERIALIZED` advise how `a` is computed. The parser knows no such advice, and
/// answers do not depend on it.
fn leave_advice_out(tokens: &mut Vec<TokenWithSpan>) {
    if !tokens.iter().any(|token| is_word(token, Keyword::MATERIALIZED)) {
        return;
    }
    let places: Vec<usize> =
        (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let is = |at: usize, keyword| is_word(&tokens[at], keyword);
    let opens = |at: usize| tokens[at].token == Token::LParen;
    let mut advice = HashSet::new();
    for from in 0..places.len() {
        match places[from..] {
            [with, at, next, ..] if is(with, Keyword::AS) && is(at, Keyword::MATERIALIZED) && opens(next) => {
                advice.insert(at);
            }
            [with, not, at, next, ..]
                if is(with, Keyword::AS)
                    && is(not, Keyword::NOT)
                    && is(at, Keyword::MATERIALIZED)
                    && opens(next) =>
            {
                advice.extend([not, at]);
            }
            _ => {}
        }
    }
    let mut at = 0..;
    tokens.retain(|_| at.next().is_none_or(|at| !advice.contains(&at)));
}

pub(super) fn syntax(error: ParserError) -> VarveError {
    match error {
        ParserError::RecursionLimitExceeded => {
            limits::exceeded(format!("the statement is nested more than {RECURSION_MAX} deep"))
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            VarveError::new(ErrorCode::SqlSyntax, message, "")
        }
    }
}
