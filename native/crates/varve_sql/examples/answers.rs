//! Answers statements for the oracles: `answers stock` with DataFusion as it comes, over tables in memory, and
//! `answers varve` with this crate over an own directory. The one is the measure of the other. Both may use the files of the
//! working directory.
//!
//! Each line of input is `{"sql": "..."}`, or `{"reset": true}` for an empty database; each line of output is
//! `{"columns": [kind], "rows": [[text or null]], "affected": number or null}`, or `{"error": text}`. Kinds are bool, int,
//! float, decimal, text, null and other.

use std::io::{BufRead, Write};

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use varve_sql::{Engine, Options, Params, Session};

const THREADS: usize = 2;

/// What comes of a statement: the columns, the rows, and how many rows it changed.
type Answer = Result<(SchemaRef, Vec<RecordBatch>, Option<u64>), String>;

fn main() {
    let mut subject = match std::env::args().nth(1).as_deref() {
        Some("stock") => Subject::stock(),
        Some("varve") => Subject::varve(),
        _ => {
            eprintln!("answers stock | answers varve");
            std::process::exit(2);
        }
    };
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value =
            serde_json::from_str(&line.expect("input can be read")).expect("a line of input is JSON");
        let answer = match request["sql"].as_str() {
            Some(sql) => shown(subject.answer(sql)),
            None => {
                subject = subject.emptied();
                json!({"columns": [], "rows": [], "affected": null})
            }
        };
        writeln!(output, "{answer}").and_then(|()| output.flush()).expect("output can be written");
    }
}

enum Subject {
    Stock { context: SessionContext, runtime: Runtime },
    Varve { session: Session, engine: Engine, _folder: tempfile::TempDir },
}

impl Subject {
    fn stock() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .expect("threads can be started");
        let config = SessionConfig::new().with_target_partitions(THREADS).with_information_schema(true);
        Self::Stock { context: SessionContext::new_with_config(config), runtime }
    }

    fn varve() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = Some(folder.path().join("db"));
        let allowed_folders = vec![std::env::current_dir().expect("there is a working directory")];
        let engine =
            Engine::open(&Options { directory, threads: THREADS, allowed_folders, ..Options::default() });
        let engine = engine.expect("an empty directory can be opened");
        Self::Varve { session: engine.session(), engine, _folder: folder }
    }

    fn emptied(self) -> Self {
        match self {
            Self::Stock { .. } => Self::stock(),
            Self::Varve { .. } => Self::varve(),
        }
    }

    fn answer(&self, sql: &str) -> Answer {
        match self {
            Self::Stock { context, runtime } => {
                let (context, sql) = (context.clone(), sql.to_owned());
                // In a task of its own, so that a panic is an answer like others.
                let task = runtime.spawn(async move { stock_answer(&context, &sql).await });
                runtime.block_on(task).unwrap_or_else(|error| Err(format!("panic: {error}")))
            }
            Self::Varve { session, engine, .. } => engine.handle().block_on(varve_answer(session, sql)),
        }
    }
}

async fn stock_answer(context: &SessionContext, sql: &str) -> Answer {
    let told = |error: datafusion::error::DataFusionError| error.strip_backtrace();
    let frame = context.sql(sql).await.map_err(told)?;
    let is_change = matches!(frame.logical_plan(), LogicalPlan::Dml(_));
    let schema = SchemaRef::new(frame.schema().as_arrow().clone());
    let rows = frame.collect().await.map_err(told)?;
    Ok((schema, rows, is_change.then_some(0)))
}

async fn varve_answer(session: &Session, sql: &str) -> Answer {
    let output = session.execute(sql, Params::default()).await.map_err(|error| error.to_string())?;
    let (schema, affected) = (SchemaRef::clone(&output.schema), output.rows_affected);
    let rows = output.collect().await.map_err(|error| error.to_string())?;
    Ok((schema, rows, affected))
}

fn shown(answer: Answer) -> Value {
    match answer {
        Err(error) => json!({"error": error}),
        Ok((schema, batches, affected)) => {
            let mut kinds: Vec<&str> = schema.fields().iter().map(|field| kind(field.data_type())).collect();
            let mut rows: Vec<Value> = batches.iter().flat_map(rows).collect();
            // DataFusion gives the number of changed rows as a row.
            if let (true, Some(count)) = (kinds.is_empty(), affected) {
                kinds.push("int");
                rows.push(json!([count.to_string()]));
            }
            json!({"columns": kinds, "rows": rows, "affected": affected})
        }
    }
}

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "null",
        DataType::Boolean => "bool",
        data_type if data_type.is_integer() => "int",
        data_type if data_type.is_floating() => "float",
        data_type if data_type.is_decimal() => "decimal",
        data_type if data_type.is_string() => "text",
        DataType::Dictionary(_, value) => kind(value),
        _ => "other",
    }
}

fn rows(batch: &RecordBatch) -> Vec<Value> {
    let options = FormatOptions::default();
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| {
            let text = ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown");
            (column, text)
        })
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            let cells = columns.iter().map(|(column, text)| match column.is_null(row) {
                true => Value::Null,
                false => Value::String(text.value(row).to_string()),
            });
            Value::Array(cells.collect())
        })
        .collect()
}
