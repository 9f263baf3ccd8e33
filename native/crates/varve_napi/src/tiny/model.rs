//! A loaded model as a class.

use std::sync::{Arc, Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Float32ArraySlice, JsValue, Object, ToNapiValue, Uint8Array, sys};
use napi_derive::napi;
use varve_tiny::{Classes, Limits, Model, Scratch};

use crate::outcome::{Nothing, Outcome};
use crate::tiny::hot;
use crate::work::promise_of;

/// Opens a model on a thread of its own: a file of Varve, or with `onnx` an ONNX message.
#[napi(ts_return_type = "Promise<NativeModel | Failed>")]
pub fn load_model<'env>(env: &'env Env, bytes: &[u8], onnx: bool) -> napi::Result<Object<'env>> {
    let bytes = bytes.to_vec();
    promise_of(env, "varve-model", move || {
        let limits = Limits::default();
        let model = if onnx { Model::from_onnx(&bytes, &limits)? } else { Model::open(&bytes, &limits)? };
        drop(bytes);
        give_back();
        Ok(NativeModel::of(model))
    })
}

/// Gives the memory that an import took back to the operating system: an ONNX message is many times its model, and the
/// allocator would keep it for this thread, which ends now.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the C library locks each of its arenas; the number is how many bytes it keeps at the end of its heap.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// A model and the memory to score with: one for the object and the functions bound to it, which take turns on the
/// JavaScript thread, so that the lock is always free.
pub struct Loaded {
    pub model: Model,
    pub scratch: Mutex<Scratch>,
}

impl Loaded {
    /// Runs `score` with the memory; after a panic it is as good as before, for scoring writes what it reads.
    pub fn with_scratch<T>(&self, score: impl FnOnce(&Model, &mut Scratch) -> T) -> T {
        score(&self.model, &mut self.scratch.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A model that is ready to score.
#[napi]
pub struct NativeModel {
    loaded: Arc<Loaded>,
}

/// What a model takes and gives.
#[napi(object)]
pub struct ModelSchema {
    /// Names of the features, in the order of a row.
    pub features: Vec<String>,
    /// Names of the outputs, in the order of an answer.
    pub outputs: Vec<String>,
    /// Labels of the outputs of a classifier that are numbers.
    pub class_numbers: Vec<f64>,
    /// Labels of the outputs of a classifier that are texts.
    pub class_texts: Vec<String>,
    /// What the model consists of.
    pub steps: Vec<String>,
    /// Bytes of weights, trees and constants in memory.
    pub bytes: f64,
}

/// Makes a raw value returnable.
pub struct Raw(sys::napi_value);

impl ToNapiValue for Raw {
    unsafe fn to_napi_value(_: sys::napi_env, raw: Self) -> napi::Result<sys::napi_value> {
        Ok(raw.0)
    }
}

impl NativeModel {
    fn of(model: Model) -> Self {
        let scratch = Mutex::new(model.scratch());
        Self { loaded: Arc::new(Loaded { model, scratch }) }
    }
}

#[napi]
impl NativeModel {
    /// Binds scoring to two buffers of the model's widths: `run()` scores `features` into `answer`.
    #[napi(
        ts_args_type = "features: Float32Array, answer: Float32Array",
        ts_return_type = "() => true | undefined"
    )]
    pub fn bind(&self, env: &Env, features: Object<'_>, answer: Object<'_>) -> napi::Result<Raw> {
        // SAFETY: the handles are valid for this call, which runs on the JavaScript thread.
        let bound = unsafe { hot::bind(env.raw(), Arc::clone(&self.loaded), features.raw(), answer.raw())? };
        Ok(Raw(bound))
    }

    /// Scores rows of shape [n, features] into `out` of shape [n, outputs].
    #[napi(ts_return_type = "Failed | undefined")]
    pub fn infer_batch(&self, rows: &[f32], mut out: Float32ArraySlice<'_>) -> Outcome<Nothing> {
        Outcome::of(|| {
            // SAFETY: the slice belongs to this call, and JavaScript does not run until it returns.
            let out = unsafe { out.as_mut() };
            self.loaded.with_scratch(|model, scratch| model.infer_batch(scratch, rows, out)).map(|()| Nothing)
        })
    }

    /// The model as a file of Varve.
    #[napi]
    pub fn to_bytes(&self) -> Uint8Array {
        Uint8Array::new(self.loaded.model.to_bytes())
    }

    /// The same model with int8 weights.
    #[napi]
    pub fn quantised(&self) -> NativeModel {
        Self::of(self.loaded.model.quantised())
    }

    /// Names, labels, parts and size.
    #[napi]
    pub fn schema(&self) -> ModelSchema {
        let schema = self.loaded.model.schema();
        let (class_numbers, class_texts) = match &schema.classes {
            Classes::Integers(labels) => (labels.iter().map(|label| *label as f64).collect(), Vec::new()),
            Classes::Texts(labels) => (Vec::new(), labels.clone()),
            _ => (Vec::new(), Vec::new()),
        };
        ModelSchema {
            features: schema.features.clone(),
            outputs: schema.outputs.clone(),
            class_numbers,
            class_texts,
            steps: self.loaded.model.steps(),
            bytes: self.loaded.model.bytes() as f64,
        }
    }
}
