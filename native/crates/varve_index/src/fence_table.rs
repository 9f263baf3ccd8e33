//! The way to a segment: a table over the leading bits of a key, and the first keys of the segments.
//!
//! The range of the first keys, the *fences*, is cut into *regions* of equal width, and each region into *buckets*, as
//! many as its fences ask for. A bucket knows how many fences lie below it; one rank among the eight from there on, in
//! crowded buckets another, gives the segment. That is some thirty instructions, where a tree over 60,000 segments
//! takes five levels of thirteen: instructions bound how many single lookups a CPU overlaps.
//!
//! Outliers at either end are left out, for they would widen every region; keys beyond the table are searched among
//! their segments. Where fences crowd in a small part of their range there is no table.
//!
//! Sections: the fences (whole lines, padded with `u64::MAX`, eight at least), the regions (a word each: first bucket in
//! the low half, shift in the high one), the buckets (`u32`). Size: 12-16 bytes per segment.

use std::ops::Range;

use varve_types::{Result, VarveError};

use crate::image::{Sections, damaged};
use crate::lanes::{LINE_KEYS, Lanes, prefetch};
use crate::segment::Segment;

/// Over fewer a tree has two levels, and the table saves nothing.
const SEGMENTS_MIN: usize = 82;
/// Segments that the table may leave out at either end.
const OUTLIERS: [usize; 3] = [0, 8, 32];
/// Regions, as a power of two: they stay in the nearest cache.
const REGION_BITS: u32 = 10;
/// One or two buckets for each fence of a region.
const BUCKET_BITS_MORE: u32 = 1;
/// Fences to a bucket, in the mean over the segments: above, a tree is as quick.
const CROWD_MAX: u64 = 8;
const WORD_BYTES: usize = 8;

/// The scale of a table, and where it begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scale {
    /// Segments before the first one that the table leads to.
    before: usize,
    /// Fences; the table leads to one segment more.
    fences: usize,
    buckets: usize,
    /// The lowest key of the table.
    origin: u64,
    /// Distance of the highest key of the table from the lowest.
    span: u64,
    /// Low bits of a distance, within its region.
    region_shift: u32,
}

impl Scale {
    /// Words of a serialised scale.
    pub(crate) const WORDS: usize = LINE_KEYS;

    pub(crate) fn write(&self, words: &mut [u64]) {
        let counts = [self.before, self.fences, self.buckets].map(|count| count as u64);
        words[..3].copy_from_slice(&counts);
        words[3..6].copy_from_slice(&[self.origin, self.span, u64::from(self.region_shift)]);
    }

    /// `None` for a tree, which leaves all words 0.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when it could lead out of `segment_count` segments.
    pub(crate) fn read(words: &[u64], segment_count: usize) -> Result<Option<Self>> {
        if words.iter().all(|word| *word == 0) {
            return Ok(None);
        }
        let count = |at: usize| usize::try_from(words[at]).unwrap_or(usize::MAX).min(u32::MAX as usize);
        let scale = Self {
            before: count(0),
            fences: count(1),
            buckets: count(2),
            origin: words[3],
            span: words[4],
            region_shift: words[5].min(u64::from(u64::BITS)) as u32,
        };
        let is_sound = scale.before < segment_count
            && scale.fences < segment_count - scale.before
            && scale.region_shift < u64::BITS
            && scale.span >> scale.region_shift < 1 << REGION_BITS;
        if is_sound { Ok(Some(scale)) } else { Err(leads_out()) }
    }

    /// The scale for the segments in `inner`, three at least; its buckets are not counted yet.
    fn over(segments: &[Segment], inner: Range<usize>) -> Self {
        let origin = segments[inner.start].first.saturating_add(1);
        let span = segments[inner.end - 1].first.saturating_sub(origin);
        let region_shift = (u64::BITS - span.leading_zeros()).saturating_sub(REGION_BITS);
        Self { before: inner.start, fences: inner.len() - 2, buckets: 0, origin, span, region_shift }
    }

