//! Limits on a text, so that nothing recurses over what is too long or too deep.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use varve_types::Result;

use super::exceeded;

/// Bytes of one SQL text.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// Statements of one text.
const STATEMENTS_MAX: usize = 10_000;
/// Brackets within brackets.
const BRACKETS_MAX: usize = 100;
/// Operators and set operations between two commas or brackets: each may nest the tree by one more level.
const CHAIN_MAX: usize = 1_000;
/// Lambdas of several parameters within each other. The parser reads each twice when something in it is wrong.
const LAMBDAS_MAX: usize = 4;

/// Refuses a text that is too long.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn of_text(sql: &str) -> Result<()> {
    if sql.len() > TEXT_BYTES_MAX {
        return Err(exceeded(format!("the SQL text has {} bytes, the limit is {TEXT_BYTES_MAX}", sql.len())));
    }
    Ok(())
}

/// Refuses a text of too many statements, or with expressions that would nest too deeply, before it is parsed.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn of_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    // For each open bracket, the length of the chain that it stands in, and the lambdas.
    let mut outer: Vec<(usize, usize)> = Vec::new();
    let (mut chain, mut lambdas) = (0usize, 0usize);
    let mut cases = 0usize;
    let mut statements = 1usize;
    let mut before = &Token::EOF;
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                outer.push((chain, lambdas));
                chain = 0;
                if outer.len() > BRACKETS_MAX {
                    return Err(exceeded(format!("brackets are nested more than {BRACKETS_MAX} deep")));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                (chain, lambdas) = outer.pop().unwrap_or_default();
                chain += 1;
            }
            Token::Comma | Token::SemiColon => {
                chain = 0;
                lambdas = outer.last().map_or(0, |around| around.1);
                statements += usize::from(token.token == Token::SemiColon);
            }
            Token::Arrow => {
                chain += 1;
                lambdas += usize::from(*before == Token::RParen);
            }
            Token::Word(word) => match word.keyword {
                Keyword::CASE => {
                    cases += 1;
                    chain += 1;
                }
                Keyword::END => cases = cases.saturating_sub(1),
                Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::LIKE
                | Keyword::IS
                | Keyword::BETWEEN
                | Keyword::IN
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::JOIN
                | Keyword::COLLATE
                | Keyword::EXPLAIN => chain += 1,
                _ => {}
            },
            Token::Whitespace(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_) => {}
            _ => chain += 1,
        }
        if lambdas > LAMBDAS_MAX {
            return Err(exceeded(format!("lambdas are nested more than {LAMBDAS_MAX} deep")));
        }
        if !matches!(token.token, Token::Whitespace(_)) {
            before = &token.token;
        }
        if chain > CHAIN_MAX || cases > BRACKETS_MAX {
            return Err(exceeded(format!("an expression has more than {CHAIN_MAX} operators in a row")));
        }
        if statements > STATEMENTS_MAX {
            return Err(exceeded(format!("the text has more than {STATEMENTS_MAX} statements")));
        }
    }
    Ok(())
}
