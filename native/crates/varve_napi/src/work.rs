//! Work that may wait: on a native thread of its own, never on libuv's pool, which rivals fill.
//!
//! Threads and promises know nothing of the work's type: what they compile to would be there once for every call of the
//! addon, some 6 KB each time.

use std::thread;

use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue, sys};
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Outcome;

/// Starts `work` on a thread; the promise resolves with its outcome and is never rejected.
pub fn promise_of<'env, T, F>(env: &'env Env, name: &str, work: F) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    F: FnOnce() -> Result<T, VarveError> + Send + 'static,
{
    start(
        env,
        name,
        Box::new(move || {
            let outcome = Outcome::of(work);
            // SAFETY: whoever turns an answer into a value vouches for the environment.
            Answer(Box::new(move |env| unsafe { Outcome::to_napi_value(env, outcome) }))
        }),
    )
}

/// An outcome that makes itself a value on the JavaScript thread.
struct Answer(Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>);

impl ToNapiValue for Answer {
    unsafe fn to_napi_value(env: sys::napi_env, answer: Self) -> napi::Result<sys::napi_value> {
        (answer.0)(env)
    }
}

#[inline(never)]
fn start<'env>(
    env: &'env Env,
    name: &str,
    work: Box<dyn FnOnce() -> Answer + Send>,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let settle = deferred.clone();
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let answer = work();
        settle.resolve(move |_| Ok(answer));
    });
    if let Err(cause) = started {
        let error =
            VarveError::new(ErrorCode::StoreIo, "no thread could be started", "raise the limit on threads");
        return Err(napi::Error::from_reason(error.caused_by(cause).to_string()));
    }
    Ok(promise)
}
