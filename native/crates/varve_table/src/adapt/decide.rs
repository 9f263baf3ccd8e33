//! The decision: which segments to lay out anew, and how. A pure function of [`Evidence`].
//!
//! What helps most is decided first: the sort key, for it is what lets zone maps rule rows out; then each column's profile.
//! A sort key is worth the time that the classes of the workload would take under it less than now. What a class took is
//! measured; what it would take is its measured time per row, times the rows that zone maps would leave. The other way
//! round, a class that the present order helps would have to read everything again, at the time per row that the trial of
//! its columns showed. A segment is rewritten only when its share of what is saved within the horizon exceeds what its
//! rewriting costs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, SegmentFacts, Trial};
use super::workload::Class;
use crate::compression::{Layout, Profile};
use crate::ids::{ColumnId, SegmentId};

/// Rows that are read at each end of what is asked for, in each segment: a zone.
const ZONE_ROWS: f64 = 8192.0;
/// Another sort key must save so much of the time, in percent: the model knows no better.
const ORDER_SAVING_MIN: f64 = 10.0;
/// Another profile must read a column faster by so much, in percent: trials are no more certain.
const PROFILE_SAVING_MIN: f64 = 15.0;
/// A class that takes so little of the time that its columns took in the trial is helped by the order of the rows.
const HELPED_SHARE: f64 = 0.25;
/// Rows that are decoded with a row that passed: a block of the bit-packed encodings.
const DECODED_ROWS: f64 = 1024.0;
/// A column is cold when so many scans did not read it.
const COLD_SCANS: u64 = 100;

/// One segment to be laid out anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The segment.
    pub segment: SegmentId,
    /// Its new layout.
    pub layout: Layout,
    /// What it saves within the horizon, as far as predictions were kept so far, in nanoseconds.
    pub saving_ns: u64,
    /// What rewriting it costs, in nanoseconds.
    pub cost_ns: u64,
    /// Bytes that it will have.
    pub bytes: u64,
}

/// What is worth doing, in the order of the segments; nothing when the table had better stay as it is.
#[must_use]
pub fn decide(evidence: &Evidence) -> Vec<Decision> {
    if evidence.segments.is_empty() || evidence.observed.ns() < evidence.constants.floor_ns.max(1) {
        return Vec::new();
    }
    let model = Model::new(evidence);
    let mut orders: Vec<&[ColumnId]> = model.orders();
    orders.sort_by(|one, other| model.cost(one).total_cmp(&model.cost(other)));
    // The present order is no change, and always fits.
    let layout = orders.into_iter().find_map(|order| {
        let is_better = model.cost(order) < model.cost(&model.order) * (1.0 - ORDER_SAVING_MIN / 100.0);
        let order = if is_better { order } else { model.order.as_slice() };
        model.fitting(order)
    });
    let Some((layout, percent)) = layout else { return Vec::new() };
    if evidence.barred.contains(&layout) {
        return Vec::new();
    }
    let saving = model.saving(&layout);
    let picked = evidence.segments.iter().filter(|segment| segment.layout != layout);
    picked.filter_map(|segment| model.decision(segment, &layout, saving, percent)).collect()
}

/// What the evidence says of layouts.
struct Model<'e> {
    evidence: &'e Evidence,
    /// How most rows are laid out.
    layout: Layout,
    /// By what they lie.
    order: Vec<ColumnId>,
}

impl<'e> Model<'e> {
    fn new(evidence: &'e Evidence) -> Self {
        let rows = |layout: &Layout| {
            let same = evidence.segments.iter().filter(|segment| segment.layout == *layout);
            same.map(|segment| segment.rows).sum::<u64>()
        };
        let layouts = evidence.segments.iter().map(|segment| &segment.layout);
        let layout = layouts.max_by_key(|layout| rows(layout)).cloned().unwrap_or_default();
        Self { evidence, order: layout.order.clone(), layout }
    }

    /// Sort keys that were tried and are not barred, and the present one.
    fn orders(&self) -> Vec<&[ColumnId]> {
        let tried = self.evidence.trials.iter().map(|trial| trial.order.as_slice());
        let is_barred = |order: &[ColumnId]| self.evidence.barred.iter().any(|barred| barred.order == order);
        // Rows that lie by a column already gain nothing from being sorted by it.
        let is_natural = |order: &[ColumnId]| {
            self.order.is_empty() && order.first().is_some_and(|first| self.evidence.natural == Some(*first))
        };
        let mut orders: Vec<&[ColumnId]> =
            tried.filter(|order| !is_barred(order) && !is_natural(order)).collect();
        orders.push(&self.order);
        orders.sort_unstable();
        orders.dedup();
        orders
    }

