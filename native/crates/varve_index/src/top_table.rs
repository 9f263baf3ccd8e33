//! The way into a routing tree that skips its upper levels: a table over the leading bits of a key.
//!
//! A *fence* is the first key of a node of one level. The range of the fences is cut into buckets of equal width, each
//! of which knows how many fences lie below it; one rank among the eight fences from there on gives the node that a
//! descent would come to. A level serves only if no bucket holds more than eight fences: the builder takes the deepest
//! level that does, and level 0, the root, always does, so skewed keys skip fewer levels and are never led astray. The
//! first and the last few fences share the buckets at the ends: a handful of outliers does not widen all the others.
//!
//! The upper levels lie in the nearest cache; the table saves instructions, not misses. Three to five levels of 15 each
//! become 20, and more single lookups fit the window in which a CPU overlaps them.
//!
//! Section: one line (level, origin, shift), the fences (whole lines, padded with `u64::MAX`, eight at least), the
//! buckets (`u16`). Its length depends on the shape of the tree alone. Trees of fewer than [`LEVELS_MIN`] levels have
//! no table. Size: 16-24 bytes for each node of the deepest level that may serve, at most 256 KiB.

use varve_types::Result;

use crate::fence_tree::Shape;
use crate::image::{Sections, damaged};
use crate::lanes::{LINE_KEYS, Lanes};

/// Below this the table costs more than it skips.
const LEVELS_MIN: usize = 3;
/// Fences that a table may hold: with their buckets they fit the second-level cache, and `u16` counts them.
const FENCES_MAX: usize = 1 << 14;
/// Fences at either end that share a bucket.
const OUTLIERS: usize = 4;
/// Enough that the densest parts of the published key sets stay below eight fences to a bucket.
const BUCKETS_PER_FENCE: usize = 4;
const META_WORDS: usize = LINE_KEYS;
const BUCKETS_PER_WORD: usize = 4;

/// Room of the parts of a table, by the shape of its tree alone.
#[derive(Clone, Copy, Debug)]
struct Room {
    fences: usize,
    buckets: usize,
}

impl Room {
    /// `None` when the tree has no table.
    fn of(shape: &Shape) -> Option<Self> {
        if shape.level_count() < LEVELS_MIN {
            return None;
        }
        let mut levels = (0..=shape.level_count()).rev().map(|level| shape.fences(level));
        let fences = levels.find(|count| *count <= FENCES_MAX)?;
        let buckets = (fences * BUCKETS_PER_FENCE).next_power_of_two();
        Some(Self { fences: (fences + LINE_KEYS).next_multiple_of(LINE_KEYS), buckets })
    }

    fn words(self) -> usize {
        META_WORDS + self.fences + self.buckets / BUCKETS_PER_WORD
    }
}

/// Words of the table of a tree.
pub(crate) fn words(shape: &Shape) -> usize {
    Room::of(shape).map_or(0, Room::words)
}

/// Fills `table`, [`words`] long, for the tree over lines whose first keys are `first(line)`.
pub(crate) fn fill(table: &mut [u64], shape: &Shape, first: impl Fn(usize) -> u64) {
    let Some(room) = Room::of(shape) else { return };
    let (meta, rest) = table.split_at_mut(META_WORDS);
    let (fences, words) = rest.split_at_mut(room.fences);
    let mut starts = vec![0; room.buckets];
    for level in (0..=shape.level_count()).rev() {
        let count = shape.fences(level);
        if count + LINE_KEYS > room.fences {
            continue;
        }
        let lines = shape.lines_per_node(level);
        fences.fill(u64::MAX);
        for (fence, node) in fences[..count].iter_mut().zip(1..) {
            *fence = first(node * lines);
        }
        let (origin, shift) = scale(&fences[..count], room.buckets);
        if spread(&fences[..count], origin, shift, &mut starts) {
            (meta[0], meta[1], meta[2]) = (level as u64, origin, u64::from(shift));
            break;
        }
    }
    for (word, starts) in words.iter_mut().zip(starts.chunks_exact(BUCKETS_PER_WORD)) {
        *word = starts.iter().rev().fold(0, |word, start| (word << 16) | u64::from(*start));
    }
}

