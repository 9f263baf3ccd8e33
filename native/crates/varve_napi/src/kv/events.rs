//! What the store tells while it works: events and acknowledgements, carried to the JavaScript thread.

use std::sync::Arc;

use napi::Status;
use napi::bindgen_prelude::{Float64Array, FnArgs, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use varve_kv::{AckSink, Durability, Event, Job, Receipt};
use varve_types::VarveError;

use crate::outcome::Failure;

/// One event; which fields are set follows from `type`.
#[napi(object)]
#[derive(Default)]
pub struct StoreEvent {
    /// `progress`, `flush`, `merge`, `fold`, `background-failed` or `poisoned`.
    pub r#type: String,
    /// `progress`, `background-failed`: `flush`, `merge` or `verify`.
    pub job: Option<String>,
    /// `progress`: entries done.
    pub done: Option<f64>,
    /// `progress`: entries in all.
    pub total: Option<f64>,
    /// `flush`, `merge`: file numbers of the new segments, in key order; none when every entry cancelled out.
    pub segments: Option<Vec<f64>>,
    /// `merge`: file numbers of the inputs.
    pub inputs: Option<Vec<f64>>,
    /// `flush`, `merge`: entries of the new segments.
    pub entries: Option<f64>,
    /// `flush`, `merge`: bytes of their files.
    pub bytes: Option<f64>,
    /// `flush`, `merge`: wall time.
    pub elapsed_ms: Option<f64>,
    /// `fold`: names the fold.
    pub ticket: Option<f64>,
    /// `fold`: the new catalogue, opaque.
    pub catalogue: Option<Uint8Array>,
    /// `fold`: every commit up to this one lives in segments from then on.
    pub folded_sequence: Option<f64>,
    /// `background-failed`: why.
    pub failure: Option<Failure>,
    /// `poisoned`: why.
    pub cause: Option<String>,
}

/// Carries events to JavaScript; never keeps the event loop alive.
pub type EventFunction = ThreadsafeFunction<StoreEvent, (), FnArgs<(StoreEvent,)>, Status, false, true>;

/// Builds the callback that `varve_kv` calls on its own threads.
pub fn event_sink(
    on_event: &Function<'_, FnArgs<(StoreEvent,)>, ()>,
) -> napi::Result<Arc<dyn Fn(Event) + Send + Sync>> {
    let function: EventFunction = on_event
        .build_threadsafe_function::<StoreEvent>()
        .weak::<true>()
        .build_callback(|context| Ok(FnArgs::from((context.value,))))?;
    Ok(Arc::new(move |event| {
        function.call(StoreEvent::from(event), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}

/// One group commit's outcome on its way to JavaScript.
pub struct AckMessage {
    /// Token, sequence and 1 for synced or 0 for fast, for each batch; or tokens alone when failed.
    numbers: Vec<f64>,
    failure: Option<Failure>,
}

type AckArgs = FnArgs<(Float64Array, Option<Failure>)>;

/// Hands the outcome of each group commit to JavaScript in one call, however many batches were in it.
pub struct Acks {
    function: ThreadsafeFunction<AckMessage, (), AckArgs, Status, false, true>,
}

impl Acks {
    /// `on_acks(numbers, failure?)`: see [`AckMessage`].
    pub fn new(on_acks: &Function<'_, AckArgs, ()>) -> napi::Result<Self> {
        let function =
            on_acks.build_threadsafe_function::<AckMessage>().weak::<true>().build_callback(|context| {
                let AckMessage { numbers, failure } = context.value;
                Ok(FnArgs::from((Float64Array::new(numbers), failure)))
            })?;
        Ok(Self { function })
    }
}

impl AckSink for Acks {
    fn acknowledged(&self, receipts: &[Receipt]) {
        let numbers = receipts
            .iter()
            .flat_map(|receipt| {
                let synced = receipt.durability == Durability::Synced;
                [receipt.token as f64, receipt.sequence as f64, f64::from(u8::from(synced))]
            })
            .collect();
        self.function.call(AckMessage { numbers, failure: None }, ThreadsafeFunctionCallMode::NonBlocking);
    }

    fn failed(&self, tokens: &[u64], error: &VarveError) {
        let numbers = tokens.iter().map(|token| *token as f64).collect();
        let failure = Some(Failure::from(error));
        self.function.call(AckMessage { numbers, failure }, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

fn numbers(files: Vec<u64>) -> Vec<f64> {
    files.into_iter().map(|file| file as f64).collect()
}

impl From<Event> for StoreEvent {
    fn from(event: Event) -> Self {
        let named = |name: &str| Self { r#type: name.to_owned(), ..Self::default() };
        match event {
            Event::Progress { job, done, total } => Self {
                job: Some(job_name(job)),
                done: Some(done as f64),
                total: Some(total as f64),
                ..named("progress")
            },
            Event::Flush { segments, entries, bytes, elapsed_ms } => Self {
                segments: Some(numbers(segments)),
                entries: Some(entries as f64),
                bytes: Some(bytes as f64),
                elapsed_ms: Some(elapsed_ms as f64),
                ..named("flush")
            },
            Event::Merge { inputs, segments, entries, bytes, elapsed_ms } => Self {
                inputs: Some(numbers(inputs)),
                segments: Some(numbers(segments)),
                entries: Some(entries as f64),
                bytes: Some(bytes as f64),
                elapsed_ms: Some(elapsed_ms as f64),
                ..named("merge")
            },
            Event::Fold { ticket, catalogue, folded_sequence } => Self {
                ticket: Some(ticket as f64),
                catalogue: Some(Uint8Array::new(catalogue)),
                folded_sequence: Some(folded_sequence as f64),
                ..named("fold")
            },
            Event::BackgroundFailed { job, error } => Self {
                job: Some(job_name(job)),
                failure: Some(Failure::from(&error)),
                ..named("background-failed")
            },
            Event::Poisoned { cause } => Self { cause: Some(cause), ..named("poisoned") },
            _ => named("unknown"),
        }
    }
}

fn job_name(job: Job) -> String {
    match job {
        Job::Flush => "flush",
        Job::Merge => "merge",
        Job::Verify => "verify",
    }
    .to_owned()
}