    fn regions(&self) -> usize {
        (self.span >> self.region_shift) as usize + 1
    }

    fn fence_words(&self) -> usize {
        (self.fences + LINE_KEYS).next_multiple_of(LINE_KEYS)
    }

    fn bucket_words(&self) -> usize {
        (self.buckets * size_of::<u32>()).div_ceil(WORD_BYTES)
    }

    /// Words of the table.
    pub(crate) fn words(&self) -> usize {
        self.fence_words() + (self.regions() + self.bucket_words()).next_multiple_of(LINE_KEYS)
    }

    /// The region of a distance within the span.
    #[inline(always)]
    fn region(&self, distance: u64) -> usize {
        (distance >> self.region_shift) as usize
    }

    /// The bucket of a distance within the span; `regions` are those of this scale.
    #[inline(always)]
    fn bucket(&self, regions: &[Region], distance: u64) -> usize {
        let within = distance & ((1 << self.region_shift) - 1);
        // SAFETY: the span ends in the last region.
        let region = unsafe { regions.get_unchecked(self.region(distance)) };
        region.first as usize + (within >> region.shift) as usize
    }
}

fn leads_out() -> VarveError {
    damaged("the table of segments leads out of them")
}

/// The buckets of a region.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Region {
    first: u32,
    /// Low bits of a distance that do not count.
    shift: u32,
}

impl Region {
    fn last_bucket(&self, scale: &Scale) -> usize {
        (((1u64 << scale.region_shift) - 1) >> self.shift) as usize + self.first as usize
    }
}

/// A table as it is built.
pub(crate) struct Draft<'a> {
    pub(crate) scale: Scale,
    segments: &'a [Segment],
    regions: Vec<Region>,
}

impl<'a> Draft<'a> {
    /// The table over `segments`; `None` where a tree serves better.
    pub(crate) fn of(segments: &'a [Segment]) -> Option<Self> {
        let fitting = OUTLIERS.into_iter().filter(|outliers| segments.len() >= SEGMENTS_MIN + 2 * outliers);
        let scales = fitting.map(|outliers| Scale::over(segments, outliers..segments.len() - outliers));
        scales.map(|scale| Self::over(segments, scale)).find(Self::is_even)
    }

    /// Gives every region its buckets.
    fn over(segments: &'a [Segment], scale: Scale) -> Self {
        let mut draft = Self { scale, segments, regions: Vec::new() };
        let mut counts = vec![0u32; scale.regions()];
        for distance in draft.distances() {
            counts[scale.region(distance)] += 1;
        }
        for fences in counts {
            let bits = fences.checked_ilog2().map_or(0, |bits| bits + BUCKET_BITS_MORE);
            let shift = scale.region_shift.saturating_sub(bits);
            draft.regions.push(Region { first: draft.scale.buckets as u32, shift });
            draft.scale.buckets += 1 << (scale.region_shift - shift);
        }
        draft
    }

    fn fences(&self) -> impl Iterator<Item = u64> {
        let from = self.scale.before + 1;
        self.segments[from..from + self.scale.fences].iter().map(|segment| segment.first)
    }

    fn distances(&self) -> impl Iterator<Item = u64> {
        self.fences().map(|fence| fence.saturating_sub(self.scale.origin))
    }

    /// Whether the fences spread over the buckets.
    fn is_even(&self) -> bool {
        let (mut crowds, mut crowd, mut bucket) = (0, 0u64, 0);
        for distance in self.distances() {
            let own = self.scale.bucket(&self.regions, distance);
            crowd = if own == bucket { crowd + 1 } else { 1 };
            bucket = own;
            crowds += crowd;
        }
        crowds <= CROWD_MAX * self.scale.fences as u64
    }

