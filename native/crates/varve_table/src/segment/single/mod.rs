//! Single values of a chunk.
//!
//! Vortex reads one value through a handle, a type and a scalar for each encoding that it lies in: for a column of packed
//! integers that is some 700 instructions, and a dozen places in memory that a query which comes seldom finds in no cache.
//! What most columns are encoded in is read in one step here: packed integers without exceptions, decimals as such integers,
//! moments, strings of tokens, and codes of a dictionary. All else is left to Vortex.

mod decimals;
mod integers;
mod moments;
mod tokens;

use vortex::array::arrays::dict::DictArraySlotsExt;
use vortex::array::arrays::extension::ExtensionArrayExt;
use vortex::array::arrays::{Dict, Extension, PrimitiveArray, VarBinView, VarBinViewArray};
use vortex::array::builders::{ArrayBuilder, PrimitiveBuilder, VarBinViewBuilder};
use vortex::array::builtins::ArrayBuiltins;
use vortex::array::validity::Validity;
use vortex::array::{ArrayRef, ExecutionCtx};
use vortex::buffer::Buffer;
use vortex::dtype::{DType, NativePType, Nullability};
use vortex::error::{VortexResult, vortex_bail};
use vortex::layout::arrays::shared::{Shared, SharedArrayExt};

use decimals::Decimals;
use integers::Integers;
use moments::Moments;
use tokens::Tokens;

/// Each chunk has its own copy of a dictionary of so few values; of a larger one it looks values up.
const VALUES_COPIED_MAX: usize = 256;

/// Values that are read in one step.
pub(super) enum Singles {
    Integers(Integers),
    Decimals(Decimals),
    Moments(Moments),
    /// Strings, each of which is there once.
    Tokens(Tokens),
    /// Codes of strings.
    Coded(Integers, Values),
}

/// A dictionary.
pub(super) enum Values {
    Views(VarBinViewArray),
    Tokens(Tokens),
    Kept(ArrayRef),
}

impl Singles {
    /// Of a chunk, or of the numbers that its dates, times and moments are; `None` when it is encoded otherwise, or has NULL.
    pub(super) fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        if !is_without_null(array)? {
            return Ok(None);
        }
        // Dates and times lie as numbers, most of them.
        if let Some(extension) = array.as_opt::<Extension>() {
            return Self::of(extension.storage_array(), context);
        }
        if let Some(integers) = Integers::of(array) {
            return Ok(Some(Self::Integers(integers)));
        }
        if let Some(decimals) = Decimals::of(array, context)? {
            return Ok(Some(Self::Decimals(decimals)));
        }
        if let Some(moments) = Moments::of(array, context)? {
            return Ok(Some(Self::Moments(moments)));
        }
        if let Some(tokens) = Tokens::of(array, context)? {
            return Ok(Some(Self::Tokens(tokens)));
        }
        let Some(dict) = array.as_opt::<Dict>().filter(|_| matches!(array.dtype(), DType::Utf8(_))) else {
            return Ok(None);
        };
        let Some(codes) = Integers::of(dict.codes()) else { return Ok(None) };
        Ok(Some(Self::Coded(codes, Values::of(dict.values(), context)?)))
    }

    /// Appends the values at `places`; whether `builder` takes such values.
    pub(super) fn append(
        &self,
        places: impl Iterator<Item = usize>,
        builder: &mut dyn ArrayBuilder,
        context: &mut ExecutionCtx,
    ) -> VortexResult<bool> {
        match self {
            Self::Integers(integers) => return Ok(integers.append(places, builder)),
            Self::Decimals(decimals) => {
                let Some(builder) = builder.as_any_mut().downcast_mut::<PrimitiveBuilder<f64>>() else {
                    return Ok(false);
                };
                for place in places {
                    builder.append_value(decimals.get(place, context)?);
                }
            }
            Self::Moments(moments) => return moments.append(places, builder),
            Self::Tokens(tokens) => {
                let Some(builder) = texts(builder) else { return Ok(false) };
                tokens.append(places, builder, context)?;
            }
            Self::Coded(codes, values) => {
                // All of them first: each is waited for, and none waits for another.
                let codes: Vec<usize> = places.map(|place| codes.bits(place) as usize).collect();
                return values.append(&codes, builder, context);
            }
        }
        Ok(true)
    }
}

