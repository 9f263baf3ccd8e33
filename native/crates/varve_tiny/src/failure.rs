//! The errors of this crate, each with its next step.

use varve_types::{ErrorCode, VarveError};

/// The bytes are not a whole model file or ONNX message, or contradict themselves.
pub(crate) fn damaged(what: impl Into<String>) -> VarveError {
    VarveError::new(ErrorCode::ModelDamaged, what, "export or copy the model again")
}

/// The model is well formed and asks for something that this runtime does not have.
pub(crate) fn unsupported(what: impl Into<String>) -> VarveError {
    VarveError::new(
        ErrorCode::ModelUnsupported,
        what,
        "run this model with an ONNX runtime, or export it with float inputs and the operators that design.md lists",
    )
}

/// A limit of [`crate::Limits`] would be exceeded.
pub(crate) fn too_large(what: impl Into<String>) -> VarveError {
    VarveError::new(
        ErrorCode::ModelTooLarge,
        what,
        "train a smaller model, or raise the limit where it is yours",
    )
}

/// The rows or the output do not match the schema.
pub(crate) fn shape(what: impl Into<String>) -> VarveError {
    VarveError::new(ErrorCode::ModelShape, what, "describe() shows the features and outputs of the model")
}
