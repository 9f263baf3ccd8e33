//! Positions of rows of a segment, in the order of their keys.

use std::ops::Range;

use roaring::RoaringBitmap;

/// So many rows tell whether all lie together.
const ROWS_LOOKED_AT: usize = 16;

/// Positions are added to a set by runs when these have so many of them or more.
const RUN_ROWS_MIN: usize = 4;

/// Some positions. Those of rows that lie in the order of their keys are not looked up: each read from a list that nobody
/// asked for lately waits for memory.
#[derive(Clone, Debug)]
pub enum Positions<'r> {
    /// These.
    Listed(&'r [u32]),
    /// One after the other.
    Successive(Range<u32>),
}

impl<'r> Positions<'r> {
    /// The whole of a list.
    pub(super) fn of(list: &'r [u32]) -> Self {
        let is_successive = list.iter().enumerate().all(|(at, row)| at == *row as usize);
        if is_successive { Self::Successive(0..list.len() as u32) } else { Self::Listed(list) }
    }

    /// Those at these places, which must be there.
    pub(super) fn slice(&self, places: Range<usize>) -> Self {
        match self {
            Self::Listed(list) => Self::Listed(&list[places]),
            Self::Successive(all) => {
                assert!(places.end <= all.len(), "{places:?} of {} rows", all.len());
                Self::Successive(all.start + places.start as u32..all.start + places.end as u32)
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(list) => list.len(),
            Self::Successive(range) => range.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
        (0..self.len()).map(|at| match self {
            Self::Listed(list) => list[at],
            Self::Successive(range) => range.start + at as u32,
        })
    }

    /// Whether there are few others between the first and the last of them.
    pub(super) fn lie_together(&self) -> bool {
        let Self::Listed(list) = self else { return true };
        let (Some(first), Some(last)) = (list.first(), list.last()) else { return true };
        let looked_at = list.iter().step_by((list.len() / ROWS_LOOKED_AT).max(1));
        let between = *first..=*last;
        last.saturating_sub(*first) as usize <= list.len() + list.len() / 8
            && looked_at.into_iter().all(|row| between.contains(row))
    }

    /// Adds them to a set.
    pub(super) fn add_to(&self, set: &mut RoaringBitmap) {
        match self {
            Self::Successive(range) => {
                set.insert_range(range.clone());
            }
            // Rows that were written together often follow each other in the order of their keys, too.
            Self::Listed(list) if runs(list).count() * RUN_ROWS_MIN <= list.len() => {
                for run in runs(list) {
                    set.insert_range(run[0]..=run[run.len() - 1]);
                }
            }
            Self::Listed(list) if set.is_empty() && list.is_sorted() => {
                match RoaringBitmap::from_sorted_iter(list.iter().copied()) {
                    Ok(sorted) => *set = sorted,
                    Err(_) => set.extend(*list),
                }
            }
            Self::Listed(list) => set.extend(*list),
        }
    }
}

/// Positions that follow each other, one run after the other.
fn runs(list: &[u32]) -> impl Iterator<Item = &[u32]> {
    list.chunk_by(|one, next| one.checked_add(1) == Some(*next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_list() {
        for list in [
            vec![],
            vec![0],
            vec![1],
            vec![0, 1, 2, 3],
            vec![0, 1, 3],
            vec![3, 1, 0, 2],
            vec![4, 5, 6, 7, 0, 1, 2, 3],
        ] {
            let all = Positions::of(&list);
            for places in [0..list.len(), 0..list.len() / 2, list.len() / 2..list.len()] {
                let some = all.slice(places.clone());
                let expected = &list[places];
                assert_eq!(some.iter().collect::<Vec<_>>(), expected);
                assert_eq!((some.len(), some.is_empty()), (expected.len(), expected.is_empty()));
                for mut set in [RoaringBitmap::new(), RoaringBitmap::from([2, 7])] {
                    let mut both = set.clone();
                    some.add_to(&mut set);
                    both.extend(expected);
                    assert_eq!(set, both, "{expected:?}");
                }
            }
        }
    }

    #[test]
    fn they_lie_together_when_few_others_are_between() {
        let check = |list: &[u32], expected: bool| {
            assert_eq!(Positions::of(list).lie_together(), expected, "{list:?}")
        };
        let some = |list: &mut dyn Iterator<Item = u32>| list.collect::<Vec<u32>>();
        check(&[], true);
        check(&[7], true);
        check(&some(&mut (0..1_000)), true);
        check(&some(&mut (100..1_000)), true);
        check(&some(&mut (100..1_000).filter(|row| row % 20 > 0)), true);
        check(&some(&mut (100..1_000).map(|row| 3 * row)), false);
        check(&some(&mut (100..1_000).rev()), false);
        // The first and the last may be neighbours by chance.
        check(
            &some(&mut (0..900).map(|row| if row == 0 || row == 899 { row } else { row * 7919 % 100_003 })),
            false,
        );
    }
}
