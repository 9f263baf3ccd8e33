//! Options that SET changes: for all sessions of an engine, from the next statement on and until it closes.
//!
//! They are DataFusion's, by its names. Not all of them can be set: some would undo what Varve promises of memory and of
//! files, others change nothing here or are not known to leave answers as they are.

use std::sync::Arc;

use datafusion::arrow::array::timezone::Tz;
use datafusion::common::config::ConfigOptions;
use datafusion::execution::SessionState;
use parking_lot::RwLock;
use varve_types::{ErrorCode, Result, VarveError};

use crate::cardinality::Learned;
use crate::error::from_datafusion;
use crate::states::{self, Chosen, Maker, States};

/// The zone of TIMESTAMP WITH TIME ZONE and of what is read without a zone; also `TIME ZONE` and `timezone`.
pub(crate) const TIME_ZONE: &str = "datafusion.execution.time_zone";

/// Rows of one batch: what is reckoned for a batch holds for so many.
const BATCH_ROWS_MAX: usize = 8192;

/// The options that can be set.
const OPTIONS: [(&str, Takes); 5] = [
    (TIME_ZONE, Takes::Zone),
    ("datafusion.execution.batch_size", Takes::Rows),
    ("datafusion.execution.target_partitions", Takes::Threads),
    (
        "datafusion.sql_parser.default_null_ordering",
        Takes::OneOf(&["nulls_max", "nulls_min", "nulls_first", "nulls_last"]),
    ),
    ("datafusion.sql_parser.parse_float_as_decimal", Takes::OneOf(&["true", "false"])),
];

/// The values of an option.
#[derive(Clone, Copy)]
enum Takes {
    /// A time zone by name or as `+01:00`.
    Zone,
    /// Up to [`BATCH_ROWS_MAX`].
    Rows,
    /// Up to those of the engine.
    Threads,
    OneOf(&'static [&'static str]),
}

/// The options of an engine as they are now.
pub(crate) struct Settings {
    maker: Maker,
    at_open: SessionState,
    now: RwLock<Arc<States>>,
}

impl Settings {
    /// Those of an engine that opens with this state.
    pub(crate) fn new(maker: Maker, at_open: SessionState) -> Self {
        let states = maker.states(0, Chosen::new(), at_open.clone());
        Self { maker, at_open, now: RwLock::new(Arc::new(states)) }
    }

    /// What a statement that comes now begins with.
    pub(crate) fn now(&self) -> Arc<States> {
        Arc::clone(&self.now.read())
    }

    /// What finished queries taught.
    pub(crate) fn learned(&self) -> &Arc<Learned> {
        &self.maker.learned
    }

    /// Sets an option, or takes what was set back.
    ///
    /// # Errors
    /// `SQL_NAME` for an option that cannot be set, `SQL_VALUE` for a value that it does not take.
    pub(crate) fn set(&self, name: &str, value: Option<&str>) -> Result<()> {
        let (name, takes) = known(name)?;
        let value = value.map(|value| self.checked(name, takes, value)).transpose()?;
        self.change(|chosen| {
            match value {
                Some(value) => chosen.insert(name, value),
                None => chosen.remove(name),
            };
        })
    }

    /// Takes back all that was set.
    pub(crate) fn reset(&self) -> Result<()> {
        self.change(Chosen::clear)
    }

    fn change(&self, change: impl FnOnce(&mut Chosen)) -> Result<()> {
        let mut now = self.now.write();
        let mut chosen = now.chosen.clone();
        change(&mut chosen);
        let mut options = ConfigOptions::clone(self.at_open.config_options());
        for (name, value) in &chosen {
            options.set(name, value).map_err(from_datafusion)?;
        }
        let state = states::under(self.at_open.clone(), options).map_err(from_datafusion)?;
        *now = Arc::new(self.maker.states(now.number + 1, chosen, state));
        Ok(())
    }

    fn checked(&self, name: &str, takes: Takes, value: &str) -> Result<String> {
        let up_to = |most| value.parse().is_ok_and(|number| (1..=most).contains(&number));
        let lower = value.to_ascii_lowercase();
        let (is_good, wanted) = match takes {
            Takes::Zone => {
                (value.parse::<Tz>().is_ok(), "a time zone, as Europe/Berlin or +01:00".to_owned())
            }
            Takes::Rows => (up_to(BATCH_ROWS_MAX), format!("a number from 1 to {BATCH_ROWS_MAX}")),
            Takes::Threads => {
                let threads = self.maker.threads;
                (up_to(threads), format!("a number from 1 to {threads}, the threads of this engine"))
            }
            Takes::OneOf(words) => (words.contains(&lower.as_str()), words.join(" or ")),
        };
        if !is_good {
            let message = format!("{name} cannot be '{value}'");
            return Err(VarveError::new(ErrorCode::SqlValue, message, format!("it is {wanted}")));
        }
        Ok(if matches!(takes, Takes::OneOf(_)) { lower } else { value.to_owned() })
    }
}

/// An option by its name, in whatever case.
fn known(name: &str) -> Result<(&'static str, Takes)> {
    let wanted = if name.eq_ignore_ascii_case("timezone") { TIME_ZONE } else { name };
    let found = OPTIONS.iter().find(|(known, _)| wanted.eq_ignore_ascii_case(known));
    found.copied().ok_or_else(|| {
        let names = OPTIONS.map(|(name, _)| name).join(", ");
        let message = format!("there is no option {name} that can be set");
        VarveError::new(
            ErrorCode::SqlName,
            message,
            format!("these can be: {names}; others when it is opened"),
        )
    })
}
