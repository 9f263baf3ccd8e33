//! Failures of Arrow, and what plans get wrong, as errors of ours.

use arrow_schema::{ArrowError, DataType};
use varve_types::{ErrorCode, VarveError};

/// A kernel could not do what a plan asked for.
pub(crate) fn from_arrow(error: ArrowError) -> VarveError {
    match error {
        ArrowError::ExternalError(cause) => match cause.downcast::<VarveError>() {
            Ok(ours) => *ours,
            Err(cause) => coded(ErrorCode::EngineDefect, ArrowError::ExternalError(cause)),
        },
        ArrowError::CastError(_)
        | ArrowError::ParseError(_)
        | ArrowError::ComputeError(_)
        | ArrowError::ArithmeticOverflow(_)
        | ArrowError::DivideByZero => coded(ErrorCode::SqlValue, error),
        ArrowError::InvalidArgumentError(_) | ArrowError::NotYetImplemented(_) => {
            coded(ErrorCode::SqlType, error)
        }
        other => coded(ErrorCode::EngineDefect, other),
    }
}

fn coded(code: ErrorCode, error: ArrowError) -> VarveError {
    VarveError::new(code, error.to_string(), "").caused_by(error)
}

/// There is no column of this name.
pub(crate) fn no_column(name: &str, known: &[String]) -> VarveError {
    let message = format!("there is no column {name}");
    let hint = if known.is_empty() {
        "the table has no such column".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    VarveError::new(ErrorCode::SqlName, message, hint)
}

/// Two types do not go together.
pub(crate) fn do_not_fit(what: &str, left: &DataType, right: &DataType) -> VarveError {
    VarveError::new(ErrorCode::SqlType, format!("{what} cannot be of {left} and {right}"), "")
}

/// A call is made with a type that it does not take.
pub(crate) fn not_of(what: &str, given: &DataType) -> VarveError {
    VarveError::new(ErrorCode::SqlType, format!("{what} cannot be of {given}"), "")
}
