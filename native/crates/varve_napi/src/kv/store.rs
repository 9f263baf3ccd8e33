//! The store and its snapshots as classes.

use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{
    Float64Array, FnArgs, Function, JsValue, Object, ToNapiValue, Uint8Array, Uint8ArraySlice,
    Uint32ArraySlice, sys,
};
use napi_derive::napi;
use varve_kv::error::{argument, closed};
use varve_kv::{Batch, PackedKeys, Snapshot, Store};

use crate::kv::cursor::{KeyRange, NativeCursor};
use crate::kv::events::{Acks, StoreEvent, event_sink};
use crate::kv::hot;
use crate::kv::lock::NativeLock;
use crate::kv::options::{StoreOptions, durability, open_options};
use crate::kv::report::{StoreStats, VerifyReport};
use crate::kv::trial::{IndexPolicy, SegmentCurve, SegmentTrial};
use crate::outcome::{Failure, Nothing, Outcome};
use crate::work::promise_of;

/// Opens or creates the store in `dir` on a thread of its own.
///
/// `onEvent` hears of background work. `onAcks` hears of every group commit: token, sequence and 1 (synced) or 0
/// (fast) for each batch in it, or the tokens and the failure that all of them share. `lock` is the directory's, when the
/// caller has taken it.
#[napi(ts_return_type = "Promise<NativeStore | Failed>")]
pub fn open_store<'env>(
    env: &'env Env,
    dir: String,
    options: StoreOptions,
    on_event: Function<'_, FnArgs<(StoreEvent,)>, ()>,
    on_acks: Function<'_, FnArgs<(Float64Array, Option<Failure>)>, ()>,
    lock: Option<&NativeLock>,
) -> napi::Result<Object<'env>> {
    let on_event = event_sink(&on_event)?;
    let acks = Arc::new(Acks::new(&on_acks)?);
    let options = open_options(options, lock);
    promise_of(env, "varve-open", move || {
        let mut options = options?;
        options.on_event = Some(on_event);
        options.acks = Some(acks);
        Store::open(PathBuf::from(dir), options).map(|store| NativeStore { store: Arc::new(store) })
    })
}

/// An open store.
#[napi]
pub struct NativeStore {
    store: Arc<Store>,
}

/// A consistent view; `close` lets go of it.
#[napi]
pub struct NativeSnapshot {
    snapshot: Option<Snapshot>,
}

#[napi]
impl NativeSnapshot {
    /// Last commit in this view; -1 when closed.
    #[napi(getter)]
    pub fn sequence(&self) -> f64 {
        self.snapshot.as_ref().map_or(-1.0, |snapshot| snapshot.sequence() as f64)
    }

    /// Lets go of the view; later reads of it answer `STORE_CLOSED`.
    #[napi]
    pub fn close(&mut self) {
        self.snapshot = None;
    }
}

/// The view that a read asks for: the latest state, or a snapshot that is still open.
fn view_of(snapshot: Option<&NativeSnapshot>) -> Result<Option<&Snapshot>, varve_types::VarveError> {
    snapshot.map(|snapshot| snapshot.snapshot.as_ref().ok_or_else(closed)).transpose()
}

/// Makes a raw value returnable.
pub struct Raw(sys::napi_value);

impl ToNapiValue for Raw {
    unsafe fn to_napi_value(_: sys::napi_env, raw: Self) -> napi::Result<sys::napi_value> {
        Ok(raw.0)
    }
}

