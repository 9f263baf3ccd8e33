//! What stands in options from JavaScript.

use std::ffi::CStr;
use std::ptr;

use napi::bindgen_prelude::{ClassInstance, FromNapiValue, sys};

use crate::raw::check;

/// A property that is an instance of a class of ours.
///
/// # Safety
/// `env` and `object` are valid for this call, on the JavaScript thread.
pub unsafe fn instance<'call, T>(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
) -> napi::Result<Option<ClassInstance<'call, T>>>
where
    ClassInstance<'call, T>: FromNapiValue,
{
    // SAFETY: the caller vouches for both; the instance's tag is checked.
    unsafe {
        property(env, object, name)?.map(|value| ClassInstance::from_napi_value(env, value)).transpose()
    }
}

/// A property that is there.
///
/// # Safety
/// `env` and `object` are valid for this call, on the JavaScript thread.
pub unsafe fn property(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &CStr,
) -> napi::Result<Option<sys::napi_value>> {
    let mut value = ptr::null_mut();
    let mut kind = 0;
    // SAFETY: the caller vouches for both; the out pointers are locals.
    unsafe {
        check(sys::napi_get_named_property(env, object, name.as_ptr(), &raw mut value))?;
        check(sys::napi_typeof(env, value, &raw mut kind))?;
    }
    Ok((kind != sys::ValueType::napi_undefined && kind != sys::ValueType::napi_null).then_some(value))
}
