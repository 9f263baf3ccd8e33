//! All values of each group, for aggregates that choose among them: a median, a percentile.
//!
//! DataFusion's accumulators push each value onto a vector of its group, which grows again and again. Here values are divided
//! among buckets as they come, and each bucket is sorted by group once all are there, by counting: both steps write to so
//! few places at once that a core's caches hold them. What is chosen is left to DataFusion's accumulators: they get some
//! groups at a time, whose values fit the caches too.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, BooleanArray, ListArray, make_array};
use datafusion::arrow::buffer::{BooleanBuffer, MutableBuffer, NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, exec_datafusion_err, internal_err};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

/// Values that an accumulator gets at once, unless one group has more.
const VALUES_AT_ONCE: usize = 1 << 15;

/// A group has no values among [`Sorted`] ones.
const NONE: u32 = u32::MAX;

/// Buckets by the last digits of a group's number, so that all of them fill up however many groups there are.
const BUCKETS: usize = 256;

/// Values of a block, at most and at first.
const BLOCK_VALUES: usize = 2048;
const BLOCK_VALUES_MIN: usize = 32;

/// The values of one thread's groups, and of those that it took.
pub(super) struct Values {
    /// Of a list in the state.
    item: FieldRef,
    /// Bytes of a value.
    width: usize,
    /// What has come since the last sorting; no buckets before something has.
    buckets: Vec<Bucket>,
    /// Bytes of the buckets.
    bytes: usize,
    sorted: Vec<Sorted>,
}

/// Values as they came.
#[derive(Default)]
struct Bucket {
    full: Vec<Block>,
    filling: Block,
}

/// Values, with the group of each by its place in the bucket.
#[derive(Default)]
struct Block {
    groups: Vec<u32>,
    values: Vec<u8>,
}

/// Values group after group.
struct Sorted {
    /// By bucket.
    parts: Vec<Part>,
    /// The number here of each group; as they are numbered if there is none.
    numbers: Option<Vec<u32>>,
}

/// The values of a bucket.
struct Part {
    /// Where each group begins, and the end of the last.
    starts: Vec<usize>,
    values: Vec<u8>,
}

/// Calls a function, or a method, for values of so many bytes.
macro_rules! with_width {
    ($width:expr, $($of:ident).+($($argument:expr),*)) => {
        match $width {
            1 => Ok($($of).+::<1>($($argument),*)),
            2 => Ok($($of).+::<2>($($argument),*)),
            4 => Ok($($of).+::<4>($($argument),*)),
            8 => Ok($($of).+::<8>($($argument),*)),
            16 => Ok($($of).+::<16>($($argument),*)),
            32 => Ok($($of).+::<32>($($argument),*)),
            width => internal_err!("no value has {width} bytes"),
        }
    };
}

impl Values {
    /// For an aggregate whose state is a list of its values; `None` for others.
    pub(super) fn of(aggregate: &AggregateFunctionExpr) -> Result<Option<Self>> {
        let states = aggregate.state_fields()?;
        let chooses = matches!(aggregate.fun().name(), "median" | "percentile_cont");
        let ([state], true, false) = (states.as_slice(), chooses, aggregate.is_distinct()) else {
            return Ok(None);
        };
        let DataType::List(item) = state.data_type() else { return Ok(None) };
        let width = item.data_type().primitive_width();
        let values = |width| {
            let item = Arc::clone(item);
            Self { item, width, buckets: Vec::new(), bytes: 0, sorted: Vec::new() }
        };
        Ok(width.map(values))
    }

    /// All of it; nothing is left.
    pub(super) fn take(&mut self) -> Self {
        Self {
            item: Arc::clone(&self.item),
            width: self.width,
            buckets: std::mem::take(&mut self.buckets),
            bytes: std::mem::take(&mut self.bytes),
            sorted: std::mem::take(&mut self.sorted),
        }
    }