/// The key from which buckets are counted, and the number of low bits that a bucket spans.
fn scale(fences: &[u64], buckets: usize) -> (u64, u32) {
    let trim = OUTLIERS.min(fences.len() / 2);
    let inner = &fences[trim..fences.len() - trim];
    let (Some(low), Some(high)) = (inner.first(), inner.last()) else { return (0, 63) };
    let bits = u64::BITS - (high - low).leading_zeros();
    (*low, bits.saturating_sub(buckets.ilog2()))
}

/// Counts the fences below each bucket; false when more than one rank would be needed in any of them.
fn spread(fences: &[u64], origin: u64, shift: u32, starts: &mut [u16]) -> bool {
    let mut below = 0;
    // Whatever lies below the origin is in bucket 0 as well.
    starts[0] = 0;
    for (bucket, start) in (1u64..).zip(&mut starts[1..]) {
        let first = bucket.checked_mul(1 << shift).and_then(|from| from.checked_add(origin));
        let before = below;
        while below < fences.len() && first.is_none_or(|first| fences[below] < first) {
            below += 1;
        }
        if below - before > LINE_KEYS {
            return false;
        }
        *start = below as u16;
    }
    fences.len() - below <= LINE_KEYS
}

/// A table read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopTable<'a> {
    fences: &'a [u64],
    buckets: &'a [u16],
    origin: u64,
    shift: u32,
    last_bucket: u64,
    /// The level of the nodes that it leads to; `level_count()` of the shape for lines.
    pub(crate) level: usize,
}

impl<'a> TopTable<'a> {
    /// Takes the table of a tree of `shape` from the sections of an image.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when the section is short or could lead out of the tree.
    pub(crate) fn open(sections: &mut Sections<'a>, shape: &Shape) -> Result<Option<Self>> {
        let Some(room) = Room::of(shape).filter(|_| sections.has_tables) else { return Ok(None) };
        let (meta, rest) = sections.words(room.words())?.split_at(META_WORDS);
        let (fences, words) = rest.split_at(room.fences);
        let level = usize::try_from(meta[0]).unwrap_or(usize::MAX).min(shape.level_count());
        // SAFETY: any bits are four `u16`, and words are aligned better.
        let (_, buckets, _) = unsafe { words.align_to::<u16>() };
        let count = shape.fences(level);
        let is_sound = meta[0] == level as u64
            && meta[2] < u64::from(u64::BITS)
            && count + LINE_KEYS <= fences.len()
            && fences[count..].iter().all(|fence| *fence == u64::MAX)
            && buckets.iter().fold(0, |most, start| most.max(*start)) as usize <= count;
        if !is_sound {
            return Err(damaged("the table of the routing tree leads out of it"));
        }
        let last_bucket = buckets.len() as u64 - 1;
        Ok(Some(Self { fences, buckets, origin: meta[1], shift: meta[2] as u32, last_bucket, level }))
    }

