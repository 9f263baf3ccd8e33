//! Promises that tasks of the engine's own runtime settle.
//!
//! One thread-safe function per database brings all answers to JavaScript: a promise of napi's own makes one for itself and
//! takes it down in a later turn of the loop, which costs more than a small query.
//!
//! Invariants
//! 1. The loop is kept alive while a promise is open, and by nothing else here.
//! 2. Other threads use the function under its lock only, and nobody does after Node has finalized it, which takes it out.
//! 3. The JavaScript thread does without the lock: who holds it wakes that thread up, which may take the processor from it,
//!    and would then wait for a thread that waits for the processor.

use std::ffi::c_void;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use futures::FutureExt;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue, sys};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use varve_types::{ErrorCode, VarveError};

use crate::outcome::Outcome;
use crate::raw::check;

/// Where the work of one database runs, and how its answers reach JavaScript. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    handle: Handle,
    way: Arc<Way>,
}

impl Tasks {
    /// Work on `handle` whose answers take `way`.
    pub fn new(handle: Handle, way: Arc<Way>) -> Self {
        Self { handle, way }
    }

    /// The threads that the work runs on.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `work`; the promise resolves with its outcome and is never rejected.
    pub fn promise<'env, T, F>(&self, env: &'env Env, work: F) -> napi::Result<Object<'env>>
    where
        T: ToNapiValue + Send + 'static,
        F: Future<Output = Result<T, VarveError>> + Send + 'static,
    {
        let (promised, promise) = self.promised(env)?;
        self.handle.spawn(async move {
            let outcome = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(result) => Outcome(result),
                Err(panic) => Outcome::of(|| resume_unwind(panic)),
            };
            promised.keep(outcome);
        });
        Ok(promise)
    }

    /// A promise, and what keeps it from any thread.
    pub fn promised<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
    ) -> napi::Result<(Promised<T>, Object<'env>)> {
        let (settle, promise) = self.way.open(env)?;
        let keep = move |outcome: Outcome<T>| {
            // SAFETY: it is called on the JavaScript thread with its environment.
            settle.with(Box::new(move |env| unsafe { Outcome::to_napi_value(env, outcome) }));
        };
        Ok((Promised(Some(Box::new(keep))), promise))
    }

    /// A promise that is kept already.
    #[cfg(feature = "sql")]
    pub fn kept<'env, T: ToNapiValue>(
        &self,
        env: &'env Env,
        outcome: Outcome<T>,
    ) -> napi::Result<Object<'env>> {
        let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `env` is valid for this call, on the JavaScript thread; the out pointers are locals; a deferred is settled
        // once.
        unsafe {
            let value = Outcome::to_napi_value(env.raw(), outcome)?;
            check(sys::napi_create_promise(env.raw(), &raw mut deferred, &raw mut promise))?;
            check(sys::napi_resolve_deferred(env.raw(), deferred, value))?;
        }
        Ok(Object::from_raw(env.raw(), promise))
    }
}

/// A promise that is kept even when its task is dropped, which happens when the engine's runtime has ended.
pub struct Promised<T>(Option<Box<dyn FnOnce(Outcome<T>) + Send>>);

impl<T> Promised<T> {
    /// Resolves it.
    pub fn keep(mut self, outcome: Outcome<T>) {
        if let Some(settle) = self.0.take() {
            settle(outcome);
        }
    }
}

impl<T> Drop for Promised<T> {
    fn drop(&mut self) {
        if let Some(settle) = self.0.take() {
            let message = "the database was closed meanwhile";
            settle(Outcome(Err(VarveError::new(ErrorCode::StoreClosed, message, "open it again"))));
        }
    }
}

/// Makes a value on the JavaScript thread.
type Make = Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>;

/// The way to the JavaScript thread.
pub struct Way(Arc<Ends>);

/// What both ends of a way know.
struct Ends {
    /// For all threads.
    function: Mutex<Option<Function>>,
    /// The same for the JavaScript thread, where it is finalized.
    on_loop: AtomicPtr<sys::napi_threadsafe_function__>,
    /// Promises that are not settled; touched on the JavaScript thread only.
    open: AtomicUsize,
}

struct Function(sys::napi_threadsafe_function);

// SAFETY: Node-API's thread-safe functions may be called and released on any thread.
unsafe impl Send for Function {}

/// What travels to the JavaScript thread.
struct Letter {
    deferred: Deferred,
    make: Make,
    ends: Arc<Ends>,
}

struct Deferred(sys::napi_deferred);

// SAFETY: it is only used on the JavaScript thread; on others it is a number.
unsafe impl Send for Deferred {}

