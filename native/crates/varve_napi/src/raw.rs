//! Node-API without a wrapper, for the callbacks of hot paths (`kv::hot`, `tiny::hot`, `sql::point`).

use std::ffi::CStr;
use std::ptr;
#[cfg(any(feature = "kv", feature = "sql", feature = "scan"))]
use std::{cell::RefCell, ffi::c_void, rc::Rc};

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

/// What JavaScript calls.
#[cfg(any(feature = "kv", feature = "sql", feature = "scan"))]
pub type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// A function that shares `context` with others, and keeps it and `values` alive for as long as it lives itself.
///
/// # Safety
/// `env` and `values` are valid for this call, on the JavaScript thread; `callback` takes its context as a `T`
/// ([`argument`]).
#[cfg(any(feature = "kv", feature = "sql", feature = "scan"))]
pub unsafe fn bound<T, const N: usize>(
    env: sys::napi_env,
    name: &CStr,
    callback: Callback,
    context: &Rc<RefCell<T>>,
    values: [(&CStr, sys::napi_value); N],
) -> napi::Result<sys::napi_value> {
    let data = Rc::into_raw(Rc::clone(context)).cast::<c_void>().cast_mut();
    let mut function = ptr::null_mut();
    // SAFETY: as the caller vouches; `data` is given back by `release` when the function is collected.
    unsafe {
        let length = name.count_bytes() as isize;
        check(sys::napi_create_function(
            env,
            name.as_ptr(),
            length,
            Some(callback),
            data,
            &raw mut function,
        ))?;
        let release = Some(release::<T> as unsafe extern "C" fn(_, _, _));
        check(sys::napi_add_finalizer(env, function, data, release, ptr::null_mut(), ptr::null_mut()))?;
        keep_alive(env, function, values)?;
    }
    Ok(function)
}

#[cfg(any(feature = "kv", feature = "sql", feature = "scan"))]
unsafe extern "C" fn release<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `bound`, and each function is finalized once.
    drop(unsafe { Rc::from_raw(data.cast::<RefCell<T>>()) });
}

/// The first argument and the context of a call.
///
/// # Safety
/// `env` and `info` are those of a call of a function that `bound` made with a context of `T`.
#[cfg(any(feature = "kv", feature = "sql", feature = "scan"))]
#[inline]
pub unsafe fn argument<'a, T>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> (sys::napi_value, &'a RefCell<T>) {
    let mut count = 1;
    let mut argument = ptr::null_mut();
    let mut data = ptr::null_mut();
    // SAFETY: Node fills the locals; `data` is what `bound` registered and lives as long as its function.
    unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, &raw mut argument, ptr::null_mut(), &raw mut data);
        (argument, &*data.cast::<RefCell<T>>())
    }
}

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
