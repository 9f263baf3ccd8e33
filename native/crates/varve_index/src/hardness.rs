//! Hardness: how many line segments of bounded error the curve key → position needs, by a shrinking cone.
//!
//! The common measure of how hard keys are to learn, the same for every kind of index. A segment starts at an origin
//! and holds the interval of slopes that keep every first occurrence of a key within `epsilon` of its position; it ends
//! where the interval would become empty, and behind `epsilon` or more equal keys.
//!
//! Source: A. Galakatos et al., "FITing-Tree" (2019), section 3.2, with the cone tested eight keys at a time.

use varve_types::Isa;

use crate::lanes::{LINE_KEYS, Lanes, with_lanes};

/// The line segments that ascending `keys` need. Cost: 1-3 ns per key.
pub(crate) fn line_segments(keys: &[u64], epsilon: u32) -> usize {
    #[inline(always)]
    unsafe fn extend<L: Lanes>(cone: &mut Cone, keys: &[u64], from: usize) -> usize {
        cone.extend(keys, from)
    }
    let isa = Isa::detect();
    let (mut segments, mut at) = (0, 0);
    while at < keys.len() {
        let after_run = ends_long_run(keys, at, epsilon);
        let mut cone = Cone::at(keys[if after_run { at - 1 } else { at }], at, epsilon);
        if after_run {
            cone.admit(keys[at], at);
        }
        // SAFETY: the CPU has the instruction set that was detected.
        at = unsafe {
            let (cone, from) = (&mut cone, at + 1);
            with_lanes!(isa, extend(cone: &mut Cone, keys: &[u64], from: usize) -> usize)
        };
        segments += 1;
    }
    segments + usize::from(ends_long_run(keys, keys.len(), epsilon))
}

/// Whether `epsilon` equal keys or more end just before `at`.
fn ends_long_run(keys: &[u64], at: usize, epsilon: u32) -> bool {
    let run = run_keys(epsilon);
    at >= run && keys[at - run] == keys[at - 1]
}

fn run_keys(epsilon: u32) -> usize {
    epsilon.max(2) as usize
}

/// The slopes that still fit all keys of the segment.
struct Cone {
    first: u64,
    base: usize,
    epsilon: u32,
    lowest: f64,
    highest: f64,
}

impl Cone {
    fn at(first: u64, base: usize, epsilon: u32) -> Self {
        Self { first, base, epsilon, lowest: 0.0, highest: f64::INFINITY }
    }

    /// Narrows the cone to fit `key` at position `at`; false, and unchanged, when it cannot.
    fn admit(&mut self, key: u64, at: usize) -> bool {
        let (distance, rise) = ((key - self.first) as f64, (at - self.base) as f64);
        let epsilon = f64::from(self.epsilon);
        self.narrow((rise - epsilon) / distance, (rise + epsilon) / distance)
    }

    #[inline(always)]
    fn narrow(&mut self, low: f64, high: f64) -> bool {
        let (lowest, highest) = (larger(self.lowest, low), smaller(self.highest, high));
        if lowest <= highest {
            (self.lowest, self.highest) = (lowest, highest);
        }
        lowest <= highest
    }

    /// Takes in the keys from `from` on until one does not fit or follows a long run, and returns its position.
    ///
    /// The bounds that keys put on the slope are computed a stripe at a time, in a loop that becomes vectors, and
    /// narrow the cone a line at a time. The cone only shrinks, so when it survives a whole line it has survived each
    /// of its keys.
    #[inline(always)]
    fn extend(&mut self, keys: &[u64], from: usize) -> usize {
        let (run, end) = (run_keys(self.epsilon), keys.len());
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
                    return at + from + self.admit_in_order(low, high);
                }
            }
            at += count;
        }
        end
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
        let (rise, lanes) = ((at - cone.base) as f64, &LANES[..count]);
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
