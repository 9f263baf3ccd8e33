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

/// Weighted sums over keys of a segment, for the line of least squares.
#[derive(Default)]
struct Sums {
    count: f64,
    distance: f64,
    rise: f64,
    squares: f64,
    products: f64,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, distance: f64, rise: f64, weight: f64) {
        let weighted = distance * weight;
        self.count += weight;
        self.distance += weighted;
        self.rise += rise * weight;
        self.squares += weighted * distance;
        self.products += weighted * rise;
    }
}

impl Cone {
    fn at(first: u64, base: u32, epsilon: u32) -> Self {
        Self { first, base, epsilon, lowest: 0.0, highest: f64::INFINITY, sums: Sums::default() }
    }

    /// Narrows the cone to fit `key` at position `at`; false, and unchanged, when it cannot.
    fn admit(&mut self, key: u64, at: usize) -> bool {
        let (distance, rise) = ((key - self.first) as f64, (at - self.base as usize) as f64);
        let epsilon = f64::from(self.epsilon);
        let fits = self.narrow((rise - epsilon) / distance, (rise + epsilon) / distance);
        if fits {
            self.sums.add(distance, rise, 1.0);
        }
        fits
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
        let Sums { count, distance, rise, squares, products } = self.sums;
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
    /// The bounds that keys put on the slope are computed a stripe at a time, in a loop that becomes vectors, and
    /// narrow the cone a line at a time. The cone only shrinks, so when it survives a whole line it has survived each
    /// of its keys.
    #[inline(always)]
    fn extend(&mut self, keys: &[u64], from: usize, end: usize) -> usize {
        let run = run_keys(self.epsilon);
        let mut at = from;
        while at < end && at < run {
            if keys[at] != keys[at - 1] && !self.admit(keys[at], at) {
                return at;
            }
            at += 1;
        }
        let mut stripe = Stripe { low: [0.0; STRIPE_KEYS], high: [0.0; STRIPE_KEYS] };
        while at < end {
            let count = STRIPE_KEYS.min(end - at);
            stripe.fill(self, keys, at, count, run);
            for from in (0..count).step_by(LINE_KEYS) {
                let (low, high) = stripe.line(from);
                if !self.shrink(low, high) {
                    let fitting = self.admit_in_order(low, high);
                    (at + from..at + from + fitting).for_each(|at| self.sample(keys, at, 1.0));
                    return at + from + fitting;
                }
                self.sample(keys, (at + from + LINE_KEYS / 2).min(at + count - 1), LINE_KEYS as f64);
            }
            at += count;
        }
        end
    }

    /// Adds the key at `at`, at the position of its first occurrence, to the sums. One key speaks for its line: all
    /// eight would cost as much as the cone and move the line by less than the rounding of its slope.
    #[inline(always)]
    fn sample(&mut self, keys: &[u64], at: usize, weight: f64) {
        let key = keys[at];
        let mut at = at;
        while at > 0 && keys[at - 1] == key {
            at -= 1;
        }
        if key > self.first && at >= self.base as usize {
            self.sums.add((key - self.first) as f64, (at - self.base as usize) as f64, weight);
        }
    }

    /// Narrows the cone by the bounds of a whole line, or leaves it unchanged when it cannot.
    #[inline(always)]
    fn shrink(&mut self, low: &[f64; LINE_KEYS], high: &[f64; LINE_KEYS]) -> bool {
        let four = |pick: fn(f64, f64) -> f64, of: &[f64; LINE_KEYS], at: usize| {
            pick(pick(of[at], of[at + 1]), pick(of[at + 2], of[at + 3]))
        };
        self.narrow(
            larger(four(larger, low, 0), four(larger, low, 4)),
            smaller(four(smaller, high, 0), four(smaller, high, 4)),
        )
    }

    /// Narrows the cone lane by lane and returns the first lane that does not fit.
    fn admit_in_order(&mut self, low: &[f64; LINE_KEYS], high: &[f64; LINE_KEYS]) -> usize {
        (0..LINE_KEYS).find(|lane| !self.narrow(low[*lane], high[*lane])).unwrap_or(LINE_KEYS)
    }
}

/// Keys whose bounds are computed at once: enough for the vectors, few enough not to be wasted at the end of a
/// segment.
const STRIPE_KEYS: usize = 4 * LINE_KEYS;

/// 0, 1, 2 ...: conversions in the loop would be the dearest part of it but for the division.
const LANES: [f64; STRIPE_KEYS] = {
    let mut lanes = [0.0; STRIPE_KEYS];
    let mut lane = 0;
    while lane < STRIPE_KEYS {
        lanes[lane] = lane as f64;
        lane += 1;
    }
    lanes
};

/// The bounds that consecutive keys put on the slope.
struct Stripe {
    low: [f64; STRIPE_KEYS],
    high: [f64; STRIPE_KEYS],
}

impl Stripe {
    /// Bounds of the keys at `at .. at + count`; whatever follows in the stripe puts none, and neither do repeated
    /// keys. A key behind `run` equal keys fits no cone. `at` is at least `run`, which is at least 2.
    #[inline(always)]
    fn fill(&mut self, cone: &Cone, keys: &[u64], at: usize, count: usize, run: usize) {
        let (own, previous) = (&keys[at..at + count], &keys[at - 1..at - 1 + count]);
        let behind = &keys[at - run..at - run + count];
        let (low, high) = (&mut self.low[..count], &mut self.high[..count]);
        let (first, epsilon) = (cone.first, f64::from(cone.epsilon));
        let (rise, lanes) = ((at - cone.base as usize) as f64, &LANES[..count]);
        for lane in 0..count {
            let inverse = 1.0 / (own[lane] - first) as f64;
            let rise = rise + lanes[lane];
            let fresh = own[lane] != previous[lane];
            let least =
                if behind[lane] == previous[lane] { f64::INFINITY } else { (rise - epsilon) * inverse };
            low[lane] = if fresh { least } else { f64::NEG_INFINITY };
            high[lane] = if fresh { (rise + epsilon) * inverse } else { f64::INFINITY };
        }
        self.low[count..].fill(f64::NEG_INFINITY);
        self.high[count..].fill(f64::INFINITY);
    }

    /// The bounds of the line at `from`, a multiple of eight below [`STRIPE_KEYS`].
    #[inline(always)]
    fn line(&self, from: usize) -> (&[f64; LINE_KEYS], &[f64; LINE_KEYS]) {
        let (low, high) = (self.low[from..].first_chunk(), self.high[from..].first_chunk());
        (low.expect("stripes are whole lines"), high.expect("stripes are whole lines"))
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
