//! Rows that a plan makes of its parameters alone: `SELECT $1 + 1`, or the VALUES of an INSERT.
//!
//! Such a plan is a few expressions over one row, that of the parameters. Planning it again and starting tasks for it would
//! cost a hundred times what it costs to evaluate it, so it is kept as these expressions.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, plan_datafusion_err};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use crate::checked::is_checked;
use crate::expressions::each_part;
use crate::param::Params;

/// So many parts its expressions may have, all together.
const PARTS_MAX: usize = 1 << 10;

/// Rows as expressions over one row of parameters.
pub(crate) struct GivenRows {
    /// Of the parameters.
    params: SchemaRef,
    /// Of the rows.
    schema: SchemaRef,
    rows: Vec<Vec<Arc<dyn PhysicalExpr>>>,
}

impl GivenRows {
    /// So many rows a plan may give, to be evaluated in passing.
    pub(crate) const ROWS_MAX: usize = 64;

    /// Whether a plan, not optimised yet, is of parameters and constants alone, without any function.
    pub(crate) fn suits(plan: &LogicalPlan) -> bool {
        rows_of(plan).is_some()
    }

    /// The rows of an optimised plan whose parameters have these types; `None` when it asks for more than them, or for what
    /// may take long.
    pub(crate) fn of(plan: &LogicalPlan, types: &[DataType]) -> Option<Self> {
        let rows = rows_of(plan)?;
        let fields = types.iter().enumerate();
        let fields: Vec<Field> =
            fields.map(|(at, data_type)| Field::new(name(at), data_type.clone(), true)).collect();
        let params = Arc::new(Schema::new(fields));
        let columns = DFSchema::try_from(Arc::clone(&params)).ok()?;
        let (props, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let physical = |expr: Expr| create_physical_expr(&over_params(expr)?, &columns, &props, &context);
        let rows = rows.into_iter().map(|row| row.into_iter().map(physical).collect::<Result<Vec<_>>>());
        let rows = rows.collect::<Result<Vec<_>>>().ok()?;
        Some(Self { params, schema: Arc::new(nullable(plan.schema().as_arrow())), rows })
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows for these parameters, whose types are those that it was made for.
    pub(crate) fn evaluate(&self, params: &Params) -> Result<RecordBatch> {
        let values = params.values.iter().map(|value| value.to_array_of_size(1));
        let given = batch(&self.params, values.collect::<Result<_>>()?, 1)?;
        let value = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(&given)?.into_array(1);
        let columns = (0..self.schema.fields().len()).map(|at| {
            let values = self.rows.iter().map(|row| value(&row[at])).collect::<Result<Vec<ArrayRef>>>()?;
            match values.as_slice() {
                [one] => Ok(Arc::clone(one)),
                several => {
                    let several: Vec<_> = several.iter().map(AsRef::as_ref).collect();
                    Ok(concat(&several)?)
                }
            }
        });
        batch(&self.schema, columns.collect::<Result<_>>()?, self.rows.len())
    }
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Whether a value is NULL depends on the parameters.
fn nullable(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

fn name(at: usize) -> String {
    format!("${}", at + 1)
}

/// The rows of a plan, each value an expression without columns.
fn rows_of(plan: &LogicalPlan) -> Option<Vec<Vec<Expr>>> {
    let rows = match plan {
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => vec![Vec::new()],
        LogicalPlan::Values(values) if values.values.len() <= GivenRows::ROWS_MAX => values.values.clone(),
        LogicalPlan::SubqueryAlias(alias) => rows_of(&alias.input)?,
        LogicalPlan::Projection(projection) => {
            let inner = rows_of(&projection.input)?;
            let columns = projection.input.schema();
            let of = |row: &Vec<Expr>| {
                let put_in = |expr: &Expr| {
                    let made = each_part(expr.clone(), &|part| match part {
                        Expr::Column(column) => {
                            let at = columns.index_of_column(&column)?;
                            let missing = || plan_datafusion_err!("a row has no column {column}");
                            Ok(Transformed::yes(row.get(at).cloned().ok_or_else(missing)?))
                        }
                        other => Ok(Transformed::no(other)),
                    });
                    made.ok().map(|made| made.data)
                };
                projection.expr.iter().map(put_in).collect::<Option<Vec<_>>>()
            };
            inner.iter().map(of).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    // At each level: expressions that are put into expressions may grow without bound.
    let mut parts = 0;
    let are_quick = rows.iter().flatten().all(|expr| is_quick(expr, &mut parts));
    are_quick.then_some(rows)
}

/// Whether an expression takes no longer than its parameters are long.
fn is_quick(expr: &Expr, parts: &mut usize) -> bool {
    let mut is = true;
    let walked = expr.apply(|part| {
        *parts += 1;
        is &= *parts <= PARTS_MAX
            && match part {
                Expr::Alias(_)
                | Expr::Literal(..)
                | Expr::Placeholder(_)
                | Expr::Not(_)
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsUnknown(_)
                | Expr::IsNotTrue(_)
                | Expr::IsNotFalse(_)
                | Expr::IsNotUnknown(_)
                | Expr::Negative(_)
                | Expr::Between(_)
                | Expr::Case(_)
                | Expr::Cast(_)
                | Expr::TryCast(_) => true,
                Expr::BinaryExpr(binary) => {
                    binary.op.is_numerical_operators()
                        || binary.op.supports_propagation()
                        || matches!(binary.op, Operator::NotEq | Operator::And | Operator::Or)
                }
                Expr::ScalarFunction(call) => is_checked(call.name()),
                _ => false,
            };
        Ok(if is { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    is && walked.is_ok()
}

/// The same expression over columns that hold the parameters.
fn over_params(expr: Expr) -> Result<Expr> {
    let made = each_part(expr, &|part| {
        Ok(match part {
            Expr::Placeholder(placeholder) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(placeholder.id)))
            }
            other => Transformed::no(other),
        })
    });
    made.map(|made| made.data)
}
