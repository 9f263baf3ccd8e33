//! The keys that a segment answers for.

/// A half-open range of keys. A segment holds everything that its commits left within its span, which reaches beyond its
/// own keys where a merge found nothing live: the spans of a merge's outputs lie side by side, and together they are
/// those of its inputs. So, without a catalogue, the files alone tell which of them are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub from: Vec<u8>,
    /// Exclusive.
    pub to: Vec<u8>,
}

impl Span {
    /// From a smallest to a largest key.
    pub fn of_keys((low, high): (&[u8], &[u8])) -> Self {
        Self { from: low.to_vec(), to: [high, &[0]].concat() }
    }

    /// The smallest span that holds both.
    pub fn and(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// Whether they have keys in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// The part before `key` and the rest; all and nothing for `None`.
    pub fn split_at(&self, key: Option<Vec<u8>>) -> (Self, Self) {
        let middle = key.unwrap_or_else(|| self.to.clone());
        (Self { from: self.from.clone(), to: middle.clone() }, Self { from: middle, to: self.to.clone() })
    }
}
