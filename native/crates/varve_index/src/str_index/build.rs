//! Building the image of a byte-string index, node by node, and replaying it.

use varve_types::{ErrorCode, Result, VarveError};

use super::{CHILD, DEPTH_MAX, KIND_STRINGS, RUN_MAX, StrIndex, StrReport, head_of};
use crate::build::{Built, build_with_clock};
use crate::hardness::line_segments;
use crate::image::{HEADER_BYTES, Header, Image, LINE_BYTES};
use crate::index::kind_code;
use crate::kind::Kind;
use crate::policy::{Choice, Policy};
use crate::report::per_key;
use crate::segment::WINDOW_KEYS;

/// The reference error bound of [`StrIndexBuilder::hardness`].
const HARDNESS_EPSILON: u32 = 31;

/// Words of a node record: see `open.rs`.
pub(super) const NODE_WORDS: usize = 8;

/// Collects separators in ascending order.
///
/// ```
/// use varve_index::{Policy, StrIndex, StrIndexBuilder};
/// let mut builder = StrIndexBuilder::default();
/// for separator in ["apple", "banana", "cherry"] {
///     builder.push(separator.as_bytes())?;
/// }
/// let (image, _report) = builder.finish(&Policy::counted())?;
/// let index = StrIndex::open(&image)?;
/// assert_eq!(index.find(b"blueberry"), 1);
/// # Ok::<(), varve_types::VarveError>(())
/// ```
#[derive(Debug, Default)]
pub struct StrIndexBuilder {
    text: Vec<u8>,
    /// Ends of the separators in `text`.
    ends: Vec<usize>,
}

impl StrIndexBuilder {
    /// Adds a separator, which must be above the last one.
    ///
    /// # Errors
    /// `INDEX_UNSORTED` when it is not. `LIMIT_EXCEEDED` above 2^31 separators or 2^32 bytes of them.
    pub fn push(&mut self, separator: &[u8]) -> Result<()> {
        if self.ends.last().is_some_and(|_| self.get(self.ends.len() - 1) >= separator) {
            let message = format!("separator {} is not above the one before it", self.ends.len());
            return Err(VarveError::new(ErrorCode::IndexUnsorted, message, "sort the separators first"));
        }
        if self.ends.len() + 1 >= CHILD as usize || self.text.len() + separator.len() > u32::MAX as usize {
            let message = "too many separators for one index".to_owned();
            return Err(VarveError::new(ErrorCode::LimitExceeded, message, "split the run into several"));
        }
        self.text.extend_from_slice(separator);
        self.ends.push(self.text.len());
        Ok(())
    }

    /// Separators so far.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// Builds the image and replays it on every separator and both its neighbours. `policy` decides over the index
    /// of heads in each node; a forced kind is not forced on nodes of fewer than 16 heads, and trials, on the
    /// machine's clock, are held for the root only.
    ///
    /// # Errors
    /// `INDEX_DAMAGED` when not even S+ trees can be verified, which means broken memory.
    ///
    /// Cost: some 0.3 us per separator, and a trial when the policy measures.
    pub fn finish(self, policy: &Policy) -> Result<(Image, StrReport)> {
        let start = std::time::Instant::now();
        self.finish_with_clock(policy, &mut || start.elapsed().as_nanos() as u64)
    }

