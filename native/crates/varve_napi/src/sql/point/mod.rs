//! Point reads without a wrapper: Node-API callbacks bound to one table, a buffer for keys and one for rows.
//!
//! Key and row lie in these buffers as core/sql's `point/packed-row.ts` says, so a call unwraps one small integer.
//!
//! Invariants
//! 1. The key buffer is kept alive as long as any bound function lives. JavaScript keeps the row buffer alive, registers
//!    it again whenever it takes another, and detaches neither.
//! 2. Everything here happens on the JavaScript thread that created it.

mod key;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{ToNapiValue, Uint8Array, sys};
use varve_table::{PointReader, TableId};
use varve_types::{ErrorCode, VarveError};

use crate::outcome::{Nothing, Outcome};
use crate::raw::{Callback, argument, bound, check, typed_array};
use crate::sql::behind::TableShape;
use crate::sql::database::Shared;
use crate::sql::{ipc, packed_row};

const BYTES: sys::napi_typedarray_type = sys::TypedarrayType::uint8_array;

/// Returned when there is no such row.
const MISSING: i32 = -1;
/// Returned when the call failed; `takeFailure` has the reason.
const FAILED: i32 = -2;
/// Returned when the table is no longer what it was.
const ALTERED: i32 = -3;

/// What the bound functions share.
struct Point {
    shared: Arc<Shared>,
    table: TableId,
    reader: PointReader,
    /// The place of the first column of the key.
    key_column: usize,
    /// The row as it was packed last.
    packed: Vec<u8>,
    key: *const u8,
    key_bytes_max: usize,
    row: *mut u8,
    row_bytes_max: usize,
    failure: Option<VarveError>,
}

/// A table that point reads are bound to, on its way to JavaScript.
pub struct Bound {
    shared: Arc<Shared>,
    table: TableId,
    reader: PointReader,
    columns: Vec<u8>,
    primary_key: Vec<u32>,
    key: sys::napi_value,
    row: sys::napi_value,
}

impl Bound {
    /// Binds reads of the table of this name; `key` and `row` are `Uint8Array`s of this call.
    pub fn new(
        shared: &Arc<Shared>,
        name: &str,
        (key, row): (sys::napi_value, sys::napi_value),
    ) -> Result<Self, VarveError> {
        let (shape, version) = shared.engine()?.table(name)?;
        let TableShape { columns, primary_key, .. } = shape;
        if primary_key.is_empty() {
            return Err(VarveError::new(
                ErrorCode::SqlUnsupported,
                format!("table {name} has no primary key to read it by"),
                "use a query",
            ));
        }
        Ok(Self {
            shared: Arc::clone(shared),
            table: version.table.id,
            reader: PointReader::new(Arc::clone(&version.table)),
            columns: ipc::schema_message(&columns)?,
            primary_key: primary_key.into_iter().map(|at| at as u32).collect(),
            key,
            row,
        })
    }
}

impl ToNapiValue for Bound {
    /// `{columns, primaryKey, get(keyBytes), setRow(row), takeFailure()}`
    unsafe fn to_napi_value(env: sys::napi_env, of: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the caller vouches for `env`; `key` and `row` are of the call that this is the answer of.
        unsafe {
            let (key, key_bytes_max) = typed_array(env, of.key, BYTES)?;
            let (row, row_bytes_max) = typed_array(env, of.row, BYTES)?;
            let key_column = of.primary_key.first().map_or(0, |column| *column as usize);
            let point = Rc::new(RefCell::new(Point {
                shared: of.shared,
                table: of.table,
                reader: of.reader,
                key_column,
                packed: Vec::new(),
                key,
                key_bytes_max,
                row,
                row_bytes_max,
                failure: None,
            }));
            let mut object = ptr::null_mut();
            check(sys::napi_create_object(env, &raw mut object))?;
            let columns = Uint8Array::to_napi_value(env, Uint8Array::new(of.columns))?;
            check(sys::napi_set_named_property(env, object, c"columns".as_ptr(), columns))?;
            let primary_key = Vec::to_napi_value(env, of.primary_key)?;
            check(sys::napi_set_named_property(env, object, c"primaryKey".as_ptr(), primary_key))?;
            for (name, callback) in [
                (c"get", get as Callback),
                (c"setRow", set_row as Callback),
                (c"takeFailure", take_failure as Callback),
            ] {
                let function = bound(env, name, callback, &point, [(c"key", of.key)])?;
                check(sys::napi_set_named_property(env, object, name.as_ptr(), function))?;
            }
            Ok(object)
        }
    }
}

