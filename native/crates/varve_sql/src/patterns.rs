//! Patterns as SQL has them, in those that DataFusion 55.2 matches with.
//!
//! - Of `LIKE` with another escape character than the backslash, the only one that it knows.
//! - Of `SIMILAR TO`, which it takes for regular expressions that may match anywhere in a text. SQL's match all of it, `%` and
//!   `_` are those of `LIKE`, and a point is a point (ISO 9075-2, 8.6).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_string_array;
use datafusion::common::tree_node::Transformed;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{Expr, Operator, ScalarUDF, Volatility, binary_expr, create_udf, lit};

use crate::expressions::{Rule, each_node, each_part_of, rule};

/// A pattern of LIKE and its escape character to the pattern that says the same with backslashes.
static WITH_BACKSLASHES: LazyLock<ScalarUDF> =
    LazyLock::new(|| rewriting("\u{1}with_backslashes", with_backslashes));

/// A pattern of SIMILAR TO and its escape character to a regular expression.
static AS_REGEX: LazyLock<ScalarUDF> = LazyLock::new(|| rewriting("\u{1}as_regex", as_regex));

/// The function of patterns and escape characters that no statement can name.
fn rewriting(name: &str, rewrite: fn(&str, &str) -> String) -> ScalarUDF {
    let each = move |args: &[ArrayRef]| {
        let pairs = as_string_array(&args[0])?.iter().zip(as_string_array(&args[1])?);
        let all: StringArray = pairs.map(|(pattern, escape)| Some(rewrite(pattern?, escape?))).collect();
        Ok(Arc::new(all) as ArrayRef)
    };
    let inner = Arc::new(make_scalar_function(each, Vec::new()));
    create_udf(name, vec![DataType::Utf8; 2], DataType::Utf8, Volatility::Immutable, inner)
}

/// The rule. It comes before those that give values their types.
pub(crate) fn as_they_are_matched() -> Rule {
    rule("patterns", |plan| each_node(plan, &|node| each_part_of(node, &in_part)))
}

fn in_part(part: Expr) -> Result<Transformed<Expr>> {
    match part {
        Expr::Like(Like { escape_char: Some(escape), pattern, expr, negated, case_insensitive })
            if escape != '\\' =>
        {
            let pattern = WITH_BACKSLASHES.call(vec![*pattern, lit(escape.to_string())]);
            let like =
                Like { escape_char: None, pattern: Box::new(pattern), expr, negated, case_insensitive };
            Ok(Transformed::yes(Expr::Like(like)))
        }
        Expr::SimilarTo(Like { escape_char, pattern, expr, negated, .. }) => {
            let escape = escape_char.unwrap_or('\\');
            let regex = AS_REGEX.call(vec![*pattern, lit(escape.to_string())]);
            let op = if negated { Operator::RegexNotMatch } else { Operator::RegexMatch };
            Ok(Transformed::yes(binary_expr(*expr, op, regex)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// What follows the escape character stands for itself, and so does a backslash.
fn with_backslashes(pattern: &str, escape: &str) -> String {
    let mut rest = pattern.chars();
    let mut all = String::with_capacity(pattern.len());
    while let Some(next) = rest.next() {
        let is_escape = escape.starts_with(next);
        let itself = if is_escape { rest.next() } else { (next == '\\').then_some(next) };
        match itself {
            Some(itself) => all.extend(['\\', itself]),
            None => all.push(next),
        }
    }
    all
}

/// Outside of brackets all that has a meaning in SQL has the same one, but for `%` and `_`.
fn as_regex(pattern: &str, escape: &str) -> String {
    let mut rest = pattern.chars().peekable();
    let mut regex = String::from("^(?s:");
    let mut is_in_brackets = false;
    while let Some(next) = rest.next() {
        if escape.starts_with(next) {
            push_literal(rest.next().unwrap_or(next), &mut regex);
            continue;
        }
        match next {
            '[' if !is_in_brackets => {
                is_in_brackets = true;
                regex.push('[');
                regex.extend(rest.next_if_eq(&'^'));
            }
            ']' => {
                is_in_brackets = false;
                regex.push(']');
            }
            // The name of a class of characters, as `[:alpha:]`.
            '[' if rest.peek() == Some(&':') => {
                regex.push('[');
                regex.extend(rest.by_ref().take_while(|of| *of != ']'));
                regex.push(']');
            }
            itself @ ('[' | '^' | '$' | '\\' | '&' | '~') if is_in_brackets => {
                push_literal(itself, &mut regex)
            }
            other if is_in_brackets => regex.push(other),
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '(' => regex.push_str("(?:"),
            itself @ ('.' | '^' | '$' | '\\') => push_literal(itself, &mut regex),
            other => regex.push(other),
        }
    }
    regex.push_str(")$");
    regex
}

fn push_literal(itself: char, regex: &mut String) {
    if itself.is_ascii_punctuation() {
        regex.push('\\');
    }
    regex.push(itself);
}
