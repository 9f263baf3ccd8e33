//! Moments that are kept as days, seconds of a day, and what is left of a second.

use vortex::array::arrays::dict::DictArraySlotsExt;
use vortex::array::arrays::slice::SliceArraySlotsExt;
use vortex::array::arrays::{Constant, Dict, Slice};
use vortex::array::builders::{ArrayBuilder, PrimitiveBuilder};
use vortex::array::{ArrayRef, ExecutionCtx};
use vortex::buffer::Buffer;
use vortex::dtype::DType;
use vortex::encodings::datetime_parts::{DateTimeParts, DateTimePartsArraySlotsExt};
use vortex::encodings::runend::{RunEnd, RunEndArrayExt, RunEndArraySlotsExt};
use vortex::error::{VortexResult, vortex_bail};
use vortex::extension::datetime::{TimeUnit, Timestamp};

use super::integers::Integers;
use super::numbers;

const SECONDS_OF_A_DAY: i64 = 86_400;
/// Runs and dictionaries of a part with more values than this are left to Vortex: each chunk has its own copy.
const VALUES_MAX: usize = 4_096;

/// The moments of an array, as numbers of its unit.
pub(in crate::segment) struct Moments {
    days: Part,
    seconds: Part,
    rest: Part,
    /// Units of a second.
    per_second: i64,
    /// The place of the first one among those that the parts are of.
    first: usize,
    count: usize,
}

impl Moments {
    /// Of an array without NULL; `None` when it is encoded otherwise.
    pub(super) fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        if let Some(slice) = array.as_opt::<Slice>() {
            let range = slice.slice_range().clone();
            let all = Self::of(slice.child(), context)?.filter(|all| range.end <= all.count);
            return Ok(all.map(|all| Self { first: all.first + range.start, count: range.len(), ..all }));
        }
        let Some(parts) = array.as_opt::<DateTimeParts>() else { return Ok(None) };
        let DType::Extension(of) = array.dtype() else { return Ok(None) };
        let per_second = match of.metadata_opt::<Timestamp>().map(|options| options.unit) {
            Some(TimeUnit::Seconds) => 1,
            Some(TimeUnit::Milliseconds) => 1_000,
            Some(TimeUnit::Microseconds) => 1_000_000,
            Some(TimeUnit::Nanoseconds) => 1_000_000_000,
            Some(TimeUnit::Days) | None => return Ok(None),
        };
        let count = array.len();
        let mut part = |array: &ArrayRef| match array.len() == count {
            true => Part::of(array, context),
            false => Ok(None),
        };
        let parts = (part(parts.days())?, part(parts.seconds())?, part(parts.subseconds())?);
        let (Some(days), Some(seconds), Some(rest)) = parts else { return Ok(None) };
        Ok(Some(Self { days, seconds, rest, per_second, first: 0, count }))
    }

    /// Appends the moments at `places`; whether `builder` takes them.
    pub(super) fn append(
        &self,
        places: impl Iterator<Item = usize>,
        builder: &mut dyn ArrayBuilder,
    ) -> VortexResult<bool> {
        let Some(builder) = builder.as_any_mut().downcast_mut::<PrimitiveBuilder<i64>>() else {
            return Ok(false);
        };
        for place in places {
            assert!(place < self.count, "a chunk of {} values has none at {place}", self.count);
            let place = self.first + place;
            let seconds = self.days.get(place)?.wrapping_mul(SECONDS_OF_A_DAY);
            let seconds = seconds.wrapping_add(self.seconds.get(place)?);
            let units = seconds.wrapping_mul(self.per_second).wrapping_add(self.rest.get(place)?);
            builder.append_value(units);
        }
        Ok(true)
    }
}

/// A part of each moment.
enum Part {
    Packed(Integers),
    Same(i64),
    Runs(Runs),
    /// Codes of these.
    Coded(Box<Self>, Buffer<i64>),
    /// Those from this place on.
    From(usize, Box<Self>),
}

/// A value for each run of places.
struct Runs {
    /// The place behind each run.
    ends: Buffer<u64>,
    values: Buffer<i64>,
    /// The place of the first value.
    first: usize,
}

impl Part {
    fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        if let Some(constant) = array.as_opt::<Constant>() {
            let value = constant.scalar().as_primitive_opt().and_then(|value| value.as_::<i64>());
            return Ok(value.map(Self::Same));
        }
        if let Some(runs) = array.as_opt::<RunEnd>().filter(|runs| runs.ends().len() <= VALUES_MAX) {
            let ends = numbers(runs.ends(), context)?;
            let values = numbers(runs.values(), context)?;
            return Ok(Some(Self::Runs(Runs { ends, values, first: runs.offset() })));
        }
        if let Some(dict) = array.as_opt::<Dict>().filter(|dict| dict.values().len() <= VALUES_MAX) {
            let codes = Self::of(dict.codes(), context)?;
            let values = numbers(dict.values(), context)?;
            return Ok(codes.map(|codes| Self::Coded(Box::new(codes), values)));
        }
        if let Some(integers) = Integers::of(array) {
            return Ok(Some(Self::Packed(integers)));
        }
        let Some(slice) = array.as_opt::<Slice>() else { return Ok(None) };
        let all = Self::of(slice.child(), context)?;
        Ok(all.map(|all| Self::From(slice.slice_range().start, Box::new(all))))
    }

    fn get(&self, place: usize) -> VortexResult<i64> {
        let listed = |values: &Buffer<i64>, at: usize| match values.get(at) {
            Some(value) => Ok(*value),
            None => vortex_bail!("a part of {} values has none at {at}", values.len()),
        };
        match self {
            Self::Packed(integers) => Ok(integers.value(place)),
            Self::Same(value) => Ok(*value),
            Self::Runs(Runs { ends, values, first }) => {
                listed(values, ends.partition_point(|end| *end <= (first + place) as u64))
            }
            // What is negative is beyond all.
            Self::Coded(codes, values) => listed(values, codes.get(place)? as usize),
            Self::From(first, all) => all.get(first + place),
        }
    }
}
