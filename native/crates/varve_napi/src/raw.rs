//! Node-API without a wrapper, for the callbacks of hot paths (`kv::hot`, `tiny::hot`).

use std::ffi::CStr;
use std::ptr;

use napi::bindgen_prelude::sys;

/// The status of a call as a result.
pub fn check(status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(napi::Error::from_status(status.into())) }
}

/// Address and length, in elements, of a typed array of `kind`, whose elements are `T`; length 0 when it is detached.
///
/// Error: `InvalidArg` for anything else.
///
/// # Safety
/// `env` and `value` are valid for this call, on the JavaScript thread.
pub unsafe fn typed_array<T>(
    env: sys::napi_env,
    value: sys::napi_value,
    kind: sys::napi_typedarray_type,
) -> napi::Result<(*mut T, usize)> {
    let mut found = 0;
    let mut length = 0;
    let mut data = ptr::null_mut();
    // SAFETY: the caller vouches for `env` and `value`; the out pointers are locals.
    unsafe {
        check(sys::napi_get_typedarray_info(
            env,
            value,
            &raw mut found,
            &raw mut length,
            &raw mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        ))?;
    }
    if found != kind {
        return Err(napi::Error::new(napi::Status::InvalidArg, "not a typed array of the right kind"));
    }
    Ok(if data.is_null() { (ptr::NonNull::dangling().as_ptr(), 0) } else { (data.cast(), length) })
}

#[cfg(any(feature = "kv", feature = "tiny"))]
/// Makes `function` keep `values` alive for as long as it lives itself, as properties that nobody sees.
///
/// # Safety
/// `env`, `function` and `values` are valid for this call, on the JavaScript thread.
pub unsafe fn keep_alive<const N: usize>(
    env: sys::napi_env,
    function: sys::napi_value,
    values: [(&CStr, sys::napi_value); N],
) -> napi::Result<()> {
    let hidden = values.map(|(name, value)| sys::napi_property_descriptor {
        utf8name: name.as_ptr(),
        name: ptr::null_mut(),
        method: None,
        getter: None,
        setter: None,
        value,
        attributes: sys::PropertyAttributes::default,
        data: ptr::null_mut(),
    });
    // SAFETY: the caller vouches for the handles; the descriptors outlive the call.
    unsafe { check(sys::napi_define_properties(env, function, N, hidden.as_ptr())) }
}
