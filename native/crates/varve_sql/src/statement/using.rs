//! Joins with USING and NATURAL, for [`crate::using`], which makes one column of those that are joined.
//!
//! Each becomes a join in brackets. What names a column of one side, as `y.a` of `x LEFT JOIN y USING (a)`, which the one column
//! `a` does not have the values of, is asked for within the brackets, and names it as a column of theirs, `"y·a"`. Which columns
//! NATURAL joins is not known here: of its tables all columns that are named so are asked for.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableFactor,
    TableWithJoins, Visitor, VisitorMut,
};
use varve_types::VarveError;

use super::enclosing::normal;
use super::walk::{change, look};

/// In front of the columns of such a join, so that it is known as one of these.
pub(crate) const NAMED: &str = "\u{1}using";
pub(crate) const NATURAL: &str = "\u{1}natural";

/// More of them in one FROM are left to DataFusion: brackets within brackets take stack.
const SHARED_MAX: usize = 32;

/// A table and a column of it.
type Named = (String, String);

/// Puts brackets around such joins.
pub(crate) fn bracket(statement: &mut Statement) {
    change(statement, &mut Brackets);
}

struct Brackets;

impl VisitorMut for Brackets {
    type Break = Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        let mut order = match query.order_by.as_mut().map(|order| &mut order.kind) {
            Some(OrderByKind::Expressions(keys)) => keys.iter_mut().map(|key| &mut key.expr).collect(),
            _ => Vec::new(),
        };
        in_body(&mut query.body, &mut order);
        ControlFlow::Continue(())
    }
}

fn in_body(body: &mut SetExpr, order: &mut [&mut Expr]) {
    match body {
        SetExpr::Select(select) if (1..=SHARED_MAX).contains(&select.from.iter().map(count_shared).sum()) => {
            in_select(select, order);
        }
        // What comes out of both has no table.
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left, &mut []);
            in_body(right, &mut []);
        }
        _ => {}
    }
}

fn in_select(select: &mut Select, order: &mut [&mut Expr]) {
    let mut hidden = Hidden::default();
    for table in &select.from {
        hidden.add(table);
    }
    let is_shown_whole = |item: &SelectItem| match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            hidden.hides_any_of(&last(name))
        }
        _ => false,
    };
    if select.projection.iter().any(is_shown_whole) {
        return;
    }
    let mut names = Names::default();
    // No error breaks it.
    let _all = look(select, &mut names);
    order.iter().for_each(|key| drop(look(*key, &mut names)));
    let asked: BTreeSet<Named> = names.0.into_iter().filter(|named| hidden.may_hide(named)).collect();
    for table in &mut select.from {
        in_brackets(table, &asked);
    }
    let mut renaming = Renaming { asked: &asked, shadows: Vec::new() };
    let mut taken: BTreeSet<String> =
        select.projection.iter().filter_map(|item| renaming.kept(item)).collect();
    if select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_))) {
        taken.extend(asked.iter().map(|(_, name)| name.clone()));
    }
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::CompoundIdentifier(parts) if renaming.name(parts).is_some() => normal(&parts[1]),
                    Expr::Identifier(name) if !taken.insert(normal(name)) => normal(name),
                    _ => continue,
                };
                let numbered = (2..).map(|count| format!("{name}_{count}"));
                let free =
                    std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
                let alias = Ident::with_quote('"', free.unwrap_or_default());
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
    change(select, &mut renaming);
    order.iter_mut().for_each(|key| change(*key, &mut renaming));
}

/// The tables of FROM, and of their columns those that a join shares and shows the values of another for.
#[derive(Default)]
struct Hidden {
    columns: BTreeSet<Named>,
    /// The tables whose shared columns are not known.
    tables: BTreeSet<String>,
}

impl Hidden {
    fn may_hide(&self, (table, column): &Named) -> bool {
        self.tables.contains(table)
            || self.columns.iter().any(|hidden| hidden.0 == *table && hidden.1 == *column)
    }

    fn hides_any_of(&self, table: &str) -> bool {
        self.tables.contains(table) || self.columns.iter().any(|(of, _)| of == table)
    }
}

impl Hidden {
    /// Takes a tree of joins; its tables.
    fn add(&mut self, table: &TableWithJoins) -> Vec<String> {
        let mut left = self.add_factor(&table.relation);
        for join in &table.joins {
            let right = self.add_factor(&join.relation);
            let shared = Shared::of(join);
            if matches!(shared, Some(Shared { columns: None, .. })) {
                self.tables.extend(left.iter().chain(&right).cloned());
            }
            if let Some(Shared { columns: Some(columns), shows_left, shows_right }) = shared {
                let sides = [(&left, shows_left), (&right, shows_right)];
                for tables in sides.into_iter().filter(|(_, is_shown)| !is_shown).map(|(tables, _)| tables) {
                    let all =
                        tables.iter().flat_map(|of| columns.iter().map(|name| (of.clone(), name.clone())));
                    self.columns.extend(all);
                }
            }
            left.extend(right);
        }
        left
    }

    fn add_factor(&mut self, factor: &TableFactor) -> Vec<String> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let within = self.add(table_with_joins);
                alias.as_ref().map_or(within, |alias| vec![normal(&alias.name)])
            }
            other => name_of(other).into_iter().collect(),
        }
    }
}

