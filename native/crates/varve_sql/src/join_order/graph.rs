//! A tree of inner joins as a graph: relations, classes of keys that are equal, and conditions.
//!
//! Columns of all relations are numbered one after the other; expressions in a graph are over these numbers.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality, Result};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{BinaryExpr, Column};
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::operator_statistics::StatisticsRegistry;
use datafusion::physical_plan::projection::ProjectionExec;

use super::search::Tree;
use crate::cardinality::{self, CONDITION, Domain, Learned, edges, of_expr};
use crate::lambdas::has_lambda;

/// A set of relations, one bit each.
pub(super) type Set = u64;
/// More relations are left as they are written, but for as many as this at the bottom.
const RELATIONS_MAX: usize = 32;

/// What is joined.
pub(super) struct Relation {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    /// The number of its first column.
    pub(super) offset: usize,
    rows: f64,
}

/// An expression over one relation that is a key.
pub(super) struct Key {
    pub(super) relation: usize,
    pub(super) expr: Arc<dyn PhysicalExpr>,
    domain: Option<Domain>,
}

/// A condition beside the keys.
pub(super) struct Condition {
    pub(super) expr: Arc<dyn PhysicalExpr>,
    pub(super) relations: Set,
}

/// A tree of inner joins.
pub(super) struct Graph {
    pub(super) relations: Vec<Relation>,
    /// Keys that are equal in every row.
    pub(super) classes: Vec<Vec<Key>>,
    pub(super) conditions: Vec<Condition>,
    /// The numbers of the columns that come out.
    pub(super) output: Vec<usize>,
    /// How joins are partitioned.
    pub(super) mode: PartitionMode,
    /// The relations of each class.
    joined: Vec<Set>,
    /// Pairs of relations, and by how much more rows of them match.
    corrections: Vec<(Set, f64)>,
    written: Shape,
    columns: usize,
}

/// The tree as it is written.
enum Shape {
    Relation(usize),
    Join(Box<Shape>, Box<Shape>),
}