    /// Adds the values of rows, of which `groups` has the groups; NULL, and rows that `passes` does not name, are left out.
    pub(super) fn add(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        passes: Option<&BooleanArray>,
    ) -> Result<()> {
        if values.data_type() != self.item.data_type() {
            return internal_err!("values are {}, not {}", values.data_type(), self.item.data_type());
        }
        self.buckets.resize_with(BUCKETS, Bucket::default);
        let valid = values.nulls().filter(|nulls| nulls.null_count() > 0).map(NullBuffer::inner);
        let passes = passes.map(|passes| match passes.nulls() {
            Some(known) => passes.values() & known.inner(),
            None => passes.values().clone(),
        });
        let is_there = match (valid, passes) {
            (Some(valid), Some(passes)) => Some(valid & &passes),
            (valid, passes) => passes.or(valid.cloned()),
        };
        let data = values.to_data();
        let values = &data.buffers()[0].as_slice()[data.offset() * self.width..];
        self.bytes += with_width!(self.width, add_to(&mut self.buckets, values, groups, is_there.as_ref()))?;
        Ok(())
    }

    /// Sorts what has come by groups, of which there are `total`.
    pub(super) async fn sort(&mut self, total: usize) -> Result<()> {
        if self.buckets.is_empty() {
            return Ok(());
        }
        let mut parts = Vec::with_capacity(BUCKETS);
        for (at, bucket) in std::mem::take(&mut self.buckets).into_iter().enumerate() {
            let groups = total.saturating_sub(at).div_ceil(BUCKETS);
            parts.push(with_width!(self.width, bucket.sorted(groups))?);
            tokio::task::yield_now().await;
        }
        self.bytes = 0;
        self.sorted.push(Sorted { parts, numbers: None });
        Ok(())
    }

    /// Takes the groups of others, which are sorted: `groups` has the group here of each, of `total` groups.
    pub(super) fn absorb(&mut self, other: &mut Self, groups: &[usize], total: usize) {
        for mut sorted in std::mem::take(&mut other.sorted) {
            let mut numbers = vec![NONE; total];
            for (theirs, group) in groups.iter().enumerate() {
                numbers[*group] = sorted.number(theirs).unwrap_or(NONE);
            }
            sorted.numbers = Some(numbers);
            self.sorted.push(sorted);
        }
    }

    /// The state of groups, which are sorted: a list of values for each.
    pub(super) fn lists(&self, groups: Range<usize>) -> Result<ArrayRef> {
        let counts = groups.clone().map(|group| self.count(group));
        let count = counts.clone().sum::<usize>();
        let too_many = |_| exec_datafusion_err!("groups have more than {} values", i32::MAX);
        i32::try_from(count).map_err(too_many)?;
        let offsets = OffsetBuffer::from_lengths(counts);
        let mut values = MutableBuffer::with_capacity(count * self.width);
        groups.for_each(|group| self.of_group(group).for_each(|part| values.extend_from_slice(part)));
        let data = ArrayData::builder(self.item.data_type().clone()).len(count).add_buffer(values.into());
        Ok(Arc::new(ListArray::try_new(Arc::clone(&self.item), offsets, make_array(data.build()?), None)?))
    }

    /// What `aggregate` chooses for groups, which are sorted.
    pub(super) async fn results(
        &self,
        aggregate: &AggregateFunctionExpr,
        groups: Range<usize>,
    ) -> Result<Vec<ArrayRef>> {
        let mut accumulator = aggregate.create_groups_accumulator()?;
        let (mut results, mut from) = (Vec::new(), groups.start);
        while from < groups.end {
            let (mut to, mut count) = (from + 1, self.count(from));
            while to < groups.end && count + self.count(to) <= VALUES_AT_ONCE {
                count += self.count(to);
                to += 1;
            }
            let numbers = (0..to - from).collect::<Vec<_>>();
            accumulator.merge_batch(&[self.lists(from..to)?], &numbers, numbers.len())?;
            results.push(accumulator.evaluate(EmitTo::All)?);
            from = to;
            tokio::task::yield_now().await;
        }
        if results.is_empty() {
            results.push(accumulator.evaluate(EmitTo::All)?);
        }
        Ok(results)
    }

