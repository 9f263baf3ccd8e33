//! Joins with USING and NATURAL: columns that both sides have are one in the join.
//!
//! It is the left side's, but of a RIGHT JOIN the right side's, and of a FULL JOIN whichever is not NULL. DataFusion 55.2 takes
//! the left side's of all of them, so that rows without a partner there had NULL; it takes such a column for ambiguous in
//! WHERE, and so in the USING of a third table.

use std::sync::Arc;

use datafusion::common::{Column, DFSchema, JoinConstraint, JoinType, NullEquality, Result, plan_err};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection};
use datafusion::sql::sqlparser::ast::{self, JoinOperator, ObjectName, TableFactor};

use crate::statement::using::{NAMED, NATURAL, kind, outside};

/// Plans such joins, as they were bracketed.
#[derive(Debug)]
pub(crate) struct SharedColumns;

impl RelationPlanner for SharedColumns {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let original = |relation| Ok(RelationPlanning::Original(Box::new(relation)));
        let TableFactor::NestedJoin { table_with_joins, alias: None } = &relation else {
            return original(relation);
        };
        let [join] = table_with_joins.joins.as_slice() else { return original(relation) };
        let Some((join_type, names)) = shared(&join.join_operator) else { return original(relation) };
        let left = context.plan(table_with_joins.relation.clone())?;
        let right = context.plan(join.relation.clone())?;
        let plan = Names::new(names, &left, &right).joined(left, right, join_type)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The kind of a join with one of the marks, and what its USING lists.
fn shared(join: &JoinOperator) -> Option<(JoinType, &[ObjectName])> {
    let (join_type, ast::JoinConstraint::Using(names)) = kind(join)? else { return None };
    let mark = names.first().map(part)?;
    (mark == NAMED || mark == NATURAL).then_some((join_type, names.as_slice()))
}

fn part(name: &ObjectName) -> &str {
    name.0.last().and_then(|part| part.as_ident()).map_or("", |part| part.value.as_str())
}

/// What a join is about.
struct Names {
    /// That both sides have.
    columns: Vec<String>,
    /// Of one side, that are asked for: with their table.
    asked: Vec<(String, String)>,
}

impl Names {
    fn new(names: &[ObjectName], left: &LogicalPlan, right: &LogicalPlan) -> Self {
        let is_natural = names.first().map(part) == Some(NATURAL);
        let (mut columns, mut asked) = (Vec::new(), Vec::new());
        for name in names.iter().skip(1) {
            match name.0.as_slice() {
                [table, _] => {
                    let table = table.as_ident().map(|table| table.value.clone()).unwrap_or_default();
                    asked.push((table, part(name).to_owned()));
                }
                _ => columns.push(part(name).to_owned()),
            }
        }
        if is_natural {
            let of_left = |name: &String| left.schema().fields().iter().any(|field| field.name() == name);
            let names = right.schema().fields().iter().map(|field| field.name());
            columns.extend(names.filter(|name| of_left(name)).cloned());
        }
        Self { columns, asked }
    }

    fn joined(self, left: LogicalPlan, right: LogicalPlan, join_type: JoinType) -> Result<LogicalPlan> {
        let mut on = Vec::new();
        for name in &self.columns {
            on.push((only(left.schema(), name)?, only(right.schema(), name)?));
        }
        let shown = |(left, right): &(Column, Column)| {
            let (own, other) = (Expr::Column(left.clone()), Expr::Column(right.clone()));
            match join_type {
                JoinType::Right => other,
                JoinType::Full => {
                    coalesce(vec![own, other]).alias_qualified(left.relation.clone(), left.name.clone())
                }
                _ => own,
            }
        };
        let of_left = left.schema().columns().into_iter().map(|column| {
            let shared = on.iter().find(|(left, _)| *left == column);
            shared.map_or_else(|| Expr::Column(column), shown)
        });
        let of_right = right.schema().columns().into_iter();
        let of_right =
            of_right.filter(|column| on.iter().all(|(_, right)| right != column)).map(Expr::Column);
        let mut exprs: Vec<_> = of_left.chain(of_right).collect();
        exprs.extend(self.asked.iter().filter_map(|named| asked(named, &left, &right)));
        if on.is_empty() {
            return LogicalPlanBuilder::from(left).cross_join(right)?.project(exprs)?.build();
        }
        let on = on.into_iter().map(|(left, right)| (Expr::Column(left), Expr::Column(right))).collect();
        let join = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            None,
            join_type,
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        Projection::try_new(exprs, Arc::new(LogicalPlan::Join(join))).map(LogicalPlan::Projection)
    }
}

/// The only column of this name.
fn only(schema: &DFSchema, name: &str) -> Result<Column> {
    let columns = schema.columns_with_unqualified_name(name);
    match columns.as_slice() {
        [column] => Ok(column.clone()),
        [] => plan_err!("a table of USING has no column {name}"),
        _ => plan_err!("several tables on one side of USING have a column {name}"),
    }
}

/// A column of one side under the name that it has outside, unless it is there already.
fn asked((table, column): &(String, String), left: &LogicalPlan, right: &LogicalPlan) -> Option<Expr> {
    let name = outside(table, column);
    let is_there = |side: &LogicalPlan| side.schema().has_column(&Column::new_unqualified(&name));
    if is_there(left) || is_there(right) {
        return None;
    }
    let column = find(left, table, column).or_else(|| find(right, table, column))?;
    Some(Expr::Column(column).alias(name))
}

/// The column of a table of `plan`.
fn find(plan: &LogicalPlan, table: &str, column: &str) -> Option<Column> {
    let columns = plan.schema().columns_with_unqualified_name(column);
    columns.into_iter().find(|column| column.relation.as_ref().is_some_and(|of| of.table() == table))
}