impl Values {
    fn of(values: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Self> {
        // All chunks share a dictionary, as it lies in the file or, when a scan has decoded it, decoded.
        let values = match values.as_opt::<Shared>() {
            Some(shared) => shared.current_array_ref().clone(),
            None => values.clone(),
        };
        if !is_without_null(&values)? {
            return Ok(Self::Kept(values));
        }
        if values.len() <= VALUES_COPIED_MAX || values.is::<VarBinView>() {
            return values.execute::<VarBinViewArray>(context).map(Self::Views);
        }
        Ok(match Tokens::of(&values, context)? {
            Some(tokens) => Self::Tokens(tokens),
            None => Self::Kept(values),
        })
    }

    /// Appends the values of these codes; whether `builder` takes such values.
    fn append(
        &self,
        codes: &[usize],
        builder: &mut dyn ArrayBuilder,
        context: &mut ExecutionCtx,
    ) -> VortexResult<bool> {
        match self {
            Self::Views(values) => {
                let Some(builder) = texts(builder) else { return Ok(false) };
                for code in codes {
                    if *code >= values.len() {
                        vortex_bail!("a dictionary of {} values has none at {code}", values.len());
                    }
                    builder.append_value(values.bytes_at(*code));
                }
            }
            Self::Tokens(tokens) => {
                let Some(builder) = texts(builder) else { return Ok(false) };
                tokens.append(codes.iter().copied(), builder, context)?;
            }
            Self::Kept(values) => {
                let mut probe = values.repeated_probe();
                for code in codes {
                    let value = probe.execute_scalar(*code, context)?;
                    // They may be of a type that has no NULL.
                    builder.append_scalar(&value.cast(builder.dtype())?)?;
                }
            }
        }
        Ok(true)
    }
}

fn texts(builder: &mut dyn ArrayBuilder) -> Option<&mut VarBinViewBuilder> {
    builder.as_any_mut().downcast_mut()
}

fn is_without_null(array: &ArrayRef) -> VortexResult<bool> {
    Ok(matches!(array.validity()?, Validity::NonNullable | Validity::AllValid))
}

/// Numbers of another type.
fn numbers<T: NativePType>(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Buffer<T>> {
    let cast = array.cast(DType::Primitive(T::PTYPE, Nullability::NonNullable))?;
    Ok(cast.execute::<PrimitiveArray>(context)?.to_buffer::<T>())
}

#[cfg(test)]
mod tests {
    use vortex::VortexSessionDefault;
    use vortex::array::arrays::{ExtensionArray, SliceArray, TemporalArray};
    use vortex::array::builders::builder_with_capacity_in;
    use vortex::array::memory::BufferAllocatorRef;
    use vortex::array::{IntoArray, VortexSessionExecute};
    use vortex::compressor::BtrBlocksCompressor;
    use vortex::encodings::alp::{ALP, ALPArrayExt, ALPArraySlotsExt};
    use vortex::extension::datetime::TimeUnit;
    use vortex::session::VortexSession;

    use super::*;

    /// Compresses an array as a segment does, and cuts it as scans do; how many cuts are read in one step. Each value of those
    /// must be what Vortex reads.
    fn check(name: &str, array: ArrayRef) -> usize {
        let session = <VortexSession as VortexSessionDefault>::default();
        let mut context = session.create_execution_ctx();
        let encoded = BtrBlocksCompressor::from_session(&session).compress(&array, &mut context);
        let encoded = encoded.expect("it compresses");
        let rows = encoded.len();
        let sliced = |array: &ArrayRef, range| SliceArray::new(array.clone(), range).into_array();
        let cut = sliced(&encoded, 1_000..rows - 7);
        // What Vortex makes of a cut when it comes to it.
        let cut_within = encoded.as_opt::<ALP>().map(|alp| {
            let range = 1_000..rows - 9;
            let patches = alp
                .patches()
                .and_then(|patches| patches.slice(range.clone(), &mut context).expect("a slice"));
            let encoded = alp.encoded().slice(range).expect("a slice");
            ALP::try_new(encoded, alp.exponents(), patches).expect("it fits").into_array()
        });
        let cuts = [
            encoded.clone(),
            encoded.slice(3..rows).expect("a slice"),
            encoded.slice(1_025..2_050).expect("a slice"),
            sliced(&cut, 30..cut.len()),
            cut,
        ];
        let mut in_one_step = 0;
        for cut in cuts.into_iter().chain(cut_within) {
            let Some(singles) = Singles::of(&cut, &mut context).expect("it is read") else { continue };
            in_one_step += 1;
            let places = (0..cut.len()).step_by(if cut.len() > 5_000 { 13 } else { 1 });
            let allocator = BufferAllocatorRef::static_ref();
            let extension = cut.dtype().as_extension_opt();
            let dtype = extension.map_or(cut.dtype(), |extension| extension.storage_dtype());
            let mut builder = builder_with_capacity_in(dtype, places.len(), allocator);
            assert!(singles.append(places.clone(), builder.as_mut(), &mut context).expect("it appends"));
            let mut read = builder.finish();
            if let Some(extension) = extension {
                read = ExtensionArray::new(extension.clone(), read).into_array();
            }
            for (at, place) in places.enumerate() {
                let mut value =
                    |array: &ArrayRef, at| array.execute_scalar(at, &mut context).expect("a value");
                assert_eq!(value(&read, at), value(&cut, place), "{name}, {} rows, at {place}", cut.len());
            }
        }
        in_one_step
    }

    #[test]
    fn values_are_those_that_vortex_reads() {
        let number = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        for rows in [4_000u64, 100_000] {
            let numbers = || (0..rows).map(number);
            let small = PrimitiveArray::from_iter(numbers().map(|it| (it % 100) as i32)).into_array();
            assert_eq!(check("packed", small), 5);
            let far = PrimitiveArray::from_iter(numbers().map(|it| (it % 1_000) as i64 - (1 << 40)));
            assert_eq!(check("with a reference", far.into_array()), 5);
            let high = PrimitiveArray::from_iter(numbers().map(|it| u64::MAX - it % 1_000)).into_array();
            assert_eq!(check("at the end of its type", high), 5);
            let price = |it: u64| (it % 100_000) as f64 / 100.0;
            let prices = PrimitiveArray::from_iter(numbers().map(price)).into_array();
            assert_eq!(check("decimals", prices), 6);
            let mixed = numbers().map(|it| if it % 97 == 0 { (it as f64).sqrt() } else { price(it) });
            assert_eq!(check("decimals with exceptions", PrimitiveArray::from_iter(mixed).into_array()), 6);
            let named = numbers().map(|it| format!("number {it} of a street")).collect::<Vec<_>>();
            let named = VarBinViewArray::from_iter_str(&named).into_array();
            // Of tokens; a cut that is not cut within is left to Vortex.
            assert_eq!(check("texts", named), 3, "{rows}");
            for kinds in [30, 700] {
                let texts: Vec<String> =
                    numbers().map(|it| format!("a text of kind {}", it % kinds)).collect();
                let texts = VarBinViewArray::from_iter_str(&texts).into_array();
                // Vortex cuts a dictionary by its codes; one that is cut as a whole is left to it.
                assert_eq!(check("codes", texts), 3, "{kinds} kinds of {rows}");
            }
            let seconds = || {
                numbers().scan(1_767_225_600_i64, |now, it| {
                    *now += (it % 9) as i64;
                    Some(*now)
                })
            };
            let moments = PrimitiveArray::from_iter(seconds().map(|it| it * 1_000_000)).into_array();
            let moments = TemporalArray::new_timestamp(moments, TimeUnit::Microseconds, None).into_array();
            assert_eq!(check("moments", moments), 5);
            let dates = PrimitiveArray::from_iter(numbers().map(|it| (it % 30_000) as i32)).into_array();
            assert_eq!(check("dates", TemporalArray::new_date(dates, TimeUnit::Days).into_array()), 3);
            let null =
                PrimitiveArray::from_option_iter(numbers().map(|it| (it % 5 > 0).then_some(it as i32)));
            assert_eq!(check("with NULL", null.into_array()), 0);
        }
    }
}
