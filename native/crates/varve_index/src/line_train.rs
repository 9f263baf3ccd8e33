//! Training of the line probe: cuts the curve key → position into line segments by a shrinking cone.
//!
//! A segment starts at an origin `(first, base)` and holds the interval of slopes that keep every first occurrence
//! of a key within `epsilon` of its position; it ends where the interval would become empty. After a run of
//! `epsilon` or more equal keys a new segment starts at the end of the run, so that keys *between* the run and its
//! successor are predicted to its end, not to its beginning.
//!
//! Chunks of [`CHUNK_KEYS`] keys are trained apart, on any number of threads, with the same result. Cost: about
//! 1-3 ns per key and thread; memory: the segments.
//!
//! Source: A. Galakatos et al., "FITing-Tree" (2019), section 3.2, with the cone tested eight keys at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

use varve_types::Isa;

use crate::lanes::{LINE_KEYS, Lanes, with_lanes};

/// Short enough that an f32 slope is exact to a tenth of a position over a whole chunk.
const CHUNK_KEYS: usize = 1 << 20;

/// One line of the curve: `base + slope * (key - first)`, for keys above `first`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    /// Where the line is at `first`; near the position of `first`, but rarely on it.
    pub(crate) base: u32,
    pub(crate) slope: f32,
}

/// Trains on ascending `keys`, at least one and at most 2^32 - 1.
pub(crate) fn train(keys: &[u64], epsilon: u32, threads: usize) -> Vec<Segment> {
    let chunk_count = keys.len().div_ceil(CHUNK_KEYS);
    let next_chunk = AtomicUsize::new(0);
    let work = || {
        let mut trained = Vec::new();
        loop {
            let chunk = next_chunk.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunk_count {
                return trained;
            }
            trained.push((chunk, train_chunk(keys, chunk * CHUNK_KEYS, epsilon)));
        }
    };
    let mut parts = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(chunk_count)).map(|_| scope.spawn(work)).collect();
        let mut parts = work();
        for helper in helpers {
            parts.extend(helper.join().expect("training does not panic"));
        }
        parts
    });
    parts.sort_unstable_by_key(|(chunk, _)| *chunk);
    let mut segments = Vec::with_capacity(parts.iter().map(|(_, part)| part.len()).sum::<usize>() + 1);
    segments.extend(parts.into_iter().flat_map(|(_, part)| part));
    // Keys above the last one belong at the end, even when that is far behind the last first occurrence.
    if ends_long_run(keys, keys.len(), epsilon) {
        segments.push(Segment { first: keys[keys.len() - 1], base: keys.len() as u32, slope: 0.0 });
    }
    segments
}

/// Whether `epsilon` equal keys or more end just before `at`.
fn ends_long_run(keys: &[u64], at: usize, epsilon: u32) -> bool {
    let run = run_keys(epsilon);
    at >= run && keys[at - run] == keys[at - 1]
}

fn run_keys(epsilon: u32) -> usize {
    epsilon.max(2) as usize
}

fn train_chunk(keys: &[u64], start: usize, epsilon: u32) -> Vec<Segment> {
    #[inline(always)]
    unsafe fn extend<L: Lanes>(cone: &mut Cone, keys: &[u64], from: usize, end: usize) -> usize {
        cone.extend(keys, from, end)
    }
    let isa = Isa::detect();
    let end = keys.len().min(start + CHUNK_KEYS);
    let mut segments = Vec::new();
    let mut at = start;
    // Equal keys across the border belong to the chunk of their first occurrence.
    while at > 0 && at < end && keys[at] == keys[at - 1] {
        at += 1;
    }
    while at < end {
        let after_run = at > 0 && ends_long_run(keys, at, epsilon);
        let (first, base) = (keys[if after_run { at - 1 } else { at }], at as u32);
        let mut cone = Cone::at(first, base, epsilon);
        if after_run {
            cone.admit(keys[at], at);
        }
        // SAFETY: the CPU has the instruction set that was detected.
        at = unsafe {
            let cone = &mut cone;
            let from = at + 1;
            with_lanes!(isa, extend(cone: &mut Cone, keys: &[u64], from: usize, end: usize) -> usize)
        };
        segments.push(cone.line());
    }
    segments
}

