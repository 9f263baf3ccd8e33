//! Promises that a task of the engine's own runtime settles.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use tokio::runtime::Handle;
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Outcome;

/// Runs `work` on `handle`; the promise resolves with its outcome and is never rejected.
pub fn promise_on<'env, T, F>(env: &'env Env, handle: &Handle, work: F) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    F: Future<Output = Result<T, VarveError>> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    let promised = Promised(Some(Box::new(move |outcome| deferred.resolve(move |_| Ok(outcome)))));
    handle.spawn(async move {
        let outcome = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(result) => Outcome(result),
            Err(panic) => Outcome::of(|| resume_unwind(panic)),
        };
        promised.keep(outcome);
    });
    Ok(promise)
}

/// A promise that is kept even when its task is dropped, which happens when the engine's runtime has ended.
struct Promised<T>(Option<Box<dyn FnOnce(Outcome<T>) + Send>>);

impl<T> Promised<T> {
    fn keep(mut self, outcome: Outcome<T>) {
        if let Some(resolve) = self.0.take() {
            resolve(outcome);
        }
    }
}

impl<T> Drop for Promised<T> {
    fn drop(&mut self) {
        if let Some(resolve) = self.0.take() {
            let message = "the database was closed meanwhile";
            resolve(Outcome(Err(VarveError::new(ErrorCode::StoreClosed, message, "open it again"))));
        }
    }
}
