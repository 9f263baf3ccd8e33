//! GROUP BY with sets of columns, as one list of sets.
//!
//! Of `GROUP BY a, ROLLUP (b, c)` DataFusion 55.2 made `GROUP BY a, ROLLUP (b, c), b, c` where `a` is a key of their table: `b`
//! and `c` were NULL in no row. It knows no sets of several columns in ROLLUP and CUBE, and takes numbers in them for values.
//! `GROUP BY (a, b), ()` are sets, too.

use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Select, SelectItem, Value, ValueWithSpan};

/// Writes it so, unless it is one of ROLLUP, CUBE and GROUPING SETS, of columns.
pub(super) fn settle(select: &mut Select) {
    let Select { group_by: GroupByExpr::Expressions(keys, _), projection, .. } = select else { return };
    let is_known = |key: &Expr| {
        let is_column =
            |set: &Vec<Expr>| matches!(set.as_slice(), [Expr::Identifier(_) | Expr::CompoundIdentifier(_)]);
        match key {
            Expr::Rollup(sets) | Expr::Cube(sets) => sets.iter().all(is_column),
            _ => false,
        }
    };
    if !keys.iter().any(is_sets) || keys.len() == 1 && is_known(&keys[0]) {
        return;
    }
    let mut sets = vec![Vec::new()];
    for key in keys.iter() {
        let parts = sets_of(key);
        sets = sets.iter().flat_map(|set| parts.iter().map(|part| [set.as_slice(), part].concat())).collect();
    }
    for set in &mut sets {
        let mut columns: Vec<Expr> = Vec::with_capacity(set.len());
        for column in set.drain(..).map(|column| selected(column, projection)) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        *set = columns;
    }
    *keys = vec![Expr::GroupingSets(sets)];
}

fn is_sets(key: &Expr) -> bool {
    matches!(key, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_) | Expr::Tuple(_))
}

/// The sets that a part of GROUP BY stands for; limits have counted them.
fn sets_of(key: &Expr) -> Vec<Vec<Expr>> {
    match key {
        Expr::Rollup(parts) => (0..=parts.len()).rev().map(|count| parts[..count].concat()).collect(),
        Expr::Cube(parts) => parts.iter().rev().fold(vec![Vec::new()], |sets, part| {
            let with = sets.iter().map(|set| [part.as_slice(), set].concat());
            with.chain(sets.clone()).collect()
        }),
        Expr::GroupingSets(sets) => sets.clone(),
        Expr::Tuple(columns) => vec![columns.clone()],
        column => vec![vec![column.clone()]],
    }
}

/// What a number stands for.
fn selected(column: Expr, projection: &[SelectItem]) -> Expr {
    let number = match &column {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.parse::<usize>().ok(),
        _ => None,
    };
    match number.and_then(|number| projection.get(number.checked_sub(1)?)) {
        Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr.clone(),
        _ => column,
    }
}
