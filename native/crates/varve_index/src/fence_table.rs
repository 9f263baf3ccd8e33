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
//! Where it leads is checked when an image is opened, so that a lookup need not limit what its segment makes of a key.
//! How it is built: `fence_table/draft.rs`.
//!
//! Sections: the fences (whole lines, padded with the largest key of the table, eight at least), the regions (a word
//! each: offset of the buckets in the low half, shift in the high one), the buckets (`u32`). Size: 12-16 bytes per
//! segment.

mod draft;

use std::ops::Range;

use varve_types::{Result, VarveError};

pub(crate) use draft::Draft;

use crate::image::{Sections, damaged};
use crate::lanes::{LINE_KEYS, Lanes, prefetch};
use crate::segment::Segment;

/// Regions, as a power of two: they stay in the nearest cache.
const REGION_BITS: u32 = 10;
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

    /// Whether the table begins and ends where its segments do.
    fn is_of(&self, segments: &[Segment]) -> bool {
        let first = |at: usize| segments.get(at).map(|segment| segment.first);
        first(self.before).and_then(|key| key.checked_add(1)) == Some(self.origin)
            && first(self.before + self.fences + 1).and_then(|key| key.checked_sub(self.origin))
                == Some(self.span)
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
        // SAFETY: the span ends in the last region.
        let region = unsafe { regions.get_unchecked(self.region(distance)) };
        region.offset.wrapping_add((distance >> region.shift) as u32) as usize
    }
}

fn leads_out() -> VarveError {
    damaged("the table of segments leads out of them")
}

/// The buckets of a region.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Region {
    /// What to add to a distance without its low bits; it wraps.
    offset: u32,
    /// Low bits of a distance that do not count.
    shift: u32,
}

