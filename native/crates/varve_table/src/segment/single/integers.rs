//! Integers that are packed (FastLanes; Afroozeh and Boncz, VLDB 2023), with a reference or not.

use vortex::array::ArrayRef;
use vortex::array::arrays::Slice;
use vortex::array::arrays::slice::SliceArraySlotsExt;
use vortex::array::buffer::BufferHandle;
use vortex::array::builders::{ArrayBuilder, PrimitiveBuilder};
use vortex::buffer::{Alignment, Buffer, ByteBuffer};
use vortex::dtype::{NativePType, PType};
use vortex::encodings::fastlanes::bitpack_decompress::unpack_single_primitive;
use vortex::encodings::fastlanes::{
    BitPacked, BitPackedArrayExt, BitWidthsView, FoR, FoRArrayExt, FoRArraySlotsExt, FoRReferences,
};
use vortex::scalar::Scalar;

/// Integers that are packed with one width and one reference, without exceptions.
pub(in crate::segment) struct Integers {
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
    pub(super) fn of(array: &ArrayRef) -> Option<Self> {
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

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The value at a place, in the lower bits; those beyond its size may be anything.
    pub(super) fn bits(&self, place: usize) -> u64 {
        assert!(place < self.count, "a chunk of {} values has none at {place}", self.count);
        self.packed.value(self.first + place, self.width).wrapping_add(self.reference)
    }

    /// The value at a place.
    pub(super) fn value(&self, place: usize) -> i64 {
        let bits = self.bits(place);
        match self.ptype {
            PType::U8 => i64::from(bits as u8),
            PType::U16 => i64::from(bits as u16),
            PType::U32 => i64::from(bits as u32),
            PType::I8 => i64::from(bits as i8),
            PType::I16 => i64::from(bits as i16),
            PType::I32 => i64::from(bits as i32),
            PType::U64 | PType::I64 | PType::F16 | PType::F32 | PType::F64 => bits as i64,
        }
    }

    pub(super) fn append(&self, places: impl Iterator<Item = usize>, builder: &mut dyn ArrayBuilder) -> bool {
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
