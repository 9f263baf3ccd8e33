//! Lists that are written out, as `[t.a, $1]`.
//!
//! The planner of DataFusion 55.2 forgets what is around them: what they name of a query around was no field, as in
//! `FROM t, unnest([t.a, t.b])`, and a name of WITH no table. The function that makes lists gets its arguments with it.

use datafusion::sql::sqlparser::ast::{
    Array, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, VisitMut,
};

use super::walk::change_expressions;

/// Calls the function in their places.
pub(crate) fn settle(node: &mut impl VisitMut) {
    change_expressions(node, |expr| {
        if let Expr::Array(Array { elem, .. }) = expr {
            *expr = make_array(std::mem::take(elem));
        }
    });
}

fn make_array(items: Vec<Expr>) -> Expr {
    let args = items.into_iter().map(|item| FunctionArg::Unnamed(FunctionArgExpr::Expr(item))).collect();
    let args = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("make_array")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
