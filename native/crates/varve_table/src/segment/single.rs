//! Single values of a chunk.
//!
//! Vortex reads one value through a handle, a type and a scalar for each encoding that it lies in: for a column of packed
//! integers that is some 700 instructions, and a dozen places in memory that a query which comes seldom finds in no cache.
//! What most columns are encoded in is read in one step here: packed integers without exceptions (FastLanes; Afroozeh and
//! Boncz, VLDB 2023), with a reference or not, decimals as such integers (ALP; Afroozeh et al., SIGMOD 2024), and codes of a
//! dictionary. All else is left to Vortex.

use vortex::array::arrays::dict::DictArraySlotsExt;
use vortex::array::arrays::slice::SliceArraySlotsExt;
use vortex::array::arrays::{Dict, PrimitiveArray, Slice, VarBinViewArray};
use vortex::array::buffer::BufferHandle;
use vortex::array::builders::{ArrayBuilder, PrimitiveBuilder, VarBinViewBuilder};
use vortex::array::builtins::ArrayBuiltins;
use vortex::array::patches::Patches;
use vortex::array::validity::Validity;
use vortex::array::{ArrayRef, ExecutionCtx};
use vortex::buffer::{Alignment, Buffer, ByteBuffer};
use vortex::dtype::{DType, NativePType, Nullability, PType};
use vortex::encodings::alp::{ALP, ALPArrayExt, ALPArraySlotsExt, ALPFloat, Exponents};
use vortex::encodings::fastlanes::bitpack_decompress::unpack_single_primitive;
use vortex::encodings::fastlanes::{
    BitPacked, BitPackedArrayExt, BitWidthsView, FoR, FoRArrayExt, FoRArraySlotsExt, FoRReferences,
};
use vortex::error::{VortexResult, vortex_bail};
use vortex::scalar::Scalar;

/// Each chunk has its own copy of a dictionary of so few values; of a larger one it looks values up.
const VALUES_COPIED_MAX: usize = 256;

/// Values that are read in one step.
pub(super) enum Singles {
    Integers(Integers),
    Decimals(Decimals),
    /// Codes of strings.
    Coded(Integers, Values),
}

/// A dictionary.
pub(super) enum Values {
    Copied(VarBinViewArray),
    Kept(ArrayRef),
}

impl Singles {
    /// Of a chunk; `None` when it is encoded otherwise, or has NULL.
    pub(super) fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        if !is_without_null(array)? {
            return Ok(None);
        }
        if let Some(integers) = Integers::of(array) {
            return Ok(Some(Self::Integers(integers)));
        }
        if let Some(decimals) = Decimals::of(array, context)? {
            return Ok(Some(Self::Decimals(decimals)));
        }
        let Some(dict) = array.as_opt::<Dict>().filter(|_| matches!(array.dtype(), DType::Utf8(_))) else {
            return Ok(None);
        };
        let Some(codes) = Integers::of(dict.codes()) else { return Ok(None) };
        let values = dict.values();
        if values.len() > VALUES_COPIED_MAX || !is_without_null(values)? {
            return Ok(Some(Self::Coded(codes, Values::Kept(values.clone()))));
        }
        let copied = values.clone().execute::<VarBinViewArray>(context)?;
        Ok(Some(Self::Coded(codes, Values::Copied(copied))))
    }

    /// Appends the values at `places`; whether `builder` takes such values.
    pub(super) fn append(
        &self,
        places: impl Iterator<Item = usize>,
        builder: &mut dyn ArrayBuilder,
        context: &mut ExecutionCtx,
    ) -> VortexResult<bool> {
        match self {
            Self::Integers(integers) => Ok(integers.append(places, builder)),
            Self::Decimals(decimals) => {
                let Some(builder) = builder.as_any_mut().downcast_mut::<PrimitiveBuilder<f64>>() else {
                    return Ok(false);
                };
                for place in places {
                    builder.append_value(decimals.get(place, context)?);
                }
                Ok(true)
            }
            Self::Coded(codes, Values::Copied(values)) => {
                let Some(builder) = builder.as_any_mut().downcast_mut::<VarBinViewBuilder>() else {
                    return Ok(false);
                };
                for place in places {
                    let code = codes.bits(place) as usize;
                    if code >= values.len() {
                        vortex_bail!("a dictionary of {} values has none at {code}", values.len());
                    }
                    builder.append_value(values.bytes_at(code));
                }
                Ok(true)
            }
            Self::Coded(codes, Values::Kept(values)) => {
                let mut probe = values.repeated_probe();
                for place in places {
                    let value = probe.execute_scalar(codes.bits(place) as usize, context)?;
                    // They may be of a type that has no NULL.
                    builder.append_scalar(&value.cast(builder.dtype())?)?;
                }
                Ok(true)
            }
        }
    }
}

