//! How SQL is written here: as the parser's generic dialect has it, with lambdas, JSON and ORDER BY ALL.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// How tightly the arrows of JSON bind: more than all other operators between two, as SQLite's do.
const ARROWS: u8 = 45;

/// The generic dialect, which takes what most databases take; `x -> x + 1`, without which the functions that call others on
/// each item of a list cannot be called; ORDER BY ALL, as GROUP BY ALL is there; and `1_000`, which is 1 with another name to
/// the generic one.
#[derive(Debug)]
pub(super) struct VarveDialect;

/// Methods that answer as the generic dialect does.
macro_rules! as_generic {
    ($($name:ident),* $(,)?) => {
        $(fn $name(&self) -> bool {
            GenericDialect.$name()
        })*
    };
}

impl Dialect for VarveDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    /// The generic dialect takes `doc ->> 'a' = 'b'` for `doc ->> ('a' = 'b')`.
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::Arrow | Token::LongArrow | Token::CustomBinaryOperator(_) => Some(Ok(ARROWS)),
            _ => None,
        }
    }

    /// The parser takes `a IS DISTINCT FROM b AND c` for `a IS DISTINCT FROM (b AND c)`.
    fn parse_infix(
        &self,
        parser: &mut Parser,
        left: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        let is_distinct = parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]);
        if !is_distinct
            && !parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM])
        {
            return None;
        }
        let right = parser.parse_subexpr(self.prec_value(Precedence::Is));
        Some(right.map(|right| {
            let sides = (Box::new(left.clone()), Box::new(right));
            if is_distinct {
                Expr::IsDistinctFrom(sides.0, sides.1)
            } else {
                Expr::IsNotDistinctFrom(sides.0, sides.1)
            }
        }))
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        GenericDialect.is_identifier_part(ch)
    }

    as_generic! {
        supports_unicode_string_literal,
        supports_partition_by_after_order_by,
        supports_array_join_syntax,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_left_associative_joins_without_parens,
        supports_connect_by,
        supports_match_recognize,
        supports_pipe_operator,
        supports_start_transaction_modifier,
        supports_window_function_null_treatment_arg,
        supports_dictionary_syntax,
        supports_window_clause_named_window_reference,
        supports_parenthesized_set_variables,
        supports_select_wildcard_except,
        support_map_literal_syntax,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_extract_comma_syntax,
        supports_create_view_comment_syntax,
        supports_parens_around_table_factor,
        supports_values_as_table_factor,
        supports_create_index_with_clause,
        supports_explain_with_utility_options,
        supports_limit_comma,
        supports_update_order_by,
        supports_from_first_select,
        supports_projection_trailing_commas,
        supports_asc_desc_in_column_definition,
        supports_try_convert,
        supports_bitwise_shift_operators,
        supports_comment_on,
        supports_load_extension,
        supports_named_fn_args_with_assignment_operator,
        supports_struct_literal,
        supports_empty_projections,
        supports_nested_comments,
        supports_multiline_comment_hints,
        supports_user_host_grantee,
        supports_string_escape_constant,
        supports_array_typedef_with_brackets,
        supports_match_against,
        supports_set_names,
        supports_comma_separated_set_assignments,
        supports_filter_during_aggregation,
        supports_select_wildcard_exclude,
        supports_data_type_signed_suffix,
        supports_interval_options,
        supports_quote_delimited_string,
        supports_select_wildcard_replace,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        supports_optimize_table,
        supports_install,
        supports_detach,
        supports_prewhere,
        supports_with_fill,
        supports_limit_by,
        supports_interpolate,
        supports_settings,
        supports_select_format,
        supports_comment_optimizer_hint,
        supports_constraint_keyword_without_name,
        supports_key_column_option,
        supports_comma_separated_trim,
        supports_cte_without_as,
        supports_select_item_multi_column_alias,
        supports_xml_expressions,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    /// A method that a newer parser has would otherwise answer as no dialect does, without a word.
    #[test]
    fn all_that_the_generic_dialect_says_is_said_here() {
        let metadata = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--locked"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("it is JSON");
        let packages = metadata["packages"].as_array().expect("packages");
        let parser = packages.iter().find(|package| package["name"] == "sqlparser").expect("the parser");
        let folder = Path::new(parser["manifest_path"].as_str().expect("a path")).with_file_name("src");
        let generic = std::fs::read_to_string(folder.join("dialect/generic.rs")).expect("its dialect");
        let (generic, _tests) = generic.split_once("#[cfg(test)]").unwrap_or((&generic, ""));
        let names = generic.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split_once('('));
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        assert!(names.len() > 60, "{names:?}");
        let (here, _tests) = include_str!("dialect.rs").split_once("#[cfg(test)]").expect("this module");
        let is_here = |name: &&str| {
            here.contains(&format!("        {name},\n")) || here.contains(&format!("fn {name}("))
        };
        let missing: Vec<&str> = names.into_iter().filter(|name| !is_here(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