/// The slopes that still fit all keys of the segment in training, and the sums that pick one of them.
struct Cone {
    first: u64,
    base: u32,
    epsilon: u32,
    lowest: f64,
    highest: f64,
    sums: Sums,
}

/// Sums over the keys of a segment of count, distance, rise, distance squared, and distance times rise; eight of
/// each, so that blocks add without waiting for each other.
#[derive(Default)]
struct Sums([[f64; LINE_KEYS]; 5]);

impl Sums {
    #[inline(always)]
    fn add(&mut self, lane: usize, distance: f64, rise: f64, weight: f64) {
        let (weighted, sums) = (distance * weight, &mut self.0);
        sums[0][lane] += weight;
        sums[1][lane] += weighted;
        sums[2][lane] += rise * weight;
        sums[3][lane] += weighted * distance;
        sums[4][lane] += weighted * rise;
    }
}

impl Cone {
    fn at(first: u64, base: u32, epsilon: u32) -> Self {
        Self { first, base, epsilon, lowest: 0.0, highest: f64::INFINITY, sums: Sums::default() }
    }

    /// Narrows the cone to fit `key` at position `at`; false, and unchanged, when it cannot.
    fn admit(&mut self, key: u64, at: usize) -> bool {
        let (distance, rise) = ((key - self.first) as f64, (at - self.base as usize) as f64);
        let (low, high) = self.slopes(distance, rise);
        let fits = self.narrow(low, high);
        if fits {
            self.sums.add(0, distance, rise, 1.0);
        }
        fits
    }

    #[inline(always)]
    fn slopes(&self, distance: f64, rise: f64) -> (f64, f64) {
        let epsilon = f64::from(self.epsilon);
        let inverse = 1.0 / distance;
        ((rise - epsilon) * inverse, (rise + epsilon) * inverse)
    }

    #[inline(always)]
    fn narrow(&mut self, low: f64, high: f64) -> bool {
        let (lowest, highest) = (larger(self.lowest, low), smaller(self.highest, high));
        if lowest <= highest {
            (self.lowest, self.highest) = (lowest, highest);
        }
        lowest <= highest
    }

    /// The line that is nearest to the keys in the mean: the slope of least squares, held within the cone, and moved
    /// by the mean of what it misses, at most `epsilon`. That walks a third fewer lines than the middle of the cone.
    fn line(&self) -> Segment {
        let [count, distance, rise, squares, products] = self.sums.0.map(|lanes| lanes.iter().sum::<f64>());
        if count < 1.0 {
            return Segment { first: self.first, base: self.base, slope: 0.0 };
        }
        let (distance, rise) = (distance / count, rise / count);
        let fitted = (products / count - distance * rise) / (squares / count - distance * distance);
        // A fit through too few or too distant keys is no number, or a wrong one: the cone corrects it.
        let middle = (self.lowest + self.highest) * 0.5;
        let slope = if fitted.is_finite() { fitted.clamp(self.lowest, self.highest) } else { middle };
        let missed = (rise - slope * distance).clamp(-f64::from(self.epsilon), f64::from(self.epsilon));
        // Predictions are cut to integers; half a position up makes that rounding.
        let base = f64::from(self.base) + missed + 0.5;
        Segment { first: self.first, base: base as u32, slope: slope as f32 }
    }

