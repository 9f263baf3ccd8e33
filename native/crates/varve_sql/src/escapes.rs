//! Patterns of LIKE with another escape character than the backslash, the only one that DataFusion 55.2 matches with.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_string_array;
use datafusion::common::tree_node::Transformed;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{Expr, ScalarUDF, Volatility, create_udf, lit};

use crate::expressions::{Rule, each_node, each_part_of, rule};

/// A pattern and its escape character to the pattern that says the same with backslashes. No statement can name it.
static WITH_BACKSLASHES: LazyLock<ScalarUDF> = LazyLock::new(|| {
    let inner = make_scalar_function(|args: &[ArrayRef]| written(&args[0], &args[1]), Vec::new());
    let texts = vec![DataType::Utf8; 2];
    create_udf("\u{1}with_backslashes", texts, DataType::Utf8, Volatility::Immutable, Arc::new(inner))
});

/// The rule. It comes before those that give values their types.
pub(crate) fn as_backslashes() -> Rule {
    rule("escapes_as_backslashes", |plan| each_node(plan, &|node| each_part_of(node, &in_part)))
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
        other => Ok(Transformed::no(other)),
    }
}

fn written(patterns: &ArrayRef, escapes: &ArrayRef) -> Result<ArrayRef> {
    let pairs = as_string_array(patterns)?.iter().zip(as_string_array(escapes)?);
    let all: StringArray = pairs.map(|(pattern, escape)| Some(with_backslashes(pattern?, escape?))).collect();
    Ok(Arc::new(all))
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