    fn trial(&self, order: &[ColumnId], column: ColumnId, profile: Profile) -> Option<&Trial> {
        // The sample of rows as they lie is sorted by what they are sorted by.
        let order = if order == self.order { &[] } else { order };
        let tried = &self.evidence.trials;
        tried.iter().find(|trial| trial.order == order && trial.column == column && trial.profile == profile)
    }

    /// Time of all classes if the rows lay in this order.
    fn cost(&self, order: &[ColumnId]) -> f64 {
        self.evidence.observed.classes.iter().map(|class| self.class_cost(class, order)).sum()
    }

    fn class_cost(&self, class: &Class, order: &[ColumnId]) -> f64 {
        let measured = class.ns as f64;
        // An index finds the rows wherever they lie.
        if order == self.order || class.indexed || class.rows == 0 {
            return measured;
        }
        let begins = class.scans as f64 * self.segments() * self.evidence.constants.begin_ns as f64;
        let all = class.rows as f64 * self.row_ns(class);
        if !is_helped(class, order) {
            return all.max(measured);
        }
        (self.touched(class, order) * self.row_ns(class) + begins).min(all)
    }

    fn segments(&self) -> f64 {
        self.evidence.segments.len() as f64
    }

    /// Rows that zone maps leave of those of a class.
    fn touched(&self, class: &Class, order: &[ColumnId]) -> f64 {
        let rows = class.rows as f64;
        if !is_helped(class, order) {
            return rows;
        }
        let prunable = class.predicates.iter().filter(|predicate| predicate.kind.is_prunable());
        // Filters on several columns share what they keep; how, nobody counted.
        let columns: BTreeSet<ColumnId> = prunable.map(|predicate| predicate.column).collect();
        let share = (class.kept as f64 / rows).powf(1.0 / columns.len().max(1) as f64);
        (rows * share + class.scans as f64 * self.segments() * 2.0 * ZONE_ROWS).min(rows)
    }

    /// Time per row of a class when nothing is ruled out.
    fn row_ns(&self, class: &Class) -> f64 {
        let measured = class.ns as f64 / class.rows as f64;
        // Columns that only come out are read where a row passed; those of filters are read whole.
        let columns: BTreeSet<ColumnId> = class.predicates.iter().map(|predicate| predicate.column).collect();
        let tried = columns
            .iter()
            .filter_map(|column| self.trial(&self.order, *column, self.layout.profile(*column)));
        let expected = tried.map(|trial| trial.read_ps as f64 / 1000.0).sum::<f64>();
        let by_nature = self.evidence.natural.into_iter().collect::<Vec<_>>();
        let is_pruned = is_helped(class, &self.order)
            || (self.order.is_empty() && is_helped(class, &by_nature))
            || measured < expected * HELPED_SHARE;
        if is_pruned { measured.max(expected) } else { measured }
    }

    /// The best layout with this sort key that takes no more bytes than it may, with its bytes for a hundred before; `None`
    /// when there is none.
    fn fitting(&self, order: &[ColumnId]) -> Option<(Layout, f64)> {
        let most = self.evidence.constants.bytes_percent_max as f64;
        let mut layout = Layout { order: order.to_vec(), profiles: self.layout.profiles.clone() };
        let columns: BTreeSet<ColumnId> = self.evidence.trials.iter().map(|trial| trial.column).collect();
        for column in columns {
            let profile = self.profile(order, column);
            let before = layout.clone();
            if profile == Profile::Ingest {
                layout.profiles.remove(&column);
            } else {
                layout.profiles.insert(column, profile);
            }
            if self.percent(&layout) > most {
                layout = before;
            }
        }
        let percent = self.percent(&layout);
        (percent <= most).then_some((layout, percent))
    }

    /// How a column is kept best.
    fn profile(&self, order: &[ColumnId], column: ColumnId) -> Profile {
        let now = self.layout.profile(column);
        let is_read = self.evidence.observed.classes.iter().any(|class| class.columns.contains(&column));
        if !is_read && self.evidence.observed.point_reads == 0 {
            let bytes = |profile| self.trial(order, column, profile).map(|trial| trial.bytes);
            let is_smaller = bytes(Profile::Cold) < bytes(now) && bytes(Profile::Cold).is_some();
            let is_cold = self.evidence.observed.scans() >= COLD_SCANS && is_smaller;
            return if is_cold { Profile::Cold } else { now };
        }
        let Some(present) = self.column_cost(order, column, now) else { return now };
        let costs = Profile::ALL
            .into_iter()
            .filter_map(|profile| self.column_cost(order, column, profile).map(|cost| (profile, cost)));
        match costs.min_by(|(_, one), (_, other)| one.total_cmp(other)) {
            Some((best, cost)) if cost < present * (1.0 - PROFILE_SAVING_MIN / 100.0) => best,
            _ => now,
        }
    }

