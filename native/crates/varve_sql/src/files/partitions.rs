//! Folders that hold values, as Hive lays them out: a file in `year=2024/month=1` has the columns `year` and `month` without
//! holding them.

use std::collections::HashMap;
use std::path::Path;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use varve_types::{ErrorCode, Result, VarveError};

/// What a folder is called whose rows have NULL.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// What names of folders cannot hold, or what would be taken for something else in a path or in a pattern.
const ENCODED: &AsciiSet =
    &CONTROLS.add(b'%').add(b'/').add(b'\\').add(b'=').add(b'?').add(b'#').add(b'*').add(b'[').add(b':');
/// Types that values may be read as, when all are such; else they are text.
const TYPES: [DataType; 3] =
    [DataType::Int64, DataType::Date32, DataType::Timestamp(TimeUnit::Microsecond, None)];
/// Digits of a date that is written out.
const DATE_DIGITS: usize = "2024-12-31".len();

/// How the names of folders are read.
#[derive(Clone, Debug)]
pub(crate) struct PartitionOptions {
    /// Whether they are columns; by default when all files lie in such folders, and hold no columns of these names.
    pub are_read: Option<bool>,
    /// Whether types are told by the values; else all are text.
    pub are_typed: bool,
    /// Types that are given.
    pub types: Vec<FieldRef>,
    /// The columns that are wanted; without one that folders tell they are not read.
    pub wanted: Option<Vec<String>>,
}

impl Default for PartitionOptions {
    fn default() -> Self {
        Self { are_read: None, are_typed: true, types: Vec::new(), wanted: None }
    }
}

/// The columns that are in the names of folders, and their values of each file.
#[derive(Debug)]
pub(super) struct Partitions {
    pub fields: Vec<FieldRef>,
    /// One for each field, by file.
    pub values: Vec<Vec<ScalarValue>>,
}

impl Partitions {
    /// Those of `paths`, whose files have the columns of `schema`; `None` when their folders are no columns.
    ///
    /// # Errors
    /// `FILE_MALFORMED` when they are asked for and not alike, and when a value is not of its type; `SQL_NAME` when files hold
    /// such a column themselves, and for a type of a column that is none.
    pub(super) fn of<P: AsRef<Path>>(
        paths: &[P],
        schema: &Schema,
        options: &PartitionOptions,
    ) -> Result<Option<Self>> {
        let must_be = options.are_read.unwrap_or(!options.types.is_empty());
        if options.are_read == Some(false) {
            return Ok(None);
        }
        let told: Vec<Vec<Told>> = paths.iter().map(|path| told(path.as_ref())).collect();
        let names: Vec<String> = told.first().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        if options.wanted.as_ref().is_some_and(|wanted| names.iter().any(|name| !wanted.contains(name))) {
            return Ok(None);
        }
        let names_of = |told: &[Told]| told.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if let Some(other) = told.iter().position(|told| names.is_empty() || names_of(told) != names) {
            if !must_be {
                return Ok(None);
            }
            let wanted = if names.is_empty() { vec!["name".to_owned()] } else { names };
            let wanted = wanted.iter().map(|name| format!("{name}=...")).collect::<Vec<_>>().join("/");
            let message = format!("{} does not lie in a folder {wanted}", paths[other].as_ref().display());
            return Err(VarveError::new(ErrorCode::FileMalformed, message, "leave out hive_partitioning"));
        }
        let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
        let taken = names.iter().find(|name| schema.column_with_name(name).is_some());
        if let Some(name) = twice.map(|(_, name)| name).or(taken) {
            if !must_be {
                return Ok(None);
            }
            let message = format!("the files have a column {name} and lie in folders of that name");
            return Err(VarveError::new(ErrorCode::SqlName, message, "leave out hive_partitioning"));
        }
        let given: HashMap<&str, &DataType> =
            options.types.iter().map(|field| (field.name().as_str(), field.data_type())).collect();
        if let Some(unknown) = given.keys().find(|name| !names.iter().any(|known| known == *name)) {
            let message = format!("no folder tells a column {unknown}");
            return Err(VarveError::new(ErrorCode::SqlName, message, "check hive_types"));
        }
        let mut partitions = Self { fields: Vec::new(), values: vec![Vec::new(); told.len()] };
        for (at, name) in names.iter().enumerate() {
            let column: Vec<Option<&str>> = told.iter().map(|told| told[at].1.as_deref()).collect();
            let data_type = match given.get(name.as_str()) {
                Some(given) => (*given).clone(),
                None if options.are_typed => type_of(&column),
                None => DataType::Utf8View,
            };
            for (values, text) in partitions.values.iter_mut().zip(&column) {
                values.push(value(*text, &data_type).ok_or_else(|| {
                    let message = format!("{name}={} is not of type {data_type}", text.unwrap_or_default());
                    VarveError::new(ErrorCode::FileMalformed, message, "give another type in hive_types")
                })?);
            }
            partitions.fields.push(Field::new(name, data_type, true).into());
        }
        Ok(Some(partitions))
    }
}

/// The name of a folder whose rows have this value in a column; `None` is NULL.
pub(crate) fn folder_of(column: &str, value: Option<&str>) -> String {
    let value = match value {
        None => NULL.to_owned(),
        // Not that word, but a text which is the same.
        Some(NULL) => NULL.replacen('_', "%5F", 1),
        Some(value) => utf8_percent_encode(value, ENCODED).to_string(),
    };
    format!("{}={value}", utf8_percent_encode(column, ENCODED))
}

