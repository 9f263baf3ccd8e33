//! Keys that no two rows may share.

use varve_types::Result;

use super::{KeyColumns, KeyRef, KeyRun, SortedKeys};
use crate::ids::IndexId;
use crate::rows::RowAddress;
use crate::version::{LiveSegment, TableVersion};

/// A key that two rows would have.
pub(crate) struct Duplicate {
    /// The place of the key among those that were checked.
    pub at: usize,
    /// The row that has it already; `None` when it is twice among those that were checked.
    pub row: Option<RowAddress>,
}

/// The first of `keys` that is there twice, or that a row of `version` has already; rows that are gone do not count.
pub(crate) fn check_unique(
    version: &TableVersion,
    columns: &KeyColumns,
    keys: &SortedKeys,
    is_gone: impl Fn(u32) -> bool,
) -> Result<Option<Duplicate>> {
    if let Some(at) = first_duplicate(keys, &is_gone) {
        return Ok(Some(Duplicate { at, row: None }));
    }
    let Some(last) = keys.len().checked_sub(1) else { return Ok(None) };
    let lookup = version.lookup(columns.index).within(keys.key(0), keys.key(last))?;
    for at in (0..keys.len()).filter(|at| !is_gone(keys.rows()[*at])) {
        if let Some(row) = lookup.find_one(keys.key(at))? {
            return Ok(Some(Duplicate { at, row: Some(row) }));
        }
    }
    Ok(None)
}

/// The first place whose key another row has too; rows that are gone do not count.
pub(crate) fn first_duplicate(keys: &SortedKeys, is_gone: impl Fn(u32) -> bool) -> Option<usize> {
    let mut before = None;
    for at in (0..keys.len()).filter(|at| !is_gone(keys.rows()[*at])) {
        if before.is_some_and(|before| keys.key(before) == keys.key(at)) {
            return Some(at);
        }
        before = Some(at);
    }
    None
}

/// Looks up rows of one version by the key of one index.
pub struct Lookup<'v> {
    pub(super) version: &'v TableVersion,
    pub(super) index: IndexId,
    /// The key runs to be asked, oldest first.
    pub(super) runs: Vec<(&'v LiveSegment, &'v KeyRun)>,
}

impl TableVersion {
    /// A way to look up rows by the key of `index`, which must be one of the table's.
    #[must_use]
    pub fn lookup(&self, index: IndexId) -> Lookup<'_> {
        Lookup { version: self, index, runs: self.key_runs(index).collect() }
    }

    /// As [`Lookup::find_one`], for one key alone.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a key run is not what was written.
    pub fn find_one(&self, index: IndexId, key: KeyRef<'_>) -> Result<Option<RowAddress>> {
        newest(self, index, key, self.key_runs(index).rev())
    }

    fn key_runs(&self, index: IndexId) -> impl DoubleEndedIterator<Item = (&LiveSegment, &KeyRun)> {
        self.segments.iter().filter_map(move |live| Some((live, live.key_run(index)?)))
    }
}

impl Lookup<'_> {
    /// For keys from `first` to `last` only: segments that have none of them are not asked.
    fn within(mut self, first: KeyRef<'_>, last: KeyRef<'_>) -> Result<Self> {
        let mut failure = None;
        self.runs.retain(|(_, run)| match run.bounds() {
            Ok(bounds) => bounds.is_some_and(|(low, high)| low <= last && first <= high),
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        failure.map_or(Ok(self), Err)
    }

    /// The newest row that has `key` and is not deleted.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a key run is not what was written.
    pub fn find_one(&self, key: KeyRef<'_>) -> Result<Option<RowAddress>> {
        newest(self.version, self.index, key, self.runs.iter().rev().copied())
    }
}

/// The row that has `key`; `runs` are to be asked, newest first.
fn newest<'v>(
    version: &TableVersion,
    index: IndexId,
    key: KeyRef<'_>,
    runs: impl Iterator<Item = (&'v LiveSegment, &'v KeyRun)>,
) -> Result<Option<RowAddress>> {
    if let Some(row) = version.hot.find(index, key) {
        return Ok(Some(RowAddress::of_hot(row)));
    }
    for (live, run) in runs {
        let is_live = |row: &u32| !live.deleted.as_ref().is_some_and(|deleted| deleted.contains(*row));
        if let Some(row) = run.find(key)?.iter().rev().find(is_live) {
            return Ok(Some(RowAddress(RowAddress::of_segment(live.segment.id()).0 + u64::from(row))));
        }
    }
    Ok(None)
}