/// Settles one promise.
struct Settle {
    deferred: Deferred,
    ends: Arc<Ends>,
}

impl Way {
    /// A way to the thread of `env`.
    pub fn new(env: &Env) -> napi::Result<Arc<Self>> {
        let ends = Arc::new(Ends {
            function: Mutex::default(),
            on_loop: AtomicPtr::default(),
            open: AtomicUsize::default(),
        });
        let (mut name, mut made) = (ptr::null_mut(), ptr::null_mut());
        let text = c"varve-sql";
        let finalized = Arc::into_raw(Arc::clone(&ends)).cast::<c_void>().cast_mut();
        // SAFETY: `env` is valid for this call, on the JavaScript thread; the out pointers are locals; `finalized` is given
        // back by `finalize`.
        unsafe {
            let length = text.count_bytes() as isize;
            check(sys::napi_create_string_utf8(env.raw(), text.as_ptr(), length, &raw mut name))?;
            check(sys::napi_create_threadsafe_function(
                env.raw(),
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                finalized,
                Some(finalize),
                ptr::null_mut(),
                Some(deliver),
                &raw mut made,
            ))?;
            check(sys::napi_unref_threadsafe_function(env.raw(), made))?;
        }
        *ends.function.lock() = Some(Function(made));
        ends.on_loop.store(made, Ordering::Relaxed);
        Ok(Arc::new(Self(ends)))
    }

    /// A new promise and what settles it.
    fn open<'env>(&self, env: &'env Env) -> napi::Result<(Settle, Object<'env>)> {
        let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `env` is valid for this call, on the JavaScript thread; the out pointers are locals.
        unsafe { check(sys::napi_create_promise(env.raw(), &raw mut deferred, &raw mut promise))? };
        let function = self.0.on_loop.load(Ordering::Relaxed);
        if self.0.open.fetch_add(1, Ordering::Relaxed) == 0 && !function.is_null() {
            // SAFETY: as above; the function is not finalized, for it would not be there.
            unsafe { check(sys::napi_ref_threadsafe_function(env.raw(), function))? };
        }
        let ends = Arc::clone(&self.0);
        Ok((Settle { deferred: Deferred(deferred), ends }, Object::from_raw(env.raw(), promise)))
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(Function(function)) = self.0.function.lock().take() {
            // SAFETY: it is not finalized. Letters that are on their way are delivered first.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::release)
            };
        }
    }
}

impl Settle {
    /// Resolves the promise with what `make` makes. After the end of the environment nobody hears of it.
    fn with(self, make: Make) {
        let Self { deferred, ends } = self;
        let others = Arc::clone(&ends);
        let letter = Box::into_raw(Box::new(Letter { deferred, make, ends })).cast::<c_void>();
        let held = others.function.lock();
        let status = held.as_ref().map(|Function(function)| {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: it is not finalized, and the lock keeps it so; the letter is given back by `deliver`.
            unsafe { sys::napi_call_threadsafe_function(*function, letter, mode) }
        });
        if status != Some(sys::Status::napi_ok) {
            // SAFETY: it was not taken.
            drop(unsafe { Box::from_raw(letter.cast::<Letter>()) });
        }
    }
}

/// Runs on the JavaScript thread; without an environment when that ends.
unsafe extern "C" fn deliver(
    env: sys::napi_env,
    _function: sys::napi_value,
    _context: *mut c_void,
    letter: *mut c_void,
) {
    // SAFETY: it came from `Box::into_raw` in `Settle::with`, and each call delivers one.
    let Letter { deferred, make, ends } = *unsafe { Box::from_raw(letter.cast::<Letter>()) };
    if env.is_null() {
        return;
    }
    let made = make(env);
    // SAFETY: `env` is valid for this call; a deferred is settled once.
    unsafe {
        match made {
            Ok(value) => {
                sys::napi_resolve_deferred(env, deferred.0, value);
            }
            Err(error) => {
                let error = napi::JsError::from(error).into_value(env);
                sys::napi_reject_deferred(env, deferred.0, error);
            }
        }
        let function = ends.on_loop.load(Ordering::Relaxed);
        if ends.open.fetch_sub(1, Ordering::Relaxed) == 1 && !function.is_null() {
            sys::napi_unref_threadsafe_function(env, function);
        }
    }
}

/// Node lets go of the function.
unsafe extern "C" fn finalize(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: it came from `Arc::into_raw` in `Way::new`, and a function is finalized once.
    let ends = unsafe { Arc::from_raw(data.cast::<Ends>()) };
    ends.on_loop.store(ptr::null_mut(), Ordering::Relaxed);
    ends.function.lock().take();
}