impl Region {
    /// Region `number`, whose first bucket is `first`; `shift` is at most that of the scale.
    fn at(number: usize, first: usize, shift: u32, scale: &Scale) -> Self {
        let before = ((number as u64) << scale.region_shift) >> shift;
        Self { offset: (first as u32).wrapping_sub(before as u32), shift }
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
    /// Takes the table of `scale` over ascending `segments` from the sections of an image.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when the section is short or does not lead to the segments.
    ///
    /// Cost: one read of the table.
    pub(crate) fn open(sections: &mut Sections<'a>, scale: Scale, segments: &[Segment]) -> Result<Self> {
        let (fences, rest) = sections.words(scale.words())?.split_at(scale.fence_words());
        let (regions, buckets) = rest.split_at(scale.regions());
        // SAFETY: a word is two `u32`, and so is a region.
        let (_, regions, _) = unsafe { regions.align_to::<Region>() };
        // SAFETY: as above.
        let (_, buckets, _) = unsafe { buckets.align_to::<u32>() };
        let buckets = buckets.get(..scale.buckets).ok_or_else(leads_out)?;
        let table = Self { scale, fences, regions, buckets };
        let is_exact = scale.is_of(segments)
            && table.has_fences_of(&segments[scale.before + 1..])
            && table.has_regions_in_order()
            && table.has_buckets_of_fences();
        if is_exact { Ok(table) } else { Err(leads_out()) }
    }

    /// Whether the fences are the first keys of `segments`.
    fn has_fences_of(&self, segments: &[Segment]) -> bool {
        let (fences, padding) = self.fences.split_at(self.scale.fences);
        let end = self.scale.origin + self.scale.span;
        let are_same =
            fences.iter().zip(segments).fold(true, |all, (fence, segment)| all & (*fence == segment.first));
        are_same && padding.iter().all(|fence| *fence == end)
    }

    /// Whether the buckets of the regions lie one behind the other.
    fn has_regions_in_order(&self) -> bool {
        let mut first = 0usize;
        for (number, region) in self.regions.iter().enumerate() {
            if region.shift > self.scale.region_shift
                || *region != Region::at(number, first, region.shift, &self.scale)
            {
                return false;
            }
            first = first.saturating_add(1 << (self.scale.region_shift - region.shift));
        }
        first == self.scale.buckets
    }

    /// Whether every bucket tells how many fences lie below it; regions are in order, and fences ascend.
    fn has_buckets_of_fences(&self) -> bool {
        let (mut rest, mut below) = (self.buckets, 0);
        for fence in &self.fences[..self.scale.fences] {
            let bucket = self.scale.bucket(self.regions, fence.saturating_sub(self.scale.origin));
            let done = self.buckets.len() - rest.len();
            if bucket >= done {
                let (own, others) = rest.split_at(bucket + 1 - done);
                if own.iter().any(|start| *start != below) {
                    return false;
                }
                rest = others;
            }
            below += 1;
        }
        rest.iter().all(|start| *start == below)
    }

    /// The segment of `key`, counted from the first one of [`Self::led`], from the start of its bucket.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`; `start` is that of the bucket of `key`.
    #[inline(always)]
    unsafe fn segment_from<L: Lanes>(&self, start: usize, key: u64) -> usize {
        // SAFETY: `start` is not above the number of fences, and eight more words follow. Those are below no key of the
        // table: where all eight are below it, they are fences.
        unsafe {
            let below = L::rank(self.fences.as_ptr().add(start), key);
            if below < LINE_KEYS { start + below } else { self.segment_in_crowd::<L>(start + LINE_KEYS, key) }
        }
    }

    /// The rest of a crowded bucket.
    ///
    /// # Safety
    /// As for [`Self::segment_from`]; the eight fences before `start` are below the key.
    #[inline(always)]
    unsafe fn segment_in_crowd<L: Lanes>(&self, mut start: usize, key: u64) -> usize {
        loop {
            // SAFETY: as there.
            let below = unsafe { L::rank(self.fences.as_ptr().add(start), key) };
            start += below;
            if below < LINE_KEYS {
                return start;
            }
        }
    }

    /// The segments that the table leads to.
    pub(crate) fn led(&self) -> Range<usize> {
        self.scale.before..self.scale.before + self.scale.fences + 1
    }

    /// The largest key of the table.
    pub(crate) fn last_key(&self) -> u64 {
        self.scale.origin + self.scale.span
    }

    /// The segment for `key`, counted from the first one of [`Self::led`]; `None` for keys beyond the table, see
    /// [`Self::beyond`].
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

    /// The segments, counted from the very first, for a group of keys, whose loads overlap. `then` is called with each.
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
                self.scale.before + unsafe { self.segment_from::<L>(*found, *key) }
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
        let table = FenceTable::open(&mut sections, scale, &segments).expect("a sound table");
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
            let single = single.map(|at| table.led().start + at);
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

    #[test]
    fn a_table_that_leads_elsewhere_is_refused() {
        let segments: Vec<Segment> =
            (0..300u64).map(|at| Segment::over(at * at, 0, 1, |_| at * at)).collect();
        let draft = Draft::of(&segments).expect("squares have a table");
        let scale = draft.scale;
        let opens = |change: &dyn Fn(&mut [u64], &mut Scale)| {
            let mut image = Image::zeroed(HEADER_BYTES + scale.words() * 8);
            let mut told = scale;
            draft.fill(image.body_mut());
            change(image.body_mut(), &mut told);
            FenceTable::open(&mut Sections::of(&image), told, &segments).is_ok()
        };
        assert!(opens(&|_, _| ()), "as it was built");
        // The last word of the buckets may be half used.
        let used = scale.fence_words() + scale.regions() + scale.buckets / 2;
        for at in 0..used {
            for lie in [1, 1 << 32, 1 << 63] {
                assert!(!opens(&|words, _| words[at] ^= lie), "word {at} changed by {lie}");
            }
        }
        assert!(!opens(&|_, scale| scale.origin += 1), "another beginning");
        assert!(!opens(&|_, scale| scale.span -= 1), "another end");
        assert!(!opens(&|_, scale| scale.before += 1), "other segments");
    }
}
