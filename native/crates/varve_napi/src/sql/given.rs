//! Parameters of a statement, as JavaScript gives them.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, sys};
use varve_sql::Param;

use crate::raw::{check, typed_array};
use crate::sql::params::property;

/// Parameters with their names, if they have any.
pub struct Given {
    pub values: Vec<Param>,
    pub names: Option<Vec<String>>,
}

/// Reads `NativeParams`.
///
/// # Safety
/// `env` and `object` are valid for this call, on the JavaScript thread.
pub unsafe fn given(env: sys::napi_env, object: sys::napi_value) -> napi::Result<Given> {
    // SAFETY: the caller vouches for both.
    unsafe {
        let values = property(env, object, c"values")?
            .ok_or_else(|| napi::Error::new(napi::Status::InvalidArg, "there are no values"))?;
        let values = items(env, values)?;
        let names = property(env, object, c"names")?;
        let names = names.map(|names| Vec::<String>::from_napi_value(env, names)).transpose()?;
        Ok(Given { values, names })
    }
}

unsafe fn items(env: sys::napi_env, array: sys::napi_value) -> napi::Result<Vec<Param>> {
    let mut length = 0;
    // SAFETY: the caller vouches for both; the out pointers are locals.
    unsafe {
        check(sys::napi_get_array_length(env, array, &raw mut length))?;
        let mut values = Vec::with_capacity(length as usize);
        for at in 0..length {
            let mut item = ptr::null_mut();
            check(sys::napi_get_element(env, array, at, &raw mut item))?;
            values.push(param(env, item)?);
        }
        Ok(values)
    }
}

unsafe fn param(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Param> {
    // SAFETY: the caller vouches for both; the out pointers are locals.
    unsafe {
        let mut kind = 0;
        check(sys::napi_typeof(env, value, &raw mut kind))?;
        Ok(match kind {
            sys::ValueType::napi_boolean => Param::Boolean(bool::from_napi_value(env, value)?),
            sys::ValueType::napi_number => number(f64::from_napi_value(env, value)?),
            sys::ValueType::napi_string => Param::Text(String::from_napi_value(env, value)?),
            sys::ValueType::napi_bigint => bigint(env, value)?,
            sys::ValueType::napi_object if is_array(env, value)? => Param::List(items(env, value)?),
            sys::ValueType::napi_object => match property(env, value, c"micros")? {
                Some(micros) => match bigint(env, micros)? {
                    Param::Int(micros) => Param::Micros(micros),
                    _ => return Err(napi::Error::new(napi::Status::InvalidArg, "a moment is too far")),
                },
                None => {
                    let (data, length) = typed_array::<u8>(env, value, sys::TypedarrayType::uint8_array)?;
                    Param::Bytes(std::slice::from_raw_parts(data, length).to_vec())
                }
            },
            _ => Param::Null,
        })
    }
}

unsafe fn is_array(env: sys::napi_env, value: sys::napi_value) -> napi::Result<bool> {
    let mut is_array = false;
    // SAFETY: the caller vouches for both; the out pointer is a local.
    unsafe { check(sys::napi_is_array(env, value, &raw mut is_array))? };
    Ok(is_array)
}

/// Integers that a double holds exactly are integers.
fn number(value: f64) -> Param {
    let is_whole = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    let is_negative_zero = value == 0.0 && value.is_sign_negative();
    if is_whole && !is_negative_zero { Param::Int(value as i64) } else { Param::Float(value) }
}

unsafe fn bigint(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Param> {
    let (mut signed, mut unsigned, mut is_exact) = (0, 0, false);
    // SAFETY: the caller vouches for both; the out pointers are locals.
    unsafe {
        check(sys::napi_get_value_bigint_int64(env, value, &raw mut signed, &raw mut is_exact))?;
        if is_exact {
            return Ok(Param::Int(signed));
        }
        check(sys::napi_get_value_bigint_uint64(env, value, &raw mut unsigned, &raw mut is_exact))?;
    }
    Ok(Param::UInt(unsigned))
}