    /// [`Self::finish`] with a clock of the caller's, in nanoseconds.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_with_clock(
        self,
        policy: &Policy,
        clock: &mut dyn FnMut() -> u64,
    ) -> Result<(Image, StrReport)> {
        let (image, fallback) = self.lay_out(policy, clock)?;
        let Err(why) = self.replay(&image) else {
            let report = StrIndex::open(&image)?.report();
            return Ok((image, StrReport { fallback, ..report }));
        };
        let (image, _) = self.lay_out(&Policy::forced(Kind::SplusTree), clock)?;
        self.replay(&image).map_err(|also| {
            let message = format!("no index can be verified over these separators: {why}; {also}");
            VarveError::new(ErrorCode::IndexDamaged, message, "check this machine's memory")
        })?;
        let report = StrIndex::open(&image)?.report();
        Ok((image, StrReport { fallback: Some(why), ..report }))
    }

    /// How hard the separators are to learn: line segments at error bound 31 beyond the first of each node, per
    /// million separators. The same for every kind that may be built, and 0 for keys that one line fits.
    ///
    /// Cost: some 3 ns per separator.
    pub fn hardness(&self) -> f64 {
        let plan = self.plan();
        let segments: usize = plan
            .nodes
            .iter()
            .map(|node| line_segments(&plan.heads[node.entries.clone()], HARDNESS_EPSILON) - 1)
            .sum();
        per_key(segments as f64 * 1e6, self.len())
    }

    fn lay_out(&self, policy: &Policy, clock: &mut dyn FnMut() -> u64) -> Result<(Image, Option<String>)> {
        self.plan().serialise(policy, clock)
    }

    fn plan(&self) -> Plan<'_> {
        // All but the first separator are stored; see the head of `str_index.rs`.
        let count = self.ends.len().saturating_sub(1);
        let prefix = if count == 0 { 0 } else { shared_bytes(self.get(1), self.get(count)) };
        let mut plan =
            Plan { builder: self, prefix, nodes: Vec::new(), heads: Vec::new(), targets: Vec::new() };
        if count > 0 {
            plan.add(0, count, 0, 1);
        }
        plan
    }

    /// Looks up every separator, its successor, and a key just below it.
    fn replay(&self, image: &Image) -> std::result::Result<(), String> {
        let index = StrIndex::open(image).map_err(|error| error.to_string())?;
        let expect = |key: &[u8], at: usize| {
            if index.find(key) == at { Ok(()) } else { Err(format!("separator {at} is not found")) }
        };
        let mut key = Vec::new();
        for at in 0..self.ends.len() {
            let (own, next) =
                (self.get(at), if at + 1 < self.ends.len() { Some(self.get(at + 1)) } else { None });
            expect(own, at)?;
            key.clear();
            key.extend_from_slice(own);
            key.push(0);
            expect(&key, if next == Some(&key) { at + 1 } else { at })?;
            let Some(next) = next else { continue };
            key.clear();
            key.extend_from_slice(next);
            match key.pop() {
                Some(last) if last > 0 => {
                    key.extend([last - 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
                }
                _ => {}
            }
            if key.as_slice() >= own {
                expect(&key, at)?;
            }
        }
        Ok(())
    }
}

/// A node before its index is built.
struct PlannedNode {
    start: usize,
    end: usize,
    depth: usize,
    head_at: usize,
    entries: std::ops::Range<usize>,
}

/// All nodes, in order of their discovery, and their entries.
struct Plan<'b> {
    builder: &'b StrIndexBuilder,
    prefix: usize,
    nodes: Vec<PlannedNode>,
    heads: Vec<u64>,
    targets: Vec<u32>,
}

