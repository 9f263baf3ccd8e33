//! Joins with USING and NATURAL, for [`crate::using`], which makes one column of those that are joined.
//!
//! Each becomes a join in brackets. What names a column of one side, as `y.a` of `x LEFT JOIN y USING (a)`, which the one column
//! `a` does not have the values of, is asked for within the brackets, and names it as a column of theirs, `"y·a"`. Which columns
//! NATURAL joins is not known here: of its tables all columns that are named so are asked for. In place of `y.*`, where such a
//! column is y's, its columns are named one by one, which only a planner knows.

mod joins;
mod naming;
mod whole;

use std::collections::BTreeSet;

use datafusion::common::Result;
use datafusion::sql::sqlparser::ast::{ExcludeSelectItem, Expr, Select, SelectItem};

pub(super) use self::joins::tables;
use self::joins::{Hidden, object};
pub(crate) use self::joins::{NAMED, NATURAL, kind};
pub(crate) use self::naming::outside;
use self::naming::{Named, Names, Renaming};
use super::columns::Scope;
use super::names::{free, ident};
use super::walk::{change, look};

/// More of them in one FROM are left to DataFusion: brackets within brackets take stack.
const SHARED_MAX: usize = 32;

/// Puts brackets around such joins. `order` is what the answer of `select` is ordered by.
///
/// # Errors
/// Where the columns of `y.*` are not known.
pub(super) fn settle(select: &mut Select, order: &mut [&mut Expr], scope: &Scope<'_>) -> Result<()> {
    if !(1..=SHARED_MAX).contains(&select.from.iter().map(joins::count).sum()) {
        return Ok(());
    }
    let mut hidden = Hidden::default();
    for table in &select.from {
        hidden.add(table);
    }
    whole::settle(select, &hidden, scope)?;
    bracket(select, order, &hidden);
    Ok(())
}

fn bracket(select: &mut Select, order: &mut [&mut Expr], hidden: &Hidden) {
    let mut names = Names::default();
    // No error breaks it.
    let _all = look(select, &mut names);
    order.iter().for_each(|key| drop(look(*key, &mut names)));
    let asked: BTreeSet<Named> = names.0.into_iter().filter(|named| hidden.may_hide(named)).collect();
    for table in &mut select.from {
        joins::bracket(table, &asked);
    }
    let mut renaming = Renaming::new(&asked);
    let mut taken: BTreeSet<String> =
        select.projection.iter().filter_map(|item| renaming.kept(item)).collect();
    if select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_))) {
        taken.extend(asked.iter().map(|(_, name)| name.clone()));
    }
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::CompoundIdentifier(parts) if renaming.name(parts).is_some() => ident(&parts[1]),
                    Expr::Identifier(name) if !taken.insert(ident(name)) => ident(name),
                    _ => continue,
                };
                let alias = free(&name, &mut taken);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
            SelectItem::Wildcard(options) if !asked.is_empty() => {
                let mut names = match options.opt_exclude.take() {
                    Some(ExcludeSelectItem::Single(name)) => vec![name],
                    Some(ExcludeSelectItem::Multiple(names)) => names,
                    None => Vec::new(),
                };
                names.extend(asked.iter().map(|(of, name)| object(&[&outside(of, name)])));
                options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
            }
            _ => {}
        }
    }
    let mut from = std::mem::take(&mut select.from);
    naming::in_from(&mut from, &asked);
    change(select, &mut renaming);
    select.from = from;
    order.iter_mut().for_each(|key| change(*key, &mut renaming));
}