    /// Takes in the keys at `from .. end` until one does not fit or follows a long run, and returns its position.
    ///
    /// Eight keys at a time: most blocks lie inside the cone and cost no more than the test. The cone only shrinks,
    /// so when it survives a whole block it has survived each of its keys.
    #[inline(always)]
    fn extend(&mut self, keys: &[u64], from: usize, end: usize) -> usize {
        let run = run_keys(self.epsilon);
        let mut at = from;
        while at + LINE_KEYS <= end {
            let block = Block::of(self, keys, at, run);
            if block.touches(self) && !block.shrink(self) {
                let fitting = block.admit_in_order(self);
                (0..fitting).for_each(|lane| block.add(&mut self.sums, lane));
                return at + fitting;
            }
            (0..LINE_KEYS).for_each(|lane| block.add(&mut self.sums, lane));
            at += LINE_KEYS;
        }
        while at < end {
            let fresh = keys[at] != keys[at - 1];
            if fresh && (ends_long_run(keys, at, self.epsilon) || !self.admit(keys[at], at)) {
                return at;
            }
            at += 1;
        }
        end
    }
}

/// The bounds that eight consecutive keys put on the slope; repeated keys put none.
struct Block {
    distance: [f64; LINE_KEYS],
    rise: f64,
    /// 1, or 0 for repeated keys.
    weight: [f64; LINE_KEYS],
    low: [f64; LINE_KEYS],
    high: [f64; LINE_KEYS],
}

impl Block {
    #[inline(always)]
    fn of(cone: &Cone, keys: &[u64], at: usize, run: usize) -> Self {
        let zero = [0.0; LINE_KEYS];
        let mut block = Self { distance: zero, rise: 0.0, weight: zero, low: zero, high: zero };
        let (own, previous) = (&keys[at..at + LINE_KEYS], &keys[at - 1..at - 1 + LINE_KEYS]);
        let rise = (at - cone.base as usize) as f64;
        block.rise = rise;
        for lane in 0..LINE_KEYS {
            let distance = (own[lane] - cone.first) as f64;
            let (low, high) = cone.slopes(distance, rise + lane as f64);
            let fresh = own[lane] != previous[lane];
            block.distance[lane] = distance;
            block.weight[lane] = if fresh { 1.0 } else { 0.0 };
            block.low[lane] = if fresh { low } else { f64::NEG_INFINITY };
            block.high[lane] = if fresh { high } else { f64::INFINITY };
        }
        if at >= run {
            let behind = &keys[at - run..at - run + LINE_KEYS];
            let mut any = false;
            for lane in 0..LINE_KEYS {
                any |= (behind[lane] == previous[lane]) & (own[lane] != previous[lane]);
            }
            if any {
                for lane in 0..LINE_KEYS {
                    if behind[lane] == previous[lane] && own[lane] != previous[lane] {
                        block.low[lane] = f64::INFINITY; // fits no cone: the segment ends before this key
                    }
                }
            }
        }
        block
    }

    #[inline(always)]
    fn add(&self, sums: &mut Sums, lane: usize) {
        sums.add(lane, self.distance[lane], self.rise + lane as f64, self.weight[lane]);
    }

    #[inline(always)]
    fn touches(&self, cone: &Cone) -> bool {
        let mut touches = false;
        for lane in 0..LINE_KEYS {
            touches |= (self.low[lane] > cone.lowest) | (self.high[lane] < cone.highest);
        }
        touches
    }

    #[inline(always)]
    fn shrink(&self, cone: &mut Cone) -> bool {
        let (mut low, mut high) = (self.low, self.high);
        for half in [4, 2, 1] {
            for lane in 0..half {
                low[lane] = larger(low[lane], low[lane + half]);
                high[lane] = smaller(high[lane], high[lane + half]);
            }
        }
        cone.narrow(low[0], high[0])
    }

    /// Narrows the cone lane by lane and returns the first lane that does not fit.
    fn admit_in_order(&self, cone: &mut Cone) -> usize {
        (0..LINE_KEYS).find(|lane| !cone.narrow(self.low[*lane], self.high[*lane])).unwrap_or(LINE_KEYS)
    }
}

/// `f64::max` without its rule for NaN, which costs three instructions; no NaN comes here.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}