fn is_without_null(array: &ArrayRef) -> VortexResult<bool> {
    Ok(matches!(array.validity()?, Validity::NonNullable | Validity::AllValid))
}

/// Integers that are packed with one width and one reference, without exceptions.
pub(super) struct Integers {
    ptype: PType,
    packed: Packed,
    /// Bits of a value.
    width: usize,
    /// The place of the first value among those that are packed.
    first: usize,
    count: usize,
    /// Added to each of them.
    reference: u64,
}

/// What was packed, by its type without sign.
enum Packed {
    U8(Buffer<u8>),
    U16(Buffer<u16>),
    U32(Buffer<u32>),
    U64(Buffer<u64>),
}

impl Integers {
    fn of(array: &ArrayRef) -> Option<Self> {
        if let Some(slice) = array.as_opt::<Slice>() {
            let range = slice.slice_range().clone();
            let all = Self::of(slice.child()).filter(|all| range.end <= all.count)?;
            return Some(Self { first: all.first + range.start, count: range.len(), ..all });
        }
        if let Some(referred) = array.as_opt::<FoR>() {
            let FoRReferences::Global(reference) = referred.references() else { return None };
            let packed = Self::of(referred.encoded())?;
            let reference = packed.reference.wrapping_add(bits_of(reference)?);
            return Some(Self { reference, ptype: array.dtype().as_ptype(), ..packed });
        }
        let view = array.as_opt::<BitPacked>().filter(|view| view.patches().is_none())?;
        let BitWidthsView::Global(width) = view.bit_widths() else { return None };
        let (ptype, width, first) =
            (array.dtype().as_ptype(), usize::from(width), usize::from(view.offset()));
        // They are packed in blocks of 1,024.
        let bytes = (first + array.len()).div_ceil(1024) * 128 * width;
        if width > ptype.bit_width() || view.packed().len() != bytes {
            return None;
        }
        let packed = Packed::of(ptype, view.packed())?;
        Some(Self { ptype, packed, width, first, count: array.len(), reference: 0 })
    }

    /// The value at a place, in the lower bits; those beyond its size may be anything.
    fn bits(&self, place: usize) -> u64 {
        assert!(place < self.count, "a chunk of {} values has none at {place}", self.count);
        self.packed.value(self.first + place, self.width).wrapping_add(self.reference)
    }

    fn append(&self, places: impl Iterator<Item = usize>, builder: &mut dyn ArrayBuilder) -> bool {
        let bits = places.map(|place| self.bits(place));
        match self.ptype {
            PType::U8 => append(bits.map(|bits| bits as u8), builder),
            PType::U16 => append(bits.map(|bits| bits as u16), builder),
            PType::U32 => append(bits.map(|bits| bits as u32), builder),
            PType::U64 => append(bits, builder),
            PType::I8 => append(bits.map(|bits| bits as i8), builder),
            PType::I16 => append(bits.map(|bits| bits as i16), builder),
            PType::I32 => append(bits.map(|bits| bits as i32), builder),
            PType::I64 => append(bits.map(|bits| bits as i64), builder),
            PType::F16 | PType::F32 | PType::F64 => false,
        }
    }
}

impl Packed {
    fn of(ptype: PType, packed: &BufferHandle) -> Option<Self> {
        let bytes = packed.as_host_opt()?;
        Some(match ptype.to_unsigned() {
            PType::U8 => Self::U8(typed(bytes)?),
            PType::U16 => Self::U16(typed(bytes)?),
            PType::U32 => Self::U32(typed(bytes)?),
            PType::U64 => Self::U64(typed(bytes)?),
            _ => return None,
        })
    }

    /// The value of `width` bits at a place; it holds more than so many.
    fn value(&self, at: usize, width: usize) -> u64 {
        // SAFETY: it was made of a buffer that holds blocks of `width` bits, at most a value's, up to the last place.
        unsafe {
            match self {
                Self::U8(packed) => u64::from(unpack_single_primitive(packed, width, at)),
                Self::U16(packed) => u64::from(unpack_single_primitive(packed, width, at)),
                Self::U32(packed) => u64::from(unpack_single_primitive(packed, width, at)),
                Self::U64(packed) => unpack_single_primitive(packed, width, at),
            }
        }
    }
}