    /// The node of `self.level` that [`crate::fence_tree::FenceTree::descend`] would pass through.
    ///
    /// # Safety
    /// The CPU has the instruction set of `L`.
    #[inline(always)]
    pub(crate) unsafe fn node<L: Lanes>(&self, key: u64) -> usize {
        let bucket = (key.saturating_sub(self.origin) >> self.shift).min(self.last_bucket);
        // SAFETY: no bucket counts more fences than there are, and eight words follow the last one. Those are below
        // nothing, so the sum is a node.
        unsafe {
            let start = usize::from(*self.buckets.get_unchecked(bucket as usize));
            start + L::rank(self.fences.as_ptr().add(start), key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TopTable, fill, words};
    use crate::fence_tree::{self, FenceTree, Shape};
    use crate::hostile::rough_keys;
    use crate::image::{HEADER_BYTES, Image, Sections};
    use crate::lanes::{LINE_KEYS, Scalar};
    use crate::line_probe::LineProbe;
    use crate::{Index, Kind, Policy, build};

    /// Trees over lines whose first keys are `firsts`; the table must lead into `level` and every query to its line.
    fn check(name: &str, firsts: &[u64], level: Option<usize>) {
        let shape = Shape::of(firsts.len());
        let mut image = Image::zeroed(HEADER_BYTES + (shape.words() + words(&shape)) * 8);
        let (nodes, table) = image.body_mut().split_at_mut(shape.words());
        fence_tree::fill(nodes, firsts.len(), 1, |line| firsts[line]);
        fill(table, &shape, |line| firsts[line]);
        let mut sections = Sections::of(&image);
        let tree = FenceTree::open(&mut sections, firsts.len()).expect("a fresh tree opens");
        let top = TopTable::open(&mut sections, &shape).expect("a fresh table opens");
        assert!(sections.finish().is_ok(), "{name}: bytes are left");
        assert_eq!(top.as_ref().map(|top| top.level), level, "{name}");
        let Some(top) = top else { return };
        let around =
            firsts.iter().flat_map(|first| [first.saturating_sub(1), *first, first.saturating_add(1)]);
        for query in around.chain([0, u64::MAX]) {
            // SAFETY: the scalar path needs nothing of the CPU.
            let (walked, led) = unsafe {
                let node = top.node::<Scalar>(query);
                (tree.descend::<Scalar>(query), tree.descend_from::<Scalar>(top.level, node, query))
            };
            assert_eq!(led, walked, "{name}: {query}");
        }
    }

    fn firsts(count: u64, first: impl Fn(u64) -> u64) -> Vec<u64> {
        (0..count).map(first).collect()
    }

    #[test]
    fn the_table_leads_where_a_descent_ends() {
        check("one line", &[5], None);
        check("two levels", &firsts(81, |i| i), None);
        check("even: straight to the lines", &firsts(82, |i| i * 1000), Some(3));
        check("even, over the whole range", &firsts(1 << 12, |i| i << 52), Some(4));
        check("many: a level above the lines", &firsts(20_000, |i| i * 1000), Some(4));
        check("denser at one end: a level less", &firsts(20_000, |i| i * i), Some(3));
        check("a few outliers", &firsts(1000, |i| if i < 996 { i } else { u64::MAX - 1000 + i }), Some(4));
        check("equal keys", &firsts(1000, |i| i / 500), Some(2));
        check("exponential gaps", &firsts(1000, |i| 1 << (i / 16)), Some(2));
        check("two clusters", &firsts(1000, |i| i + ((i / 500) << 62)), Some(2));
        check("the largest keys", &firsts(1000, |i| u64::MAX - (1000 - i) / 2), Some(4));
    }

    #[test]
    fn an_image_without_tables_is_read() {
        let keys = rough_keys(30_000);
        let built = build(&keys, &Policy::forced(Kind::LineProbe { epsilon: 1 })).expect("keys ascend");
        let lines = built.report.segment_count.div_ceil(LINE_KEYS);
        let table_bytes = words(&Shape::of(lines)) * 8;
        assert!(table_bytes > 0 && built.report.bytes == LineProbe::bytes(built.report.segment_count));
        let mut old = built.image[..built.image.len() - table_bytes].to_vec();
        old[8..12].copy_from_slice(&1u32.to_le_bytes());
        let bytes = old.len() as u64;
        old[16..24].copy_from_slice(&bytes.to_le_bytes());
        old[12..16].fill(0);
        let crc = crc32c::crc32c(&old);
        old[12..16].copy_from_slice(&crc.to_le_bytes());
        let old = Image::copy_of(&old);
        let index = Index::open(&old, &keys).expect("format 1 is read");
        assert!(keys.iter().zip(0..).all(|(key, at)| index.lower_bound(*key) == at));
    }
}
