//! What a segment covers: a rectangle of keys and commits, in which it holds everything.

use std::sync::Arc;

use crate::segment::{Segment, Span};

/// Something that covers a rectangle.
pub trait Extent {
    /// The keys that it answers for, see [`Span`].
    fn span(&self) -> &Span;
    /// First and last commit.
    fn commits(&self) -> (u64, u64);
    /// Bytes of its file.
    fn bytes(&self) -> u64;
}

impl Extent for Arc<Segment> {
    fn span(&self) -> &Span {
        &self.origin().span
    }

    fn commits(&self) -> (u64, u64) {
        (self.footer().sequence_from, self.footer().sequence_to)
    }

    fn bytes(&self) -> u64 {
        self.file_bytes()
    }
}

/// A rectangle by itself: of a segment to come, or around several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// The keys.
    pub span: Span,
    /// First and last commit.
    pub commits: (u64, u64),
    /// Bytes of the files in it, together.
    pub bytes: u64,
}

impl Rectangle {
    /// That of `one`.
    pub fn of(one: &dyn Extent) -> Self {
        Self { span: one.span().clone(), commits: one.commits(), bytes: one.bytes() }
    }

    /// The smallest one around all of `parts`; `None` without any.
    pub fn around<'a>(parts: impl IntoIterator<Item = &'a dyn Extent>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let first = Self::of(parts.next()?);
        Some(parts.fold(first, Self::and))
    }

    /// The smallest one around both.
    pub fn and(mut self, other: &dyn Extent) -> Self {
        self.span = self.span.and(other.span());
        let (first, last) = other.commits();
        self.commits = (self.commits.0.min(first), self.commits.1.max(last));
        self.bytes += other.bytes();
        self
    }
}

impl Extent for Rectangle {
    fn span(&self) -> &Span {
        &self.span
    }

    fn commits(&self) -> (u64, u64) {
        self.commits
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn around() {
        let one = |from: &str, to: &str, commits, bytes| {
            let span = Span { from: from.into(), to: to.into() };
            Rectangle { span, commits, bytes }
        };
        let rows = [
            (vec![], None),
            (vec![one("b", "c", (4, 6), 1)], Some(one("b", "c", (4, 6), 1))),
            (
                vec![one("b", "c", (4, 6), 1), one("d", "e", (1, 3), 10), one("a", "b", (7, 9), 100)],
                Some(one("a", "e", (1, 9), 111)),
            ),
            (vec![one("a", "z", (1, 9), 1), one("b", "c", (4, 6), 1)], Some(one("a", "z", (1, 9), 2))),
        ];
        for (parts, expected) in rows {
            let found = Rectangle::around(parts.iter().map(|part| part as &dyn Extent));
            assert_eq!(found, expected, "around {parts:?}");
        }
    }
}
