//! EXPLAIN: the operators of a plan with what was estimated and, when it ran, what happened; as text or as JSON.
//!
//! The types of this JSON are `PlanOperator` of core/interfaces.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::operator_statistics::StatisticsRegistry;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::ast::{
    AnalyzeFormat, AnalyzeFormatKind, DescribeAlias, Expr, Statement, UtilityOption, Value,
};
use futures::TryStreamExt;
use serde::Serialize;
use varve_types::{ErrorCode, Result, VarveError};

use crate::error::{from_datafusion, unsupported};
use crate::output::Output;
use crate::planner::Planner;
use crate::run::Run;
use crate::statement::Parsed;

/// One operator of a plan and those that it takes rows from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operator {
    operator: String,
    detail: String,
    /// `None` when nothing is known.
    estimated_rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual_rows: Option<usize>,
    /// Of all threads together.
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ns: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_read: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spilled_bytes: Option<usize>,
    children: Vec<Operator>,
}

/// What EXPLAIN is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    analyze: bool,
    json: bool,
    /// DataFusion's own plans, logical and physical.
    verbose: bool,
}

/// Whether this is an EXPLAIN that is answered here: others are DataFusion's, among them DESCRIBE.
pub(crate) fn is_ours(statement: &Parsed) -> bool {
    let Statement::Explain { describe_alias, verbose, query_plan, estimate, format, .. } = statement else {
        return false;
    };
    let is_known = match format {
        None => true,
        Some(AnalyzeFormatKind::Keyword(format) | AnalyzeFormatKind::Assignment(format)) => {
            matches!(format, AnalyzeFormat::JSON | AnalyzeFormat::TEXT)
        }
    };
    *describe_alias == DescribeAlias::Explain && is_known && !verbose && !query_plan && !estimate
}

/// Answers an EXPLAIN: a column `plan` with one line per operator, or with the JSON.
pub(crate) async fn answer(run: &Run<'_>, planner: &Planner, explain: Parsed) -> Result<Output> {
    let Statement::Explain { analyze, statement, format, options, .. } = explain else {
        return Err(unsupported("this is no EXPLAIN"));
    };
    let mut wanted = Wanted { analyze, ..Wanted::default() };
    if let Some(AnalyzeFormatKind::Keyword(format) | AnalyzeFormatKind::Assignment(format)) = format {
        wanted.json = matches!(format, AnalyzeFormat::JSON);
    }
    for option in options.iter().flatten() {
        wanted.set(option)?;
    }
    if !matches!(*statement, Statement::Query(_)) {
        return Err(unsupported("EXPLAIN is there for queries only"));
    }
    if wanted.verbose {
        let explain = Statement::Explain {
            describe_alias: DescribeAlias::Explain,
            analyze: wanted.analyze,
            verbose: true,
            query_plan: false,
            estimate: false,
            statement,
            format: None,
            options: None,
        };
        let plan = planner.plan(explain).await.map_err(from_datafusion)?;
        return run.stream(planner, plan).await;
    }
    let plan = planner.plan(*statement).await.map_err(from_datafusion)?;
    let tree = explained(planner, plan, wanted.analyze).await?;
    let lines = if wanted.json { vec![tree.json()] } else { tree.lines() };
    let batch = RecordBatch::try_new(columns(), vec![Arc::new(StringArray::from(lines))]);
    Ok(Output::of_batch(batch.map_err(|error| from_datafusion(error.into()))?))
}

/// The columns of the answer to EXPLAIN.
pub(crate) fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("plan", DataType::Utf8, false)]))
}

/// The operators of a plan. With `analyze` it runs, and its rows are thrown away.
pub(crate) async fn explained(planner: &Planner, plan: LogicalPlan, analyze: bool) -> Result<Operator> {
    let (_, physical) = planner.planning().planned(plan).await.map_err(from_datafusion)?;
    if analyze {
        let rows = execute_stream(Arc::clone(&physical), planner.state.task_ctx());
        let rows = rows.map_err(from_datafusion)?;
        rows.try_for_each(|_| std::future::ready(Ok(()))).await.map_err(from_datafusion)?;
    }
    Ok(Operator::of(&physical, &planner.estimates(), analyze))
}