/// The same bytes as values; `None` when they do not lie as values do.
fn typed<T: NativePType>(bytes: &ByteBuffer) -> Option<Buffer<T>> {
    let lie_so = bytes.is_aligned(Alignment::of::<T>()) && bytes.len().is_multiple_of(size_of::<T>());
    lie_so.then(|| Buffer::from_byte_buffer(bytes.clone()))
}

/// The bits of an integer, with its sign continued.
fn bits_of(integer: &Scalar) -> Option<u64> {
    let integer = integer.as_primitive_opt()?;
    match integer.ptype().is_signed_int() {
        true => integer.as_::<i64>().map(|value| value as u64),
        false => integer.as_::<u64>(),
    }
}

fn append<T: NativePType>(values: impl Iterator<Item = T>, builder: &mut dyn ArrayBuilder) -> bool {
    let Some(builder) = builder.as_any_mut().downcast_mut::<PrimitiveBuilder<T>>() else { return false };
    values.for_each(|value| builder.append_value(value));
    true
}

/// Decimals as integers and exponents, but for a few.
pub(super) struct Decimals {
    encoded: Integers,
    exponents: Exponents,
    patches: Option<Patched>,
    /// The place of the first value among those that are encoded.
    first: usize,
}

/// Numbers that are written out.
struct Patched {
    patches: Patches,
    /// Their places, ascending.
    places: Buffer<u32>,
}

impl Decimals {
    fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        if let Some(slice) = array.as_opt::<Slice>() {
            let range = slice.slice_range().clone();
            let all = Self::of(slice.child(), context)?;
            let all = all.filter(|all| all.first + range.end <= all.encoded.count);
            return Ok(all.map(|all| Self { first: all.first + range.start, ..all }));
        }
        let alp = array.as_opt::<ALP>().filter(|_| array.dtype().as_ptype() == PType::F64);
        let Some(alp) = alp else { return Ok(None) };
        let Some(encoded) = Integers::of(alp.encoded()) else { return Ok(None) };
        let patches = alp.patches().map(|patches| Patched::of(patches, context)).transpose()?;
        Ok(Some(Self { encoded, exponents: alp.exponents(), patches, first: 0 }))
    }

    fn get(&self, place: usize, context: &mut ExecutionCtx) -> VortexResult<f64> {
        let place = self.first + place;
        if let Some(patched) = &self.patches
            && let Some(value) = patched.get(place, context)?
        {
            return Ok(value);
        }
        Ok(f64::decode_single(self.encoded.bits(place) as i64, self.exponents))
    }
}

impl Patched {
    fn of(patches: Patches, context: &mut ExecutionCtx) -> VortexResult<Self> {
        let places = patches.indices().cast(DType::Primitive(PType::U32, Nullability::NonNullable))?;
        let places = places.execute::<PrimitiveArray>(context)?.to_buffer::<u32>();
        Ok(Self { patches, places })
    }

    fn get(&self, place: usize, context: &mut ExecutionCtx) -> VortexResult<Option<f64>> {
        let wanted = (place + self.patches.offset()) as u32;
        let Ok(at) = self.places.binary_search(&wanted) else { return Ok(None) };
        f64::try_from(&self.patches.values().execute_scalar(at, context)?).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use vortex::VortexSessionDefault;
    use vortex::array::arrays::SliceArray;
    use vortex::array::builders::builder_with_capacity_in;
    use vortex::array::memory::BufferAllocatorRef;
    use vortex::array::{IntoArray, VortexSessionExecute};
    use vortex::compressor::BtrBlocksCompressor;
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
            let mut builder = builder_with_capacity_in(cut.dtype(), places.len(), allocator);
            assert!(singles.append(places.clone(), builder.as_mut(), &mut context).expect("it appends"));
            let read = builder.finish();
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
            for kinds in [30, 700] {
                let texts: Vec<String> =
                    numbers().map(|it| format!("a text of kind {}", it % kinds)).collect();
                let texts = VarBinViewArray::from_iter_str(&texts).into_array();
                // Vortex cuts a dictionary by its codes; one that is cut as a whole is left to it.
                assert_eq!(check("codes", texts), 3, "{kinds} kinds of {rows}");
            }
            let null =
                PrimitiveArray::from_option_iter(numbers().map(|it| (it % 5 > 0).then_some(it as i32)));
            assert_eq!(check("with NULL", null.into_array()), 0);
        }
    }
}
