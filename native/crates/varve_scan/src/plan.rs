//! Plans as they come: JSON, checked for shape here and for meaning when they are bound.

use serde::Deserialize;
use varve_types::{ErrorCode, Result, VarveError};

/// The version of plans that this release runs.
const VERSION: u32 = 1;

/// A query as data.
#[derive(Debug, Deserialize)]
pub struct QueryPlan {
    version: u32,
    #[serde(flatten)]
    pub(crate) rows: Rows,
}

impl QueryPlan {
    /// The plan that a JSON text holds.
    ///
    /// # Errors
    /// `ARGUMENT_INVALID` for what is no plan, `CAPABILITY_MISSING` for a newer one.
    pub fn parse(text: &str) -> Result<Self> {
        let plan: Self = serde_json::from_str(text).map_err(|error| {
            VarveError::new(ErrorCode::ArgumentInvalid, "this is no plan", "").caused_by(error)
        })?;
        if plan.version == VERSION {
            return Ok(plan);
        }
        let message = format!("this engine runs plans of version {VERSION}, not {}", plan.version);
        Err(VarveError::new(ErrorCode::CapabilityMissing, message, "make it with this release"))
    }
}

/// Rows of a table after some steps.
#[derive(Debug, Deserialize)]
pub(crate) struct Rows {
    pub table: String,
    pub steps: Vec<Step>,
}

/// One thing that happens to rows.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Step {
    Filter { condition: Value },
    Select { columns: Vec<Named> },
    Join(Join),
    Aggregate { by: Vec<String>, values: Vec<Aggregate> },
    Order { by: Vec<Order> },
    Limit { count: Option<u64>, offset: u64 },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Join {
    pub how: JoinKind,
    pub right: Rows,
    /// A column here and one there.
    pub on: Vec<(String, String)>,
    pub take: Option<Vec<Taken>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Semi,
    Anti,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    pub name: String,
    pub column: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Aggregate {
    pub name: String,
    pub function: Function,
    pub value: Option<Value>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Function {
    Count,
    CountDistinct,
    Sum,
    Min,
    Max,
    Avg,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub value: Value,
    #[serde(default)]
    pub descending: bool,
    #[serde(default)]
    pub nulls_first: bool,
}

/// A value of a row.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Value {
    Column { name: String },
    Literal { value: Option<Literal> },
    Call { operation: Operation, values: Vec<Value> },
}

/// A literal that is not NULL, with its type; numbers as text, since JSON's are doubles.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Literal {
    Boolean(bool),
    Text(String),
    Integer(String),
    Float(String),
    Micros(String),
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Operation {
    #[serde(rename = "=")]
    Eq,
    #[serde(rename = "<>")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
    #[serde(rename = "and")]
    And,
    #[serde(rename = "or")]
    Or,
    #[serde(rename = "not")]
    Not,
    #[serde(rename = "isNull")]
    IsNull,
    #[serde(rename = "in")]
    In,
    #[serde(rename = "startsWith")]
    StartsWith,
    #[serde(rename = "+")]
    Add,
    #[serde(rename = "-")]
    Sub,
    #[serde(rename = "*")]
    Mul,
    #[serde(rename = "/")]
    Div,
    #[serde(rename = "lower")]
    Lower,
    #[serde(rename = "upper")]
    Upper,
    #[serde(rename = "year")]
    Year,
    #[serde(rename = "month")]
    Month,
    #[serde(rename = "day")]
    Day,
    #[serde(rename = "hour")]
    Hour,
}