impl Wanted {
    fn set(&mut self, option: &UtilityOption) -> Result<()> {
        let name = option.name.value.to_ascii_lowercase();
        let value = match &option.arg {
            None => "true".to_owned(),
            Some(Expr::Value(value)) => match &value.value {
                Value::SingleQuotedString(text) => text.to_ascii_lowercase(),
                other => other.to_string().to_ascii_lowercase(),
            },
            Some(other) => other.to_string().to_ascii_lowercase(),
        };
        let truth = match value.as_str() {
            "true" | "on" | "1" => Some(true),
            "false" | "off" | "0" => Some(false),
            _ => None,
        };
        match (name.as_str(), truth, value.as_str()) {
            ("analyze", Some(truth), _) => self.analyze = truth,
            ("verbose", Some(truth), _) => self.verbose = truth,
            ("format", _, "json") => self.json = true,
            ("format", _, "text") => self.json = false,
            _ => {
                let message = format!("EXPLAIN has no option {option}");
                return Err(VarveError::new(ErrorCode::SqlUnsupported, message, "use ANALYZE, FORMAT JSON"));
            }
        }
        Ok(())
    }
}

impl Operator {
    fn of(plan: &Arc<dyn ExecutionPlan>, estimates: &StatisticsRegistry, analyze: bool) -> Self {
        let estimated = estimates.compute(plan.as_ref());
        let metrics = plan.metrics().filter(|_| analyze);
        let of = |read: fn(&MetricsSet) -> Option<usize>| metrics.as_ref().and_then(read);
        let positive = |count: Option<usize>| count.filter(|count| *count > 0);
        Self {
            operator: plan.name().to_owned(),
            detail: detail(plan.as_ref()),
            estimated_rows: match estimated.map(|known| known.base().num_rows) {
                Ok(Precision::Exact(rows) | Precision::Inexact(rows)) => Some(rows),
                _ => None,
            },
            actual_rows: of(MetricsSet::output_rows),
            elapsed_ns: of(MetricsSet::elapsed_compute),
            bytes_read: positive(of(|metrics| Some(metrics.sum_by_name("bytes_scanned")?.as_usize()))),
            spilled_bytes: positive(of(MetricsSet::spilled_bytes)),
            children: plan.children().into_iter().map(|child| Self::of(child, estimates, analyze)).collect(),
        }
    }

    /// What a plan says that cannot be made physical yet.
    pub(crate) fn of_logical(plan: &LogicalPlan) -> Self {
        let shown = plan.display().to_string();
        let (operator, detail) = shown.split_once(':').unwrap_or((&shown, ""));
        Self {
            operator: operator.to_owned(),
            detail: detail.trim().to_owned(),
            estimated_rows: None,
            actual_rows: None,
            elapsed_ns: None,
            bytes_read: None,
            spilled_bytes: None,
            children: plan.inputs().into_iter().map(Self::of_logical).collect(),
        }
    }

    /// As JSON text.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts have JSON")
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.write(0, &mut lines);
        lines
    }

    fn write(&self, depth: usize, lines: &mut Vec<String>) {
        let mut line = format!("{:indent$}{}", "", self.operator, indent = 2 * depth);
        if !self.detail.is_empty() {
            line = format!("{line}: {}", self.detail);
        }
        let estimated = self.estimated_rows.map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
        let mut facts = format!("rows estimated {estimated}");
        let counts = [(", actual ", self.actual_rows), (", bytes read ", self.bytes_read)];
        for (name, count) in counts.into_iter().chain([(", bytes spilled ", self.spilled_bytes)]) {
            if let Some(count) = count {
                let _into_a_string = write!(facts, "{name}{count}");
            }
        }
        if let Some(elapsed) = self.elapsed_ns {
            let _into_a_string = write!(facts, ", {:.3} ms", elapsed as f64 / 1e6);
        }
        lines.push(format!("{line} ({facts})"));
        for child in &self.children {
            child.write(depth + 1, lines);
        }
    }
}

/// What an operator says of itself, without its name.
fn detail(plan: &dyn ExecutionPlan) -> String {
    let line = DisplayableExecutionPlan::new(plan).one_line().to_string();
    let line = line.trim();
    line.strip_prefix(plan.name()).unwrap_or(line).trim_start_matches([':', ' ']).to_owned()
}
