//! Work that may wait: on a native thread of its own, never on libuv's pool, which rivals fill.

use std::thread;

use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Outcome;

/// Starts `work` on a thread; the promise resolves with its outcome and is never rejected.
pub fn promise_of<'env, T, F>(env: &'env Env, name: &str, work: F) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    F: FnOnce() -> Result<T, VarveError> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    let settle = deferred.clone();
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let outcome = Outcome::of(work);
        settle.resolve(move |_| Ok(outcome));
    });
    if let Err(cause) = started {
        let error =
            VarveError::new(ErrorCode::StoreIo, "no thread could be started", "raise the limit on threads");
        return Err(napi::Error::from_reason(error.caused_by(cause).to_string()));
    }
    Ok(promise)
}
