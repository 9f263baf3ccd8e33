//! Bytes on their way to JavaScript.

use napi::bindgen_prelude::{ToNapiValue, Uint8Array, sys};

use crate::raw::check;

/// Fewer bytes than this are copied.
const SHARED_MIN: usize = 4 << 10;

/// Bytes that JavaScript gets as they are when they are many. Few become text of one character for each: memory of ours that
/// JavaScript holds costs it a handle, a finalizer and a turn of the garbage collector, some 5 us whatever its size.
pub struct Piece(pub Vec<u8>);

impl ToNapiValue for Piece {
    unsafe fn to_napi_value(env: sys::napi_env, Self(bytes): Self) -> napi::Result<sys::napi_value> {
        if bytes.len() >= SHARED_MIN {
            // SAFETY: the caller vouches for `env`.
            return unsafe { Uint8Array::to_napi_value(env, Uint8Array::new(bytes)) };
        }
        let mut text = std::ptr::null_mut();
        // SAFETY: the caller vouches for `env`; the bytes are copied; the out pointer is a local.
        unsafe {
            let length = bytes.len() as isize;
            check(sys::napi_create_string_latin1(env, bytes.as_ptr().cast(), length, &raw mut text))?;
        }
        Ok(text)
    }
}