impl Graph {
    /// The graph of the joins at the top of `plan`; `None` unless there are two or more.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let Some(mode) = mode_of(plan) else { return Ok(None) };
        let mut graph = Self {
            relations: Vec::new(),
            classes: Vec::new(),
            conditions: Vec::new(),
            output: Vec::new(),
            mode,
            joined: Vec::new(),
            corrections: Vec::new(),
            written: Shape::Relation(0),
            columns: 0,
        };
        (graph.output, graph.written) = graph.add(plan)?;
        Ok((3..=RELATIONS_MAX).contains(&graph.relations.len()).then_some(graph))
    }

    /// Adds what is below `plan`; the numbers of its columns.
    fn add(&mut self, plan: &Arc<dyn ExecutionPlan>) -> Result<(Vec<usize>, Shape)> {
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>()
            && mode_of(projection.input()).is_some()
            && let Some(columns) = columns_of(projection)
        {
            let (numbers, shape) = self.add(projection.input())?;
            return Ok((columns.into_iter().map(|at| numbers[at]).collect(), shape));
        }
        let Some(join) = inner_join(plan) else { return Ok(self.add_relation(plan)) };
        let (left, left_shape) = self.add(join.left())?;
        let (right, right_shape) = self.add(join.right())?;
        for (one, other) in join.on() {
            self.equate(numbered(one, &left)?, numbered(other, &right)?);
        }
        if let Some(filter) = join.filter() {
            let number = |column: &ColumnIndex| match column.side {
                JoinSide::Right => right[column.index],
                _ => left[column.index],
            };
            let numbers: Vec<usize> = filter.column_indices().iter().map(number).collect();
            let expr = numbered(filter.expression(), &numbers)?;
            let relations = self.relations_of(&expr);
            self.conditions.push(Condition { expr, relations });
        }
        let both = [left, right].concat();
        let output = match join.projection.as_deref() {
            Some(projection) => projection.iter().map(|at| both[*at]).collect(),
            None => both,
        };
        Ok((output, Shape::Join(Box::new(left_shape), Box::new(right_shape))))
    }

    fn add_relation(&mut self, plan: &Arc<dyn ExecutionPlan>) -> (Vec<usize>, Shape) {
        let offset = self.columns;
        self.columns += plan.schema().fields().len();
        self.relations.push(Relation { plan: Arc::clone(plan), offset, rows: 0.0 });
        ((offset..self.columns).collect(), Shape::Relation(self.relations.len() - 1))
    }

    /// Makes two keys one class, together with all that are equal to either.
    fn equate(&mut self, one: Arc<dyn PhysicalExpr>, other: Arc<dyn PhysicalExpr>) {
        let pair = [one, other].map(|expr| (self.relations_of(&expr), expr));
        if pair.iter().any(|(relations, _)| relations.count_ones() != 1) {
            // A key over several relations is no edge of a graph: it is a condition.
            let [(of_one, one), (of_other, other)] = pair;
            let relations = of_one | of_other;
            let expr = Arc::new(BinaryExpr::new(one, Operator::Eq, other));
            self.conditions.push(Condition { expr, relations });
            return;
        }
        let mut class = Vec::new();
        for (relations, expr) in pair {
            match self.classes.iter().position(|class| class.iter().any(|key| key.expr.eq(&expr))) {
                Some(at) => class.append(&mut self.classes.swap_remove(at)),
                None if class.iter().any(|key: &Key| key.expr.eq(&expr)) => {}
                None => class.push(Key { relation: relations.trailing_zeros() as usize, expr, domain: None }),
            }
        }
        self.classes.push(class);
    }

    fn relations_of(&self, expr: &Arc<dyn PhysicalExpr>) -> Set {
        collect_columns(expr).iter().fold(0, |set, column| set | 1 << self.relation_of(column.index()))
    }

    /// The relation that a numbered column is of.
    pub(super) fn relation_of(&self, number: usize) -> usize {
        self.relations.partition_point(|relation| relation.offset <= number) - 1
    }

    /// Looks up how many rows there are, and how many values.
    pub(super) fn estimate(&mut self, registry: &StatisticsRegistry, learned: &Learned) -> Result<()> {
        let mut columns = Vec::with_capacity(self.columns);
        for relation in &mut self.relations {
            let known = cardinality::of_plan(relation.plan.as_ref(), registry)?;
            relation.rows = known.rows.max(1.0);
            columns.extend(known.columns);
            columns.resize(relation.offset + relation.plan.schema().fields().len(), None);
        }
        for key in self.classes.iter_mut().flatten() {
            key.domain = of_expr(&key.expr, &columns);
        }
        let relations_of = |class: &Vec<Key>| class.iter().fold(0, |set, key| set | 1 << key.relation);
        self.joined = self.classes.iter().map(relations_of).collect();
        let count = self.relations.len();
        let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
        let pairs = pairs.map(|(one, other)| (1 << one | 1 << other, self.correction(one, other, learned)));
        self.corrections = pairs.filter(|(_, factor)| *factor != 1.0).collect();
        Ok(())
    }

    /// How many rows the join of a set of relations has: the same in whatever order they are joined.
    pub(super) fn rows(&self, set: Set) -> f64 {
        let within = |relation: usize| set & 1 << relation != 0;
        let relations = self.relations.iter().enumerate().filter(|(at, _)| within(*at));
        let mut rows: f64 = relations.map(|(_, relation)| relation.rows).product();
        for class in &self.classes {
            let keys: Vec<&Key> = class.iter().filter(|key| within(key.relation)).collect();
            let related = keys.iter().map(|key| key.relation).collect::<HashSet<_>>().len();
            if related > 1 {
                rows /= self.values(&keys).powi(related as i32 - 1);
            }
        }
        let corrections = self.corrections.iter().filter(|(pair, _)| pair & !set == 0);
        rows *= corrections.map(|(_, factor)| factor).product::<f64>();
        let met = self.conditions.iter().filter(|condition| condition.relations & !set == 0).count();
        (rows * CONDITION.powi(met as i32)).max(1.0)
    }

    /// Of how many values keys of one class are.
    fn values(&self, keys: &[&Key]) -> f64 {
        let known = keys.iter().filter_map(|key| Some(key.domain?.values)).reduce(f64::min);
        let largest = || keys.iter().map(|key| self.relations[key.relation].rows).fold(1.0, f64::max);
        known.unwrap_or_else(largest).max(1.0)
    }

    /// By how much more rows of two relations match than by each key for itself. Keys in common have not all their
    /// combinations: at most as many as one of the relations has rows. What else was wrong is learned.
    fn correction(&self, one: usize, other: usize, learned: &Learned) -> f64 {
        let mut combinations = 1.0;
        let mut origins = Vec::new();
        let (mut of_one, mut of_other): (Vec<Domain>, Vec<Domain>) = (Vec::new(), Vec::new());
        for class in &self.classes {
            let of = |relation: usize| class.iter().find(|key| key.relation == relation);
            let (Some(left), Some(right)) = (of(one), of(other)) else { continue };
            combinations *= self.values(&[left, right]);
            origins.push(left.domain.and_then(|it| it.origin).zip(right.domain.and_then(|it| it.origin)));
            of_one.extend(left.domain);
            of_other.extend(right.domain);
        }
        let edges = origins.into_iter().collect::<Option<Vec<_>>>().and_then(edges);
        let factor = edges.map_or(1.0, |shape| learned.factor(shape));
        if of_one.len() < 2 || of_other.len() != of_one.len() {
            return factor;
        }
        let rows = |domains: &[Domain]| domains.iter().map(|domain| domain.rows).fold(1.0, f64::max);
        factor * (combinations / rows(&of_one).min(rows(&of_other))).max(1.0)
    }

    /// Whether keys join two sets.
    pub(super) fn are_joined(&self, one: Set, other: Set) -> bool {
        self.joined.iter().any(|relations| relations & one != 0 && relations & other != 0)
    }

    /// The tree as it is written.
    pub(super) fn written(&self) -> Tree {
        self.tree_of(&self.written)
    }

    fn tree_of(&self, shape: &Shape) -> Tree {
        match shape {
            Shape::Relation(at) => Tree::relation(self, *at),
            Shape::Join(left, right) => Tree::join(self, self.tree_of(left), self.tree_of(right)),
        }
    }
}