/// A column, and its value.
type Told = (String, Option<String>);

/// What the folders directly above a file tell.
fn told(path: &Path) -> Vec<Told> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let folders = path.parent().into_iter().flatten().rev();
    let mut told: Vec<Told> = folders
        .map_while(|folder| {
            let (name, value) = folder.to_str()?.split_once('=').filter(|(name, _)| !name.is_empty())?;
            Some((decoded(name), (value != NULL).then(|| decoded(value))))
        })
        .collect();
    told.reverse();
    told
}

fn type_of(column: &[Option<&str>]) -> DataType {
    let mut told = column.iter().flatten().peekable();
    let is_told = told.peek().is_some();
    let fits = |data_type: &&DataType| {
        let is_so = |text: &str| match data_type {
            DataType::Date32 => text.len() == DATE_DIGITS,
            _ => true,
        };
        column.iter().flatten().all(|text| is_so(text) && value(Some(text), data_type).is_some())
    };
    TYPES.iter().find(fits).filter(|_| is_told).cloned().unwrap_or(DataType::Utf8View)
}

fn value(text: Option<&str>, data_type: &DataType) -> Option<ScalarValue> {
    let Some(text) = text else { return ScalarValue::try_from(data_type).ok() };
    ScalarValue::try_from_string(text.to_owned(), data_type).ok().filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str], options: &PartitionOptions, expected: std::result::Result<&str, ErrorCode>) {
        let schema = Schema::new(vec![Field::new("held", DataType::Int32, true)]);
        let found = Partitions::of(paths, &schema, options).map(|partitions| {
            let Some(partitions) = partitions else { return "none".to_owned() };
            let fields =
                partitions.fields.iter().map(|field| format!("{} {}", field.name(), field.data_type()));
            let values = partitions
                .values
                .iter()
                .map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
            fields.chain(values).collect::<Vec<_>>().join("; ")
        });
        assert_eq!(found.as_deref().map_err(VarveError::code), expected, "{paths:?}");
    }

    #[test]
    fn folders_tell_columns() {
        let usual = PartitionOptions::default();
        check(&["/d/x"], &usual, Ok("none"));
        check(&["/d/a=1/x", "/d/a=02/y"], &usual, Ok("a Int64; 1; 2"));
        check(&["/d/a=1/b=x%2Fy/x"], &usual, Ok("a Int64; b Utf8View; 1,x/y"));
        check(&["/d/a=1/b/c=2/x"], &usual, Ok("c Int64; 2"));
        check(&["/d/a=1=2/x"], &usual, Ok("a Utf8View; 1=2"));
        check(&["/d/a=2024-12-31/x"], &usual, Ok("a Date32; 2024-12-31"));
        check(&["/d/a=2024-12-31 10%3A00%3A00/x"], &usual, Ok("a Timestamp(µs); 1735639200000000"));
        check(&[&format!("/d/a={NULL}/x"), "/d/a=1/x"], &usual, Ok("a Int64; NULL; 1"));
        check(&[&format!("/d/a={NULL}/x")], &usual, Ok("a Utf8View; NULL"));
        check(&["/d/a=/x"], &usual, Ok("a Utf8View; "));
        // Not alike, held by the files, twice.
        for paths in [&["/d/a=1/x", "/d/b=1/x"][..], &["/d/a=1/x", "/d/x"], &["/d/x", "/d/a=1/x"]] {
            check(paths, &usual, Ok("none"));
            let asked = PartitionOptions { are_read: Some(true), ..usual.clone() };
            check(paths, &asked, Err(ErrorCode::FileMalformed));
        }
        for paths in [&["/d/held=1/x"][..], &["/d/a=1/a=2/x"]] {
            check(paths, &usual, Ok("none"));
            let asked = PartitionOptions { are_read: Some(true), ..usual.clone() };
            check(paths, &asked, Err(ErrorCode::SqlName));
        }
        let off = PartitionOptions { are_read: Some(false), ..usual.clone() };
        check(&["/d/a=1/x"], &off, Ok("none"));
        let text = PartitionOptions { are_typed: false, ..usual.clone() };
        check(&["/d/a=01/x"], &text, Ok("a Utf8View; 01"));
        let typed = |name: &str| {
            let types = vec![Field::new(name, DataType::Int16, true).into()];
            PartitionOptions { types, ..usual.clone() }
        };
        check(&["/d/a=01/x"], &typed("a"), Ok("a Int16; 1"));
        check(&["/d/a=x/x"], &typed("a"), Err(ErrorCode::FileMalformed));
        check(&["/d/a=x/x"], &typed("b"), Err(ErrorCode::SqlName));
    }

    #[test]
    fn values_come_back_from_names_of_folders() {
        for text in ["", "a", "a/b", "a=b", "100%", "%2F", "*?[", "..", "ä", " ", NULL] {
            let path = Path::new("/d").join(folder_of("the/column", Some(text))).join("x");
            assert_eq!(told(&path), [("the/column".to_owned(), Some(text.to_owned()))]);
        }
        let path = Path::new("/d").join(folder_of("a", None)).join("x");
        assert_eq!(told(&path), [("a".to_owned(), None)]);
    }
}
