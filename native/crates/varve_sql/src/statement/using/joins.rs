//! The joins of FROM that show one column for two.

use std::collections::BTreeSet;

use datafusion::common::JoinType;
use datafusion::sql::sqlparser::ast::{
    Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, TableFactor, TableWithJoins,
};

use super::naming::Named;
use crate::statement::names::ident;

/// In front of the columns of such a join, so that it is known as one of these.
pub(crate) const NAMED: &str = "\u{1}using";
pub(crate) const NATURAL: &str = "\u{1}natural";

/// The tables of FROM, and of their columns those that a join shares and shows the values of another for.
#[derive(Default)]
pub(super) struct Hidden {
    columns: BTreeSet<Named>,
    /// The tables whose shared columns are not known.
    tables: BTreeSet<String>,
}

impl Hidden {
    pub(super) fn may_hide(&self, named: &Named) -> bool {
        self.tables.contains(&named.0) || self.columns.contains(named)
    }

    pub(super) fn may_hide_any_of(&self, table: &str) -> bool {
        self.tables.contains(table) || self.columns.iter().any(|(of, _)| of == table)
    }

    /// Takes a tree of joins; its tables.
    pub(super) fn add(&mut self, table: &TableWithJoins) -> Vec<String> {
        let mut left = self.add_factor(&table.relation);
        for join in &table.joins {
            let right = self.add_factor(&join.relation);
            match Shared::of(join) {
                Some(Shared { columns: None, .. }) => self.tables.extend(left.iter().chain(&right).cloned()),
                Some(Shared { columns: Some(columns), join_type }) => {
                    let shows_left = matches!(join_type, JoinType::Inner | JoinType::Left);
                    let of_left = left.iter().filter(|_| !shows_left);
                    for of in of_left.chain(right.iter().filter(|_| join_type != JoinType::Right)) {
                        self.columns.extend(columns.iter().map(|name| (of.clone(), name.clone())));
                    }
                }
                None => {}
            }
            left.extend(right);
        }
        left
    }

    fn add_factor(&mut self, factor: &TableFactor) -> Vec<String> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let within = self.add(table_with_joins);
                alias.as_ref().map_or(within, |alias| vec![ident(&alias.name)])
            }
            other => name_of(other).into_iter().collect(),
        }
    }
}

/// The tables of FROM, as columns name them.
pub(in crate::statement) fn tables(from: &[TableWithJoins]) -> Vec<String> {
    from.iter().flat_map(tables_of).collect()
}

pub(super) fn tables_of(table: &TableWithJoins) -> Vec<String> {
    Hidden::default().add(table)
}

/// Whether it shows one column for two.
pub(super) fn is_shared(join: &Join) -> bool {
    Shared::of(join).is_some()
}

/// A join by columns that both sides have.
struct Shared {
    join_type: JoinType,
    /// Their names; `None` of a NATURAL one.
    columns: Option<Vec<String>>,
}

impl Shared {
    fn of(join: &Join) -> Option<Self> {
        let (join_type, constraint) = kind(&join.join_operator)?;
        let columns = match constraint {
            JoinConstraint::Using(names) => Some(names.iter().map(last).collect()),
            JoinConstraint::Natural => None,
            _ => return None,
        };
        (!is_lateral(&join.relation)).then_some(Self { join_type, columns })
    }
}

/// The kind of a join that can have shared columns, and what it has.
pub(crate) fn kind(join: &JoinOperator) -> Option<(JoinType, &JoinConstraint)> {
    match join {
        JoinOperator::Inner(constraint) | JoinOperator::Join(constraint) => {
            Some((JoinType::Inner, constraint))
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            Some((JoinType::Left, constraint))
        }
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            Some((JoinType::Right, constraint))
        }
        JoinOperator::FullOuter(constraint) => Some((JoinType::Full, constraint)),
        _ => None,
    }
}

/// How many such joins there are.
pub(super) fn count(table: &TableWithJoins) -> usize {
    let within = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => count(table_with_joins),
        _ => 0,
    };
    let of_join = |join: &Join| usize::from(is_shared(join)) + within(&join.relation);
    within(&table.relation) + table.joins.iter().map(of_join).sum::<usize>()
}

/// Puts what is left of such a join, and it, into brackets, with what is asked for there.
pub(super) fn bracket(table: &mut TableWithJoins, asked: &BTreeSet<Named>) {
    let within = |factor: &mut TableFactor| {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            bracket(table_with_joins, asked);
        }
    };
    within(&mut table.relation);
    for mut join in std::mem::take(&mut table.joins) {
        within(&mut join.relation);
        let Some(Shared { join_type, columns }) = Shared::of(&join) else {
            table.joins.push(join);
            continue;
        };
        let mark = if columns.is_some() { NAMED } else { NATURAL };
        let columns = columns.unwrap_or_default();
        let entries = std::iter::once(object(&[mark]))
            .chain(columns.iter().map(|name| object(&[name])))
            .chain(asked.iter().map(|(of, name)| object(&[of, name])));
        let constraint = JoinConstraint::Using(entries.collect());
        join.join_operator = match join_type {
            JoinType::Left => JoinOperator::Left(constraint),
            JoinType::Right => JoinOperator::Right(constraint),
            JoinType::Full => JoinOperator::FullOuter(constraint),
            _ => JoinOperator::Inner(constraint),
        };
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
pub(super) fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(ident(&alias.name)),
        TableFactor::Table { name, .. } => Some(last(name)),
        _ => None,
    }
}

pub(super) fn last(name: &ObjectName) -> String {
    name.0.last().and_then(ObjectNamePart::as_ident).map(ident).unwrap_or_default()
}

pub(super) fn object(parts: &[&str]) -> ObjectName {
    ObjectName::from(parts.iter().map(|part| Ident::with_quote('"', *part)).collect::<Vec<_>>())
}
