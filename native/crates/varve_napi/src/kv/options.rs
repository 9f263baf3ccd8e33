//! Options from JavaScript.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use varve_kv::error::argument;
use varve_kv::{Durability, LogMode, OpenOptions};
use varve_types::Result;

use crate::kv::lock::NativeLock;
use crate::kv::trial::IndexPolicy;

/// How a store is opened; what is absent has the default of `varve_kv::OpenOptions`.
#[napi(object)]
#[derive(Default)]
pub struct StoreOptions {
    /// Creates the directory and the store when there is none.
    pub create_if_missing: Option<bool>,
    /// Fails with `STORE_EXISTS` when there is one.
    pub error_if_exists: Option<bool>,
    /// Bytes of one memtable.
    pub memtable_bytes: Option<f64>,
    /// Largest preallocated log file, in bytes.
    pub log_file_bytes: Option<f64>,
    /// Bytes of waiting batches after which a write fails with `LIMIT_EXCEEDED`.
    pub queue_bytes_max: Option<f64>,
    /// Filter bits per key.
    pub filter_bits: Option<u32>,
    /// The caller keeps the log: batches come in by `apply`, folds go out by event.
    pub external_log: Option<bool>,
    /// With `externalLog`: the catalogue that the caller stored last; absent for a new store.
    pub catalogue: Option<Uint8Array>,
    /// How the index of new segments is built; `auto` by default.
    pub index_policy: Option<IndexPolicy>,
}

/// Reads `options` over the defaults, with a share of the lock that was taken. Errors: `ARGUMENT_INVALID`, and `STORE_CLOSED`
/// when it was released.
pub fn open_options(options: StoreOptions, lock: Option<&NativeLock>) -> Result<OpenOptions> {
    let mut open = OpenOptions { lock: lock.map(NativeLock::share).transpose()?, ..OpenOptions::default() };
    set(&mut open.create_if_missing, options.create_if_missing);
    set(&mut open.error_if_exists, options.error_if_exists);
    set(&mut open.memtable_bytes, bytes("memtableBytes", options.memtable_bytes)?);
    set(&mut open.log_file_bytes, bytes("logFileBytes", options.log_file_bytes)?);
    set(&mut open.queue_bytes_max, bytes("queueBytesMax", options.queue_bytes_max)?);
    set(&mut open.filter_bits, options.filter_bits);
    if let Some(policy) = options.index_policy {
        open.index_policy = policy.parse()?;
    }
    if options.external_log == Some(true) {
        open.log = LogMode::External { catalogue: options.catalogue.map(|bytes| bytes.to_vec()) };
    }
    Ok(open)
}

/// `true` is synced, `false` fast.
pub fn durability(synced: bool) -> Durability {
    if synced { Durability::Synced } else { Durability::Fast }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn bytes(name: &str, value: Option<f64>) -> Result<Option<usize>> {
    value
        .map(|value| {
            let whole = value.fract() == 0.0 && (0.0..9.0e15).contains(&value);
            if whole {
                Ok(value as usize)
            } else {
                Err(argument(format!("{name} is not a whole number of bytes")))
            }
        })
        .transpose()
}
