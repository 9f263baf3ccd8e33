//! Results that cross to JavaScript as data.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::bindgen_prelude::{ToNapiValue, sys};
use napi_derive::napi;
use varve_types::{ErrorCode, VarveError};

/// A failure as data; the addon's TypeScript turns it into a `VarveError`.
#[napi(object)]
pub struct Failure {
    /// A code of `errorCodes`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The next step; may be empty.
    pub hint: String,
    /// The underlying failure as text, when there is one.
    pub cause: Option<String>,
}

impl From<&VarveError> for Failure {
    fn from(error: &VarveError) -> Self {
        Self {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            hint: error.hint().to_owned(),
            cause: error.source().map(ToString::to_string),
        }
    }
}

/// What a failed call returns: an object that nothing else looks like.
#[napi(object)]
pub struct Failed {
    /// Why the call failed.
    pub failure: Failure,
}

/// The value of a call, or its failure as data.
pub struct Outcome<T>(pub Result<T, VarveError>);

impl<T> Outcome<T> {
    /// Runs `call`; a panic becomes a failure instead of the end of the process.
    pub fn of(call: impl FnOnce() -> Result<T, VarveError>) -> Self {
        Self(catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic");
            let message = format!("an invariant of Varve is broken: {what}");
            Err(VarveError::new(
                ErrorCode::StoreIo,
                message,
                "close the store, run verify(), and report this",
            ))
        }))
    }
}

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the caller vouches for `env`.
        unsafe {
            match outcome.0 {
                Ok(value) => T::to_napi_value(env, value),
                Err(error) => Failed::to_napi_value(env, Failed { failure: Failure::from(&error) }),
            }
        }
    }
}

/// `undefined`, for results without a value.
pub struct Nothing;

impl ToNapiValue for Nothing {
    unsafe fn to_napi_value(env: sys::napi_env, _: Self) -> napi::Result<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: the caller vouches for `env`; the out pointer is a local.
        unsafe { sys::napi_get_undefined(env, &raw mut value) };
        Ok(value)
    }
}