/// What a join by shared columns has.
struct Shared {
    /// Their names; `None` of a NATURAL one.
    columns: Option<Vec<String>>,
    /// Whether those of a side are what the shared ones are.
    shows_left: bool,
    shows_right: bool,
}

impl Shared {
    fn of(join: &Join) -> Option<Self> {
        let (JoinOperator::Inner(constraint)
        | JoinOperator::Join(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)) = &join.join_operator
        else {
            return None;
        };
        if is_lateral(&join.relation) {
            return None;
        }
        let columns = match constraint {
            JoinConstraint::Using(names) => Some(names.iter().map(last).collect()),
            JoinConstraint::Natural => None,
            _ => return None,
        };
        let shows_right = matches!(join.join_operator, JoinOperator::Right(_) | JoinOperator::RightOuter(_));
        let shows_left = !shows_right && !matches!(join.join_operator, JoinOperator::FullOuter(_));
        Some(Self { columns, shows_left, shows_right })
    }
}

fn count_shared(table: &TableWithJoins) -> usize {
    let within = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => count_shared(table_with_joins),
        _ => 0,
    };
    let of_join = |join: &Join| usize::from(Shared::of(join).is_some()) + within(&join.relation);
    within(&table.relation) + table.joins.iter().map(of_join).sum::<usize>()
}

/// Puts what is left of such a join, and it, into brackets, with what is asked for there.
fn in_brackets(table: &mut TableWithJoins, asked: &BTreeSet<Named>) {
    let within = |factor: &mut TableFactor| {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            in_brackets(table_with_joins, asked);
        }
    };
    within(&mut table.relation);
    for mut join in std::mem::take(&mut table.joins) {
        within(&mut join.relation);
        let Some(shared) = Shared::of(&join) else {
            table.joins.push(join);
            continue;
        };
        let mark = if shared.columns.is_some() { NAMED } else { NATURAL };
        let columns = shared.columns.unwrap_or_default();
        let entries = std::iter::once(object(&[mark]))
            .chain(columns.iter().map(|name| object(&[name])))
            .chain(asked.iter().map(|(of, name)| object(&[of, name])));
        if let JoinOperator::Inner(constraint)
        | JoinOperator::Join(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) = &mut join.join_operator
        {
            *constraint = JoinConstraint::Using(entries.collect());
        }
        let left =
            TableWithJoins { relation: table.relation.clone(), joins: std::mem::take(&mut table.joins) };
        let left = if left.joins.is_empty() { left.relation } else { nested(left) };
        table.relation = nested(TableWithJoins { relation: left, joins: vec![join] });
    }
}

fn nested(table: TableWithJoins) -> TableFactor {
    TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None }
}

fn is_lateral(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived { lateral, .. } | TableFactor::Function { lateral, .. } => *lateral,
        TableFactor::UNNEST { .. } => true,
        _ => false,
    }
}

/// What columns of a table are named after.
fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(normal(&alias.name)),
        TableFactor::Table { name, .. } => Some(last(name)),
        _ => None,
    }
}

fn last(name: &ObjectName) -> String {
    name.0.last().and_then(ObjectNamePart::as_ident).map(normal).unwrap_or_default()
}

fn object(parts: &[&str]) -> ObjectName {
    ObjectName::from(parts.iter().map(|part| Ident::with_quote('"', *part)).collect::<Vec<_>>())
}

/// The name that a column of one side has outside the brackets. With a dot DataFusion would take it for the column of a table.
pub(crate) fn outside(table: &str, column: &str) -> String {
    format!("{table}\u{b7}{column}")
}

/// The columns that are named with their table.
#[derive(Default)]
struct Names(BTreeSet<Named>);

impl Visitor for Names {
    type Break = VarveError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<VarveError> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [table, column, ..] = parts.as_slice()
        {
            self.0.insert((normal(table), normal(column)));
        }
        ControlFlow::Continue(())
    }
}

/// Names what is asked for as it is outside the brackets.
struct Renaming<'a> {
    asked: &'a BTreeSet<Named>,
    /// The tables of queries within, which may have the same names.
    shadows: Vec<BTreeSet<String>>,
}

impl Renaming<'_> {
    /// The name of a column that keeps it, whatever else has it.
    fn kept(&self, item: &SelectItem) -> Option<String> {
        match item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) if self.name(parts).is_none() => {
                parts.last().map(normal)
            }
            SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
            _ => None,
        }
    }

    fn name(&self, parts: &[Ident]) -> Option<String> {
        let [table, column, ..] = parts else { return None };
        let named = (normal(table), normal(column));
        let is_shadowed = self.shadows.iter().skip(1).any(|tables| tables.contains(&named.0));
        (self.asked.contains(&named) && !is_shadowed).then(|| outside(&named.0, &named.1))
    }
}

impl VisitorMut for Renaming<'_> {
    type Break = Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        let mut tables = Hidden::default();
        self.shadows.push(select.from.iter().flat_map(|table| tables.add(table)).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<Infallible> {
        self.shadows.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some(name) = self.name(parts)
        {
            let name = Ident::with_quote('"', name);
            *expr = match parts.split_off(2) {
                rest if rest.is_empty() => Expr::Identifier(name),
                rest => Expr::CompoundIdentifier(std::iter::once(name).chain(rest).collect()),
            };
        }
        ControlFlow::Continue(())
    }
}