    fn count(&self, group: usize) -> usize {
        self.of_group(group).map(|values| values.len() / self.width).sum()
    }

    /// The values of a group, as bytes, from each thread's.
    fn of_group(&self, group: usize) -> impl Iterator<Item = &[u8]> {
        self.sorted.iter().filter_map(move |sorted| {
            let number = sorted.number(group)? as usize;
            let Part { starts, values } = &sorted.parts[number % BUCKETS];
            let place = number / BUCKETS;
            Some(&values[starts[place] * self.width..starts[place + 1] * self.width])
        })
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        let sorted = self.sorted.iter().map(|sorted| {
            let parts = sorted.parts.iter().map(|part| part.values.capacity() + 8 * part.starts.capacity());
            parts.sum::<usize>() + 4 * sorted.numbers.as_ref().map_or(0, Vec::capacity)
        });
        self.bytes + sorted.sum::<usize>()
    }
}

/// Divides values, those of rows that are there, among buckets; the bytes by which these grow.
fn add_to<const WIDTH: usize>(
    buckets: &mut [Bucket],
    values: &[u8],
    groups: &[usize],
    is_there: Option<&BooleanBuffer>,
) -> usize {
    let mut bytes = 0;
    let mut add = |value: &[u8; WIDTH], group: &usize| {
        bytes += buckets[group % BUCKETS].add(value, group / BUCKETS);
    };
    let values = values.as_chunks().0;
    match is_there {
        None => values.iter().zip(groups).for_each(|(value, group)| add(value, group)),
        Some(is_there) => is_there.set_indices().for_each(|row| add(&values[row], &groups[row])),
    }
    bytes
}

impl Bucket {
    /// Adds a value of a group; the bytes by which it grows.
    fn add<const WIDTH: usize>(&mut self, value: &[u8; WIDTH], group: usize) -> usize {
        let is_full = self.filling.groups.len() == self.filling.groups.capacity();
        let bytes = if is_full { self.begin_block(WIDTH) } else { 0 };
        self.filling.groups.push(group as u32);
        self.filling.values.extend_from_slice(value);
        bytes
    }

    #[cold]
    fn begin_block(&mut self, width: usize) -> usize {
        let room = (2 * self.filling.groups.len()).clamp(BLOCK_VALUES_MIN, BLOCK_VALUES);
        let block = Block { groups: Vec::with_capacity(room), values: Vec::with_capacity(room * width) };
        self.full.push(std::mem::replace(&mut self.filling, block));
        room * (width + size_of::<u32>())
    }

    /// The values by group, of which there are `groups`.
    fn sorted<const WIDTH: usize>(mut self, groups: usize) -> Part {
        self.full.push(self.filling);
        let mut starts = vec![0; groups + 1];
        for block in &self.full {
            block.groups.iter().for_each(|group| starts[*group as usize + 1] += 1);
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut values = vec![0; starts[groups] * WIDTH];
        let slots = values.as_chunks_mut::<WIDTH>().0;
        let mut places = starts.clone();
        for block in &self.full {
            for (group, value) in block.groups.iter().zip(block.values.as_chunks::<WIDTH>().0) {
                let place = &mut places[*group as usize];
                slots[*place] = *value;
                *place += 1;
            }
        }
        Part { starts, values }
    }
}

impl Sorted {
    /// The number here of a group, if there is one.
    fn number(&self, group: usize) -> Option<u32> {
        match &self.numbers {
            None => (group / BUCKETS + 1 < self.parts[group % BUCKETS].starts.len()).then_some(group as u32),
            Some(numbers) => numbers.get(group).copied().filter(|number| *number != NONE),
        }
    }
}
