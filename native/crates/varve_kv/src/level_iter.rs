//! Iterates a level in key order, both ways: its segments one after another.

use std::sync::Arc;

use varve_types::Result;

use crate::levels::Level;
use crate::segment::{SegIter, Segment};

/// A position in a level. A segment is entered when the position reaches it.
pub struct LevelIter {
    level: Arc<Level<Arc<Segment>>>,
    at: usize,
    segment: SegIter,
}

impl LevelIter {
    /// An iterator without a position; `None` for a level without segments.
    pub fn new(level: Arc<Level<Arc<Segment>>>) -> Option<Self> {
        let segment = SegIter::new(level.segments().first()?.clone());
        Some(Self { level, at: 0, segment })
    }

    /// True on an entry.
    #[inline]
    pub fn valid(&self) -> bool {
        self.segment.valid()
    }

    /// The position in the current segment.
    #[inline]
    pub fn segment(&self) -> &SegIter {
        &self.segment
    }

    /// Moves to the first entry at or after `key`.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.enter(self.level.position(key).unwrap_or(0));
        self.segment.seek(key)?;
        self.leave_end()
    }

    /// Moves to the last entry at or before `key`, or the last of all for `None`.
    pub fn seek_back(&mut self, key: Option<&[u8]>) -> Result<()> {
        let last = self.level.segments().len() - 1;
        self.enter(key.map_or(last, |key| self.level.position(key).unwrap_or(0)));
        self.segment.seek_back(key)?;
        self.leave_beginning()
    }

    /// Moves to the next entry.
    #[inline]
    pub fn next(&mut self) -> Result<()> {
        self.segment.next()?;
        self.leave_end()
    }

    /// Moves to the previous entry.
    #[inline]
    pub fn previous(&mut self) -> Result<()> {
        self.segment.previous()?;
        self.leave_beginning()
    }

    /// Moves within the current block, or to the entry behind it when `at` is its count.
    pub fn jump(&mut self, at: usize) -> Result<()> {
        self.segment.jump(at)?;
        self.leave_end()
    }

    /// At the end of a segment: moves to the beginning of the next one.
    #[inline]
    fn leave_end(&mut self) -> Result<()> {
        if self.segment.valid() || self.at + 1 == self.level.segments().len() {
            return Ok(());
        }
        self.enter(self.at + 1);
        self.segment.seek(&[])
    }

    /// Before the first entry of a segment: moves to the last one of the segment before.
    #[inline]
    fn leave_beginning(&mut self) -> Result<()> {
        if self.segment.valid() || self.at == 0 {
            return Ok(());
        }
        self.enter(self.at - 1);
        self.segment.seek_back(None)
    }

    fn enter(&mut self, at: usize) {
        if at != self.at {
            self.segment = SegIter::new(self.level.segments()[at].clone());
            self.at = at;
        }
    }
}