    /// Fills `table`, as long as [`Scale::words`].
    pub(crate) fn fill(&self, table: &mut [u64]) {
        let (fences, rest) = table.split_at_mut(self.scale.fence_words());
        let (regions, buckets) = rest.split_at_mut(self.scale.regions());
        for (word, region) in regions.iter_mut().zip(&self.regions) {
            *word = u64::from(region.first) | u64::from(region.shift) << 32;
        }
        fences.fill(u64::MAX);
        fences.iter_mut().zip(self.fences()).for_each(|(word, fence)| *word = fence);
        // SAFETY: a word is two `u32`, whatever its bits.
        let (_, buckets, _) = unsafe { buckets.align_to_mut::<u32>() };
        for (distance, below) in self.distances().zip(1..) {
            // The last fence of a bucket stands; buckets without one take that of their predecessor.
            buckets[self.scale.bucket(&self.regions, distance)] = below;
        }
        let mut below = 0;
        for start in &mut buckets[..self.scale.buckets] {
            below = std::mem::replace(start, below).max(below);
        }
    }
}

/// A table read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FenceTable<'a> {
    scale: Scale,
    fences: &'a [u64],
    regions: &'a [Region],
    buckets: &'a [u32],
}

impl<'a> FenceTable<'a> {
    /// Takes the table of `scale` from the sections of an image.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when the section is short or could lead out of the segments.
    pub(crate) fn open(sections: &mut Sections<'a>, scale: Scale) -> Result<Self> {
        let (fences, rest) = sections.words(scale.words())?.split_at(scale.fence_words());
        let (regions, buckets) = rest.split_at(scale.regions());
        // SAFETY: a word is two `u32`, and so is a region.
        let (_, regions, _) = unsafe { regions.align_to::<Region>() };
        // SAFETY: as above.
        let (_, buckets, _) = unsafe { buckets.align_to::<u32>() };
        let buckets = buckets.get(..scale.buckets).ok_or_else(leads_out)?;
        let is_sound = fences[scale.fences..].iter().all(|fence| *fence == u64::MAX)
            && regions
                .iter()
                .all(|region| region.shift < u64::BITS && region.last_bucket(&scale) < scale.buckets)
            && buckets.iter().fold(0, |most, start| most.max(*start)) as usize <= scale.fences;
        if is_sound { Ok(Self { scale, fences, regions, buckets }) } else { Err(leads_out()) }
    }

    /// The segment of `key`, from the start of its bucket.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`; `start` is that of a bucket.
    #[inline(always)]
    unsafe fn segment_from<L: Lanes>(&self, mut start: usize, key: u64) -> usize {
        loop {
            // SAFETY: `start` is not above the number of fences, and eight more words follow. Those are below nothing,
            // so that the loop ends before them.
            let below = unsafe { L::rank(self.fences.as_ptr().add(start), key) };
            start += below;
            if below < LINE_KEYS {
                return self.scale.before + start;
            }
        }
    }

    /// The segment for `key`; `None` for keys beyond the table, see [`Self::beyond`].
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn segment<L: Lanes>(&self, key: u64) -> Option<usize> {
        let distance = key.wrapping_sub(self.scale.origin);
        if distance > self.scale.span {
            return None;
        }
        let bucket = self.scale.bucket(self.regions, distance);
        // SAFETY: all regions of the span lead to buckets.
        Some(unsafe { self.segment_from::<L>(*self.buckets.get_unchecked(bucket) as usize, key) })
    }

    /// [`Self::segment`] for a group of keys, whose loads overlap. `then` is called with each segment.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`; `found` is as long as `keys`.
    #[inline(always)]
    pub(crate) unsafe fn segments<L: Lanes>(
        &self,
        segments: &[Segment],
        keys: &[u64],
        found: &mut [usize],
        then: impl Fn(usize),
    ) {
        for (key, found) in keys.iter().zip(found.iter_mut()) {
            let distance = key.wrapping_sub(self.scale.origin).min(self.scale.span);
            *found = self.scale.bucket(self.regions, distance);
            prefetch(self.buckets.as_ptr().wrapping_add(*found));
        }
        for found in found.iter_mut() {
            // SAFETY: all regions of the span lead to buckets.
            *found = unsafe { *self.buckets.get_unchecked(*found) } as usize;
            prefetch(self.fences.as_ptr().wrapping_add(*found));
        }
        for (key, found) in keys.iter().zip(found.iter_mut()) {
            *found = if key.wrapping_sub(self.scale.origin) <= self.scale.span {
                // SAFETY: as the caller vouches.
                unsafe { self.segment_from::<L>(*found, *key) }
            } else {
                self.beyond(segments, *key)
            };
            then(*found);
        }
    }

