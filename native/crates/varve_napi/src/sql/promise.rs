//! Promises that a task of the engine's own runtime settles.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use tokio::runtime::Handle;
use varve_types::VarveError;

use crate::outcome::Outcome;

/// Runs `work` on `handle`; the promise resolves with its outcome and is never rejected.
pub fn promise_on<'env, T, F>(env: &'env Env, handle: &Handle, work: F) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    F: Future<Output = Result<T, VarveError>> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    handle.spawn(async move {
        let outcome = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(result) => Outcome(result),
            Err(panic) => Outcome::of(|| resume_unwind(panic)),
        };
        deferred.resolve(move |_| Ok(outcome));
    });
    Ok(promise)
}
