//! Types of SQL that DataFusion does not know, or that are stored otherwise here.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType, TimezoneInfo};

use crate::bounded::check_type;

/// The name of Arrow's JSON type, and the metadata key that it stands under.
const JSON: &str = "arrow.json";
const EXTENSION_NAME: &str = "ARROW:extension:name";

/// UTC, as every tier reads it: without names of zones.
pub(crate) const UTC: &str = "+00:00";

/// Strings and bytes are views, so that a filtered row costs no copy; JSON is a string that says so.
#[derive(Debug)]
pub(crate) struct VarveTypes {
    /// Of moments. DataFusion 55.2 gives TIMESTAMP WITH TIME ZONE none unless an option says so, and thereby the type of a time
    /// on a wall.
    zone: Arc<str>,
}

impl VarveTypes {
    /// Types under these options.
    pub(crate) fn under(options: &ConfigOptions) -> Self {
        Self { zone: options.execution.time_zone.as_deref().unwrap_or(UTC).into() }
    }

    /// The type of TIMESTAMP WITH TIME ZONE with so many digits of a second; `None` for a number that there is no type for.
    fn moment(&self, digits: Option<u64>) -> Option<DataType> {
        let unit = match digits {
            Some(0) => TimeUnit::Second,
            Some(3) => TimeUnit::Millisecond,
            Some(6) => TimeUnit::Microsecond,
            None | Some(9) => TimeUnit::Nanosecond,
            _ => return None,
        };
        Some(DataType::Timestamp(unit, Some(Arc::clone(&self.zone))))
    }
}

impl TypePlanner for VarveTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::JSON | SqlType::JSONB => return Ok(Some(Arc::new(json()))),
            SqlType::Bytea
            | SqlType::Blob(_)
            | SqlType::TinyBlob
            | SqlType::MediumBlob
            | SqlType::LongBlob
            | SqlType::Bytes(_)
            | SqlType::Binary(_)
            | SqlType::Varbinary(_) => DataType::BinaryView,
            SqlType::Text
            | SqlType::TinyText
            | SqlType::MediumText
            | SqlType::LongText
            | SqlType::String(_)
            | SqlType::Varchar(_)
            | SqlType::Nvarchar(_)
            | SqlType::CharVarying(_)
            | SqlType::CharacterVarying(_)
            | SqlType::Char(_)
            | SqlType::Character(_)
            | SqlType::Clob(_)
            | SqlType::Uuid => DataType::Utf8View,
            SqlType::Timestamp(digits, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                return Ok(self.moment(*digits).map(|moment| Arc::new(Field::new("", moment, true))));
            }
            SqlType::Datetime(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            SqlType::Array(_) => return check_places(sql_type).map(|()| None),
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}

/// Refuses arrays with so many places, which the type itself says, that each value would be too large.
fn check_places(sql_type: &SqlType) -> Result<()> {
    let (mut inner, mut places) = (sql_type, DataType::Int64);
    while let SqlType::Array(ArrayElemTypeDef::SquareBracket(item, size)) = inner {
        if let Some(size) = size {
            let size = i32::try_from(*size).unwrap_or(i32::MAX);
            places = DataType::FixedSizeList(Arc::new(Field::new("", places, true)), size);
        }
        inner = item;
    }
    check_type(&places)
}

fn json() -> Field {
    let metadata = HashMap::from([(EXTENSION_NAME.to_owned(), JSON.to_owned())]);
    Field::new("", DataType::Utf8View, true).with_metadata(metadata)
}
