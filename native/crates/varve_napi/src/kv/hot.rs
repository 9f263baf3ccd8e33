//! Point reads without a wrapper: Node-API callbacks bound to one store and view.
//!
//! A key travels in a scratch buffer that both sides know, so a call has one small integer to unwrap; the output
//! buffer is registered once and used until another is. Measured on Node 20 (two-core AMD, 1 M records): unwrapping
//! two typed arrays costs more than the lookup's own arithmetic.
//!
//! Invariants
//! 1. The scratch buffer is referenced for as long as any bound function lives.
//! 2. JavaScript registers an output buffer again whenever its identity or length changes, so a detached or shrunk
//!    buffer (length 0 or another length) is never written through its old address.
//! 3. Everything here happens on the JavaScript thread that created it; `Rc` and `RefCell` suffice.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::sys;
use varve_kv::{Found, Snapshot, Store};
use varve_types::VarveError;

use crate::outcome::Outcome;
use crate::raw::{Callback, argument, bound, check, typed_array};

const BYTES: sys::napi_typedarray_type = sys::TypedarrayType::uint8_array;

/// Returned for a key that is not there.
const MISSING: i32 = -1;
/// Returned when the call failed; `takeFailure` has the reason.
const FAILED: i32 = -2;

/// What the bound functions share.
struct Hot {
    store: Arc<Store>,
    view: Option<Snapshot>,
    /// Where JavaScript puts keys; shape [scratch_bytes].
    scratch: *const u8,
    scratch_bytes: usize,
    out: *mut u8,
    out_bytes: usize,
    failure: Option<VarveError>,
}

/// Creates `{get(keyBytes), has(keyBytes), setOut(out), takeFailure()}` over `store`, reading `view` or the latest
/// state, with keys in `scratch` (a `Uint8Array`).
///
/// # Safety
/// `env` and `scratch` are valid for this call, on the JavaScript thread.
pub unsafe fn bind(
    env: sys::napi_env,
    store: Arc<Store>,
    view: Option<Snapshot>,
    scratch: sys::napi_value,
) -> napi::Result<sys::napi_value> {
    // SAFETY: the caller vouches for `env` and `scratch`; every out pointer is a local.
    unsafe {
        let (address, scratch_bytes) = typed_array(env, scratch, BYTES)?;
        let hot = Hot {
            store,
            view,
            scratch: address,
            scratch_bytes,
            out: ptr::NonNull::dangling().as_ptr(),
            out_bytes: 0,
            failure: None,
        };
        let shared = Rc::new(RefCell::new(hot));
        let mut object = ptr::null_mut();
        check(sys::napi_create_object(env, &raw mut object))?;
        for (name, callback) in [
            (c"get", get as Callback),
            (c"has", has as Callback),
            (c"setOut", set_out as Callback),
            (c"takeFailure", take_failure as Callback),
        ] {
            let function = bound(env, name, callback, &shared, [(c"scratch", scratch)])?;
            check(sys::napi_set_named_property(env, object, name.as_ptr(), function))?;
        }
        Ok(object)
    }
}

/// `get(keyBytes)`: copies the value of the key in scratch to the registered buffer.
///
/// Returns the value's length, also when it exceeds the buffer, which is then untouched; -1; or -2.
unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls with a valid `env` and `info`.
    unsafe { lookup(env, info, |hot| (hot.out, hot.out_bytes)) }
}

/// `has(keyBytes)`: as `get`, without copying.
unsafe extern "C" fn has(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node calls with a valid `env` and `info`.
    unsafe { lookup(env, info, |_| (ptr::NonNull::dangling().as_ptr(), 0)) }
}

#[inline]
unsafe fn lookup(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    buffer: impl FnOnce(&Hot) -> (*mut u8, usize),
) -> sys::napi_value {
    // SAFETY: `env` and `info` are Node's; the context lives as long as the function that is being called.
    unsafe {
        let (argument, hot) = argument::<Hot>(env, info);
        let hot = &mut *hot.borrow_mut();
        let mut key_bytes = u32::MAX;
        sys::napi_get_value_uint32(env, argument, &raw mut key_bytes);
        let code = catch_unwind(AssertUnwindSafe(|| {
            if key_bytes as usize > hot.scratch_bytes {
                hot.failure = Some(varve_kv::error::argument("the key does not fit the scratch buffer"));
                return FAILED;
            }
            let key = std::slice::from_raw_parts(hot.scratch, key_bytes as usize);
            let (out, out_bytes) = buffer(hot);
            let out = std::slice::from_raw_parts_mut(out, out_bytes);
            match hot.store.get_into(hot.view.as_ref(), key, out) {
                Ok(Found::Missing) => MISSING,
                Ok(Found::Value(bytes) | Found::TooSmall(bytes)) => bytes as i32,
                Err(error) => {
                    hot.failure = Some(error);
                    FAILED
                }
            }
        }));
        let mut result = ptr::null_mut();
        sys::napi_create_int32(env, code.unwrap_or(FAILED), &raw mut result);
        result
    }
}

/// `setOut(out)`: registers the buffer that `get` fills.
unsafe extern "C" fn set_out(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `lookup`; `typed_array` checks the argument.
    unsafe {
        let (argument, hot) = argument::<Hot>(env, info);
        let (out, out_bytes) =
            typed_array(env, argument, BYTES).unwrap_or((ptr::NonNull::dangling().as_ptr(), 0));
        let hot = &mut *hot.borrow_mut();
        hot.out = out;
        hot.out_bytes = out_bytes;
    }
    ptr::null_mut()
}

/// `takeFailure()`: why the last call returned -2.
unsafe extern "C" fn take_failure(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `lookup`.
    unsafe {
        let (_, hot) = argument::<Hot>(env, info);
        let error = hot.borrow_mut().failure.take().unwrap_or_else(|| {
            let hint = "close the store, run verify(), and report this";
            VarveError::new(varve_types::ErrorCode::StoreIo, "an invariant of a lookup is broken", hint)
        });
        let outcome = Outcome::<crate::outcome::Nothing>(Err(error));
        napi::bindgen_prelude::ToNapiValue::to_napi_value(env, outcome).unwrap_or(ptr::null_mut())
    }
}