    /// The segment for a key that is below or above all that the table leads to.
    #[cold]
    #[inline(never)]
    pub(crate) fn beyond(&self, segments: &[Segment], key: u64) -> usize {
        let from = if key < self.scale.origin { 0 } else { self.scale.before + self.scale.fences };
        let to = if key < self.scale.origin { self.scale.before + 1 } else { segments.len() };
        from + segments[from..to].partition_point(|segment| segment.first < key).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Draft, FenceTable, Scale};
    use crate::image::{HEADER_BYTES, Image, Sections};
    use crate::lanes::Scalar;
    use crate::segment::Segment;

    /// Whether there is a table over segments with these first keys; where there is, it leads to the last segment
    /// whose first key is below the wanted one.
    fn check(name: &str, firsts: &[u64], expected: bool) {
        let segments: Vec<Segment> =
            firsts.iter().map(|first| Segment::over(*first, 0, 1, |_| *first)).collect();
        let Some(draft) = Draft::of(&segments) else { return assert!(!expected, "{name}: no table") };
        assert!(expected, "{name}: a table");
        let mut image = Image::zeroed(HEADER_BYTES + (Scale::WORDS + draft.scale.words()) * 8);
        let (scale, table) = image.body_mut().split_at_mut(Scale::WORDS);
        draft.scale.write(scale);
        draft.fill(table);
        let mut sections = Sections::of(&image);
        let scale = sections.words(Scale::WORDS).expect("as long as that");
        let scale = Scale::read(scale, segments.len()).expect("a sound scale").expect("not that of a tree");
        let table = FenceTable::open(&mut sections, scale).expect("a sound table");
        let asked: Vec<u64> = firsts
            .iter()
            .flat_map(|first| [first.saturating_sub(1), *first, first.saturating_add(1)])
            .chain([0, 1, u64::MAX / 3, u64::MAX])
            .collect();
        let mut found = vec![0; asked.len()];
        // SAFETY: the scalar path needs nothing of the CPU.
        unsafe { table.segments::<Scalar>(&segments, &asked, &mut found, |_| ()) };
        for (key, found) in asked.iter().zip(found) {
            let expected = firsts.partition_point(|first| first < key).saturating_sub(1);
            // SAFETY: as above.
            let single = unsafe { table.segment::<Scalar>(*key) };
            assert_eq!(found, expected, "{name}: {key}");
            assert_eq!(single.unwrap_or_else(|| table.beyond(&segments, *key)), expected, "{name}: {key}");
        }
    }

    fn firsts(count: u64, first: impl Fn(u64) -> u64) -> Vec<u64> {
        (0..count).map(first).collect()
    }

    #[test]
    fn the_table_leads_to_the_segment() {
        check("too few", &firsts(81, |at| at * 10), false);
        check("just enough", &firsts(82, |at| at * 10), true);
        check("consecutive", &firsts(3000, |at| at), true);
        check("even, over the whole range", &firsts(1 << 12, |at| at << 52), true);
        check("squares", &firsts(20_000, |at| at * at), true);
        check("outliers", &firsts(1000, |at| if at < 980 { at } else { u64::MAX - 1000 + at }), true);
        check(
            "outliers at both ends",
            &firsts(1000, |at| if at < 5 { at } else { (1 << 60) + at * at }),
            true,
        );
        check("the largest keys", &firsts(1000, |at| u64::MAX - (999 - at)), true);
        check("some equal", &firsts(1000, |at| at / 3), true);
        check("all equal", &firsts(1000, |_| 7), false);
        check("two clusters", &firsts(1000, |at| at + ((at / 500) << 62)), false);
        check("exponential gaps", &firsts(1000, |at| 1 << (at / 16)), false);
    }
}