/// `expr` with each column replaced by its number.
fn numbered(expr: &Arc<dyn PhysicalExpr>, numbers: &[usize]) -> Result<Arc<dyn PhysicalExpr>> {
    let replaced = Arc::clone(expr).transform_up(|node| match node.downcast_ref::<Column>() {
        // The name is of no use, and the same column may have several.
        Some(column) => Ok(Transformed::yes(Arc::new(Column::new("", numbers[column.index()])) as _)),
        None => Ok(Transformed::no(node)),
    });
    Ok(replaced?.data)
}

/// How an inner join, maybe under projections of columns, is partitioned; `None` when `plan` is no such join.
fn mode_of(plan: &Arc<dyn ExecutionPlan>) -> Option<PartitionMode> {
    match plan.downcast_ref::<ProjectionExec>() {
        Some(projection) => columns_of(projection).and_then(|_| mode_of(projection.input())),
        None => inner_join(plan).map(|join| *join.partition_mode()),
    }
}

/// The columns that a projection passes on, if it does nothing else.
fn columns_of(projection: &ProjectionExec) -> Option<Vec<usize>> {
    projection.expr().iter().map(|item| Some(item.expr.downcast_ref::<Column>()?.index())).collect()
}

/// A join that may change places.
fn inner_join(plan: &Arc<dyn ExecutionPlan>) -> Option<&HashJoinExec> {
    plan.downcast_ref::<HashJoinExec>().filter(|join| {
        let keys = join.on().iter().flat_map(|(left, right)| [left, right]);
        let mut parts = keys.chain(join.filter().map(JoinFilter::expression));
        *join.join_type() == JoinType::Inner
            && join.null_equality() == NullEquality::NullEqualsNothing
            && join.fetch().is_none()
            && parts.all(|part| has_lambda(part).is_ok_and(|has| !has))
    })
}