    /// Time that decoding a column takes all classes and point reads, by trial; `None` when it was not tried.
    fn column_cost(&self, order: &[ColumnId], column: ColumnId, profile: Profile) -> Option<f64> {
        let trial = self.trial(order, column, profile)?;
        let classes = self.evidence.observed.classes.iter().filter(|class| class.columns.contains(&column));
        let scans = classes.map(|class| {
            let seeks = if is_helped(class, order) || class.indexed { class.scans as f64 } else { 0.0 };
            let is_filtered = class.predicates.iter().any(|predicate| predicate.column == column);
            let touched = self.touched(class, order);
            let decoded = if is_filtered { touched } else { touched.min(class.kept as f64 * DECODED_ROWS) };
            decoded * trial.read_ps as f64 / 1000.0 + seeks * self.segments() * trial.seek_ns as f64
        });
        Some(scans.sum::<f64>() + self.evidence.observed.point_reads as f64 * trial.seek_ns as f64)
    }

    /// Bytes of a layout for a hundred of the present one, by trial.
    fn percent(&self, layout: &Layout) -> f64 {
        let columns: BTreeSet<ColumnId> = self.evidence.trials.iter().map(|trial| trial.column).collect();
        let bytes = |layout: &Layout| {
            let of = |column: &ColumnId| {
                let tried = self.trial(&layout.order, *column, layout.profile(*column));
                tried.or_else(|| self.trial(&layout.order, *column, Profile::Ingest)).map_or(0, |it| it.bytes)
            };
            columns.iter().map(of).sum::<u64>() as f64
        };
        100.0 * bytes(layout) / bytes(&self.layout).max(1.0)
    }

    /// Time that the observed workload would take less.
    fn saving(&self, layout: &Layout) -> f64 {
        let (before, after) = (self.cost(&self.order), self.cost(&layout.order));
        let changed = self.evidence.trials.iter().map(|trial| trial.column).collect::<BTreeSet<_>>();
        let by_profiles: f64 = changed
            .iter()
            .filter(|column| layout.profile(**column) != self.layout.profile(**column))
            .filter_map(|column| {
                let now = self.column_cost(&layout.order, *column, self.layout.profile(*column))?;
                Some(now - self.column_cost(&layout.order, *column, layout.profile(*column))?)
            })
            .sum();
        before - after + by_profiles.clamp(0.0, after / 2.0)
    }

    /// Whether rewriting a segment pays.
    fn decision(
        &self,
        segment: &SegmentFacts,
        layout: &Layout,
        saving: f64,
        percent: f64,
    ) -> Option<Decision> {
        let Evidence { observed, segments, constants, .. } = self.evidence;
        // What is read more gains more; where nothing was counted, rows count.
        let read = |segment: &SegmentFacts| observed.bytes.get(&segment.id).copied().unwrap_or(0) as f64;
        let all_read: f64 = segments.iter().map(read).sum();
        let rows: u64 = segments.iter().map(|segment| segment.rows).sum();
        let share =
            if all_read > 0.0 { read(segment) / all_read } else { segment.rows as f64 / rows.max(1) as f64 };
        let believed = saving * constants.horizon as f64 * constants.trust as f64 / 100.0;
        let saving_ns = (believed * share) as u64;
        let cost_ns = (segment.bytes as f64 * constants.rewrite_ps_per_byte as f64 / 1000.0) as u64;
        let bytes = (segment.bytes as f64 * percent / 100.0) as u64;
        let (id, layout) = (segment.id, layout.clone());
        (saving_ns > cost_ns).then_some(Decision { segment: id, layout, saving_ns, cost_ns, bytes })
    }
}

/// Whether zone maps rule rows out for a class when rows lie in this order.
fn is_helped(class: &Class, order: &[ColumnId]) -> bool {
    let Some(first) = order.first() else { return false };
    class.predicates.iter().any(|predicate| predicate.column == *first && predicate.kind.is_prunable())
}
