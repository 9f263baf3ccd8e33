//! Carrying decisions out: gathering evidence, rewriting, writing the log, undoing.

use std::sync::Arc;
use std::time::Instant;

use varve_types::Result;

use super::decide::decide;
use super::evidence::{Constants, Evidence, SegmentFacts};
use super::log::{self, Adaptation, Adaptive, Done, State};
use super::trial;
use super::workload::Observed;
use crate::change::Change;
use crate::compression::Layout;
use crate::database::Database;
use crate::ids::{SegmentId, TableId};
use crate::rewrite::{Rewrite, Rewritten};
use crate::transaction::Transaction;
use crate::version::TableVersion;

/// In the background nothing is done for a table before its scans took so long together, of all threads.
const BACKGROUND_FLOOR_NS: u64 = 120_000_000_000;
/// What was seen is written down when it differs by so much time of scans from what is written.
const FOLD_NS: u64 = 30_000_000_000;
/// The same when the database is closed.
const CLOSING_FOLD_NS: u64 = 1_000_000_000;
/// A segment may grow by so much beside its tenth: footers have their size whatever is in them.
const SLACK_BYTES: u64 = 16 << 10;

/// Who asks for an adaptation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody who waits for it.
    Call,
    /// The database, beside its other upkeep.
    Background,
}

impl Database {
    /// Lays tables out anew as far as that pays for what was asked of them, and waits for it; what was done.
    ///
    /// # Errors
    /// As [`Database::rewrite`]. What was done before stays done.
    /// Cost: reads a sample of each table that was scanned, and rewrites segments that are worth it.
    pub async fn adapt(&self) -> Result<Vec<(TableId, Adaptation)>> {
        self.refuse_if_read_only()?;
        let _alone = self.inner().adapting.lock().await;
        let mut all = Vec::new();
        for table in self.snapshot().tables.keys() {
            all.extend(self.adapt_table(*table, By::Call).await?.map(|done| (*table, done)));
        }
        Ok(all)
    }

    /// Lays the segments that an adaptation made out as they were before, as far as they are still there; whether any was.
    /// Rows that lay in no order of their own stay where they are, under no sort key.
    ///
    /// # Errors
    /// As [`Database::rewrite`].
    pub async fn undo_adaptation(&self, table: TableId, number: u64) -> Result<bool> {
        self.refuse_if_read_only()?;
        let _alone = self.inner().adapting.lock().await;
        let snapshot = self.snapshot();
        let Some(version) = snapshot.tables.get(&table) else { return Ok(false) };
        let mut adaptive = adaptive_of(version);
        let Some(adaptation) = adaptive.adaptation(number) else { return Ok(false) };
        let before = log::before(adaptation);
        adaptive.set_state(number, State::Undone);
        adaptive.observed = Observed::default();
        let mut is_done = false;
        for (segment, layout) in before.iter().filter(|(id, _)| version.segment(**id).is_some()) {
            let what = Rewrite { segments: [*segment].into(), layout: layout.clone(), ..Rewrite::default() };
            let noted = Arc::new(adaptive.clone());
            let rewritten =
                self.rewrite_noting(table, &what, |_, _| Some(Change::PutAdaptive(noted))).await?;
            is_done |= matches!(rewritten, Rewritten::Done);
        }
        version.workload.restart();
        Ok(is_done)
    }

    /// Adapts what has been scanned for long, unless somebody adapts already, and writes down what was seen.
    pub(crate) async fn adapt_in_background(&self) -> Result<()> {
        let Ok(_alone) = self.inner().adapting.try_lock() else { return Ok(()) };
        for (table, version) in &self.snapshot().tables {
            version.workload.tell(self.inner().upkeep.waker());
            if version.workload.ns() < FOLD_NS || !self.inner().adapts {
                continue;
            }
            self.adapt_table(*table, By::Background).await?;
            self.fold(*table, FOLD_NS).await?;
        }
        Ok(())
    }

    /// Writes down what was seen, before the database closes.
    pub(crate) async fn fold_all(&self) -> Result<()> {
        if self.refuse_if_read_only().is_err() || !self.inner().adapts {
            return Ok(());
        }
        for table in self.snapshot().tables.keys() {
            self.fold(*table, CLOSING_FOLD_NS).await?;
        }
        Ok(())
    }

    async fn fold(&self, table: TableId, least_ns: u64) -> Result<()> {
        let snapshot = self.snapshot();
        let Some(version) = snapshot.tables.get(&table) else { return Ok(()) };
        let mut adaptive = adaptive_of(version);
        let observed = observed(version);
        if adaptive.observed.ns().abs_diff(observed.ns()) < least_ns {
            return Ok(());
        }
        adaptive.judge(&observed);
        adaptive.observed = observed;
        // Whoever holds the writer is not waited for: it is written down another time.
        match self.try_begin() {
            Some(transaction) => put(transaction, adaptive).await,
            None => Ok(()),
        }
    }

