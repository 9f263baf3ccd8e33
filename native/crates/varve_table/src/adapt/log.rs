//! The log of adaptations: what was decided on which evidence, what was done, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decide::{Decision, decide};
use super::evidence::{Constants, Evidence};
use super::workload::Observed;
use crate::compression::Layout;
use crate::ids::{SegmentId, TableId};

/// So many adaptations of a table are kept; the oldest goes first.
const LOG_MAX: usize = 16;
/// So many scans tell what an adaptation saved.
const JUDGED_SCANS: u64 = 20;

/// Where an adaptation is between decision and judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Some of it is done, or all; what it saves is not measured yet.
    Trial,
    /// It saved at least half of what it promised.
    Kept,
    /// It did not. Its sort key is not tried again while the log remembers it.
    Regretted,
    /// Its segments are laid out as they were before.
    Undone,
    /// What was written was larger than it may be, and given up.
    Refused,
}

impl State {
    /// As it is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Kept => "kept",
            Self::Regretted => "regretted",
            Self::Undone => "undone",
            Self::Refused => "refused",
        }
    }
}

/// A segment that was laid out anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The segment that was there before.
    pub from: SegmentId,
    /// Those that are in its place.
    pub to: Vec<SegmentId>,
    /// How it was laid out.
    pub before: Layout,
    /// Bytes before.
    pub bytes_before: u64,
    /// Bytes after.
    pub bytes_after: u64,
    /// What it took, in nanoseconds.
    pub ns: u64,
}

/// One adaptation of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adaptation {
    /// Its number: 1, 2, 3 for each table.
    pub number: u64,
    /// What it was decided on.
    pub evidence: Evidence,
    /// What was decided.
    pub decisions: Vec<Decision>,
    /// What was done of it.
    pub done: Vec<Done>,
    /// Where it is.
    pub state: State,
    /// What it saves of each hundred that the workload took, in percent, once it is measured; negative when it harms.
    pub measured_percent: Option<i64>,
}

impl Adaptation {
    /// The layout that it is about.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.decisions.first().map(|decision| decision.layout.clone()).unwrap_or_default()
    }

    /// What it promised to save within the horizon, in nanoseconds.
    #[must_use]
    pub fn saving_ns(&self) -> u64 {
        self.decisions.iter().map(|decision| decision.saving_ns).sum()
    }

    /// What it was to cost, in nanoseconds.
    #[must_use]
    pub fn cost_ns(&self) -> u64 {
        self.decisions.iter().map(|decision| decision.cost_ns).sum()
    }

    /// What it promised to save of each hundred that the workload took, in percent.
    #[must_use]
    pub fn promised_percent(&self) -> i64 {
        let constants = &self.evidence.constants;
        let taken = self.evidence.observed.ns() as f64 * constants.horizon as f64;
        let believed = constants.trust.max(1) as f64 / 100.0;
        (100.0 * self.saving_ns() as f64 / believed / taken.max(1.0)) as i64
    }

    /// Whether the same evidence decides the same.
    #[must_use]
    pub fn replays(&self) -> bool {
        decide(&self.evidence) == self.decisions
    }

    /// What was saved of each hundred that scans took before, by the classes that were seen before and after; `None` while
    /// there were too few.
    fn measure(&self, now: &Observed) -> Option<i64> {
        let (mut before_ns, mut after_ns, mut scans) = (0.0, 0.0, 0);
        for class in &self.evidence.observed.classes {
            let Some(after) = now.class(&class.predicates, class.indexed) else { continue };
            if class.scans == 0 || after.scans == 0 {
                continue;
            }
            // Each class weighs as it did when it was decided.
            before_ns += class.ns as f64;
            after_ns += after.ns as f64 / after.scans as f64 * class.scans as f64;
            scans += after.scans;
        }
        (scans >= JUDGED_SCANS && before_ns > 0.0)
            .then(|| (100.0 * (before_ns - after_ns) / before_ns).round() as i64)
    }
}

/// All that is kept of how a table adapts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adaptive {
    /// The table.
    pub table: TableId,
    /// What scans did, as it was last written down.
    pub observed: Observed,
    /// What was learned.
    pub constants: Learned,
    /// The last adaptations, oldest first.
    pub log: Vec<Adaptation>,
}

