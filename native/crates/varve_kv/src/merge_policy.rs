//! Which segments to merge next: levels at least double in size from one to the next, at most four of them, and a
//! flush always finds a place.
//!
//! Only what meets is merged: the segments of two levels fall into groups whose spans meet, and each group is
//! weighed and rewritten by itself. Keys that arrive in order make groups of one, which are never rewritten; keys that
//! arrive at random make one group of all, as in any tiered store.
//!
//! Every choice is closed (see [`closed`]), so that the invariants of [`crate::levels`] outlive the merge.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::levels::Levels;
use crate::limits::LEVELS_MAX;
use crate::rectangle::{Extent, Rectangle};
use crate::segment::Span;

/// Neighbours of a level that are put together when each is small.
const NEIGHBOURS: usize = 16;

/// A flush folds into segments of at most so many times its own bytes; larger ones wait for their merge.
const FOLD_FACTOR: u64 = 2;

/// Level, counted from the newest, and position in it.
type Place = (usize, usize);

/// Segments to merge, and what else they cover together.
type Group = BTreeSet<Place>;

/// The segments to merge now, newest level first, when `segment_bytes` is the size at which new segments are cut.
///
/// In a group, a level no larger than all newer ones together is merged with them, which makes sizes at least double
/// from level to level. With four levels the newest is left out where possible, so that flushes have segments to fold
/// into while the merge runs.
pub fn plan<T: Extent + Clone>(levels: &Levels<T>, segment_bytes: u64) -> Option<Vec<T>> {
    let full = levels.len() >= LEVELS_MAX;
    for oldest in (1..levels.len()).rev() {
        let newest = usize::from(full && oldest >= 2);
        for group in groups(levels, newest..=oldest) {
            let (older, newer): (Group, Group) = group.iter().partition(|&&(level, _)| level == oldest);
            if older.is_empty() || newer.is_empty() {
                continue;
            }
            let left_out = |around: Rectangle| -> u64 {
                let levels = levels.iter().take(newest);
                levels.flat_map(|level| level.among(&around.span)).map(Extent::bytes).sum()
            };
            let newer = bytes(levels, &newer) + Rectangle::around(parts(levels, &group)).map_or(0, left_out);
            if bytes(levels, &older) <= newer {
                return Some(closed(levels, newest..=oldest, group, None));
            }
        }
    }
    if full {
        let meeting = groups(levels, 0..=1).into_iter().filter(|group| group.len() > 1);
        let cheapest = meeting.min_by_key(|group| bytes(levels, group))?;
        return Some(closed(levels, 0..=1, cheapest, None));
    }
    small_neighbours(levels, segment_bytes)
}

/// The segments that a flush of `memtable` takes in: none while there is room for one more level, else those of the
/// newest level that it meets. `None` when these are so large that their merge has to come first.
pub fn fold<T: Extent + Clone>(levels: &Levels<T>, memtable: &dyn Extent) -> Option<Vec<T>> {
    let newest = levels.iter().next().filter(|_| levels.len() >= LEVELS_MAX);
    let Some(newest) = newest else { return Some(Vec::new()) };
    let met: Group = newest.meeting(memtable.span()).map(|at| (0, at)).collect();
    if met.is_empty() {
        return Some(Vec::new());
    }
    let inputs = closed(levels, 0..=0, met, Some(memtable));
    let older: u64 = inputs.iter().map(Extent::bytes).sum();
    (older <= FOLD_FACTOR * memtable.bytes()).then_some(inputs)
}

