//! Parameters as callers have them, without a type of DataFusion in sight.

use std::collections::HashSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use varve_types::Result;

use crate::statement::parse;
use crate::statement::walk::change_placeholders;
use crate::types::UTC;

/// Parameters of a statement, by position: `$1` or the first `?` is the first.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// The values.
    pub values: Vec<ScalarValue>,
}

/// Parameters of more bytes are no small matter.
const SMALL_BYTES_MAX: usize = 64 << 10;

impl Params {
    /// Whether what is made of them takes no time worth mentioning.
    pub(crate) fn are_small(&self) -> bool {
        self.values.iter().map(ScalarValue::size).sum::<usize>() <= SMALL_BYTES_MAX
    }

    /// The value of the parameter that a statement calls `name`, as `$1`.
    pub(crate) fn value(&self, name: &str) -> Option<&ScalarValue> {
        self.values.get(number(name)?.checked_sub(1)?)
    }
}

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A signed integer.
    Int(i64),
    /// An integer that needs all 64 bits.
    UInt(u64),
    /// A double.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A moment: microseconds since 1970 in UTC. It has that zone, so that it is the same moment beside those of others.
    Micros(i64),
    /// A list of values of one kind, and NULL.
    List(Vec<Param>),
}

impl From<Param> for ScalarValue {
    fn from(param: Param) -> Self {
        match param {
            Param::Null => Self::Null,
            Param::Boolean(value) => Self::Boolean(Some(value)),
            Param::Int(value) => Self::Int64(Some(value)),
            Param::UInt(value) => Self::UInt64(Some(value)),
            Param::Float(value) => Self::Float64(Some(value)),
            Param::Text(value) => Self::Utf8View(Some(value)),
            Param::Bytes(value) => Self::BinaryView(Some(value)),
            Param::Micros(value) => Self::TimestampMicrosecond(Some(value), Some(UTC.into())),
            Param::List(items) => list(items),
        }
    }
}

/// Integers beside doubles are doubles, and signed ones beside some that need all 64 bits decimals.
fn list(items: Vec<Param>) -> ScalarValue {
    let items: Vec<ScalarValue> = items.into_iter().map(ScalarValue::from).collect();
    let types: HashSet<DataType> =
        items.iter().filter(|item| !item.is_null()).map(ScalarValue::data_type).collect();
    let of = match types.iter().collect::<Vec<_>>()[..] {
        [] => DataType::Null,
        [of] => of.clone(),
        _ if types.contains(&DataType::Float64) => DataType::Float64,
        _ => DataType::Decimal128(20, 0),
    };
    // Kinds that do not go together come from no caller: their values would be NULL.
    let cast = |item: &ScalarValue| item.cast_to(&of).or_else(|_| ScalarValue::try_from(&of));
    let items: Vec<ScalarValue> = items.iter().filter_map(|item| cast(item).ok()).collect();
    ScalarValue::List(ScalarValue::new_list(&items, &of, true))
}

impl FromIterator<Param> for Params {
    fn from_iter<I: IntoIterator<Item = Param>>(values: I) -> Self {
        Self { values: values.into_iter().map(ScalarValue::from).collect() }
    }
}

/// The same statements with `$1` for the first of `names`, and so on.
///
/// # Errors
/// `SQL_SYNTAX`, `SQL_LIMIT`.
pub fn number_names(sql: &str, names: &[String]) -> Result<String> {
    let mut statements = parse::all(sql)?;
    for statement in &mut statements {
        change_placeholders(statement, |name| {
            if let Some(at) = names.iter().position(|known| name.strip_prefix('$') == Some(known)) {
                *name = format!("${}", at + 1);
            }
        });
    }
    Ok(statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// The highest number of a parameter.
pub(crate) fn count(statement: &mut crate::statement::Parsed) -> usize {
    let mut highest = 0;
    change_placeholders(statement, |name| {
        highest = highest.max(number(name).unwrap_or(0));
    });
    highest
}

fn number(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse().ok()
}