/// What was learned from adaptations; the rest of [`Constants`] is not a matter of experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// As in [`Constants`].
    pub rewrite_ps_per_byte: u64,
    /// As in [`Constants`].
    pub trust: u64,
}

impl Adaptive {
    /// Of a table that never adapted.
    #[must_use]
    pub fn new(table: TableId) -> Self {
        let Constants { rewrite_ps_per_byte, trust, .. } = Constants::default();
        let constants = Learned { rewrite_ps_per_byte, trust };
        Self { table, observed: Observed::default(), constants, log: Vec::new() }
    }

    /// What decisions are made with.
    #[must_use]
    pub fn constants(&self) -> Constants {
        let Learned { rewrite_ps_per_byte, trust } = self.constants;
        Constants { rewrite_ps_per_byte, trust, ..Constants::default() }
    }

    fn learn(&mut self, learn: impl FnOnce(&mut Constants)) {
        let mut constants = self.constants();
        learn(&mut constants);
        let Constants { rewrite_ps_per_byte, trust, .. } = constants;
        self.constants = Learned { rewrite_ps_per_byte, trust };
    }

    /// Layouts that are not to be tried again soon.
    #[must_use]
    pub fn barred(&self) -> Vec<Layout> {
        let failed = |it: &&Adaptation| matches!(it.state, State::Regretted | State::Refused | State::Undone);
        self.log.iter().filter(failed).map(Adaptation::layout).collect()
    }

    /// The adaptation of this number.
    #[must_use]
    pub fn adaptation(&self, number: u64) -> Option<&Adaptation> {
        self.log.iter().find(|it| it.number == number)
    }

    fn adaptation_mut(&mut self, number: u64) -> Option<&mut Adaptation> {
        self.log.iter_mut().find(|it| it.number == number)
    }

    /// Writes down what was decided; its number.
    pub(super) fn begin(&mut self, evidence: Evidence, decisions: Vec<Decision>) -> u64 {
        let number = self.log.last().map_or(1, |last| last.number + 1);
        if self.log.len() == LOG_MAX {
            self.log.remove(0);
        }
        let (done, state, measured_percent) = (Vec::new(), State::Trial, None);
        self.log.push(Adaptation { number, evidence, decisions, done, state, measured_percent });
        number
    }

    /// Writes down that a segment was laid out anew, and what that taught.
    pub(super) fn note(&mut self, number: u64, done: Done) {
        self.learn(|constants| constants.rewrote(done.bytes_before, done.ns));
        if let Some(adaptation) = self.adaptation_mut(number) {
            adaptation.done.push(done);
        }
    }

    /// Writes down where an adaptation is now.
    pub(super) fn set_state(&mut self, number: u64, state: State) {
        if let Some(adaptation) = self.adaptation_mut(number) {
            adaptation.state = state;
        }
    }

    /// Judges the last adaptation when enough was seen since; whether it did.
    pub(super) fn judge(&mut self, now: &Observed) -> bool {
        let Some(last) = self.log.last_mut().filter(|last| last.state == State::Trial) else { return false };
        let Some(measured) = last.measure(now) else { return false };
        let percent = 100 * measured.max(0) / last.promised_percent().max(1);
        last.measured_percent = Some(measured);
        last.state = if percent < 50 { State::Regretted } else { State::Kept };
        self.learn(|constants| constants.kept(percent as u64));
        true
    }
}

/// How each segment that an adaptation made was laid out before.
pub(super) fn before(adaptation: &Adaptation) -> BTreeMap<SegmentId, Layout> {
    let natural = adaptation.evidence.natural;
    let done = adaptation.done.iter().flat_map(|done| done.to.iter().map(move |to| (*to, &done.before)));
    let restored = done.map(|(segment, before)| {
        let mut layout = before.clone();
        // Nobody sorted these rows, but they lay by this column.
        if layout.order.is_empty() {
            layout.order.extend(natural);
        }
        (segment, layout)
    });
    restored.collect()
}