/// The next segments to merge for a compaction of those that are `due`: until none of them meets another, has a small
/// neighbour, or is `unfit` to stay as it is. Each is rewritten at most once, or twice while flushes go on.
pub fn compaction<T: Extent + Clone>(
    levels: &Levels<T>,
    segment_bytes: u64,
    due: impl Fn(&T) -> bool,
    unfit: impl Fn(&T) -> bool,
) -> Option<Vec<T>> {
    // As in `plan`: flushes fold into the newest of four levels meanwhile.
    let newest = usize::from(levels.len() >= LEVELS_MAX);
    let oldest = levels.len().checked_sub(1)?;
    let mut packs: Vec<Group> = Vec::new();
    for group in groups(levels, newest..=oldest) {
        match packs.last_mut() {
            Some(pack) if bytes(levels, pack) + bytes(levels, &group) <= segment_bytes => pack.extend(group),
            _ => packs.push(group),
        }
    }
    let wanted = |pack: &Group| {
        let segments = || pack.iter().map(|&place| levels.at(place));
        segments().any(&due) && (pack.len() > 1 || segments().any(&unfit))
    };
    packs.into_iter().find(wanted).map(|pack| closed(levels, newest..=oldest, pack, None))
}

/// Neighbours of one level that are all small. What a segment costs beside its bytes (a map, a search among its
/// neighbours) then stays bounded, and every byte is rewritten once per sixteenfold size.
fn small_neighbours<T: Extent + Clone>(levels: &Levels<T>, segment_bytes: u64) -> Option<Vec<T>> {
    let bounds = std::iter::successors(Some(segment_bytes / NEIGHBOURS as u64), |bound| Some(bound / 16));
    let mut bounds: Vec<u64> = bounds.take_while(|&bound| bound > 0).collect();
    bounds.reverse();
    for bound in bounds {
        for (depth, level) in levels.iter().enumerate() {
            let mut from = 0;
            for (at, segment) in level.segments().iter().enumerate() {
                if segment.bytes() >= bound {
                    from = at + 1;
                }
                if at + 1 - from < NEIGHBOURS {
                    continue;
                }
                let neighbours: Group = (from..=at).map(|at| (depth, at)).collect();
                let inputs = closed(levels, depth..=depth, neighbours, None);
                if inputs.len() == NEIGHBOURS {
                    return Some(inputs);
                }
                // Another level lies between them.
                from += 1;
            }
        }
    }
    None
}

/// The segments of `depths` in groups whose spans meet, in key order.
fn groups<T: Extent + Clone>(levels: &Levels<T>, depths: RangeInclusive<usize>) -> Vec<Group> {
    let mut places: Vec<Place> = levels
        .iter()
        .enumerate()
        .filter(|(depth, _)| depths.contains(depth))
        .flat_map(|(depth, level)| (0..level.segments().len()).map(move |at| (depth, at)))
        .collect();
    places.sort_by_key(|&place| &levels.at(place).span().from);
    let mut groups: Vec<Group> = Vec::new();
    let mut end: &[u8] = &[];
    for place in places {
        let Span { from, to } = levels.at(place).span();
        match groups.last_mut() {
            Some(group) if **from < *end => {
                group.insert(place);
                end = end.max(to);
            }
            _ => {
                groups.push(Group::from([place]));
                end = to;
            }
        }
    }
    groups
}

/// Adds to `members`, of levels `depths`, everything that must be merged with them: whatever meets the rectangle of
/// keys and commits that they span, with `memtable`, but is not newer and in a newer level, or older and in an older
/// one. What is left out then keeps its level, and is entirely newer or older than the output.
fn closed<T: Extent + Clone>(
    levels: &Levels<T>,
    depths: RangeInclusive<usize>,
    mut members: Group,
    memtable: Option<&dyn Extent>,
) -> Vec<T> {
    loop {
        let Some(around) = Rectangle::around(parts(levels, &members).chain(memtable)) else {
            return Vec::new();
        };
        let (first, last) = around.commits;
        let stays = |(depth, at): Place| {
            let commits = levels.at((depth, at)).commits();
            (depth < *depths.start() && commits.0 > last) || (depth > *depths.end() && commits.1 < first)
        };
        let meeting = levels.iter().enumerate().flat_map(|(depth, level)| {
            level.meeting(&around.span).map(move |at| (depth, at)).filter(|&place| !stays(place))
        });
        let joined: Group = members.iter().copied().chain(meeting).collect();
        if joined.len() == members.len() {
            return members.iter().map(|&place| levels.at(place).clone()).collect();
        }
        members = joined;
    }
}