impl Plan<'_> {
    /// Stored separator `at`, without the common prefix.
    fn get(&self, at: usize) -> &[u8] {
        &self.builder.get(at + 1)[self.prefix..]
    }

    /// Plans the node over separators `start .. end`, at least one, and its children. Returns its number.
    fn add(&mut self, start: usize, end: usize, depth: usize, level: usize) -> u32 {
        let number = self.nodes.len();
        let shared = if end - start == 1 {
            0
        } else {
            shared_bytes(&self.get(start)[depth..], &self.get(end - 1)[depth..])
        };
        let head_at = depth + shared;
        self.nodes.push(PlannedNode { start, end, depth, head_at, entries: 0..0 });
        let mut entries = Vec::new();
        let mut at = start;
        while at < end {
            let head = head_of(&self.get(at)[head_at..]);
            let run_end = at + (at..end).take_while(|at| head_of(&self.get(*at)[head_at..]) == head).count();
            // Separators that end within the head come first and stay entries of this node.
            let full = at + (at..run_end).take_while(|at| self.get(*at).len() < head_at + 8).count();
            let redirect = level < DEPTH_MAX && run_end - full > RUN_MAX;
            let singles_end = if redirect { full } else { run_end };
            entries.extend((at..singles_end).map(|at| (head, at as u32)));
            if redirect {
                entries.push((head, CHILD | self.add(full, run_end, head_at + 8, level + 1)));
            }
            at = run_end;
        }
        let first = self.heads.len();
        self.heads.extend(entries.iter().map(|(head, _)| *head));
        self.targets.extend(entries.iter().map(|(_, target)| *target));
        self.nodes[number].entries = first..self.heads.len();
        number as u32
    }

    /// Builds the index of every node and writes the sections in the order that `open.rs` reads.
    fn serialise(&self, policy: &Policy, clock: &mut dyn FnMut() -> u64) -> Result<(Image, Option<String>)> {
        let mut indexes = Vec::with_capacity(self.nodes.len());
        let counted = Policy { choice: Choice::Counted, ..policy.clone() };
        for (number, node) in self.nodes.iter().enumerate() {
            // A trial pays for the root; children are small, and some too small for the kind that was forced.
            let forced = matches!(policy.choice, Choice::Forced(_)) && node.entries.len() >= WINDOW_KEYS;
            let policy =
                if forced || number == 0 && policy.choice == Choice::Measured { policy } else { &counted };
            indexes.push(build_with_clock(&self.heads[node.entries.clone()], policy, clock)?);
        }
        let mut out = Writer { bytes: vec![0; HEADER_BYTES] };
        let prefix = self
            .builder
            .ends
            .last()
            .map_or(&[][..], |_| &self.builder.get(self.builder.len() - 1)[..self.prefix]);
        out.section(&[prefix.len() as u64]);
        out.section_bytes(prefix);
        let records: Vec<u64> =
            self.nodes.iter().zip(&indexes).flat_map(|(node, built)| self.record(node, built)).collect();
        out.section(&records);
        let mut text = Vec::new();
        let mut offsets = vec![0];
        for at in 0..self.builder.len().saturating_sub(1) {
            text.extend_from_slice(self.get(at));
            offsets.push(text.len() as u32);
        }
        out.section(&pairs(offsets.into_iter()));
        out.section_bytes(&text);
        for (node, built) in self.nodes.iter().zip(&indexes) {
            out.section(&self.heads[node.entries.clone()]);
            if self.has_targets(node) {
                out.section(&pairs(self.targets[node.entries.clone()].iter().copied()));
            }
            out.section_bytes(&built.image[HEADER_BYTES..]);
        }

        let mut image = Image::copy_of(&out.bytes);
        let root = indexes.first().map(|built| &built.report);
        image.seal(&Header {
            key_count: self.builder.len() as u64,
            first_key: text.len() as u64,
            kind: KIND_STRINGS,
            epsilon: root
                .map_or(0, |root| if let Kind::LineProbe { epsilon } = root.kind { epsilon } else { 0 }),
            segment_count: indexes.iter().map(|built| built.report.segment_count as u64).sum(),
            stride: self.nodes.len() as u64,
            walked_max: root.map_or(0, |root| root.walked_max),
            walked_mean: root.map_or(0.0, |root| root.walked_mean),
            predicted_ns: root.map_or(0.0, |root| root.predicted_ns),
            ..Header::default()
        });
        Ok((image, indexes.into_iter().find_map(|built| built.report.fallback)))
    }

    /// Whether an entry of the node is anything but the next separator.
    fn has_targets(&self, node: &PlannedNode) -> bool {
        self.targets[node.entries.clone()].iter().any(|target| target & CHILD != 0)
    }

    fn record(&self, node: &PlannedNode, built: &Built) -> [u64; NODE_WORDS] {
        let heads = &self.heads[node.entries.clone()];
        let stride = match heads {
            [first, second, ..] => second - first,
            _ => 0,
        };
        [
            node.start as u64 | (node.end as u64) << 32,
            node.depth as u64,
            node.head_at as u64,
            heads.len() as u64 | u64::from(self.has_targets(node)) << 32,
            u64::from(kind_code(built.report.kind)),
            built.report.segment_count as u64,
            if built.report.kind == Kind::Affine { stride } else { 0 },
            0,
        ]
    }
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn section(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
        self.pad();
    }

    fn section_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(LINE_BYTES), 0);
    }
}

/// Two `u32` per word, the first one low.
fn pairs(values: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut values = values.peekable();
    let mut words = Vec::new();
    while let Some(low) = values.next() {
        words.push(u64::from(low) | u64::from(values.next().unwrap_or(0)) << 32);
    }
    words
}

fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
