//! `->`, of which there are two: `x -> x > 1` is a lambda where a function takes one, and `doc -> 'a'` a part of a JSON text
//! everywhere else. The parser takes the former for both.

use std::collections::HashSet;
use std::sync::LazyLock;

use datafusion::functions_nested::all_default_higher_order_functions;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, VisitMut};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::names;
use super::walk::change_expressions;

/// Stands for the `->` of JSON until the parser is done.
const PART: &str = "->";

/// Names of functions that take a lambda.
static TAKE_LAMBDAS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let functions = all_default_higher_order_functions();
    let names = functions.iter().flat_map(|function| names::of_function(function.name(), function.aliases()));
    names.collect()
});

/// What is between brackets.
struct Level {
    takes_lambdas: bool,
    /// Whether all of the argument so far may be the parameters of a lambda.
    is_params: bool,
}

/// Marks those of JSON.
pub(super) fn tell_apart(tokens: &mut [TokenWithSpan]) {
    let mut levels = vec![Level { takes_lambdas: false, is_params: false }];
    let mut last_word: Option<String> = None;
    for TokenWithSpan { token, .. } in tokens {
        let word = match token {
            Token::Whitespace(_) => continue,
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        };
        let level = levels.last_mut();
        match token {
            Token::Word(_) => {}
            Token::LBracket | Token::LBrace => levels.push(Level { takes_lambdas: false, is_params: false }),
            Token::LParen => {
                let takes_lambdas = last_word.as_ref().is_some_and(|name| TAKE_LAMBDAS.contains(name));
                levels.push(Level { takes_lambdas, is_params: true });
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                let inner = levels.pop();
                if let (Some(level), Some(inner)) = (levels.last_mut(), inner) {
                    level.is_params &= inner.is_params;
                }
            }
            Token::Comma => {
                if let Some(level) = level.filter(|level| level.takes_lambdas) {
                    level.is_params = true;
                }
            }
            Token::Arrow => {
                let is_lambda = level.as_ref().is_some_and(|level| level.takes_lambdas && level.is_params);
                if !is_lambda {
                    *token = Token::CustomBinaryOperator(PART.to_owned());
                }
                if let Some(level) = level {
                    level.is_params = false;
                }
            }
            _ => {
                if let Some(level) = level {
                    level.is_params = false;
                }
            }
        }
        last_word = word;
    }
}

/// Makes those that were marked what they are.
pub(super) fn settle(node: &mut impl VisitMut) {
    change_expressions(node, |expr| {
        if let Expr::BinaryOp { op, .. } = expr
            && matches!(op, BinaryOperator::Custom(name) if name == PART)
        {
            *op = BinaryOperator::Arrow;
        }
    });
}
