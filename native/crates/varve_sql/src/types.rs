//! Types of SQL that DataFusion does not know, or that are stored otherwise here.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::DataType as SqlType;

/// The name of Arrow's JSON type, and the metadata key that it stands under.
const JSON: &str = "arrow.json";
const EXTENSION_NAME: &str = "ARROW:extension:name";

/// Strings and bytes are views, so that a filtered row costs no copy; JSON is a string that says so.
#[derive(Debug)]
pub(crate) struct VarveTypes;

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
            SqlType::Datetime(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}

fn json() -> Field {
    let metadata = HashMap::from([(EXTENSION_NAME.to_owned(), JSON.to_owned())]);
    Field::new("", DataType::Utf8View, true).with_metadata(metadata)
}