impl Point {
    /// Packs the row whose key lies in the first `key_bytes` bytes of the key buffer, and copies it when it fits; the
    /// length of the row, or `MISSING` or `ALTERED`.
    fn get(&mut self, key_bytes: usize) -> Result<i32, VarveError> {
        if key_bytes > self.key_bytes_max {
            return Err(VarveError::new(ErrorCode::KeyTooLarge, "the key does not fit its buffer", ""));
        }
        // SAFETY: the buffer is kept alive and not detached, and is as long as it was when it was registered.
        let key = unsafe { std::slice::from_raw_parts(self.key, key_bytes) };
        let engine = self.shared.engine()?;
        let version = engine.database()?.snapshot();
        let Some(table) = version.tables.get(&self.table).filter(|table| self.reader.fits(table)) else {
            return Ok(ALTERED);
        };
        let Some(columns) = table.hot.keys().first() else { return Ok(ALTERED) };
        let (found, known) = match key::number(columns, key) {
            Some((number, slot)) => (self.reader.find(table, number)?, Some((self.key_column, slot))),
            None => {
                let keys = key::encode(columns, key)?;
                let Some(key) = keys.get(0) else { return Ok(MISSING) };
                (self.reader.find(table, key)?, None)
            }
        };
        let Some(found) = found else { return Ok(MISSING) };
        self.packed.clear();
        packed_row::pack_beside(known, found, &mut self.packed)?;
        if self.packed.len() <= self.row_bytes_max {
            // SAFETY: JavaScript keeps the buffer alive and registers it again when it takes another.
            unsafe { ptr::copy_nonoverlapping(self.packed.as_ptr(), self.row, self.packed.len()) };
        }
        i32::try_from(self.packed.len()).map_err(|_| {
            VarveError::new(ErrorCode::ValueTooLarge, "the row has 2 GiB or more", "read it with a query")
        })
    }
}

/// `get(keyBytes)`
unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: `env` and `info` are Node's; the context lives as long as the function that is being called.
    unsafe {
        let (argument, point) = argument::<Point>(env, info);
        let point = &mut *point.borrow_mut();
        let mut key_bytes = u32::MAX;
        sys::napi_get_value_uint32(env, argument, &raw mut key_bytes);
        let code = match catch_unwind(AssertUnwindSafe(|| point.get(key_bytes as usize))) {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => {
                point.failure = Some(error);
                FAILED
            }
            Err(_) => FAILED,
        };
        let mut result = ptr::null_mut();
        sys::napi_create_int32(env, code, &raw mut result);
        result
    }
}

/// `setRow(row)`: registers the buffer that `get` fills.
unsafe extern "C" fn set_row(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `get`; `typed_array` checks the argument.
    unsafe {
        let (argument, point) = argument::<Point>(env, info);
        let (row, bytes) =
            typed_array(env, argument, BYTES).unwrap_or((ptr::NonNull::dangling().as_ptr(), 0));
        let point = &mut *point.borrow_mut();
        point.row = row;
        point.row_bytes_max = bytes;
    }
    ptr::null_mut()
}

/// `takeFailure()`: why the last call returned -2.
unsafe extern "C" fn take_failure(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `get`.
    unsafe {
        let (_, point) = argument::<Point>(env, info);
        let error = point.borrow_mut().failure.take().unwrap_or_else(|| {
            VarveError::new(ErrorCode::EngineDefect, "a point read panicked", "please report the table")
        });
        Outcome::<Nothing>::to_napi_value(env, Outcome(Err(error))).unwrap_or(ptr::null_mut())
    }
}
