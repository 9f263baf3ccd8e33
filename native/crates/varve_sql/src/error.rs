//! Failures of DataFusion as errors of ours.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;
use varve_table::DAMAGE;
use varve_types::{ErrorCode, VarveError};
use vortex::error::VortexError;

/// An error of DataFusion; one of ours that went through it comes out again.
pub(crate) fn from_datafusion(error: DataFusionError) -> VarveError {
    if let DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) | DataFusionError::IoError(_) =
        &error
        && let Some(ours) = within(&error)
    {
        return ours;
    }
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Collection(errors) if !errors.is_empty() => errors
            .into_iter()
            .next()
            .map_or_else(|| defect("an empty collection of errors".into()), from_datafusion),
        DataFusionError::External(inner) => from_external(inner),
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        DataFusionError::Shared(inner) => from_shared(&inner),
        other => {
            let (code, hint) = classify(&other);
            VarveError::new(code, message_of(&other), hint).caused_by(other)
        }
    }
}

/// An error of ours that libraries have wrapped.
fn within(error: &(dyn std::error::Error + 'static)) -> Option<VarveError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<VarveError>() {
            return Some(VarveError::new(ours.code(), ours.message(), ours.hint()));
        }
        next = error.source();
    }
    None
}

/// An error that several streams of one query wait for.
fn from_shared(error: &DataFusionError) -> VarveError {
    if let Some(ours) = within(error) {
        return ours;
    }
    let root = error.find_root();
    if let DataFusionError::ArrowError(inner, _) = root {
        let (code, hint) = classify_arrow(inner);
        return VarveError::new(code, inner.to_string(), hint);
    }
    let (code, hint) = classify(root);
    VarveError::new(code, message_of(root), hint)
}

fn from_external(error: Box<dyn std::error::Error + Send + Sync>) -> VarveError {
    let error = match error.downcast::<VarveError>() {
        Ok(ours) => return *ours,
        Err(error) => error,
    };
    let error = match error.downcast::<DataFusionError>() {
        Ok(inner) => return from_datafusion(*inner),
        Err(error) => error,
    };
    match error.downcast::<VortexError>() {
        Ok(inner) => from_vortex(*inner),
        Err(error) => {
            VarveError::new(ErrorCode::SqlValue, error.to_string(), "see the cause").caused_by(error)
        }
    }
}

pub(crate) fn from_arrow(error: ArrowError) -> VarveError {
    match error {
        ArrowError::ExternalError(inner) => from_external(inner),
        other => {
            if let Some(ours) = within(&other) {
                return ours;
            }
            let (code, hint) = classify_arrow(&other);
            VarveError::new(code, other.to_string(), hint).caused_by(other)
        }
    }
}

/// An error while a segment is read.
pub(crate) fn from_vortex(error: VortexError) -> VarveError {
    match error {
        VortexError::External(inner, trace) => match inner.downcast::<VarveError>() {
            Ok(ours) => *ours,
            Err(inner) => of_vortex(VortexError::External(inner, trace)),
        },
        error => of_vortex(error),
    }
}

fn of_vortex(error: VortexError) -> VarveError {
    let message = error.to_string();
    let (code, hint) = if message.contains(DAMAGE) {
        (ErrorCode::StoreDamaged, "restore the database from a backup; other tables can still be exported")
    } else {
        (ErrorCode::SqlValue, "see the cause")
    };
    VarveError::new(code, message, hint).caused_by(error)
}

/// Nobody wants the answer of the statement any more.
pub(crate) fn cancelled() -> VarveError {
    VarveError::new(ErrorCode::QueryCancelled, "the statement was cancelled", "")
}

pub(crate) fn closed() -> VarveError {
    VarveError::new(ErrorCode::StoreClosed, "the database is closed", "open it again")
}

/// The engine broke a rule of its own.
pub(crate) fn defect(message: String) -> VarveError {
    VarveError::new(ErrorCode::EngineDefect, message, "please report the statement")
}