fn parts<'a, T: Extent + Clone>(
    levels: &'a Levels<T>,
    group: &'a Group,
) -> impl Iterator<Item = &'a dyn Extent> {
    group.iter().map(|&place| levels.at(place) as &dyn Extent)
}

fn bytes<T: Extent + Clone>(levels: &Levels<T>, group: &Group) -> u64 {
    parts(levels, group).map(Extent::bytes).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CUT: u64 = 1 << 20;

    /// Segments that are only rectangles; keys of one byte.
    fn piece(keys: (u8, u8), commits: (u64, u64), bytes: u64) -> Rectangle {
        Rectangle { span: Span::of_keys((&[keys.0], &[keys.1])), commits, bytes }
    }

    /// What merging `inputs` (and a memtable) leaves: pieces of at most `CUT` bytes side by side.
    fn merged(inputs: &[Rectangle]) -> Vec<Rectangle> {
        let around = Rectangle::around(inputs.iter().map(|input| input as &dyn Extent)).unwrap();
        let Rectangle { span, commits, bytes } = around;
        let (low, high) = (span.from[0], span.to[0]);
        let parts = (bytes.div_ceil(CUT) as usize).clamp(1, usize::from(high - low) / 2 + 1);
        let step = (usize::from(high - low) + 1) / parts;
        let parts = (0..parts).map(|part| {
            let from = low + (part * step) as u8;
            let to = if part + 1 == parts { high } else { low + ((part + 1) * step - 1) as u8 };
            piece((from, to), commits, bytes / parts as u64)
        });
        parts.collect()
    }

    /// The live pieces of a simulated store, and what was written for them.
    #[derive(Default)]
    struct Simulated {
        levels: Levels<Rectangle>,
        commits: u64,
        written: u64,
    }

    impl Simulated {
        fn install(&mut self, inputs: &[Rectangle], memtable: Option<&Rectangle>) {
            let all: Vec<Rectangle> = inputs.iter().chain(memtable).cloned().collect();
            self.written += all.iter().map(Extent::bytes).sum::<u64>();
            let kept = self.levels.segments().filter(|piece| !inputs.contains(piece)).cloned();
            self.levels = Levels::arrange(kept.collect::<Vec<_>>().into_iter().chain(merged(&all)));
            assert_eq!(self.levels.conflict(), None, "{:?}", self.levels);
            assert!(self.levels.len() <= LEVELS_MAX, "{:?}", self.levels);
        }

        /// Flushes a memtable; merges come first where they must.
        fn flush(&mut self, keys: (u8, u8), bytes: u64) {
            self.commits += 10;
            let memtable = piece(keys, (self.commits - 9, self.commits), bytes);
            loop {
                match fold(&self.levels, &memtable) {
                    Some(inputs) => return self.install(&inputs, Some(&memtable)),
                    None => assert!(self.merge(), "a flush waits for a merge that nobody plans"),
                }
            }
        }

        fn merge(&mut self) -> bool {
            let Some(inputs) = plan(&self.levels, CUT) else { return false };
            let meets =
                |(at, one): (usize, &Rectangle)| inputs[..at].iter().any(|two| two.span.meets(&one.span));
            let is_progress = inputs.len() >= NEIGHBOURS || inputs.iter().enumerate().any(meets);
            assert!(is_progress, "{inputs:?} of {:?}", self.levels);
            self.install(&inputs, None);
            true
        }

        fn settle(&mut self) {
            for _ in 0..1000 {
                if !self.merge() {
                    return;
                }
            }
            panic!("merges without end: {:?}", self.levels);
        }

        fn sizes(&self) -> Vec<Vec<u64>> {
            self.levels.iter().map(|level| level.segments().iter().map(Extent::bytes).collect()).collect()
        }
    }

    #[test]
    fn rows_of_equal_ranges() {
        let rows: [(&[u64], &[u64]); 10] = [
            (&[], &[]),
            (&[5], &[]),
            (&[5, 5], &[5, 5]),
            (&[5, 11], &[]),
            (&[5, 6, 20], &[]),
            (&[5, 6, 11], &[5, 6, 11]),
            (&[5, 5, 20], &[5, 5]),
            (&[5, 6, 12, 24], &[5, 6]),
            (&[5, 6, 12, 23], &[6, 12, 23]),
            (&[5, 60, 120, 240], &[5, 60]),
        ];
        for (sizes, expected) in rows {
            let commits = |at: usize| (100 - at as u64, 100 - at as u64);
            let pieces = sizes.iter().enumerate().map(|(at, &bytes)| piece((0, 9), commits(at), bytes));
            let planned = plan(&Levels::arrange(pieces), CUT).unwrap_or_default();
            assert_eq!(planned.iter().map(Extent::bytes).collect::<Vec<_>>(), expected, "{sizes:?}");
        }
    }

    /// Flushing equal memtables at random keys: few levels, and few bytes written per byte kept.
    #[test]
    fn random_keys_are_rewritten_logarithmically() {
        let mut store = Simulated::default();
        for _ in 0..256 {
            store.flush((0, 255), 1);
            store.settle();
        }
        assert!(store.written < 256 * 14, "{} written for 256 kept", store.written);
    }

    /// Story: while writers never paused, flushes came before merges and folded into the newest segment each time,
    /// which made the work of a load quadratic: 10 M records were written forty times.
    #[test]
    fn a_load_without_pause_is_rewritten_logarithmically() {
        let mut store = Simulated::default();
        for _ in 0..256 {
            store.flush((0, 255), 1);
        }
        assert!(store.written < 256 * 14, "{} written for 256 kept", store.written);
    }

    /// Keys in order are flushed once, and once more to put small neighbours together.
    #[test]
    fn keys_in_order_are_hardly_rewritten() {
        let mut store = Simulated::default();
        for at in 0..250 {
            store.flush((at, at), CUT / 64);
            store.settle();
        }
        assert_eq!(store.levels.len(), 1, "{:?}", store.sizes());
        assert!(store.written <= 250 * 2 * CUT / 64, "{} written", store.written / (CUT / 64));
    }

    #[test]
    fn a_compaction_leaves_one_level_and_nothing_small_beside() {
        let mut store = Simulated::default();
        for at in 0..40u8 {
            store.flush((at * 3, at * 3 + at % 5), CUT / 9);
        }
        let before: Vec<Rectangle> = store.levels.segments().cloned().collect();
        for _ in 0..100 {
            let inputs = compaction(&store.levels, CUT, |piece| before.contains(piece), |_| false);
            let Some(inputs) = inputs else { break };
            store.install(&inputs, None);
        }
        assert_eq!(store.levels.len(), 1, "{:?}", store.sizes());
        let sizes = &store.sizes()[0];
        assert!(sizes.windows(2).filter(|two| two[0] + two[1] <= CUT).count() <= 1, "{sizes:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Any history of flushes and merges keeps the invariants of `levels` (checked at each install), and ends.
        #[test]
        fn any_history(
            steps in proptest::collection::vec((any::<u8>(), 0u8..60, 1u64..CUT / 3, 0u8..4), 1..120),
        ) {
            let mut store = Simulated::default();
            for (low, width, bytes, merges) in steps {
                store.flush((low, low.saturating_add(width)), bytes);
                for _ in 0..merges {
                    store.merge();
                }
            }
            store.settle();
        }
    }
}
