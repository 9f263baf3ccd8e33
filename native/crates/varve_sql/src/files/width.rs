//! How many columns a text has, before a reader looks each of them up among all others.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use varve_types::Result;

use super::meter::{State, Syntax};
use crate::limits;

/// Counts them in the beginning of a text.
pub(super) struct Width {
    syntax: Syntax,
    state: State,
    /// Of a record of CSV, those so far.
    fields: usize,
    /// Of JSON, the hashes of all names so far, and that of the text that was read last.
    names: HashSet<u64>,
    last: DefaultHasher,
}

impl Width {
    pub(super) fn of(syntax: Syntax) -> Self {
        Self { syntax, state: State::default(), fields: 1, names: HashSet::new(), last: DefaultHasher::new() }
    }

    /// Goes on with `text` of the file `shown`.
    ///
    /// # Errors
    /// `SQL_LIMIT`.
    pub(super) fn count(&mut self, text: &[u8], shown: &str) -> Result<()> {
        for byte in text {
            match self.syntax {
                Syntax::Csv { delimiter, quote, escape } => {
                    let is_end = self.state.csv(*byte, delimiter, quote, escape);
                    if is_end {
                        self.fields = 1;
                    } else if *byte == delimiter && self.state.is_between_fields() {
                        self.fields += 1;
                        limits::columns(shown, self.fields)?;
                    }
                }
                Syntax::Json { depth } => {
                    let was_quoted = self.state.is_quoted();
                    self.state.json(*byte, depth);
                    match (was_quoted, self.state.is_quoted()) {
                        (false, true) => self.last = DefaultHasher::new(),
                        (true, true) => self.last.write_u8(*byte),
                        (false, false) if *byte == b':' && self.state.is_within(depth) => {
                            self.names.insert(self.last.finish());
                            limits::columns(shown, self.names.len())?;
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}
