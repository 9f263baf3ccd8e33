//! Decimals that are kept as integers (ALP; Afroozeh et al., SIGMOD 2024).

use vortex::array::arrays::Slice;
use vortex::array::arrays::slice::SliceArraySlotsExt;
use vortex::array::patches::Patches;
use vortex::array::{ArrayRef, ExecutionCtx};
use vortex::buffer::Buffer;
use vortex::dtype::PType;
use vortex::encodings::alp::{ALP, ALPArrayExt, ALPArraySlotsExt, ALPFloat, Exponents};
use vortex::error::VortexResult;

use super::integers::Integers;
use super::numbers;

/// Decimals as integers and exponents, but for a few.
pub(in crate::segment) struct Decimals {
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
    pub(super) fn of(array: &ArrayRef, context: &mut ExecutionCtx) -> VortexResult<Option<Self>> {
        if let Some(slice) = array.as_opt::<Slice>() {
            let range = slice.slice_range().clone();
            let all = Self::of(slice.child(), context)?;
            let all = all.filter(|all| all.first + range.end <= all.encoded.len());
            return Ok(all.map(|all| Self { first: all.first + range.start, ..all }));
        }
        let alp = array.as_opt::<ALP>().filter(|_| array.dtype().as_ptype() == PType::F64);
        let Some(alp) = alp else { return Ok(None) };
        let Some(encoded) = Integers::of(alp.encoded()) else { return Ok(None) };
        let patches = alp.patches().map(|patches| Patched::of(patches, context)).transpose()?;
        Ok(Some(Self { encoded, exponents: alp.exponents(), patches, first: 0 }))
    }

    pub(super) fn get(&self, place: usize, context: &mut ExecutionCtx) -> VortexResult<f64> {
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
        let places = numbers(patches.indices(), context)?;
        Ok(Self { patches, places })
    }

    fn get(&self, place: usize, context: &mut ExecutionCtx) -> VortexResult<Option<f64>> {
        let wanted = (place + self.patches.offset()) as u32;
        let Ok(at) = self.places.binary_search(&wanted) else { return Ok(None) };
        f64::try_from(&self.patches.values().execute_scalar(at, context)?).map(Some)
    }
}
