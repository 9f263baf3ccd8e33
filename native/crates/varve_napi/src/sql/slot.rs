//! Where the answer of a statement waits that no task works on: for its promise, or its promise for it.

use napi::Env;
use napi::bindgen_prelude::Object;
use parking_lot::Mutex;
use varve_types::VarveError;

use crate::outcome::Outcome;
use crate::sql::head::Head;
use crate::sql::promise::{Promised, Tasks};
use crate::sql::query::started_error;

type Answer = Result<Head, VarveError>;

/// One answer.
#[derive(Default)]
pub struct Slot(Mutex<State>);

#[derive(Default)]
enum State {
    /// Neither is there.
    #[default]
    Open,
    Known(Answer),
    Wanted(Promised<Head>),
    /// They came together.
    Told,
}

impl Slot {
    /// Puts the answer in, on whatever thread. Once.
    pub fn set(&self, answer: Answer) {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Told) {
            State::Wanted(promised) => {
                drop(state);
                promised.keep(Outcome(answer));
            }
            State::Open => *state = State::Known(answer),
            State::Known(_) | State::Told => {}
        }
    }

    /// Whether the answer is still to come.
    pub fn is_open(&self) -> bool {
        matches!(*self.0.lock(), State::Open | State::Wanted(_))
    }

    /// The promise of the answer. Once.
    pub fn promise<'env>(&self, env: &'env Env, tasks: &Tasks) -> napi::Result<Object<'env>> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Told) {
            State::Known(answer) => tasks.kept(env, Outcome(answer)),
            State::Open => {
                let (promised, promise) = tasks.promised(env)?;
                *state = State::Wanted(promised);
                Ok(promise)
            }
            State::Wanted(promised) => {
                *state = State::Wanted(promised);
                tasks.kept(env, Outcome(Err::<Head, _>(started_error())))
            }
            State::Told => tasks.kept(env, Outcome(Err::<Head, _>(started_error()))),
        }
    }
}