/// The statement names something that is not there.
pub(crate) fn unknown(what: &str, name: &str) -> VarveError {
    VarveError::new(
        ErrorCode::SqlName,
        format!("there is no {what} {name}"),
        "check the spelling and the schema",
    )
}

/// The statement makes something that is there already.
pub(crate) fn exists(what: &str, name: &str) -> VarveError {
    VarveError::new(
        ErrorCode::SqlName,
        format!("there is a {what} {name} already"),
        "use IF NOT EXISTS or another name",
    )
}

/// The statement asks for something that is well formed but not there.
pub(crate) fn unsupported(what: impl Into<String>) -> VarveError {
    VarveError::new(ErrorCode::SqlUnsupported, what, "")
}

/// An error of ours on its way through DataFusion.
pub(crate) fn into_datafusion(error: VarveError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn classify(error: &DataFusionError) -> (ErrorCode, &'static str) {
    match error {
        DataFusionError::SQL(inner, _) => match inner.as_ref() {
            ParserError::RecursionLimitExceeded => (ErrorCode::SqlLimit, "nest expressions less deeply"),
            _ => (ErrorCode::SqlSyntax, ""),
        },
        DataFusionError::NotImplemented(_) => (ErrorCode::SqlUnsupported, ""),
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { .. }
            | SchemaError::AmbiguousReference { .. }
            | SchemaError::DuplicateQualifiedField { .. }
            | SchemaError::DuplicateUnqualifiedField { .. } => (ErrorCode::SqlName, ""),
        },
        DataFusionError::Plan(message) | DataFusionError::Configuration(message) => classify_plan(message),
        DataFusionError::ResourcesExhausted(_) => {
            (ErrorCode::MemoryExceeded, "raise memoryBytes, or ask for less at once")
        }
        DataFusionError::Execution(_) => (ErrorCode::SqlValue, ""),
        DataFusionError::ObjectStore(_) => (ErrorCode::FileMissing, "check the path"),
        DataFusionError::ParquetError(_) => (ErrorCode::FileMalformed, "the file is damaged or not Parquet"),
        DataFusionError::IoError(inner) if inner.kind() == std::io::ErrorKind::StorageFull => {
            (ErrorCode::StoreFull, "free disk space")
        }
        DataFusionError::IoError(_) => (ErrorCode::StoreIo, "see the cause"),
        _ => (ErrorCode::EngineDefect, "please report the statement"),
    }
}

/// Planning errors are texts; those about names are told by their words.
fn classify_plan(message: &str) -> (ErrorCode, &'static str) {
    let names = ["not found", "Invalid function", "already exists", "ambiguous", "No field named", "Unknown"];
    if names.iter().any(|words| message.contains(words)) {
        (ErrorCode::SqlName, "check the spelling and the schema")
    } else {
        (ErrorCode::SqlType, "")
    }
}

fn classify_arrow(error: &ArrowError) -> (ErrorCode, &'static str) {
    match error {
        ArrowError::NotYetImplemented(_) => (ErrorCode::SqlUnsupported, ""),
        ArrowError::SchemaError(_) => (ErrorCode::SqlType, ""),
        ArrowError::ArithmeticOverflow(_) => {
            (ErrorCode::SqlValue, "cast a side to a wider type, as to BIGINT or DOUBLE")
        }
        ArrowError::MemoryError(_) => (ErrorCode::MemoryExceeded, "ask for less at once"),
        ArrowError::ParquetError(_)
        | ArrowError::CsvError(_)
        | ArrowError::JsonError(_)
        | ArrowError::IpcError(_) => (ErrorCode::FileMalformed, ""),
        ArrowError::IoError(..) => (ErrorCode::StoreIo, "see the cause"),
        _ => (ErrorCode::SqlValue, ""),
    }
}

fn message_of(error: &DataFusionError) -> String {
    error.strip_backtrace()
}
