//! Texts whose quotes the parser's library does not write as it read them.
//!
//! What changes rows is written down as a query and read again, and views, CHECKs and DEFAULTs are kept as text. sqlparser
//! writes a text with two quotes in a row, or a quote behind a backslash, as if it were escaped already: other data would
//! be written, and what stands behind the backslash would become SQL. Such texts become `E'...'`, which it writes
//! faithfully; names and literals of other kinds that hold such quotes are refused.

use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use varve_types::{ErrorCode, Result, VarveError};

use super::parse::syntax;

/// Replaces such tokens.
///
/// # Errors
/// `SQL_LIMIT` for a name, `SQL_SYNTAX` for a literal of another kind.
pub(super) fn settle(tokens: &mut [TokenWithSpan]) -> Result<()> {
    for token in tokens {
        match &mut token.token {
            Token::SingleQuotedString(text) if is_miswritten(text, '\'') => {
                token.token = Token::EscapedStringLiteral(std::mem::take(text));
            }
            Token::NationalStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
                token.token = Token::EscapedStringLiteral(std::mem::take(text));
            }
            Token::Word(word) => {
                if let Some(quote) = word.quote_style.filter(|quote| is_miswritten(&word.value, *quote)) {
                    let message = format!("a name has {quote}{quote} or \\{quote} within it");
                    return Err(VarveError::new(ErrorCode::SqlLimit, message, "choose another name"));
                }
            }
            Token::HexStringLiteral(text)
            | Token::SingleQuotedByteStringLiteral(text)
            | Token::DoubleQuotedByteStringLiteral(text)
            | Token::SingleQuotedRawStringLiteral(text)
            | Token::DoubleQuotedRawStringLiteral(text)
                if text.contains(['\'', '"']) =>
            {
                let message = format!("there is a quote within {}", token.token);
                return Err(syntax(ParserError::ParserError(message)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A text as SQL that means exactly it.
pub(super) fn written(text: &str) -> String {
    let is_miswritten = is_miswritten(text, '\'');
    let literal = if is_miswritten { Value::EscapedStringLiteral } else { Value::SingleQuotedString };
    literal(text.to_owned()).to_string()
}

/// Whether `text` between `quote`s is written otherwise than it was read.
fn is_miswritten(text: &str, quote: char) -> bool {
    let mut before = None;
    text.chars().any(|letter| {
        let is_told = letter == quote && (before == Some(quote) || before == Some('\\'));
        before = Some(letter);
        is_told
    })
}
