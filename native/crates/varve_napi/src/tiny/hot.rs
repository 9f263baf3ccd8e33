//! Single answers without arguments: a Node-API callback bound to one model and two buffers.
//!
//! JavaScript writes the features into one buffer, calls, and reads the answer from the other, so that a call unwraps
//! nothing. Measured on Node 20: unwrapping two typed arrays costs more than scoring a small forest.
//!
//! Invariants
//! 1. The function keeps both buffers alive; JavaScript never hands them to anyone who could detach them.
//! 2. Their lengths were checked when they were bound.
//! 3. Everything here happens on the JavaScript thread that created it.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::sys;

use super::model::Loaded;
use crate::raw::{check, keep_alive, typed_array};

/// What the bound function holds.
struct Hot {
    loaded: Arc<Loaded>,
    /// Shape [features].
    features: *const f32,
    /// Shape [outputs].
    answer: *mut f32,
}

/// Creates `run()`, which scores `features` into `answer`, both `Float32Array`s of the model's widths; it returns
/// `true`, or `undefined` should an invariant of the kernels be broken.
///
/// # Safety
/// `env`, `features` and `answer` are valid for this call, on the JavaScript thread.
pub unsafe fn bind(
    env: sys::napi_env,
    loaded: Arc<Loaded>,
    features: sys::napi_value,
    answer: sys::napi_value,
) -> napi::Result<sys::napi_value> {
    // SAFETY: the caller vouches for the handles; every out pointer is a local, and `data` is given back by `release`.
    unsafe {
        let schema = loaded.model.schema();
        let input = floats_of(env, features, schema.features.len())?;
        let output = floats_of(env, answer, schema.outputs.len())?;
        let hot = Box::new(Hot { loaded, features: input, answer: output });
        let data = Box::into_raw(hot).cast::<c_void>();
        let mut function = ptr::null_mut();
        check(sys::napi_create_function(env, c"run".as_ptr(), 3, Some(run), data, &raw mut function))?;
        check(sys::napi_add_finalizer(env, function, data, Some(release), ptr::null_mut(), ptr::null_mut()))?;
        keep_alive(env, function, [(c"features", features), (c"answer", answer)])?;
        Ok(function)
    }
}

unsafe extern "C" fn release(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `data` came from `Box::into_raw` in `bind`, and the function is finalized once.
    drop(unsafe { Box::from_raw(data.cast::<Hot>()) });
}

unsafe extern "C" fn run(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data = ptr::null_mut();
    let mut result = ptr::null_mut();
    // SAFETY: Node calls with a valid `env` and `info`; `data` is what `bind` registered and lives as long as its
    // function; the buffers are alive and of the model's widths.
    unsafe {
        sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &raw mut data);
        let hot = &*data.cast::<Hot>();
        let done = catch_unwind(AssertUnwindSafe(|| {
            let schema = hot.loaded.model.schema();
            let features = std::slice::from_raw_parts(hot.features, schema.features.len());
            let answer = std::slice::from_raw_parts_mut(hot.answer, schema.outputs.len());
            hot.loaded.with_scratch(|model, scratch| model.infer(scratch, features, answer)).is_ok()
        }));
        if done.unwrap_or(false) {
            sys::napi_get_boolean(env, true, &raw mut result);
        }
    }
    result
}

/// Address of a `Float32Array` of `length` numbers. Error: `InvalidArg` for anything else.
unsafe fn floats_of(env: sys::napi_env, value: sys::napi_value, length: usize) -> napi::Result<*mut f32> {
    // SAFETY: the caller vouches for `env` and `value`.
    let (data, count) = unsafe { typed_array(env, value, sys::TypedarrayType::float32_array)? };
    if count != length {
        let message = format!("not a Float32Array of {length} numbers");
        return Err(napi::Error::new(napi::Status::InvalidArg, message));
    }
    Ok(data)
}