#[napi]
impl NativeStore {
    /// Binds the hot reads to this store, and to `snapshot` when there is one. Keys go through `scratch`.
    #[napi(
        ts_args_type = "scratch: Uint8Array, snapshot?: NativeSnapshot",
        ts_return_type = "HotReads | Failed"
    )]
    pub fn hot_reads(
        &self,
        env: &Env,
        scratch: Object<'_>,
        snapshot: Option<&NativeSnapshot>,
    ) -> napi::Result<Outcome<Raw>> {
        let view = match view_of(snapshot) {
            Ok(view) => view.cloned(),
            Err(error) => return Ok(Outcome(Err(error))),
        };
        // SAFETY: both handles are valid for this call, which runs on the JavaScript thread.
        let bound = unsafe { hot::bind(env.raw(), Arc::clone(&self.store), view, scratch.raw())? };
        Ok(Outcome(Ok(Raw(bound))))
    }

    /// Looks packed keys up at one moment: key `i` ends at `keyEnds[i]` of `keys`, its value at `valueEnds[i]` of
    /// `values`, or bit 31 is set there when it is missing. `done` receives keys answered, keys found, bytes used,
    /// and bytes that the next value needs when it did not fit; shape [4].
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn get_many(
        &self,
        snapshot: Option<&NativeSnapshot>,
        keys: &[u8],
        key_ends: &[u32],
        mut values: Uint8ArraySlice<'_>,
        mut value_ends: Uint32ArraySlice<'_>,
        mut done: Uint32ArraySlice<'_>,
    ) -> Outcome<Nothing> {
        Outcome::of(|| {
            // SAFETY: the slices belong to this call, and JavaScript does not run until it returns.
            let (values, value_ends, done) = unsafe { (values.as_mut(), value_ends.as_mut(), done.as_mut()) };
            let [count, found, bytes, needed] = done else {
                return Err(argument("done does not have 4 items"));
            };
            if value_ends.len() < key_ends.len() {
                return Err(argument("valueEnds holds fewer items than keyEnds"));
            }
            let keys = PackedKeys::new(keys, key_ends)?;
            let answer = self.store.get_many_packed(view_of(snapshot)?, keys, values, value_ends)?;
            *count = answer.count as u32;
            *found = answer.found as u32;
            *bytes = answer.bytes as u32;
            *needed = answer.needed as u32;
            Ok(Nothing)
        })
    }

    /// Queues a packed batch for the next group commit; `onAcks` learns its outcome under `token`.
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn write(&self, batch: &[u8], synced: bool, token: f64) -> Outcome<Nothing> {
        Outcome::of(|| {
            let batch = Batch::from_packed(batch.to_vec())?;
            self.store.write(batch, durability(synced), token as u64).map(|()| Nothing)
        })
    }

    /// External log: applies a batch that the caller has logged as commit `sequence`.
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn apply(&self, batch: &[u8], sequence: f64) -> Outcome<Nothing> {
        Outcome::of(|| {
            let batch = Batch::from_packed(batch.to_vec())?;
            self.store.apply(&batch, sequence as u64).map(|()| Nothing)
        })
    }

    /// External log: true when `apply` of this packed batch would not wait for a flush.
    #[napi(ts_return_type = "boolean | Failed")]
    pub fn can_apply(&self, batch: &[u8]) -> Outcome<bool> {
        Outcome::of(|| Ok(self.store.can_apply(&Batch::from_packed(batch.to_vec())?)))
    }

    /// External log: the catalogue of the fold is durable.
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn fold_committed(&self, ticket: f64) -> Outcome<Nothing> {
        Outcome::of(|| self.store.fold_committed(ticket as u64).map(|()| Nothing))
    }

    /// External log: the catalogue of the fold could not be stored.
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn fold_failed(&self, ticket: f64) -> Outcome<Nothing> {
        Outcome::of(|| self.store.fold_failed(ticket as u64).map(|()| Nothing))
    }

    /// External log: the catalogue as it stands.
    #[napi]
    pub fn catalogue(&self) -> Uint8Array {
        Uint8Array::new(self.store.catalogue())
    }

    /// A view of everything acknowledged so far.
    #[napi]
    pub fn snapshot(&self) -> NativeSnapshot {
        NativeSnapshot { snapshot: Some(self.store.snapshot()) }
    }

    /// Opens a cursor on `range`, of `snapshot` or of a fresh one.
    #[napi(ts_return_type = "NativeCursor | Failed")]
    pub fn cursor(&self, range: KeyRange, snapshot: Option<&NativeSnapshot>) -> Outcome<NativeCursor> {
        Outcome::of(|| self.store.cursor(view_of(snapshot)?, range.into()).map(NativeCursor::new))
    }

    /// Deletes every key of `range` by logged writes; resolves with how many.
    #[napi(ts_return_type = "Promise<number | Failed>")]
    pub fn clear_range<'env>(
        &self,
        env: &'env Env,
        range: KeyRange,
        synced: bool,
    ) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        let range = range.into();
        promise_of(env, "varve-clear", move || {
            store.clear_range(range, durability(synced)).map(|count| count as f64)
        })
    }

    /// Bytes that the entries of `[start, end)` take in segments, from the index alone.
    #[napi]
    pub fn approximate_size(&self, start: &[u8], end: &[u8]) -> f64 {
        self.store.approximate_size(Bound::Included(start), Bound::Excluded(end)) as f64
    }

    /// Folds everything written so far into segments.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn flush<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        promise_of(env, "varve-flush", move || store.flush().map(|()| Nothing))
    }

    /// Flushes and merges everything into one segment.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn compact<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        promise_of(env, "varve-compact", move || store.compact().map(|()| Nothing))
    }

    /// Reads and checks everything; damage is in the report, and progress goes to `onEvent`.
    #[napi(ts_return_type = "Promise<VerifyReport | Failed>")]
    pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        promise_of(env, "varve-verify", move || store.verify(|_, _| {}).map(VerifyReport::from))
    }

    /// Sizes, counters and telemetry.
    #[napi]
    pub fn stats(&self) -> StoreStats {
        self.store.stats().into()
    }

    /// How the index of the segments that later flushes and merges build is made.
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn set_index_policy(&self, policy: IndexPolicy) -> Outcome<Nothing> {
        Outcome::of(|| {
            self.store.set_index_policy(policy.parse()?);
            Ok(Nothing)
        })
    }

    /// The policy that `setIndexPolicy` or the options set last.
    #[napi]
    pub fn index_policy(&self) -> IndexPolicy {
        self.store.index_policy().into()
    }

    /// How the index of every segment, in the order of `stats`, maps keys to positions: at most `pointsMax` separators of each,
    /// beside what the live model expects, or the one of `policy`.
    #[napi(ts_return_type = "Promise<SegmentCurve[] | Failed>")]
    pub fn curve<'env>(
        &self,
        env: &'env Env,
        points_max: u32,
        policy: Option<IndexPolicy>,
    ) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        promise_of(env, "varve-curve", move || {
            let policy = policy.map(|policy| policy.parse()).transpose()?;
            let curves = store.curve(policy, points_max as usize)?;
            Ok(curves.into_iter().map(SegmentCurve::from).collect::<Vec<_>>())
        })
    }

    /// The instruction set that index lookups run on here, such as `avx2`.
    #[napi]
    pub fn instruction_set(&self) -> &'static str {
        varve_kv::instruction_set()
    }

    /// Builds and times indexes of `policies` beside the live ones of every segment, in the order of `stats`. What serves
    /// reads is not touched.
    #[napi(ts_return_type = "Promise<SegmentTrial[] | Failed>")]
    pub fn trial<'env>(&self, env: &'env Env, policies: Vec<IndexPolicy>) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        promise_of(env, "varve-trial", move || {
            let policies = policies.iter().map(IndexPolicy::parse).collect::<Result<Vec<_>, _>>()?;
            let trials = store.trial(&policies)?;
            Ok(trials.into_iter().map(SegmentTrial::from).collect::<Vec<_>>())
        })
    }

    /// Commits what is queued, syncs, marks the clean end and stops the threads.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let store = Arc::clone(&self.store);
        promise_of(env, "varve-close", move || store.close().map(|()| Nothing))
    }
}