    async fn adapt_table(&self, table: TableId, by: By) -> Result<Option<Adaptation>> {
        let snapshot = self.snapshot();
        let Some(version) = snapshot.tables.get(&table) else { return Ok(None) };
        let floor_ns = if by == By::Background { BACKGROUND_FLOOR_NS } else { 0 };
        let observed = observed(version);
        if version.segments.is_empty() || observed.ns() < floor_ns.max(1) {
            return Ok(None);
        }
        let mut adaptive = adaptive_of(version);
        adaptive.judge(&observed);
        let is_on_trial = adaptive.log.last().is_some_and(|last| last.state == State::Trial);
        if by == By::Background && is_on_trial {
            return Ok(None);
        }
        let constants = Constants { floor_ns, ..adaptive.constants() };
        let mut evidence = Evidence {
            segments: facts(version),
            barred: adaptive.barred(),
            observed,
            constants,
            ..Evidence::default()
        };
        trial::fill(&mut evidence, version, self.session()).await?;
        let decisions = decide(&evidence);
        if decisions.is_empty() {
            return Ok(None);
        }
        adaptive.observed = Observed::default();
        let number = adaptive.begin(evidence, decisions.clone());
        for decision in decisions {
            let bytes = version.segment(decision.segment).map_or(0, |live| live.segment.meta().bytes);
            let most = bytes + bytes * (adaptive.constants().bytes_percent_max - 100) / 100 + SLACK_BYTES;
            match self.lay_out(&adaptive, number, (decision.segment, decision.layout), most).await? {
                Some(next) => adaptive = next,
                None => {
                    adaptive.set_state(number, State::Refused);
                    put(self.begin().await, adaptive.clone()).await?;
                    break;
                }
            }
            if by == By::Background {
                // Hot rows do not wait for all of it.
                self.keep_up().await?;
            }
        }
        version.workload.restart();
        Ok(adaptive.adaptation(number).filter(|it| !it.done.is_empty()).cloned())
    }

    /// Rewrites one segment and notes it in the same commit; the log after it, which is as before when the segment is gone.
    /// `None` when it would have grown too much.
    async fn lay_out(
        &self,
        adaptive: &Adaptive,
        number: u64,
        (segment, layout): (SegmentId, Layout),
        bytes_max: u64,
    ) -> Result<Option<Adaptive>> {
        let started = Instant::now();
        let mut next = adaptive.clone();
        let what = Rewrite { segments: [segment].into(), layout, bytes_max: Some(bytes_max), hot: false };
        let rewritten = self.rewrite_noting(adaptive.table, &what, |version, made| {
            let old = version.segment(segment)?.segment.meta();
            next.note(
                number,
                Done {
                    from: segment,
                    to: made.iter().map(|made| made.id()).collect(),
                    before: old.layout.clone(),
                    bytes_before: old.bytes,
                    bytes_after: made.iter().map(|made| made.meta().bytes).sum(),
                    ns: u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
                },
            );
            Some(Change::PutAdaptive(Arc::new(next.clone())))
        });
        Ok(match rewritten.await? {
            Rewritten::Done => Some(next),
            Rewritten::Nothing => Some(adaptive.clone()),
            Rewritten::TooLarge => None,
        })
    }
}

async fn put(mut transaction: Transaction, adaptive: Adaptive) -> Result<()> {
    if !transaction.snapshot().tables.contains_key(&adaptive.table) {
        return Ok(());
    }
    transaction.change(Change::PutAdaptive(Arc::new(adaptive)))?;
    transaction.commit().await.map(|_| ())
}

fn adaptive_of(version: &TableVersion) -> Adaptive {
    version.adaptive.as_deref().cloned().unwrap_or_else(|| Adaptive::new(version.table.id))
}

/// What was seen of a table, with the bytes that its segments were asked for.
fn observed(version: &TableVersion) -> Observed {
    let mut observed = version.workload.observed();
    let segments = version.segments.iter().map(|live| &live.segment);
    let asked = segments.map(|segment| {
        let before = observed.bytes.get(&segment.id()).copied().unwrap_or(0);
        (segment.id(), before.max(segment.bytes_requested()))
    });
    observed.bytes = asked.collect();
    observed
}

fn facts(version: &TableVersion) -> Vec<SegmentFacts> {
    let metas = version.segments.iter().map(|live| live.segment.meta());
    metas
        .map(|meta| SegmentFacts {
            id: meta.id,
            rows: meta.rows,
            bytes: meta.bytes,
            layout: meta.layout.clone(),
        })
        .collect()
}
